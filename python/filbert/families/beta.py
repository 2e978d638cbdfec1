"""The beta family: shares that are no counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_open_unit


class Beta(KernelFamily):
    """``y ~ Beta(mu kappa, (1 - mu) kappa)``."""

    name = "beta"
    links = ("logit", "probit", "cloglog")
    auxiliaries = {"kappa": "the precision: variance is mu (1 - mu) / (1 + kappa)"}  # noqa: RUF012 (never changed)

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_open_unit(response, values, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean * (1 - mean) / (1 + auxiliaries["kappa"])
