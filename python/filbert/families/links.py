"""Links: how the linear predictor becomes the parameter that a family's formula models. A link is one row here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..data.blocks import Floats


class Link(NamedTuple):
    """A link by its name in bambi.

    Attributes
    ----------
    name : str
    inverse : function
        From the linear predictor to the parameter, element by element.
    is_identity : bool
    """

    name: str
    inverse: Callable[[Floats], Floats]

    @property
    def is_identity(self) -> bool:
        """Whether parameter and linear predictor are the same."""
        return self.name == "identity"


def _expit(predictor: Floats) -> Floats:
    small = np.exp(-np.abs(predictor))  # never overflows
    return np.where(predictor < 0, small, 1.0) / (1.0 + small)


def _normal_cdf(predictor: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(predictor))


LINKS = {
    link.name: link
    for link in (
        Link("identity", lambda predictor: predictor),
        Link("log", np.exp),
        Link("logit", _expit),
        Link("probit", _normal_cdf),
        Link("cloglog", lambda predictor: -np.expm1(-np.exp(predictor))),
        Link("inverse", np.reciprocal),
        Link("sqrt", np.square),
    )
}
