"""Draws the posterior of each parameter: marginal densities on the left, the chains on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import count
from ..results.container import group
from ..results.summary import auxiliary_names, posterior_variables
from .density import density
from .style import (
    COLOURS,
    LINE_STYLES,
    TEXT_SIZE,
    FloatArray,
    Panels,
    capped,
    chosen_names,
    explain,
    left_out,
    legend_label,
    panels,
    short,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_trace"]

MOST_ROWS = 20
MOST_LEVELS = len(COLOURS)


@dataclass(frozen=True)
class TraceRow:
    """One variable: a colour a chain if it is a single parameter, else a colour a level."""

    name: str
    labels: tuple[str, ...]  # of the levels drawn; empty for a single parameter
    draws: FloatArray  # (chains, draws, levels drawn)
    n_levels: int


@dataclass(frozen=True)
class Traces:
    """The variables of a trace plot, and what it says beside them."""

    rows: list[TraceRow]
    diverging: npt.NDArray[np.bool_] | None  # (chains, draws)
    notes: list[str]

    @classmethod
    def of(cls, idata: Any, var_names: str | Sequence[str] | None = None) -> Traces:
        """Read the variables named, or the first, at most 20 with the auxiliary parameters."""
        found = {row.name: row for row in _rows(idata)}
        names = chosen_names(list(found), var_names)
        shown = capped(names, auxiliary_names(idata), MOST_ROWS) if var_names is None else names
        diverging = _divergences(idata)
        rows = [found[name] for name in shown]
        return cls(rows, diverging, [*left_out(shown, names, "variables"), *_notes(rows, diverging)])

    @property
    def row_height(self) -> float:
        """The height of a row, in inches."""
        return 1.8 if len(self.rows) <= 6 else 1.45

    def draw(self, drawn: Panels) -> None:
        """Draw each variable into a row of two panels."""
        for place, (row, (left, right)) in enumerate(zip(self.rows, drawn, strict=True)):
            _draw_row(left, right, row, self.diverging)
            if place < len(self.rows) - 1:
                right.tick_params(labelbottom=False)
            else:
                right.set_xlabel("draw")


def plot_trace(
    idata: Any,
    var_names: str | Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
    ax: Any = None,
) -> Panels:
    """Draw a row a parameter: its marginal density for each chain on the left, and its chains on the right.

    A term with several columns has one row and a colour a level. Divergent draws are ticks on the lower edge.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What ``fit`` or ``pm.sample`` returned.
    var_names : str or list of str, optional
        Parameters to draw. By default all; past 20, or past 8 levels of a term, the title says what is left out.
    figsize : (float, float), optional
        Width and height in inches.
    ax : array of matplotlib.axes.Axes, (parameters, 2), optional

    Returns
    -------
    array of matplotlib.axes.Axes, (parameters, 2)

    Raises
    ------
    SettingError
        If `var_names` has a name that is no parameter, or `ax` another number of axes.

    Examples
    --------
    >>> fb.plot_trace(idata, figsize=(10, 7))
    """
    traces = Traces.of(idata, var_names)
    drawn = panels(ax, (len(traces.rows), 2), (5.0, traces.row_height), figsize)
    for lower in drawn[1:, 1]:
        if ax is None:
            lower.sharex(drawn[0, 1])
    traces.draw(drawn)
    explain(drawn, traces.notes)
    return drawn


def _rows(idata: Any) -> list[TraceRow]:
    """Return the variables of the posterior, with the levels of a term side by side."""
    rows = []
    for name, variable, inner, nested in posterior_variables(idata):
        values = nested.reshape(*nested.shape[:2], -1)
        labels: tuple[str, ...] = ()
        if inner:
            coordinates = variable.coords[inner[0]] if len(inner) == 1 and inner[0] in variable.coords else None
            labels = tuple(str(x) for x in (range(values.shape[2]) if coordinates is None else np.asarray(coordinates)))
        rows.append(TraceRow(name, labels[:MOST_LEVELS], values[..., :MOST_LEVELS], values.shape[2]))
    return rows


def _divergences(idata: Any) -> npt.NDArray[np.bool_] | None:
    """Return which draws diverged, (chains, draws), or None if the container does not say."""
    statistics = group(idata, "sample_stats")
    if statistics is None or "diverging" not in statistics:
        return None
    return np.asarray(statistics["diverging"], dtype=bool)


def _notes(shown: Sequence[TraceRow], diverging: npt.NDArray[np.bool_] | None) -> list[str]:
    """Say which levels the figure leaves out, and what its ticks mean."""
    notes = [
        f"{short(row.name)}: the first {len(row.labels)} of {row.n_levels} levels"
        for row in shown
        if row.n_levels > MOST_LEVELS
    ]
    if diverging is not None and diverging.any():
        notes.append(f"Ticks on the lower edge: {count(int(diverging.sum()), 'divergent draw')}")
    return notes


def _draw_row(left: Axes, right: Axes, row: TraceRow, diverging: npt.NDArray[np.bool_] | None) -> None:
    """Draw one variable: the density of each chain (and level), and its trace."""
    from matplotlib.ticker import MaxNLocator

    n_chains, n_draws, n_levels = row.draws.shape
    by_chain = not row.labels
    for chain in range(n_chains):
        for level in range(n_levels):
            colour = COLOURS[(chain if by_chain else level) % len(COLOURS)]
            style = LINE_STYLES[chain % len(LINE_STYLES)]
            values = row.draws[chain, :, level]
            label = legend_label(row.labels[level], 24) if row.labels and chain == 0 else None
            left.plot(*density(values), color=colour, linestyle=style, linewidth=1.3, label=label)
            right.plot(values, color=colour, linewidth=0.5, alpha=0.7, rasterized=n_draws > 2000)
    if diverging is not None and diverging.any():
        _tick_lower_edge(left, row.draws[diverging].ravel())
        _tick_lower_edge(right, np.nonzero(diverging)[1])
    title(left, row.name)
    left.set_ylim(bottom=0)
    tidy(left, hide_y=True)
    tidy(right)
    left.xaxis.set_major_locator(MaxNLocator(5))
    right.yaxis.set_major_locator(MaxNLocator(4))
    right.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    right.margins(x=0.01)
    if row.labels:
        left.legend(fontsize=TEXT_SIZE, frameon=False, ncols=math.ceil(len(row.labels) / 4), handlelength=1.2,
                    loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)  # fmt: skip


def _tick_lower_edge(axes: Axes, where: npt.NDArray[Any]) -> None:
    """Mark places on the x axis by ticks just above the lower edge."""
    axes.plot(where, np.full(len(where), 0.02), "|", color="black", markersize=7, markeredgewidth=0.8,
              transform=axes.get_xaxis_transform(), clip_on=False)  # fmt: skip
