"""What all pictures have in common: colours, line styles, sizes of type, and where they are drawn."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataTypeError, SettingError, count, quote_names, suggest
from ..results.text import printable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panels = npt.NDArray[Any]  # of Axes
FloatArray = npt.NDArray[np.float64]

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart (but yellow, too pale for lines),
# each with a line style and a marker of its own, so that they differ in grey as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
LINE_STYLES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (7, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DATA_COLOUR = "0.35"
PRIOR_COLOUR = "0.25"
BAND_ALPHA = 0.22
TEXT_SIZE = 9.0  # points: the smallest type in any picture
TITLE_SIZE = 10.0
MOST_COLUMNS = 3  # of panels
MOST_POINTS = 2000  # of data
MOST_LETTERS = 60  # in a line of a wide picture
PANEL_LETTERS = 34  # and of one of three panels
_LETTERS_AN_INCH = 11


def short(text: object, limit: int = MOST_LETTERS) -> str:
    """Return a text as pictures show it: too long, without its middle; control characters and dollars as they are.

    Between two dollars matplotlib would read mathematics.
    """
    return re.sub(r"(?<!\\)\$", r"\$", shortened(printable(text), limit))


def legend_label(text: object, limit: int = MOST_LETTERS) -> str:
    """Return a text as legends show it, which leave out what starts with an underscore."""
    shown = short(text, limit)
    return f" {shown}" if shown.startswith("_") else shown


def capped(names: Sequence[str], kept: Collection[str], most: int) -> list[str]:
    """Return the first names, at most so many, among them those to keep, which often come last."""
    if len(names) <= most:
        return list(names)
    last = [name for name in names if name in kept][: most - 1]
    shown = {*last, *[name for name in names if name not in kept][: most - len(last)]}
    return [name for name in names if name in shown]


def left_out(shown: Sequence[str], names: Sequence[str], noun: str) -> list[str]:
    """Say which of some names a picture does not show, in a list of one line or none."""
    hidden = [name for name in names if name not in set(shown)]
    if not hidden:
        return []
    listed = ", ".join(short(name, 24) for name in hidden[:6]) + (", ..." if len(hidden) > 6 else "")
    return [f"{len(names) - len(hidden)} of {len(names)} {noun}; left out: {listed}"]


def explain(drawn: Panels, notes: Sequence[str]) -> None:
    """Say over a whole figure what it leaves out."""
    if notes:
        figure_of(drawn).suptitle("\n".join(notes), fontsize=TEXT_SIZE, color="0.3")


def tidy(axes: Axes, *, hide_y: bool = False) -> None:
    """Leave out the frame's upper and right side, and with `hide_y` the y axis, and set the type of the ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    if hide_y:
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
    axes.tick_params(labelsize=TEXT_SIZE)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_size(TITLE_SIZE)
        axis.get_offset_text().set_fontsize(TEXT_SIZE)


def title(axes: Axes, text: str, limit: int = MOST_LETTERS) -> None:
    """Put a panel's title at its upper left."""
    axes.set_title(short(text, limit), loc="left", fontsize=TITLE_SIZE, fontweight="bold")


def note(axes: Axes, text: str) -> None:
    """Say at the upper right of a panel what it leaves out or holds fixed."""
    axes.set_title(text, loc="right", fontsize=TEXT_SIZE, color="0.3")


def width_of(axes: Axes) -> float:
    """Return how wide axes are, in inches."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return float(axes.get_position().width * figure.get_size_inches()[0])


def wrapped(axes: Axes, text: str, *, upright: bool = False) -> str:
    """Break the lines of a label that would be wider than axes are or, if it stands upright, taller."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    # What stands above and below axes, such as slanted names of levels, takes some of their height in the end.
    length = 0.72 * axes.get_position().height * figure.get_size_inches()[1] if upright else 1.15 * width_of(axes)
    return "\n".join(textwrap.fill(line, max(20, int(_LETTERS_AN_INCH * length))) for line in text.split("\n"))


