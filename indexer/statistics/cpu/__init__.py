"""The statistics of a batch on the CPU, compiled by numba: the same as the tensor operations of other devices, faster.

A batch goes through twice: `sweep` reads every value once, `absorb` merges what it found and enters the examples.
"""
