"""Estimates of the memory, disk and time that a run will take."""
