"""Tests that arguments of PyMC's sampling functions are taken as meant, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import filbert as fb
import filbert.explicit as pm
import numpy as np
import pytest

FEW = {"draws": 60, "tune": 60, "random_seed": 1}


@pytest.fixture
def model() -> Iterator[pm.Model]:
    with pm.Model() as model:
        mean = pm.Normal("mean", 0, 2)
        pm.Normal("y", mu=mean, sigma=pm.HalfNormal("sigma", 2), observed=np.random.default_rng(1).normal(size=30))
        yield model


def drawn(**other: Any) -> np.ndarray:
    return np.asarray(pm.sample(**FEW, compute_convergence_checks=False, **other)["posterior"]["mean"])


@pytest.mark.usefixtures("model")
def test_what_means_nothing_here_changes_nothing() -> None:
    plain = drawn()
    same = drawn(nuts_sampler="nutpie", step=None, initvals=None, return_inferencedata=True, blas_cores=2)
    np.testing.assert_array_equal(plain, same)
    np.testing.assert_array_equal(drawn(target_accept=0.95), drawn(nuts={"target_accept": 0.95}))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"step": 3}, "sample: step= is not available. There is one sampler"),
        ({"return_inferencedata": False}, "return_inferencedata=False asks for a MultiTrace"),
        ({"idata_kwargs": {"log_likelihood": True}}, "models from formulas only"),
        ({"nuts_sampler": "smc"}, "nuts_sampler='smc' is not available"),
    ],
)
def test_what_is_not_there_is_refused_by_name(other: dict[str, Any], message: str) -> None:
    with pytest.raises(fb.SettingError, match=message):
        pm.sample(**FEW, **other)


@pytest.mark.usefixtures("model")
def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(fb.DataTypeError, match=r"sample has no argument 'chain'\. Did you mean 'chains'\?"):
        pm.sample(**FEW, chain=2)


@pytest.mark.usefixtures("model")
def test_predictive_sampling_takes_pymcs_arguments_too() -> None:
    trace = pm.sample(**FEW, compute_convergence_checks=False)
    assert (
        "y"
        in pm.sample_posterior_predictive(trace, progressbar=False, return_inferencedata=True)["posterior_predictive"]
    )
    pm.sample_prior_predictive(10, var_names=None, compile_kwargs={})
    with pytest.raises(fb.SettingError, match=r"predictions= is not available\. The rows are the observed ones"):
        pm.sample_posterior_predictive(trace, predictions=True)
    with pytest.raises(fb.SettingError, match=r"var_names= is not available"):
        pm.sample_prior_predictive(10, var_names=["mean"])
