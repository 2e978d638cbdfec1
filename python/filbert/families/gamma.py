"""The gamma family: positive responses with a constant coefficient of variation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_positive


class Gamma(KernelFamily):
    """``y ~ Gamma(mu, alpha)``, whose variance is mu²/alpha. The default link is log; bambi's, inverse, often fails."""

    name = "gamma"
    links = ("log", "inverse", "identity")
    auxiliaries = {"alpha": "the shape, 1 over the squared coefficient of variation"}  # noqa: RUF012 (never changed)

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_positive(response, values, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean**2 / auxiliaries["alpha"]
