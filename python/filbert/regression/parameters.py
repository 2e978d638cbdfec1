"""The parameters of a model: what each is called and labelled, its prior, and where it stands in the draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..priors.prior import Prior, columns


class ChosenPrior(NamedTuple):
    """The prior of one parameter, and where it comes from.

    Attributes
    ----------
    prior : Prior
        The prior as it is used, on the scale of the data.
    is_default : bool
        True if the user gave no prior for this parameter.
    rule : str
        The prior as asked for: a default prior's rule ("Normal(mu: 0, sigma: 2.5 sd(y)/sd(x))"), or the user's own.
    """

    prior: Prior
    is_default: bool
    rule: str


class Role(Enum):
    """What a parameter is in a model."""

    COEFFICIENT = "coefficient"
    AUXILIARY = "auxiliary"
    DEVIATION = "deviation"  # between the groups of an effect
    CORRELATION = "correlation"  # between the effects of a group
    EFFECT = "effect"  # of each group
    LEVEL = "level"  # the coefficients of a factor without columns


@dataclass(frozen=True, eq=False)
class Parameter:
    """A named parameter.

    Attributes
    ----------
    name : str
    rows : int array of any shape
        The row of the draws that each of its values has. Coefficients come first, in the order of the design's columns
        (the intercept before them), then the family's auxiliary parameters, then deviations, correlations and effects
        of groups, or the coefficients of the levels of a factor that has no columns.
    chosen : ChosenPrior
        Array parameters of the prior have a value for each value of the parameter, in the order of ``rows.ravel()``.
    auxiliary : str or None
        The family's name for it, such as ``"sigma"``; None of coefficients.
    dims : tuple of str
        One a dimension of `rows`.
    coordinates : mapping of str to array
        The labels along dimensions that have some.
    role : Role
        Of one with an `auxiliary` name it is AUXILIARY.
    """

    name: str
    rows: NDArray[np.intp]
    chosen: ChosenPrior
    auxiliary: str | None = None
    dims: tuple[str, ...] = ()
    coordinates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    role: Role = Role.COEFFICIENT

    def __post_init__(self) -> None:
        if self.auxiliary is not None:
            object.__setattr__(self, "role", Role.AUXILIARY)

    @property
    def prior(self) -> Prior:
        """The prior, on the scale of the data."""
        return self.chosen.prior

    @property
    def is_drawn_later(self) -> bool:
        """Whether draws may be without it, because it can be drawn given the others."""
        return self.role in (Role.EFFECT, Role.LEVEL)

    @property
    def labels(self) -> list[str]:
        """A label for each value, as ArviZ labels them: ``x``, ``g[b]``."""
        levels = [self.coordinates.get(dim, range(size)) for dim, size in zip(self.dims, self.rows.shape, strict=True)]
        return [
            f"{self.name}[{', '.join(str(level[i]) for level, i in zip(levels, where, strict=True))}]"
            if where
            else self.name
            for where in np.ndindex(self.rows.shape)
        ]

    @property
    def specs(self) -> list[tuple[str, tuple[float, ...]]]:
        """One prior a value, as the C++ core takes them."""
        return columns(self.prior, self.rows.size)


def in_row_order(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Return parameters in the order of the draws, which is that of the coefficients."""
    return sorted(parameters, key=lambda parameter: int(parameter.rows.min()))


def sorted_rows(parameters: Iterable[Parameter]) -> list[int]:
    """Return the rows of the draws that parameters have, in their order."""
    return sorted(int(row) for parameter in parameters for row in parameter.rows.ravel())


def row_labels(parameters: Sequence[Parameter]) -> list[str]:
    """Return the label of each row of the draws, in their order."""
    labels = {
        int(row): label
        for parameter in parameters
        for row, label in zip(parameter.rows.ravel(), parameter.labels, strict=True)
    }
    return [labels[row] for row in sorted(labels)]
