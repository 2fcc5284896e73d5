"""The parts of `benchmarks/gpu.py`, and the code they share."""
