"""Finding neurons: conditions, tables, searches, in plain Python."""
