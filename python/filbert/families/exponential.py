"""The exponential family: waiting times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_positive


class Exponential(KernelFamily):
    """``y ~ Exponential(mean mu)``."""

    name = "exponential"
    links = ("log",)

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_positive(response, values, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean**2
