"""Colour without a framework: depths, ramps, contrast, legends. Pure functions."""
