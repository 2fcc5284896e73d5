"""A run: states fed batch by batch, checkpoints, shards, interruption."""
