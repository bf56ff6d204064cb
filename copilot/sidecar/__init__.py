"""The live shell: one task per call that owns its state, with sockets and models around it."""
