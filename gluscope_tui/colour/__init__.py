"""Colour without a framework: what a terminal can show, ramps for each depth, contrast, legends. Pure functions."""
