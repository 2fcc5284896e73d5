"""A batch's statistics and the state of a stack of sites."""
