"""Runs the command line as ``python -m filbert``."""

from __future__ import annotations

from .cli import main

main(prog_name="filbert")
