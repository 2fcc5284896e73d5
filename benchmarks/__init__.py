"""Measurements of the project by itself: each script says how it is run."""
