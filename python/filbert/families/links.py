"""Links: how the linear predictor becomes the parameter that a family's formula models. A link is one row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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


LINKS = {
    link.name: link
    for link in (
        Link("identity", lambda predictor: predictor),
        Link("log", np.exp),
    )
}
