"""The Poisson family: counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_whole


class Poisson(KernelFamily):
    """``y ~ Poisson(mu)``."""

    name = "poisson"
    links = ("log", "identity", "sqrt")
    is_discrete = True

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_whole(response, values, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean
