"""The terminal face of gluscope: commands, views and the explorer. The indexer knows nothing of it."""
