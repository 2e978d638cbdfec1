"""Rows from anywhere, checked, in blocks."""