def legend_above(axes: Axes, below: int = 0, heading: str | None = None, width: float | None = None) -> None:
    """Put a legend of two entries or more over a panel, above `below` lines of a note, in as many columns as fit.

    `width` is the room for it in inches, by default about that of the axes.
    """
    from matplotlib.transforms import ScaledTranslation

    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < 2:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    lift = ScaledTranslation(0, below * 1.4 * TEXT_SIZE / 72, figure.dpi_scale_trans)
    letters = _LETTERS_AN_INCH * (1.2 * width_of(axes) if width is None else width)
    columns = max(1, min(len(labels), 3, int(letters // max(len(label) + 5 for label in labels))))
    axes.legend(handles, labels, frameon=False, fontsize=TEXT_SIZE, title=heading, title_fontsize=TEXT_SIZE,
                alignment="left", ncols=columns, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                bbox_transform=axes.transAxes + lift, borderaxespad=0.2)  # fmt: skip


def panels(ax: Any, shape: tuple[int, int], size: tuple[float, float], figsize: Any = None, **sharing: Any) -> Panels:
    """Return axes to draw in, of the shape asked for: the user's, or those of a new figure of pyplot.

    Parameters
    ----------
    ax : Axes, array of Axes, or None
    shape : (int, int)
        Rows and columns.
    size : (float, float)
        Width and height of a panel of a new figure, in inches.
    figsize : (float, float), optional
        Width and height of the new figure instead.
    **sharing : bool or str
        Of ``pyplot.subplots``: ``sharex``, ``sharey``.
    """
    rows, columns = shape
    if ax is None:
        import matplotlib.pyplot as plt

        chosen = (columns * size[0], rows * size[1]) if figsize is None else figsize
        figure, drawn = plt.subplots(rows, columns, figsize=chosen, squeeze=False, layout="constrained", **sharing)
        figure.get_layout_engine().set(h_pad=0.06, w_pad=0.06, hspace=0.03)
        return np.asarray(drawn, dtype=object)
    given = np.asarray(ax, dtype=object).ravel()
    if not all(hasattr(one, "get_xlim") for one in given):
        raise DataTypeError(f"ax must be axes of matplotlib, or an array of them, not {type(ax).__name__}.")
    if len(given) != rows * columns:
        raise SettingError(
            f"ax has {len(given)} axes, and this picture {count(rows * columns, 'panel')}. Leave ax out, or make them "
            f"with plt.subplots({rows}, {columns})."
        )
    return given.reshape(shape)


def panels_in_rows(number: int, ax: Any, size: tuple[float, float], figsize: Any = None, **sharing: Any) -> Panels:
    """Return so many axes, (number,): the user's, or those of a new figure with three in a row; see `panels`."""
    if ax is not None:
        return panels(ax, (number, 1), size).ravel()
    width = min(number, MOST_COLUMNS)
    drawn = panels(None, (math.ceil(number / width), width), size, figsize, **sharing).ravel()
    for spare in drawn[number:]:
        spare.remove()
    return drawn[:number]


def sizes_by_trials(trials: FloatArray) -> FloatArray:
    """Return areas of points that grow with their trials, as their roots do, for the range of trials may be wide."""
    areas: FloatArray = 70 * np.sqrt(trials / trials.max())
    return areas


def figure_of(drawn: Panels) -> Figure:
    """Return the figure of some panels."""
    figure: Figure = drawn.flat[0].get_figure()
    return figure


def chosen_names(names: Sequence[str], var_names: Any) -> list[str]:
    """Return the variables that `var_names` asks for, in its order; all if it is None."""
    if var_names is None:
        return list(names)
    wanted = [var_names] if isinstance(var_names, str) or not isinstance(var_names, Iterable) else list(var_names)
    if not all(isinstance(name, str) for name in wanted):
        raise DataTypeError(f"var_names must be a name or a list of names, not {var_names!r}.")
    for name in wanted:
        if name not in names:
            raise SettingError(
                f"var_names has {name!r}, which is no parameter.{suggest(name, names)} They are {quote_names(names)}."
            )
    if not wanted:
        raise SettingError(f"var_names is empty. The parameters are {quote_names(names)}.")
    return wanted
