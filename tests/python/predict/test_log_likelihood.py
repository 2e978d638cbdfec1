"""Model.log_likelihood and Model.r2: against SciPy, against refits without each row, and refusals."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from pathlib import Path

import arviz
import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import ARVIZ_MAJOR
from design_checks import make_frame
from filbert.errors import DataError, DataTypeError, SettingError
from filbert.predict import rowwise
from scipy import special, stats

MESQUITE = Path(__file__).parents[2] / "data" / "cases" / "mesquite-logmesquite" / "data.csv"
FORMULA = "log(weight) ~ log(diam1) + log(diam2) + log(canopy_height) + log(total_height) + log(density) + group"


def fitted(formula, frame, draws=100, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few draws are enough for most of this
        model = fb.Model(formula, frame, **arguments)
        return model, model.fit(draws=draws, tune=500, random_seed=1, progressbar=False)


def pointwise(idata, name="y"):
    values = np.asarray(idata["log_likelihood"][name])
    return values.reshape(-1, values.shape[-1])


def expected(model, idata, frame, mu):
    sigma = np.asarray(idata["posterior"]["sigma"]).reshape(-1, 1)
    return stats.norm(mu, sigma).logpdf(frame.y.to_numpy())


@pytest.fixture(scope="module")
def mesquite():
    frame = pd.read_csv(MESQUITE)
    model, idata = fitted(FORMULA, frame, draws=1000, center_predictors=False)
    model.log_likelihood(idata)
    return frame, model, idata


def test_values_are_normal_log_densities_times_the_weight(monkeypatch):
    frame = make_frame()
    plain, idata = fitted("y ~ x + offset(z)", frame)
    weighted = fb.Model("y ~ x + offset(z)", frame, weights="w")
    posterior = idata["posterior"]
    intercept, slope = (np.asarray(posterior[name]).reshape(-1, 1) for name in ("Intercept", "x"))
    by_hand = expected(plain, idata, frame, intercept + slope * frame.x.to_numpy() + frame.z.to_numpy())
    for values in (1, 1000, 1 << 20):
        monkeypatch.setattr(rowwise, "_CHUNK_VALUES", values)
        assert plain.log_likelihood(idata) is None
        np.testing.assert_allclose(pointwise(idata), by_hand, rtol=1e-11)
        weighted.log_likelihood(idata)
        np.testing.assert_allclose(pointwise(idata), by_hand * frame.w.to_numpy(), rtol=1e-11)


def test_group_has_the_responses_name_and_leaves_the_rest(mesquite):
    _, model, idata = mesquite
    group = idata["log_likelihood"]
    assert list(group.data_vars) == ["log(weight)"]
    assert group["log(weight)"].dims == ("chain", "draw", "__obs__")
    new = model.log_likelihood(copy.deepcopy(idata), inplace=False)
    np.testing.assert_array_equal(pointwise(new, "log(weight)"), pointwise(idata, "log(weight)"))
    bare, fit = fitted("y ~ x", make_frame())
    bare.compute_log_likelihood(fit, inplace=False)
    names = set(fit.children) if ARVIZ_MAJOR >= 1 else set(fit.groups())
    assert "log_likelihood" not in names


def exact_leave_one_out(frame, priors):
    """The log predictive density of each row, from a fit without it."""
    result = []
    for row in range(len(frame)):
        model, idata = fitted(FORMULA, frame.drop(index=row), draws=1000, priors=priors, center_predictors=False)
        left_out = frame.iloc[[row]]
        model.predict(idata, data=left_out)
        mu = np.asarray(idata["predictions"]["mu"]).ravel()
        sigma = np.asarray(idata["posterior"]["sigma"]).ravel()
        densities = stats.norm(mu, sigma).logpdf(np.log(left_out.weight.to_numpy()))
        result.append(special.logsumexp(densities) - np.log(len(densities)))
    return np.array(result)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_loo_is_leave_one_out_by_refitting(mesquite):
    frame, model, idata = mesquite
    exact = exact_leave_one_out(frame, model.priors)
    loo = arviz.loo(idata, pointwise=True)
    elpd, se, k = (loo.elpd, loo.se, loo.pareto_k) if ARVIZ_MAJOR >= 1 else (loo.elpd_loo, loo.se, loo.pareto_k)
    estimated = np.asarray(loo.elpd_i if ARVIZ_MAJOR >= 1 else loo.loo_i)
    # The sum's own Monte Carlo error is some tenths, far below `se`, which is about other data.
    assert abs(elpd - exact.sum()) < min(1.0, se)
    good = np.asarray(k) < 0.5
    assert good.sum() > 35
    assert np.abs(estimated - exact)[good].max() < 0.15
    # The density of rows that were fitted is not the density of rows left out, and the check sees it.
    fitted_rows = special.logsumexp(pointwise(idata, "log(weight)"), axis=0) - np.log(4000)
    assert abs(fitted_rows.sum() - exact.sum()) > 3
    assert np.abs(fitted_rows - exact)[good].max() > 0.15


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto", "ignore:The inplace keyword")
def test_compare_ranks_models(mesquite):
    frame, _, idata = mesquite
    poor, poor_fit = fitted("log(weight) ~ log(density)", frame, draws=1000)
    poor.log_likelihood(poor_fit)
    assert list(arviz.compare({"poor": poor_fit, "full": idata}).index) == ["full", "poor"]


def test_r2_is_the_share_of_the_variance_that_the_mean_explains(monkeypatch):
    frame = make_frame()
    for weights in (None, "k"):
        model, idata = fitted("y ~ x + g + offset(z)", frame, weights=weights)
        model.predict(idata)
        repeated = np.repeat(np.asarray(idata["posterior"]["mu"]), 1 if weights is None else frame.k, axis=-1)
        variance = repeated.var(axis=-1, ddof=1)
        share = variance / (variance + np.asarray(idata["posterior"]["sigma"]) ** 2)
        for values in (1000, 1 << 20):
            monkeypatch.setattr(rowwise, "_CHUNK_VALUES", values)
            r2 = model.r2(idata)
            assert list(r2.index) == ["r2", "r2_std"]
            np.testing.assert_allclose(r2, [share.mean(), share.std()], rtol=1e-10)


@pytest.mark.parametrize("weights", [None, "k"])
def test_marginal_r2_leaves_the_variance_of_groups_in_the_denominator(weights, monkeypatch):
    frame = make_frame()
    model, idata = fitted("y ~ x + (x | g)", frame, weights=weights)
    draws = {name: np.asarray(idata["posterior"][name]) for name in ("Intercept", "x", "1|g", "x|g", "sigma")}
    x, g = frame["x"].to_numpy(), frame["g"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    common = draws["Intercept"][..., None] + draws["x"][..., None] * x
    effects = draws["1|g"][..., g] + draws["x|g"][..., g] * x
    times = 1 if weights is None else frame["k"]
    explained, between, both = (
        np.repeat(values, times, axis=-1).var(axis=-1, ddof=1) for values in (common, effects, common + effects)
    )
    marginal = explained / (explained + between + draws["sigma"] ** 2)
    conditional = both / (both + draws["sigma"] ** 2)
    for values in (1000, 1 << 20):
        monkeypatch.setattr(rowwise, "_CHUNK_VALUES", values)
        np.testing.assert_allclose(model.r2(idata, False, group_effects=False), marginal.ravel(), rtol=1e-10)
        np.testing.assert_allclose(model.r2(idata, summary=False), conditional.ravel(), rtol=1e-10)


def test_marginal_r2_of_models_without_groups_is_r2_and_other_arguments_are_refused():
    model, idata = fitted("y ~ x + g", make_frame())
    pd.testing.assert_series_equal(model.r2(idata, group_effects=False), model.r2(idata))
    with pytest.raises(DataTypeError, match="group_effects must be True or False, not 'none'"):
        model.r2(idata, group_effects="none")


def test_draws_of_another_model_and_missing_rows_are_refused(mesquite):
    frame, model, idata = mesquite
    other = fb.Model("weight ~ diam1", frame)
    loaded = copy.copy(model)
    loaded._regression = dataclasses.replace(model.regression, rows=None)
    for name in ("log_likelihood", "r2"):
        with pytest.raises(SettingError, match=r"draws of another model.*'weight ~ diam1'"):
            getattr(other, name)(idata)
        with pytest.raises(DataError, match="loaded from a file, which has no rows"):
            getattr(loaded, name)(idata)
