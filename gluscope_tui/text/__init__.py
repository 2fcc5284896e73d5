"""Text for terminals: cleaned, measured in cells, cut and wrapped. Pure functions."""
