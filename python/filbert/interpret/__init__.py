"""Tables of predictions, comparisons and slopes."""
