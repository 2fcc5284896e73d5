"""Benchmarks: each script's docstring says how to run it."""
