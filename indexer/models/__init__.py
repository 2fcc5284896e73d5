"""Loading a model, running its body, and what it is."""
