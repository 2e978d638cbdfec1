"""The beta-binomial family: successes that scatter more than a binomial's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .kernel_family import KernelFamily
from .responses import check_successes


class BetaBinomial(KernelFamily):
    """``y ~ BetaBinomial(n, mu kappa, (1 - mu) kappa)``, the response written ``p(y, n)``."""

    name = "beta_binomial"
    links = ("logit", "probit", "cloglog")
    auxiliaries = {"kappa": "the precision of the probabilities"}  # noqa: RUF012 (never changed)
    has_trials = True
    limit = ("kappa", "binomial")
    is_discrete = True

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_successes(response, values, trials, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        assert block.trials is not None
        n, kappa = block.trials[:, None], auxiliaries["kappa"]
        return n * mean * (1 - mean) * (n + kappa) / (1 + kappa)
