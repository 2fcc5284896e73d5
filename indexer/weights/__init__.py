"""Numbers of gated neurons from the weights: cosines and classes, tokens written and read, nearest neurons."""
