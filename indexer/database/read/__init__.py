"""One neuron's records from an index, in plain Python."""
