"""Student's t family: a Gaussian regression that outliers do not pull."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..data.blocks import Block, Floats
from ..priors.prior import Prior
from .family import CoefficientScales, DefaultPrior
from .gaussian import Gaussian
from .kernel_family import KernelFamily


class StudentT(KernelFamily):
    """``y ~ StudentT(nu, mu, sigma)``."""

    name = "t"
    links = ("identity", "log")
    scales_with_response = True
    limit = ("nu", "gaussian")
    auxiliaries = {  # noqa: RUF012 (never changed)
        "sigma": "the scale, smaller than the standard deviation",
        "nu": "the degrees of freedom",
    }

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        return Gaussian().coefficient_scales(link, response_mean, response_sd)

    def auxiliary_prior(self, name: str, response_sd: float) -> DefaultPrior:
        if name == "sigma":
            return Gaussian().auxiliary_prior(name, response_sd)
        prior = Prior("Gamma", alpha=2, beta=0.1)
        return DefaultPrior(prior, repr(prior))

    def unscaled_auxiliary_prior(self, name: str) -> DefaultPrior:
        return Gaussian().unscaled_auxiliary_prior(name) if name == "sigma" else self.auxiliary_prior(name, 1.0)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        nu = auxiliaries["nu"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(nu > 2, auxiliaries["sigma"] ** 2 * nu / (nu - 2), np.inf)
