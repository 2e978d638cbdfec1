"""The negative binomial family: counts that scatter more than a Poisson's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_whole


class NegativeBinomial(KernelFamily):
    """``y ~ NegativeBinomial(mu, alpha)``, whose variance is mu + mu²/alpha."""

    name = "negativebinomial"
    links = ("log", "identity")
    limit = ("alpha", "poisson")
    is_discrete = True
    auxiliaries = {"alpha": "the shape: the smaller, the more the counts scatter"}  # noqa: RUF012 (never changed)

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_whole(response, values, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return mean + mean**2 / auxiliaries["alpha"]
