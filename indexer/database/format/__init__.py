"""What an index holds on disk: schema, names, codes."""
