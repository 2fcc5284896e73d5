"""Gate, in, act and post as the model runs, and the proof that they are."""
