"""Families of responses, as values."""
