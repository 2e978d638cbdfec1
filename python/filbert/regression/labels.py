"""Names what a summary is of, columns, response and coding, so that only summaries of the same are merged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import DataError, count, quote_names
from ..formula.design import Design
from .fingerprint import tokens

if TYPE_CHECKING:
    from ..families.family import Family

_MOST_SHOWN = 20


@dataclass(frozen=True)
class Labels:
    """What the numbers of a summary are of.

    Attributes
    ----------
    names : tuple of str
        One a column.
    response : str or None
        What is summarised beside them: ``"y"``, ``"log(y)"``.
    has_intercept : bool or None
        Whether the model had an intercept beside the columns.
    coding : mapping of str to str
        What the columns follow from beside their names: levels of factors, numbers that transforms have learnt, and
        the offset that was taken off the response.
    """

    names: tuple[str, ...]
    response: str | None = None
    has_intercept: bool | None = None
    coding: Mapping[str, str] = field(default_factory=dict)

    def check_same(self, other: Labels) -> None:
        """Refuse to merge with a summary of something else, by what differs."""
        if self.names != other.names:
            lacking = [name for name in self.names if name not in other.names]
            further = [name for name in other.names if name not in self.names]
            parts = [
                f"only {which} has {quote_names(names)}"
                for which, names in (("one", lacking), ("the other", further))
                if names
            ]
            what = "; ".join(parts) or f"{quote_names(self.names)} and {quote_names(other.names)} differ in their order"
            raise DataError(
                f"The summaries are of different columns: {what}. Agree on columns and levels beforehand: let each "
                "site summarise its rows through one saved model, fb.load(path).summarise(rows)."
            )
        if None not in (self.response, other.response) and self.response != other.response:
            raise DataError(
                f"The summaries are of different responses: {self.response!r} and {other.response!r}. Summarise the "
                "same one."
            )
        if None not in (self.has_intercept, other.has_intercept) and self.has_intercept != other.has_intercept:
            raise DataError("One of the summaries is of a model with an intercept, and the other of one without.")
        for part in dict.fromkeys([*self.coding, *other.coding]) if self.coding and other.coding else ():
            own, theirs = (labels.coding.get(part, "nothing") for labels in (self, other))
            if own != theirs:
                raise DataError(
                    f"The summaries have columns of the same names that mean different things: {part} is {own} in one "
                    f"and {theirs} in the other. Agree on it beforehand: let each site summarise its rows through one "
                    "saved model, fb.load(path).summarise(rows)."
                )

    def joined(self, other: Labels) -> Labels:
        """Return what both say, of which one may say less."""
        return Labels(
            self.names,
            other.response if self.response is None else self.response,
            other.has_intercept if self.has_intercept is None else self.has_intercept,
            self.coding or other.coding,
        )


def labels_of(design: Design, family: Family) -> Labels:
    """Return what the summaries of a model of a formula are of."""
    coding = {f"the factor {text}": _shown(levels) for text, levels in design.levels.items() if levels is not None}
    coding |= {f"what {call} has learnt": _digest(learnt) for call, learnt in design.state.items() if learnt}
    coding["the coding of the columns"] = _digest(design.products)
    coding |= {f"{name!r} of extra_namespace": _brief(value) for name, value in design.constants.items()}
    offsets = [offset.text for offset in design.offsets] + ["an array"] * design.offset_is_array
    coding["the offset"] = " + ".join(offsets) or "nothing"
    return Labels(design.columns, family.summarised_name(design.response), design.has_intercept, coding)


def checked_names(names: object, size: int | None = None) -> tuple[str, ...]:
    """Return names of columns, or refuse what are none."""
    listed = list(names) if isinstance(names, Sequence) and not isinstance(names, (str, bytes)) else _listed(names)
    if not all(isinstance(name, str) and name for name in listed):
        raise DataError(f"The names of columns must be text, one a column, and are {quote_names(listed)}.")
    if twice := [name for place, name in enumerate(listed) if name in listed[:place]]:
        raise DataError(f"Two columns have the name {twice[0]!r}. Give each a name of its own.")
    if size is not None and len(listed) != size:
        raise DataError(
            f"columns= has {count(len(listed), 'name')} for {count(size, 'column')}: {quote_names(listed)}."
        )
    return tuple(listed)


def _listed(names: Any) -> list[Any]:
    try:
        return [names] if isinstance(names, (str, bytes)) else list(names)
    except TypeError:
        return [names]


def _shown(levels: Sequence[Any]) -> str:
    further = "" if len(levels) <= _MOST_SHOWN else f" ({_digest(levels)})"
    return f"of the levels {quote_names(levels, _MOST_SHOWN)}{further}"


def _brief(value: Any) -> str:
    text = "".join(tokens(value)).strip(";")
    return text if len(text) <= 60 else _digest(value)


def _digest(value: Any) -> str:
    return hashlib.sha256("".join(tokens(value)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
