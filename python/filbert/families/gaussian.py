"""The Gaussian family: its likelihood sees the rows only through their summary, so that a gradient costs O(p)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats
from ..priors.prior import Prior
from .family import CoefficientScales, DefaultPrior, Keys, Posed
from .kernel_family import DEFAULT_SCALE, KernelFamily

DEFAULT_SIGMA_NU = 4.0  # degrees of freedom of the half Student-t prior for sigma, as in bambi


class Gaussian(KernelFamily):
    """``y ~ Normal(mu, sigma)``; with another link than the identity, or a known sigma, row by row as others."""

    name = "gaussian"
    links: ClassVar[tuple[str, ...]] = ("identity", "log", "inverse")
    scales_with_response = True
    auxiliaries = {"sigma": "the residual standard deviation"}  # noqa: RUF012 (never changed)

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        if link != "identity":  # the scale of the response says nothing about that of its logarithm
            return super().coefficient_scales(link, response_mean, response_sd)
        scale = DEFAULT_SCALE * response_sd
        return CoefficientScales(response_mean, scale, scale, "mean(y)", f"{DEFAULT_SCALE:g} sd(y)")

    def auxiliary_prior(self, name: str, response_sd: float) -> DefaultPrior:
        prior = Prior("HalfStudentT", nu=DEFAULT_SIGMA_NU, sigma=response_sd)
        return DefaultPrior(prior, f"HalfStudentT(nu: {DEFAULT_SIGMA_NU:g}, sigma: sd(y))")

    def unscaled_auxiliary_prior(self, name: str) -> DefaultPrior:
        prior = Prior("HalfNormal", sigma=1)
        return DefaultPrior(prior, repr(prior))

    def sees_summary(self, regression: Posed) -> bool:
        return regression.link == "identity" and not regression.fixed

    def sees_groups(self, regression: Posed) -> bool:
        return regression.link == "identity"

    def summary_posterior(self, regression: Posed) -> _core.LinearGaussian:
        """Return the posterior over (β, log σ) from the summary of the rows."""
        return _core.LinearGaussian(
            regression.summary,
            intercept=regression.has_intercept,
            intercept_at_means=regression.intercept_at_means,
            coefficient_priors=regression.coefficient_priors,
            sigma_prior=regression.auxiliary_priors["sigma"],
        )

    def frame(self, regression: Posed) -> Any:
        if self.sees_summary(regression):
            return _core.FramedLinearGaussian(self.summary_posterior(regression))
        return super().frame(regression)

    def grouped_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        if regression.link != "identity":
            return super().grouped_frame(regression, seed, with_effects)
        posterior = self._grouped_posterior(regression, regression.groups.specs)
        threads = _core.available_processors()
        return _core.FramedGroupedGaussian(posterior, effects=with_effects, seed=seed, threads=threads)

    def levelled_posterior(self, regression: Posed) -> _core.GroupedGaussian:
        """Return the posterior over σ (and coefficients without normal priors) of a model with a factor by level."""
        return self._grouped_posterior(regression, [(False, [1.0], 1.0)], regression.level_specs)

    def levelled_frame(self, regression: Posed, seed: int, with_levels: bool) -> _core.FramedGroupedGaussian:
        """Return it in its frame, with or without the coefficients of levels among its draws."""
        return _core.FramedGroupedGaussian(self.levelled_posterior(regression), effects=with_levels, seed=seed)

    def _grouped_posterior(self, regression: Posed, terms: Any, levels: Any = None) -> _core.GroupedGaussian:
        return _core.GroupedGaussian(
            regression.grouped_summary,
            intercept=regression.has_intercept,
            intercept_at_means=regression.intercept_at_means,
            coefficient_priors=regression.coefficient_priors,
            sigma=regression.fixed["sigma"] if regression.fixed else regression.auxiliary_priors["sigma"],
            terms=terms,
            levels=levels,
        )

    def log_likelihood(self, link: str, block: Block, predictor: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        if link != "identity":
            return super().log_likelihood(link, block, predictor, auxiliaries)
        assert block.y is not None
        sigma = auxiliaries["sigma"]
        predictor -= block.y[:, None]
        predictor /= sigma
        np.square(predictor, out=predictor)
        predictor *= -0.5
        predictor -= np.log(sigma) + 0.5 * math.log(2 * math.pi)
        return predictor

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

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        return np.square(auxiliaries["sigma"])
