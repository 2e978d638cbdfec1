"""Lays out a summary as text that fits the terminal without cutting a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from ..sampling.problems import MAX_RHAT, MIN_ESS_PER_CHAIN

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.text import Text

__all__ = ["formatted_rows", "print_summary"]

GAP = 2  # blanks between columns
SHORTEST_LABEL = 12  # a parameter's name is wrapped, but not narrower than this


@dataclass(frozen=True)
class _Column:
    """One column of the table as it is printed."""

    name: str
    width: int
    numbers: Sequence[Text]


def formatted_rows(table: pd.DataFrame) -> list[list[str]]:
    """Write the numbers of a summary: the estimates of a row with the digits that its standard deviation resolves.

    Parameters
    ----------
    table : pandas.DataFrame
        What `filbert.summary` returned.

    Returns
    -------
    list of list of str
        One row a parameter, one string a column.
    """
    rows = []
    for _, row in table.iterrows():
        decimals = _decimals(float(row["sd"]))
        written = []
        for name, value in row.items():
            if name in ("ess_bulk", "ess_tail"):
                written.append(str(round(value)) if math.isfinite(value) else "nan")
            elif name == "r_hat":
                written.append(f"{value:.3f}")
            elif decimals is None:
                written.append(f"{value:.4g}")
            else:
                written.append(f"{value:.{decimals + (name == 'mcse_mean')}f}")
        rows.append(written)
    return rows


def print_summary(table: pd.DataFrame, chains: int, file: TextIO, width: int | None = None) -> None:
    """Print a summary, in blocks of columns where a terminal is too narrow for all.

    Parameters
    ----------
    table : pandas.DataFrame
        What `filbert.summary` returned.
    chains : int
        Number of chains, by which effective sample sizes are judged.
    file : text file
        Colours and widths are those of a terminal only if it is one.
    width : int, optional
        Columns of text; by default the terminal's, and unlimited where the file is no terminal.
    """
    from rich.console import Console

    console = Console(file=file, highlight=False, emoji=False, markup=False)
    columns = _columns(table, chains)
    labels = [str(label) for label in table.index]
    longest = max(map(len, ["parameter", *labels]))
    numbers = sum(column.width + GAP for column in columns)
    available = width or (console.width if console.is_terminal else longest + numbers)
    # A long name wraps before the numbers are split into blocks.
    first = max(min(longest, available - numbers), min(longest, max(SHORTEST_LABEL, available // 3)))
    for place, block in enumerate(_blocks(columns, available - first)):
        if place:
            console.print()
        _print_block(console, labels, first, block)


def _columns(table: pd.DataFrame, chains: int) -> list[_Column]:
    columns = []
    for name, *numbers in zip(table.columns, *formatted_rows(table), strict=True):
        width = max(map(len, [name, *numbers]))
        columns.append(_Column(name, width, [_styled(name, number, chains) for number in numbers]))
    return columns


def _print_block(console: Console, labels: Sequence[str], label_width: int, columns: Sequence[_Column]) -> None:
    """Print some of a table's columns beside the parameters' names."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("parameter", width=label_width, overflow="fold")
    for column in columns:
        grid.add_column(Text(column.name), justify="right", no_wrap=True, width=column.width)
    for label, *numbers in zip(labels, *(column.numbers for column in columns), strict=True):
        grid.add_row(Text(label, overflow="fold"), *numbers)
    # Wider than a very narrow terminal rather than with numbers cut off.
    console.width = label_width + sum(column.width + GAP for column in columns)
    console.print(grid, crop=False)


def _blocks(columns: Sequence[_Column], available: int) -> list[list[_Column]]:
    """Group columns, in their order, so that each group fits beside the names; a column too wide stands alone."""
    blocks: list[list[_Column]] = [[]]
    used = 0
    for column in columns:
        if blocks[-1] and used + GAP + column.width > available:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += GAP + column.width
    return blocks


def _styled(name: str, written: str, chains: int) -> Text:
    """Colour a diagnostic that says the draws should not be trusted."""
    from rich.text import Text

    value = float(written)
    doubtful = (name == "r_hat" and not value <= MAX_RHAT) or (
        name in ("ess_bulk", "ess_tail") and not value >= MIN_ESS_PER_CHAIN * chains
    )
    return Text(written, style="bold red" if doubtful else "")


def _decimals(sd: float) -> int | None:
    """Return the decimals that show three digits of `sd`, or None where only the scientific notation is readable."""
    if not (math.isfinite(sd) and 1e-6 < sd < 1e7):
        return None
    return max(0, 2 - math.floor(math.log10(sd)))
