"""Reads an index on a web server, block by block: what is fetched, kept in the cache folder, and read by SQLite."""
