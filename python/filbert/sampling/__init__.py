"""Runs the sampler on any density: settings, progress, and what to warn about."""
