"""The user's files that stay between sessions: marks, keys, the last position."""
