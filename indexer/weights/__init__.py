"""What a model's weights say of its gated neurons: cosines and classes, tokens written and read, nearest neurons."""
