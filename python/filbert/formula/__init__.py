"""Formulas: words to columns, and what their terms learn from the rows."""
