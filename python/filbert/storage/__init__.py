"""Models and results to files and back."""
