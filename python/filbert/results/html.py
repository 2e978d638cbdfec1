"""Writes models, priors and summaries as HTML, for notebooks; every name in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from ..regression.regression import Regression
from .report import doubtful, formatted_rows, shown_rows
from .statement import StatedPrior, Statement
from .text import printable

if TYPE_CHECKING:
    import pandas as pd

_TABLE = '<table border="1" class="dataframe">'  # notebooks know how to set what pandas writes
_LEFT = ' style="text-align: left"'
_DOUBTFUL = ' style="font-weight: bold; color: #c00000"'


def statement_html(regression: Regression) -> str:
    """Return what a notebook shows of a model of a formula."""
    statement = Statement.of(regression)
    facts = [f"<b>{name}</b>: <code>{escape(value)}</code>" for name, value in statement.facts]
    rows, hidden = list[str](), statement.hidden
    for heading, priors in statement.sections:
        rows += _prior_rows(heading, priors)
        if hidden:
            rows.append(f'<tr><td colspan="3"{_LEFT}>{escape(hidden)}</td></tr>')
        hidden = None
    head = f"<tr><th{_LEFT}>parameter</th><th{_LEFT}>prior</th><th{_LEFT}>default scaled by the data</th></tr>"
    notes = "".join(f"<li>{escape(note)}</li>" for note in statement.notes)
    return (
        f"<div><p>{'<br>'.join(facts)}</p>{_TABLE}<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "</div>"
    )


def summary_html(table: pd.DataFrame, chains: int) -> str:
    """Return what a notebook shows of a summary: the numbers that `print` shows, a row a parameter."""
    part, places = shown_rows(table)
    written = formatted_rows(part)
    head = "".join(f"<th>{escape(printable(name))}</th>" for name in ("", *table.columns))
    rows = []
    for place, label, numbers in zip(places, part.index, written, strict=True):
        if place:
            rows.append(f"<tr>{'<td>...</td>' * (len(table.columns) + 1)}</tr>")
        cells = [
            f"<td{_DOUBTFUL if doubtful(str(name), number, chains) else ''}>{escape(number)}</td>"
            for name, number in zip(table.columns, numbers, strict=True)
        ]
        rows.append(f"<tr><th{_LEFT}>{escape(printable(label))}</th>{''.join(cells)}</tr>")
    size = f"<p>{len(table)} parameters</p>" if len(part) < len(table) else ""
    return f"<div>{_TABLE}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{size}</div>"


def _prior_rows(heading: str, priors: Sequence[StatedPrior]) -> Iterable[str]:
    if priors:
        yield f'<tr><th colspan="3"{_LEFT}>{heading}</th></tr>'
    for stated in priors:
        cells = (f"<code>{escape(text)}</code>" if text else "" for text in (stated.name, stated.prior, stated.rule))
        yield f"<tr>{''.join(f'<td{_LEFT}>{cell}</td>' for cell in cells)}</tr>"
