"""Draws labelled and read back, summarised and reported."""
