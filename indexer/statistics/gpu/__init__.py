"""The statistics of a batch on a CUDA device, by kernels in Triton: the same as the tensor operations, faster."""
