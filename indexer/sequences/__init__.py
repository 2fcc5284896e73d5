"""Documents cut into what a model reads, and the batches they form."""
