"""The Bernoulli family: 0 or 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .family import CoefficientScales
from .kernel_family import DEFAULT_SCALE, KernelFamily
from .responses import check_zero_or_one

# bambi's scales where a unit of the linear predictor is a lot: Normal(0, 1.5) for the intercept, Normal(0, 1/sd(x)) for
# slopes, Normal(0, 1) for the columns of factors.
_SIGMOIDS = ("logit", "probit")


class Bernoulli(KernelFamily):
    """``y ~ Bernoulli(p)``, y 0 or 1."""

    name = "bernoulli"
    parent = "p"
    links = ("logit", "probit", "cloglog", "identity")
    is_binary = True
    is_discrete = True

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_zero_or_one(response, values, index, self.name)

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        if link in _SIGMOIDS:
            return CoefficientScales(0.0, 1.5, 1.0, "0", "1", "1.5", factor=1.0, deviation=DEFAULT_SCALE)
        return super().coefficient_scales(link, response_mean, response_sd)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean * (1 - mean)
