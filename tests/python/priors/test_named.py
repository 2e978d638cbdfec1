"""The named priors: PyMC's names, positions and defaults, equal to bambi's spelling."""

from __future__ import annotations

import inspect

import filbert
import pytest
from filbert.priors import named as named_priors
from filbert.priors.named import (
    Cauchy,
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfFlat,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    Laplace,
    Normal,
    StudentT,
    Uniform,
)
from filbert.priors.prior import Prior


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Normal(1, 2), Prior("Normal", mu=1, sigma=2)),
        (Normal(), Prior("Normal", mu=0, sigma=1)),
        (StudentT(4, 1, 2), Prior("StudentT", nu=4, mu=1, sigma=2)),
        (StudentT(4), Prior("StudentT", nu=4, mu=0, sigma=1)),
        (Cauchy(1, 2), Prior("Cauchy", alpha=1, beta=2)),
        (Laplace(1, 2), Prior("Laplace", mu=1, b=2)),
        (Uniform(1, 2), Prior("Uniform", lower=1, upper=2)),
        (Uniform(), Prior("Uniform", lower=0, upper=1)),
        (Flat(), Prior("Flat")),
        (HalfNormal(2), Prior("HalfNormal", sigma=2)),
        (HalfCauchy(2), Prior("HalfCauchy", beta=2)),
        (HalfStudentT(4, 2), Prior("HalfStudentT", nu=4, sigma=2)),
        (Exponential(2), Prior("Exponential", lam=2)),
        (Gamma(1, 2), Prior("Gamma", alpha=1, beta=2)),
        (InverseGamma(1, 2), Prior("InverseGamma", alpha=1, beta=2)),
        (InverseGamma(1), Prior("InverseGamma", alpha=1, beta=1)),
        (HalfFlat(), Prior("HalfFlat")),
    ],
)
def test_both_spellings_give_equal_priors(made, expected):
    assert made == expected
    assert hash(made) == hash(expected)
    assert repr(made) == repr(expected)


def test_every_distribution_has_a_documented_factory_with_the_same_parameters():
    for name in named_priors.__all__:
        factory = getattr(named_priors, name)
        parameters = inspect.signature(factory).parameters
        prior = factory(*range(1, 1 + len(parameters)))
        assert prior.name == name
        assert list(prior.params) == list(parameters)
        assert {"Returns", "References"} <= set(factory.__doc__.split())
        assert all(f"{parameter} : " in factory.__doc__ for parameter in parameters)
        assert getattr(filbert, name) is factory
