"""Draws a table over its first variable: a colour for each value of the second, a panel for each of the third."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataTypeError, SettingError, quote_names, suggest
from .style import (
    BAND_ALPHA,
    COLOURS,
    DATA_COLOUR,
    LINE_STYLES,
    MARKERS,
    MOST_COLUMNS,
    MOST_POINTS,
    PANEL_LETTERS,
    TEXT_SIZE,
    Panels,
    figure_of,
    legend_above,
    legend_label,
    note,
    panels_in_rows,
    short,
    tidy,
    title,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLES = ("main", "group", "panel")
_MOST_GROUPS = len(COLOURS)
_INTERVAL_END = re.compile(r"(?:hdi|eti)_([\d.e+-]+)%")
_JITTER = 0.06  # half its width, where levels are 1 apart


@dataclass(frozen=True)
class Picture:
    """Which variable of a table has which role, and how the picture is set out.

    Attributes
    ----------
    roles : mapping of str to str
        Variables by role: ``"main"``, ``"group"``, ``"panel"``.
    legend : bool
        Whether the values of the second variable are named.
    figsize, ax
        As the user gave them.
    names : mapping of str to str
        What the variables are called where that is not their name.
    points : pandas.DataFrame or None
        Rows to draw as points, with their height in the column ``None``, and without those variables of the second and
        third role that rows do not fall into groups by, such as numbers.
    sizes : pandas.Series or None
        Areas of the points, by their labels; all alike if None.
    neutral : float or None
        The height of a line that means nothing has changed.
    notes : tuple of str
        What the picture leaves out.
    """

    roles: Mapping[str, str]
    legend: bool = True
    figsize: Any = None
    ax: Any = None
    names: Mapping[str, str] = field(default_factory=dict)
    points: pd.DataFrame | None = None
    sizes: pd.Series[float] | None = None
    neutral: float | None = None
    notes: tuple[str, ...] = ()

    def with_variable(self, name: str) -> Picture:
        """Give the next free role to one more variable."""
        free = [role for role in ROLES if role not in self.roles]
        if not free:
            raise SettingError(
                f"A picture shows three variables, and several pairs of values are one: give contrast two values, or "
                f"leave out one of {quote_names(self.roles.values())}."
            )
        return replace(self, roles={**self.roles, free[0]: name})

    def draw(self, table: pd.DataFrame, label: str) -> Panels:
        """Draw a table into a panel for each value of the third variable."""
        parts = _split(table, self.roles.get("panel"))
        groups = _values(table, self.roles.get("group"))
        size = (6.6, 4.4) if len(parts) == 1 else (3.6, 3.4)
        drawn = panels_in_rows(len(parts), self.ax, size, self.figsize, sharex=True, sharey=True)
        main = self.roles["main"]
        values = _values(table, main)
        numeric = table[main].dtype.kind in "iufM" and len(values) > 1
        for place, (axes, (value, part)) in enumerate(zip(drawn, parts, strict=True)):
            panel = _Panel(axes, main, values, numeric, self.roles.get("group"), groups[:_MOST_GROUPS])
            if self.points is not None:
                panel.draw_points(_rows_at(self.points, self.roles.get("panel"), value), self.sizes)
            panel.draw(part)
            if self.neutral is not None:
                axes.axhline(self.neutral, color="0.5", linewidth=1, linestyle=(0, (4, 2)), zorder=0)
            if len(parts) > 1:
                title(axes, f"{self._name('panel')} = {shown(value)}", PANEL_LETTERS)
            if place + MOST_COLUMNS >= len(parts) or self.ax is not None:
                axes.set_xlabel(wrapped(axes, short(self._name("main"))))
                axes.tick_params(labelbottom=True)
            if place % MOST_COLUMNS == 0 or self.ax is not None:
                lines = (short(line) for line in label.split("\n"))
                axes.set_ylabel(wrapped(axes, "\n".join(lines), upright=True))
            tidy(axes)
        self._explain(drawn, groups)
        return drawn

    def _name(self, role: str) -> str:
        name = self.roles[role]
        return self.names.get(name, name)

    def _explain(self, drawn: Panels, groups: Sequence[Any]) -> None:
        """Name the values of the second variable, and say what the picture leaves out."""
        notes = list(self.notes)
        if len(groups) > _MOST_GROUPS:
            notes.append(f"the first {_MOST_GROUPS} of {len(groups)} values of {short(self._name('group'), 24)}")
        if notes:
            note(drawn[-1], "\n".join(notes))
        if self.legend and len(groups) > 1:
            on_same_axes = len(notes) if len(drawn) == 1 else 0
            room = figure_of(drawn).get_size_inches()[0] if self.ax is None else None
            below = max(int(len(drawn) > 1), on_same_axes)
            legend_above(drawn[0], below, short(self._name("group")), room)


@dataclass(frozen=True)
class _Panel:
    """Axes over one variable, with a colour for each value of another."""

    axes: Axes
    main: str
    values: list[Any]  # of the main variable in all panels
    is_numeric: bool  # whether curves run over these
    group: str | None
    shown: Sequence[Any]  # values of the group that are drawn

    @property
    def places(self) -> dict[Any, int]:
        """Where the levels of the main variable stand."""
        return {value: place for place, value in enumerate(self.values)}

    def draw(self, table: pd.DataFrame) -> None:
        """Draw lines with bands over numbers, and points with bars over levels."""
        for number, value in enumerate(self.shown):
            part = table if self.group is None else table[table[self.group] == value]
            if part.empty:
                continue
            label = None if self.group is None else legend_label(shown(value))
            if self.is_numeric:
                self._draw_curve(part, number, label)
            else:
                self._draw_markers(part, number, label)
        if not self.is_numeric:
            self._name_levels()

    def draw_points(self, rows: pd.DataFrame, sizes: pd.Series[float] | None) -> None:
        """Draw rows as points, in the colours of their groups where they have the column of these."""
        if not self.is_numeric:
            rows = rows[rows[self.main].isin(self.values)]
        by_group = self.group is not None and self.group in rows.columns
        rng = np.random.default_rng(0)
        for number, value in enumerate(self.shown if by_group else [None]):
            part = rows[rows[self.group] == value] if by_group else rows
            at = part[self.main]
            if not self.is_numeric:
                jitter = rng.uniform(-_JITTER, _JITTER, len(at))
                at = at.map(self.places).astype(float) + jitter + (self._shift(number) if by_group else 0.0)
            colour, marker = (COLOURS[number], MARKERS[number]) if by_group else (DATA_COLOUR, "o")
            size = (14 if len(rows) <= 300 else 7) if sizes is None else sizes[part.index]
            self.axes.scatter(at, part[None], s=size, color=colour, marker=marker, alpha=0.45,
                              linewidths=0, zorder=1.5, rasterized=len(rows) > 500)  # fmt: skip

    def _draw_curve(self, part: pd.DataFrame, number: int, label: str | None) -> None:
        order = np.argsort(part[self.main].to_numpy(), kind="stable")
        at = part[self.main].to_numpy()[order]
        colour = COLOURS[number]
        for lower, upper in _intervals(part):
            self.axes.fill_between(at, lower[order], upper[order], color=colour, alpha=BAND_ALPHA, linewidth=0)
            if len(at) == 1:  # a group with one value
                self.axes.vlines(at, lower, upper, color=colour, linewidth=1.4)
        self.axes.plot(at, part["mean"].to_numpy()[order], color=colour, linestyle=LINE_STYLES[number], linewidth=1.8,
                       marker=MARKERS[number] if len(at) == 1 else None, label=label)  # fmt: skip

    def _draw_markers(self, part: pd.DataFrame, number: int, label: str | None) -> None:
        at = np.array([self.places[one] for one in part[self.main]]) + self._shift(number)
        for place, (lower, upper) in enumerate(_intervals(part)):
            self.axes.vlines(at, lower, upper, color=COLOURS[number], linewidth=1.4 + 2 * place)
        self.axes.plot(at, part["mean"], MARKERS[number], color=COLOURS[number], markersize=6, markeredgecolor="white",
                       markeredgewidth=0.5, label=label)  # fmt: skip

    def _shift(self, number: int) -> float:
        """Return how far the markers of a group stand from their level, so that groups stand side by side."""
        return 0.0 if len(self.shown) == 1 else 0.5 * (number / (len(self.shown) - 1) - 0.5)

    def _name_levels(self) -> None:
        labels = [short(shown(value), 30) for value in self.values]
        width = width_of(self.axes)
        # A letter of this size is about a fourteenth of an inch wide; past some, names of levels cannot all be shown.
        room = 14 * width / len(labels)
        crowded = any(len(one) + len(other) > 2 * (room - 2) for one, other in itertools.pairwise(labels))
        every = max(1, -(-len(labels) // max(1, int(width * 5))))
        labels = [text if place % every == 0 else "" for place, text in enumerate(labels)]
        slant = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        self.axes.set_xticks(range(len(labels)), labels, fontsize=TEXT_SIZE, **slant)
        self.axes.set_xlim(-0.6, len(labels) - 0.4)


def roles_of(names: Sequence[str], subplot_kwargs: Any) -> dict[str, str]:
    """Give variables their roles, in their order or as the user wants them."""
    if len(names) > len(ROLES):
        raise SettingError(f"A picture shows one to three variables, not {len(names)}: {quote_names(names)}.")
    if subplot_kwargs is None:
        return dict(zip(ROLES, names, strict=False))
    if not isinstance(subplot_kwargs, Mapping):
        raise DataTypeError(f"subplot_kwargs must be a dict such as {{'main': {names[0]!r}}}, not {subplot_kwargs!r}.")
    for role, name in subplot_kwargs.items():
        if role not in ROLES:
            raise SettingError(f"subplot_kwargs has {role!r}. The roles are {quote_names(ROLES)}.")
        if name not in names:
            raise SettingError(
                f"subplot_kwargs has {name!r}, which is not drawn.{suggest(str(name), names)} Drawn are "
                f"{quote_names(names)}."
            )
    if sorted(subplot_kwargs.values()) != sorted(names) or "main" not in subplot_kwargs:
        raise SettingError(f"subplot_kwargs must give 'main', and each of {quote_names(names)} one role.")
    return dict(subplot_kwargs)


def names_of(by: Any) -> list[str]:
    """Return the variables that an argument names: one name, several, or a dict of their values."""
    return [by] if isinstance(by, str) or not isinstance(by, Iterable) else list(by)


def some_points(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows that are drawn as points, and what is to be said of those that are not."""
    if len(rows) <= MOST_POINTS:
        return rows, ()
    chosen = np.random.default_rng(0).choice(len(rows), MOST_POINTS, replace=False)
    return rows.iloc[chosen], (f"{MOST_POINTS} of {len(rows)} points are shown",)


