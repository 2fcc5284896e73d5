"""Text of a corpus made fit for a terminal: cleaned, measured in cells, cut and wrapped. Pure functions."""
