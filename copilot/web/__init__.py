"""Pages, live view and signalling over HTTP."""
