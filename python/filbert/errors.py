"""Names every error and warning that filbert raises, and words the parts their messages share."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Sized
from types import FrameType

_PACKAGE = __name__.partition(".")[0]


class FilbertError(Exception):
    """Base of every error that filbert raises on purpose."""


class DataError(FilbertError, ValueError):
    """The data hold a value that a model cannot use, or lack a column it needs."""


class DataTypeError(FilbertError, TypeError):
    """The data, a column, a prior or a setting are of a kind that cannot be used."""


class FormulaError(FilbertError, ValueError):
    """The formula cannot be read, or asks for something that cannot be done."""


class PriorError(FilbertError, ValueError):
    """A prior has the wrong name, parameters or support, or belongs to no term."""


class ModelFileError(FilbertError, ValueError):
    """A file holds no model or summary that can be used, or one cannot be stored in a file."""


class SettingError(FilbertError, ValueError):
    """A setting of the model or of the sampler is out of its range."""


class ConvergenceWarning(UserWarning):
    """The draws may not represent the posterior."""


class DataWarning(UserWarning):
    """The data were changed on the way in, or look unlike what the formula says."""


def warn(message: str, category: type[UserWarning]) -> None:
    """Warn with the line of the user's program that led here, however deep inside of filbert this is called."""
    level = 2  # the caller of this function, as `warnings` counts
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def count(number: int, noun: str) -> str:
    """Return the number with its noun, as in ``1 row`` and ``3 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def quote_names(names: Iterable[object], limit: int = 20) -> str:
    """Return names in quotes, separated by commas; those beyond `limit` are only counted."""
    quoted = [repr(str(name)) for name in names]
    if len(quoted) > limit:
        return ", ".join(quoted[:limit]) + f" and {len(quoted) - limit} more"
    return ", ".join(quoted)


def quote_rows(rows: Iterable[object], limit: int = 5) -> str:
    """Return ``row 4`` or ``rows 4, 17, 90`` from row labels; those beyond `limit` become ``...``."""
    labels = rows if isinstance(rows, Sized) else list(rows)
    shown = [
        repr(label) if isinstance(label, str) else str(label) for _, label in zip(range(limit), labels, strict=False)
    ]
    if len(labels) > limit:
        shown.append("...")
    return f"{'row' if len(labels) == 1 else 'rows'} {', '.join(shown)}"


def suggest(name: str, names: Iterable[object]) -> str:
    """Return a sentence with the names most like `name`, starting with a space, or an empty string."""
    known = list(dict.fromkeys(str(candidate) for candidate in names))
    # difflib minds case, people who mistype a name often got only that wrong.
    matches = [candidate for candidate in known if candidate.lower() == name.lower()]
    if not matches:
        # In a short name one letter is a large part: x2 is no slip for x1.
        matches = difflib.get_close_matches(name, known, n=3, cutoff=0.6 if len(name) > 4 else 0.65)
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
