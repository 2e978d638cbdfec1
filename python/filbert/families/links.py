"""Links: how the linear predictor becomes the parameter that a family's formula models. A link is one row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _core
from ..data.blocks import Floats


@dataclass(frozen=True)
class Link:
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
    # The hyperbolic tangent neither overflows nor loses the small probabilities' sign; those below 1e-16 need exp.
    return np.where(predictor < -30, np.exp(np.minimum(predictor, 0)), 0.5 + 0.5 * np.tanh(0.5 * predictor))


def _normal_cdf(predictor: Floats) -> Floats:
    return _core.normal_cdf(predictor)


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
