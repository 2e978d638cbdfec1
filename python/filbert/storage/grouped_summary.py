"""Writes the summary by group of a Gaussian mixed model as a model file has it, and reads it back, trusting nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..errors import ModelFileError
from ..families.family import Family
from ..formula.design import Design
from ..regression.levels import sees_rows
from ..regression.regression import Regression
from .values import read_array, read_dict, write_array

# With the rest of the file it must be below what a file may have, and base64 makes a third more of it.
_MOST_VALUES = 50_000_000
_LARGEST_WHOLE = 1 << 53  # as doubles hold them
_COUNTS = ("row_counts", "tail_counts", "tails")


def write_grouped_summary(regression: Regression) -> dict[str, Any] | None:
    """Write what a fit needs of the rows of each group; None where it needs the rows, or where it is too large."""
    if not regression.family.sees_groups(regression):
        return None  # never of a factor by level, which other families do not have
    if regression.rows is None and regression.grouped_summary_at_hand is None:
        return None  # it came without
    try:
        _, origin, unit, rest, *counts, rows = regression.grouped_summary.state()
    except _core.GroupsTooLargeError:
        return None
    if np.size(rows) > _MOST_VALUES:
        return None
    # Its statistics are those of the model's summary.
    named = {name: write_array(values) for name, values in zip(_COUNTS, counts, strict=True)}
    return {
        "origin": write_array(origin),
        "unit": write_array(unit),
        "rest": write_array(rest),
        **named,
        "rows": write_array(rows),
    }


def read_grouped_summary(entry: Any, regression: Regression) -> _core.GroupedSummary | None:
    """Read what `write_grouped_summary` wrote; it must go with the model's groups and with its summary."""
    if entry is None:
        return None
    groups = regression.groups
    assert groups is not None
    if not regression.family.sees_groups(regression):
        raise ModelFileError(f"it has a summary by group, which family={regression.family.name!r} does not see.")
    return _read(entry, regression.summary, groups.n_groups, groups.structure)


def read_summary_by_level(
    entry: Any, summary: _core.SufficientStatistics, design: Design, family: Family, link: str
) -> _core.GroupedSummary:
    """Read the summary by level of a design with a factor by level, which a model cannot be without."""
    assert design.by_level is not None
    if why := sees_rows(family, link):
        raise ModelFileError(f"it has a factor by level, and {why}.")
    return _read(entry, summary, [design.by_level.n_levels], [(0, 1)])


def _read(
    entry: Any, summary: _core.SufficientStatistics, n_groups: list[int], structure: list[tuple[int, int]]
) -> _core.GroupedSummary:
    stored = read_dict(entry)
    counts = [_counts(read_array(stored[name]), name) for name in _COUNTS]
    origin, unit, rest, rows = (read_array(stored[name]) for name in ("origin", "unit", "rest", "rows"))
    state = (summary.state(), origin, unit, rest, *counts, rows)
    return _core.GroupedSummary.from_state(n_groups, structure, state)


def _counts(values: NDArray[np.float64], name: str) -> NDArray[np.int64]:
    if not ((values >= 0) & (values < _LARGEST_WHOLE) & (values == np.rint(values))).all():
        raise ModelFileError(f"the {name} of its groups are not whole numbers.")
    return values.astype(np.int64)
