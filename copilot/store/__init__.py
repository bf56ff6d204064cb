"""The store: calls' logs in a database, appended live, read whole and followed."""
