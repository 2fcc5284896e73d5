"""The parts of `benchmarks/gpu.py`: what each runs, and what they share."""
