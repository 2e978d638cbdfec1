"""Shows on standard error what filbert logs, as PyMC does, until the application logs by itself."""

from __future__ import annotations

import logging
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
