"""The lognormal family: the Gaussian one on logarithms, and as fast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats
from ..priors.prior import Prior
from .family import CoefficientScales, DefaultPrior, Keys, MaximumLikelihood, Posed
from .gaussian import Gaussian
from .kernel_family import DEFAULT_SCALE
from .responses import check_positive


class _OnLogarithms:
    """A regression whose rows have the logarithm of their response."""

    def __init__(self, regression: Posed) -> None:
        self._regression = regression

    def __getattr__(self, name: str) -> Any:
        return getattr(self._regression, name)

    @property
    def rows(self) -> Any:
        return self

    def blocks(self) -> Iterator[Block]:
        assert self._regression.rows is not None
        for block in self._regression.rows.blocks():
            yield replace(block, y=np.log(block.y))  # type: ignore[arg-type]


class LogNormal(Gaussian):
    """``log(y) ~ Normal(mu, sigma)``: the Gaussian family on logarithms, and as fast. ``mu`` is the mean of log(y)."""

    name = "lognormal"
    links: ClassVar[tuple[str, ...]] = ("identity",)
    auxiliaries = {"sigma": "the standard deviation of log(y)"}  # noqa: RUF012 (never changed)

    def check_response(self, response: str, values: Floats, trials: Floats | None, index: Any) -> None:
        check_positive(response, values, index, self.name)

    @property
    def kernel(self) -> str:
        return "gaussian"

    def data(self, regression: Posed) -> Any:
        return super().data(_OnLogarithms(regression))

    def maximum_likelihood(self, regression: Posed) -> MaximumLikelihood:
        top = super().maximum_likelihood(regression)
        assert regression.rows is not None
        jacobian = 0.0
        for block in regression.rows.blocks():
            assert block.y is not None
            jacobian += float(np.sum(np.log(block.y) * (1.0 if block.weights is None else block.weights)))
        return top._replace(log_likelihood=top.log_likelihood - jacobian)

    def summarised(self, block: Block) -> Floats:
        return replace(block, y=np.log(block.y)).target  # type: ignore[arg-type]

    def summarised_name(self, response: str) -> str:
        return f"log({response})"

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        return CoefficientScales(0.0, DEFAULT_SCALE, DEFAULT_SCALE, "0", f"{DEFAULT_SCALE:g}")

    def auxiliary_prior(self, name: str, response_sd: float) -> DefaultPrior:
        prior = Prior("HalfNormal", sigma=1)
        return DefaultPrior(prior, repr(prior))

    def log_likelihood(self, link: str, block: Block, predictor: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        assert block.y is not None
        logarithm = np.log(block.y)
        terms = super().log_likelihood(link, replace(block, y=logarithm), predictor, auxiliaries)
        return terms - logarithm[:, None]

    def draw_responses(
        self,
        block: Block,
        mean: Floats,
        auxiliaries: Mapping[str, Floats],
        keys: Keys,
        seed: int,
        out: Floats,
        threads: int,
    ) -> None:
        _core.response_draws(mean, auxiliaries["sigma"], keys, seed, out, threads)
        np.exp(out, out=out)

    def expectation(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return np.exp(mean + 0.5 * auxiliaries["sigma"] ** 2)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        square = auxiliaries["sigma"] ** 2
        return np.expm1(square) * np.exp(2 * mean + square)