def applied(function: Callable[[Any], Any] | None, text: str) -> str:
    """Return how a quantity is called once a function was applied to it: ``exp(y)``, or ``transformed y``."""
    if function is None:
        return text
    name = getattr(function, "__name__", None)
    return f"{name}({text})" if isinstance(name, str) and name.isidentifier() else f"transformed {text}"


def _intervals(part: pd.DataFrame) -> list[tuple[Any, Any]]:
    """Return the ends of each interval in a table, the widest first."""
    ends = {float(found[1]): name for name in part.columns if (found := _INTERVAL_END.fullmatch(str(name)))}
    columns = [part[ends[tail]].to_numpy() for tail in sorted(ends)]
    return [(columns[place], columns[-1 - place]) for place in range(len(columns) // 2)]


def _rows_at(rows: pd.DataFrame, name: str | None, value: Any) -> pd.DataFrame:
    """Return the rows in which a variable has a value, and all where they do not have its column."""
    return rows[rows[name] == value] if name is not None and name in rows.columns else rows


def _split(table: pd.DataFrame, name: str | None) -> list[tuple[Any, pd.DataFrame]]:
    """Return the parts of a table for each value of a variable."""
    if name is None:
        return [(None, table)]
    return [(value, table[table[name] == value]) for value in _values(table, name)]


def _values(table: pd.DataFrame, name: str | None) -> list[Any]:
    """Return the values of a variable that occur, categories in their order and numbers sorted."""
    if name is None:
        return [None]
    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = set(column)
        return [value for value in column.cat.categories if value in present]
    return sorted(column.unique().tolist())


def shown(value: Any) -> str:
    """Return a value as text: numbers with at most four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
