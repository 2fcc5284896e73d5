"""What outlives a session on disk: marks, the last position."""
