"""Reading an index on a server."""
