"""Priors as values: what they are called, their parameters, and draws from them."""
