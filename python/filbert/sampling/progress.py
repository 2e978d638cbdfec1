"""Shows how far each chain has come, once a run takes longer than half a second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from .settings import Settings

PROGRESS_AFTER_SECONDS = 0.5


@contextlib.contextmanager
def progress(settings: Settings) -> Iterator[Any]:
    """Give a function that shows one bar a chain, once a run takes longer than half a second."""
    if not settings.progressbar:
        yield None
        return
    begin = time.perf_counter()
    bars: Any = None
    tasks: list[Any] = []

    def report(chains: list[tuple[int, int]]) -> None:
        nonlocal bars
        if time.perf_counter() - begin < PROGRESS_AFTER_SECONDS:
            return
        if bars is None:
            bars = _new_bars()
            total = settings.tune + settings.draws
            tasks.extend(bars.add_task(f"chain {chain}", total=total, divergences=0) for chain in range(len(chains)))
            bars.start()
        for task, (iterations, divergences) in zip(tasks, chains, strict=True):
            bars.update(task, completed=iterations, divergences=divergences)

    try:
        yield report
    finally:
        if bars is not None:
            bars.stop()


def _new_bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[divergences]} divergences"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
