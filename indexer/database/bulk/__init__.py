"""Whole sites in and out of an index, with numpy."""
