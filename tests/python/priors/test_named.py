"""The named priors: PyMC's names, positions and defaults, equal to bambi's spelling."""

from __future__ import annotations

import inspect

import filbert
import pytest
from filbert.errors import DataTypeError, PriorError
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
    LKJCorr,
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
        (LKJCorr(4), Prior("LKJCorr", eta=4)),
        (Normal(0, sigma=HalfNormal(2)), Prior("Normal", mu=0, sigma=Prior("HalfNormal", sigma=2))),
    ],
)
def test_both_spellings_give_equal_priors(made, expected):
    assert made == expected
    assert hash(made) == hash(expected)
    assert repr(made) == repr(expected)


def test_every_distribution_has_a_documented_factory_with_the_same_parameters():
    for name in named_priors.__all__:
        factory = getattr(named_priors, name)
        parameters = [name for name in inspect.signature(factory).parameters if name != "other"]
        prior = factory(*range(1, 1 + len(parameters)))
        assert prior.name == name
        assert list(prior.params) == parameters
        assert {"Returns", "References"} <= set(factory.__doc__.split())
        assert all(f"{parameter} : " in factory.__doc__ for parameter in parameters)
        assert getattr(filbert, name) is factory


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0, sd=1), r"not 'sd': write sigma=sd, that is sigma=1\."),
        (lambda: Normal(loc=-2.5), r"not 'loc': write mu=loc, that is mu=-2\.5\."),
        (lambda: Normal(0, std=True), r"not 'std': write sigma=std\."),
        (lambda: HalfNormal(scale=3), r"not 'scale': write sigma=scale, that is sigma=3\."),
        (lambda: Exponential(rate=2), r"not 'rate': write lam=rate, that is lam=2\."),
        (lambda: Exponential(scale=2), r"that is lam=0\.5\."),
        (lambda: Cauchy(0, 1, gamma=2), r"has no parameter 'gamma': write Cauchy\(alpha, beta\)"),
        (lambda: LKJCorr(n=2, eta=1), r"not 'n': write eta alone\."),
        (lambda: Normal(0, sigma=Normal(0, 1)), "Only the sigma of Normal may be one, of positive values"),
        (lambda: Flat(sigma=2), r"has no parameter 'sigma': write Flat\(\)"),
        (lambda: Normal(0, 1, dist=print), r"cannot take a Python function \(dist=\)"),
    ],
)
def test_other_arguments_are_refused_with_what_to_write(make, message):
    with pytest.raises(PriorError, match=message):
        make()


@pytest.mark.parametrize("name", ["LogNormal", "Lognormal", "TruncatedNormal", "HalfLaplace", "Beta", "SkewNormal"])
def test_no_other_distribution_is_suggested_in_the_place_of_one_that_is_missing(name):
    with pytest.raises(PriorError, match="a distribution that filbert does not have") as caught:
        Prior(name)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"), [("normal", "'Normal'"), ("HALFCAUCHY", "'HalfCauchy'"), ("LKJcorr", "'LKJCorr'")]
)
def test_only_the_name_that_differs_by_its_case_is_suggested(name, meant):
    with pytest.raises(PriorError, match=rf"Did you mean {meant}\? The"):
        Prior(name)


def test_arguments_of_bambis_prior():
    assert Prior("Normal", auto_scale=False, dist=None, noncentered=True, mu=0, sigma=2) == Normal(0, 2)
    assert Normal(0, 2).args == {"mu": 0.0, "sigma": 2.0}
    with pytest.raises(DataTypeError, match="noncentered"):
        Prior("Normal", noncentered="no")
