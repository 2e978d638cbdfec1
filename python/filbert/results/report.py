"""Lays out a summary as text that fits the terminal without cutting a number."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from ..sampling.problems import MAX_RHAT, MIN_ESS_PER_CHAIN
from .text import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.text import Text

__all__ = ["doubtful", "formatted_rows", "print_summary", "shown_rows", "summary_text"]

GAPS = (2, 1)  # blanks between columns: narrower where all columns then fit
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

    # Not as a notebook's, where a console displays instead of writing to its file.
    console = Console(file=file, highlight=False, emoji=False, markup=False, force_jupyter=False)
    _print_blocks(console, table, chains, width or (console.width if console.is_terminal else None))


def summary_text(table: pd.DataFrame, chains: int, width: int) -> str:
    """Return a summary as plain text of some width, as `print` shows it: of many rows the first and the last.

    Parameters
    ----------
    table : pandas.DataFrame
    chains : int
    width : int
    """
    from rich.console import Console

    file = io.StringIO()
    console = Console(
        file=file, highlight=False, emoji=False, markup=False, force_jupyter=False, force_terminal=False,
        color_system=None,
    )  # fmt: skip
    part, places = shown_rows(table)
    _print_blocks(console, part, chains, width, places)
    size = f"\n\n[{len(table)} parameters]" if len(part) < len(table) else ""
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + size


def shown_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, list[bool]]:
    """Return the rows that fit pandas' option ``display.max_rows``, and before which of them others are left out."""
    import pandas as pd

    most = pd.get_option("display.max_rows")
    if not most or len(table) <= most:
        return table, [False] * len(table)
    tail = most // 2
    head = most - tail
    part = pd.concat([table.iloc[:head], table.iloc[len(table) - tail :]])
    return part, [place == head for place in range(len(part))]


def doubtful(name: str, written: str, chains: int) -> bool:
    """Tell whether a number, as written, is a diagnostic that says the draws should not be trusted."""
    if name == "r_hat":
        return not float(written) <= MAX_RHAT
    return name in ("ess_bulk", "ess_tail") and not float(written) >= MIN_ESS_PER_CHAIN * chains


def _print_blocks(
    console: Console, table: pd.DataFrame, chains: int, width: int | None, places: Sequence[bool] = ()
) -> None:
    """Print a table in blocks of columns that fit a width; rows are left out before the `places` that are True."""
    columns = _columns(table, chains)
    labels = [printable(label) for label in table.index]
    longest = max(map(len, ["parameter", *labels]))
    total = sum(column.width for column in columns)
    available = width or longest + total + GAPS[0] * len(columns)
    gap, first = _layout(longest, total, len(columns), available)
    for place, block in enumerate(_blocks(columns, available - first, gap)):
        if place:
            console.print()
        _print_block(console, labels, first, block, gap, places or [False] * len(labels))


def _layout(longest: int, total: int, n_columns: int, available: int) -> tuple[int, int]:
    """Return the blanks between columns and the width of names, so that all columns stand in one block if they can.

    For that columns move closer, and a long name wraps once; else some names wrap and the numbers make blocks.
    """
    for least in (longest, max(SHORTEST_LABEL, (longest + 1) // 2)):
        for gap in GAPS:
            room = available - total - gap * n_columns
            if room >= min(longest, least):
                return gap, min(longest, room)
    return GAPS[0], min(longest, max(SHORTEST_LABEL, available // 3))


def _columns(table: pd.DataFrame, chains: int) -> list[_Column]:
    columns = []
    for name, *numbers in zip(table.columns, *formatted_rows(table), strict=True):
        shown = printable(name)
        width = max(map(len, [shown, *numbers]))
        columns.append(_Column(shown, width, [_styled(name, number, chains) for number in numbers]))
    return columns


def _print_block(
    console: Console,
    labels: Sequence[str],
    label_width: int,
    columns: Sequence[_Column],
    gap: int,
    places: Sequence[bool],
) -> None:
    """Print some of a table's columns beside the parameters' names."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("parameter", width=label_width, overflow="fold")
    for column in columns:
        grid.add_column(Text(column.name), justify="right", no_wrap=True, width=column.width)
    for left_out, label, *numbers in zip(places, labels, *(column.numbers for column in columns), strict=True):
        if left_out:
            grid.add_row(*["..."] * (len(columns) + 1))
        grid.add_row(Text(label, overflow="fold"), *numbers)
    # Wider than a very narrow terminal rather than with numbers cut off.
    console.width = label_width + sum(column.width + gap for column in columns)
    console.print(grid, crop=False)


def _blocks(columns: Sequence[_Column], available: int, gap: int) -> list[list[_Column]]:
    """Group columns, in their order, so that each group fits beside the names; a column too wide stands alone."""
    blocks: list[list[_Column]] = [[]]
    used = 0
    for column in columns:
        if blocks[-1] and used + gap + column.width > available:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += gap + column.width
    return blocks


def _styled(name: str, written: str, chains: int) -> Text:
    """Colour a diagnostic that says the draws should not be trusted."""
    from rich.text import Text

    return Text(written, style="bold red" if doubtful(name, written, chains) else "")


def _decimals(sd: float) -> int | None:
    """Return the decimals that show three digits of `sd`, or None where only the scientific notation is readable."""
    if not (math.isfinite(sd) and 1e-6 < sd < 1e7):
        return None
    return max(0, 2 - math.floor(math.log10(sd)))
