"""Draws are read back in the order of the model, and those of another model are refused, whatever their names."""

from __future__ import annotations

import warnings

import arviz
import filbert as fb
import filbert.explicit as pm
import numpy as np
import pandas as pd
import pytest
from containers import container
from design_checks import make_frame
from filbert.errors import DataTypeError, SettingError
from filbert.regression.fingerprint import fingerprint
from filbert.results.draws import Draws

RNG = np.random.default_rng(1)


def fitted(model, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws are enough here
        return model.fit(draws=100, tune=200, chains=2, random_seed=1, progressbar=False, **options)


@pytest.fixture(scope="module")
def model():
    return fb.Model("y ~ x + g + bs(z, df=4)", make_frame())


@pytest.fixture(scope="module")
def idata(model):
    return fitted(model)


def test_coefficients_are_read_in_the_order_of_the_design(model, idata):
    draws = Draws.read(idata, model.regression)
    coefficients, sigma = draws.coefficients, draws.auxiliaries["sigma"]
    posterior = idata["posterior"]
    assert coefficients.shape == (1 + len(model.design.columns), 200)
    np.testing.assert_array_equal(coefficients[0], np.asarray(posterior["Intercept"]).ravel())
    np.testing.assert_array_equal(sigma, np.asarray(posterior["sigma"]).ravel())
    at = 1 + model.design.columns.index("g[T.c]")
    np.testing.assert_array_equal(coefficients[at], np.asarray(posterior["g"].sel(g_dim="c")).ravel())


def test_levels_in_another_order_are_put_right_and_other_levels_refused():
    frame = make_frame()
    model = fb.Model("y ~ 0 + g", frame)
    draws = RNG.normal(size=(2, 10, 3))
    given = {"g": draws, "sigma": np.ones((2, 10))}
    coefficients = Draws.read(container(given, {"g": ["c", "a", "b"]}), model.regression).coefficients
    np.testing.assert_array_equal(coefficients, draws.reshape(20, 3).T[[1, 2, 0]])
    with pytest.raises(SettingError, match="'g' is about 'a', 'b', 'd', and the model's about 'a', 'b', 'c'"):
        Draws.read(container(given, {"g": ["a", "b", "d"]}), model.regression)


def test_draws_without_a_fingerprint_are_judged_by_their_names(model, idata):
    other = fb.Model("y ~ x + w", make_frame())
    anonymous = container({name: np.asarray(idata["posterior"][name]) for name in ("Intercept", "x", "sigma")})
    with pytest.raises(SettingError, match=r"The posterior lacks 'w', which the model has.*It has 'Intercept', 'x'"):
        Draws.read(anonymous, other.regression)
    scalar = {name: np.ones((2, 10)) for name in ("Intercept", "x", "g", "bs(z, df=4)", "sigma")}
    with pytest.raises(SettingError, match="'g' has the dimensions 'chain', 'draw', and the model expects"):
        Draws.read(container(scalar), model.regression)


@pytest.mark.parametrize("value", [None, 3, [1.0], pd.DataFrame()])
def test_what_is_not_a_container_is_refused(model, value):
    with pytest.raises((DataTypeError, SettingError), match=r"must be what Model.fit returned"):
        Draws.read(value, model.regression)


USES = {
    "predictions": fb.predictions,
    "comparisons": lambda model, idata: fb.comparisons(model, idata, "x"),
    "slopes": lambda model, idata: fb.slopes(model, idata, "x"),
    "predict": lambda model, idata: model.predict(idata, inplace=False),
    "log_likelihood": lambda model, idata: model.log_likelihood(idata, inplace=False),
    "r2": lambda model, idata: model.r2(idata),
    "plot_lm": lambda model, idata: fb.plot_lm(model, idata, x="x"),
    "plot_prior_posterior": fb.plot_prior_posterior,
    "summary": fb.summary,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("y ~ x + z", "w ~ x + z"), ("y ~ x*z", "y ~ x + z"), ("y ~ x + scale(z)", "y ~ x + center(z)")],
)
def test_draws_of_another_model_are_refused_naming_both(use, theirs, ours):
    frame = make_frame()
    idata = fitted(fb.Model(theirs, frame))
    model = fb.Model(ours, frame)
    with pytest.raises(SettingError) as refusal:
        USES[use](model, idata)
    assert theirs in str(refusal.value)
    assert ours in str(refusal.value)


def test_columns_that_learnt_from_other_rows_are_another_model():
    frame = make_frame()
    idata = fitted(fb.Model("y ~ scale(x)", frame))
    other = fb.Model("y ~ scale(x)", frame[frame["x"] > frame["x"].median()])
    with pytest.raises(SettingError, match="learnt from other data"):
        fb.predictions(other, idata)


def test_constants_of_the_formula_and_links_tell_models_apart():
    frame = make_frame()
    model = fb.Model("y ~ I(x * unit)", frame, extra_namespace={"unit": 2.0})
    idata = fitted(model)
    other = fb.Model("y ~ I(x * unit)", frame, extra_namespace={"unit": 3.0})
    with pytest.raises(SettingError, match="constants of the formula are others"):
        fb.predictions(other, idata)
    with pytest.raises(fb.DataError, match="'unit' of extra_namespace is 2 in one and 3 in the other"):
        model.sufficient_statistics.merge(other.sufficient_statistics)
    frame = frame.assign(y=frame.y > frame.y.median())
    logit, probit = (fb.Model("y ~ x", frame, family="bernoulli", link=link) for link in ("logit", "probit"))
    with pytest.raises(SettingError, match=r"link 'logit'.*link 'probit'\)\. Use"):
        fb.predictions(probit, fitted(logit))


def test_the_same_model_made_again_and_selections_of_draws_pass(model, idata, tmp_path):
    again = fb.Model("y ~ x + g + bs(z, df=4)", make_frame(), priors={"x": fb.Normal(0, 1)})
    assert fingerprint(again.regression) == fingerprint(model.regression)
    fb.predictions(again, idata)
    fb.predictions(model, idata.isel(draw=slice(None, None, 7)))
    model.save(tmp_path / "model.filbert")
    fb.predictions(fb.load(tmp_path / "model.filbert"), idata, data=make_frame().head(3))
    idata.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    fb.predictions(model, arviz.from_netcdf(tmp_path / "fit.nc"))


def test_written_out_models_know_their_draws_as_well():
    y = RNG.normal(size=30)
    fits = []
    for column in (RNG.normal(size=30), RNG.normal(size=30)):
        with pm.Model() as model:
            sigma = pm.HalfNormal("sigma", 1)
            slope = pm.Normal("slope", 0, 1)
            pm.Normal("y", mu=slope * column, sigma=sigma, observed=y)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fits.append((model, pm.sample(50, tune=50, random_seed=1, progressbar=False)))
    (first, idata), (second, _) = fits
    pm.sample_posterior_predictive(idata, model=first)
    with pytest.raises(SettingError, match="another model"):
        pm.sample_posterior_predictive(idata, model=second)
