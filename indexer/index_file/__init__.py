"""A run's state as an index file, and an index file as a state."""
