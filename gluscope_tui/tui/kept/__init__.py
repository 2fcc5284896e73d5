"""State kept on disk between sessions: marks and the last position."""
