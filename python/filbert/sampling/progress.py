"""Shows how far each chain has come, once a run takes longer than half a second."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ..errors import count
from .settings import Settings

PROGRESS_AFTER_SECONDS = 0.5
_PLAIN_EVERY_SECONDS = 0.5

Report = Callable[[list[tuple[int, int]], int], None]


class _Display(Protocol):
    def update(self, chains: Sequence[tuple[int, int]], iterations: int) -> None:
        """Show the iterations and the divergences of each chain, which is to make so many iterations."""

    def stop(self) -> None:
        """Take away what was shown."""


@contextlib.contextmanager
def progress(settings: Settings) -> Iterator[Report | None]:
    """Give a function that shows how far the chains are, once a run takes longer than half a second."""
    if not settings.progressbar:
        yield None
        return
    begin = time.perf_counter()
    display: _Display | None = None

    def report(chains: list[tuple[int, int]], iterations: int) -> None:
        nonlocal display
        if time.perf_counter() - begin < PROGRESS_AFTER_SECONDS:
            return
        if display is None:
            display = _new_display(len(chains))
        display.update(chains, iterations)

    try:
        yield report
    finally:
        if display is not None:
            display.stop()


def _new_display(chains: int) -> _Display:
    """Return bars, or a line of text in a notebook that cannot show them."""
    from rich.console import Console

    console = Console(stderr=True)
    return _Line() if needs_text(console) else _Bars(console, chains)


def needs_text(console: Any) -> bool:
    """Tell whether rich lacks what it needs to redraw a notebook's output; it would warn."""
    return bool(console.is_jupyter) and importlib.util.find_spec("ipywidgets") is None


class _Bars:
    """A bar a chain, redrawn in place."""

    def __init__(self, console: Any, chains: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[divergences]} divergences"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._tasks = [self._bars.add_task(f"chain {chain}", divergences=0) for chain in range(chains)]
        self._bars.start()

    def update(self, chains: Sequence[tuple[int, int]], iterations: int) -> None:
        for task, (done, divergences) in zip(self._tasks, chains, strict=True):
            self._bars.update(task, completed=done, total=iterations, divergences=divergences)

    def stop(self) -> None:
        self._bars.stop()


class _Line:
    """One line of text about all chains."""

    def __init__(self) -> None:
        self._line = TextLine()
        self._begin: float | None = None
        self._done_before = 0

    def update(self, chains: Sequence[tuple[int, int]], iterations: int) -> None:
        if not self._line.is_due():
            return
        now, total = time.perf_counter(), iterations * len(chains)
        done, divergences = (sum(column) for column in zip(*chains, strict=True))
        if self._begin is None:
            self._begin, self._done_before = now, done
        text = f"Sampling {count(len(chains), 'chain')}: {done} of {total} iterations, {divergences} divergences"
        if done > self._done_before:
            left = (total - done) * (now - self._begin) / (done - self._done_before)
            text += f", {left // 60:.0f}:{left % 60:02.0f} left"
        self._line.write(text)

    def stop(self) -> None:
        self._line.write("")


class TextLine:
    """A line of text that carriage returns write over, now and then."""

    def __init__(self) -> None:
        self._written = -float("inf")
        self._width = 0

    def is_due(self) -> bool:
        """Tell whether the line has stood long enough."""
        return time.perf_counter() - self._written >= _PLAIN_EVERY_SECONDS

    def write(self, text: str) -> None:
        """Write over what was there; a notebook does not erase it by itself."""
        self._written = time.perf_counter()
        if sys.stderr is not None:
            sys.stderr.write(f"\r{text.ljust(self._width)}" + ("" if text else "\r"))
            sys.stderr.flush()
        self._width = len(text)
