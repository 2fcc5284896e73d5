"""What a neuron does in a quadrant, measured: its post is altered there, and the next tokens are predicted again."""
