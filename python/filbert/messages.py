"""Shows what filbert logs on standard error, as PyMC does, until the application logs; bears with terminals."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys

# Lets INFO through and is none of the levels with a name: as long as the logger has it, nobody chose another.
DEFAULT_LEVEL = logging.INFO - 1


class Console(logging.Handler):
    """Writes messages while no other handler hears the logger: neither one of its own nor one of the root logger."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line to what is standard error by now, which notebooks and tests replace."""
        if self._is_alone() and sys.stderr is not None:
            try:
                sys.stderr.write(f"{self.format(record)}\n")
                sys.stderr.flush()
            except Exception:  # a closed stream: logging must not end a fit
                self.handleError(record)

    def lets_through(self, record: logging.LogRecord) -> bool:
        """Apply the root logger's level once the application has set up logging and none was chosen for filbert."""
        undecided = self._logger.level == DEFAULT_LEVEL and not self._is_alone()
        return not undecided or record.levelno >= logging.root.level

    def _is_alone(self) -> bool:
        others = [handler for handler in self._logger.handlers if handler is not self]
        return not others and not (self._logger.propagate and logging.root.handlers)


def show_messages(name: str) -> None:
    """Attach a `Console` to the logger of that name, once, without setting up logging for anybody else."""
    logger = logging.getLogger(name)
    if any(isinstance(handler, Console) for handler in logger.handlers):
        return
    console = Console(logger)
    if logger.level == logging.NOTSET:
        logger.setLevel(DEFAULT_LEVEL)
    logger.addFilter(console.lets_through)
    logger.addHandler(console)


def make_printable() -> None:
    """Let the command line print names that a terminal's encoding lacks, and nothing where there is no output."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115


def give_up_printing(error: OSError) -> str:
    """Say that standard output, a full disk, takes no more; what it still holds would fail again at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return f"standard output could not be written: {error.strerror or error}."
