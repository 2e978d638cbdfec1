"""The binomial family: successes among trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.blocks import Block, Floats
from .bernoulli import Bernoulli
from .responses import check_successes


class Binomial(Bernoulli):
    """``y ~ Binomial(n, p)``, the response written ``p(y, n)``."""

    name = "binomial"
    is_binary = False
    has_trials = True

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_successes(response, values, trials, index, self.name)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        assert block.trials is not None
        return block.trials[:, None] * mean * (1 - mean)
