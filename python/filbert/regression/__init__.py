"""What a model states, as one frozen value."""
