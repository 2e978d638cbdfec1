"""Shows how far a pass over rows that are read in parts has come, once a fit takes longer than half a second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Protocol

from . import progress
from .settings import Settings


class _Display(Protocol):
    def update(self, rows: int) -> None:
        """Show how many rows have been read."""

    def stop(self) -> None:
        """Take away what was shown."""


class _Fit:
    """The passes of one fit, one after the other."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._number = 0
        self._rows = 0
        self._of: int | None = None
        self._display: _Display | None = None

    def begin_pass(self, of: int | None) -> None:
        self._number += 1
        self._rows, self._of = 0, of

    def read(self, rows: int) -> None:
        self._rows += rows
        if time.perf_counter() - self._begin < progress.PROGRESS_AFTER_SECONDS:
            return
        if self._display is None:
            self._display = _new_display(f"Reading rows, pass {self._number}", self._of)
        self._display.update(self._rows)

    def end_pass(self) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None


_fit: ContextVar[_Fit | None] = ContextVar("filbert_fit", default=None)


@contextlib.contextmanager
def shown_passes(settings: Settings) -> Iterator[None]:
    """Show the passes that are made meanwhile, if progress is to be shown."""
    token = _fit.set(_Fit() if settings.progressbar else None)
    try:
        yield
    finally:
        _fit.reset(token)


@contextlib.contextmanager
def one_pass(rows: int | None) -> Iterator[None]:
    """Show, if that was asked for, how many of the rows `rows_read` is told of; their number may not be known yet."""
    fit = _fit.get()
    if fit is None:
        yield
        return
    fit.begin_pass(rows)
    try:
        yield
    finally:
        fit.end_pass()


def rows_read(rows: int) -> None:
    """Tell that so many more rows have been read; workers have nobody to tell."""
    fit = _fit.get()
    if fit is not None:
        fit.read(rows)


def _new_display(text: str, rows: int | None) -> _Display:
    """Return a bar, or a line of text in a notebook that cannot show it."""
    from rich.console import Console

    console = Console(stderr=True)
    return _Line(text, rows) if progress.needs_text(console) else _Bar(console, text, rows)


class _Bar:
    """A bar, redrawn in place."""

    def __init__(self, console: Any, text: str, rows: int | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]}"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True)
        self._of = rows
        self._task = self._bar.add_task(text, total=rows, rows="")
        self._bar.start()

    def update(self, rows: int) -> None:
        self._bar.update(self._task, completed=rows, rows=_of_all(rows, self._of))

    def stop(self) -> None:
        self._bar.stop()


class _Line:
    """A line of text, which carriage returns write over."""

    def __init__(self, text: str, rows: int | None) -> None:
        self._text = text
        self._of = rows
        self._line = progress.TextLine()

    def update(self, rows: int) -> None:
        if self._line.is_due():
            self._line.write(f"{self._text}: {_of_all(rows, self._of)}")

    def stop(self) -> None:
        self._line.write("")


def _of_all(rows: int, of: int | None) -> str:
    return f"{rows:,}" if of is None else f"{rows:,} of {of:,}"
