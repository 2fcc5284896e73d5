"""The index on disk: its schema, its writer (numpy) and its reader (plain Python)."""
