"""Model.predict: groups and names, fitted rows as new rows, and every refusal."""

from __future__ import annotations

import copy
import dataclasses
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import ARVIZ_MAJOR
from design_checks import make_frame
from filbert.errors import DataError, DataTypeError, FormulaError, SettingError
from filbert.predict import posterior_predictive

FORMULAS = [
    "y ~ x + z",
    "y ~ 1",
    "y ~ 0 + x",
    "y ~ bs(x, df=5)",
    "y ~ poly(x, 3)",
    "y ~ scale(x) + center(z)",
    "y ~ g",
    "y ~ 0 + g",
    "y ~ C(g, 'b')",
    "y ~ C(g, contr.sum)",
    "y ~ C(g, contr.helmert) + C(k)",
    "y ~ x*g + g:h",
    "y ~ scale(x):g + h*z",
    "y ~ x + offset(z)",
    "y ~ I(x**2) + log(x) + I(x / 2)",
    "y ~ twice(x) + flag",
    "log(y) ~ np.sqrt(x)",
]


def fitted(formula="y ~ x + g", frame=None, **arguments):
    frame = make_frame() if frame is None else frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws are enough here
        model = fb.Model(formula, frame, **arguments)
        return model, model.fit(draws=50, tune=150, chains=2, random_seed=1, progressbar=False), frame


def values(idata, group, name):
    return np.asarray(idata[group][name])


def groups(idata):
    return set(idata.children) if ARVIZ_MAJOR >= 1 else set(idata.groups())


@pytest.fixture(scope="module")
def made():
    return fitted()


@pytest.fixture
def fresh(made):
    model, idata, frame = made
    return model, copy.deepcopy(idata), frame


@pytest.mark.parametrize("formula", FORMULAS)
def test_fitted_rows_as_new_rows_get_the_same_numbers(formula):
    model, idata, frame = fitted(formula, extra_namespace={"twice": lambda x: 2 * x})
    model.predict(idata, kind="response", random_seed=3)
    order = np.random.default_rng(1).permutation(len(frame))
    response = formula.partition(" ~")[0]
    for where in (np.arange(len(frame)), order, order[:7], order[:1]):
        model.predict(idata, kind="response", data=frame.iloc[where].drop(columns="y"), random_seed=3)
        for group, name in (("posterior", "mu"), ("posterior_predictive", response)):
            np.testing.assert_array_equal(values(idata, "predictions", name), values(idata, group, name)[..., where])


def test_a_transform_with_forgotten_state_would_be_noticed(fresh):
    """The check above must be able to fail: a mean taken anew from the new rows differs."""
    frame = make_frame()
    _, idata, _ = fitted("y ~ scale(x)", frame)
    half = frame.iloc[:30]
    forgotten = fb.Model("y ~ scale(x)", half)
    idata["posterior"].attrs.pop("model_fingerprint")  # which would have told
    forgotten.predict(idata, kind="response_params")
    anew = values(idata, "posterior", "mu")
    fb.Model("y ~ scale(x)", frame).predict(idata, data=half)
    assert np.abs(anew - values(idata, "predictions", "mu")).max() > 1e-3


def test_means_are_those_of_the_formula_with_offsets_of_both_kinds():
    model, idata, frame = fitted("y ~ x + offset(z)", offset="k", weights="w")
    assert model.predict(idata) is None
    intercept, slope = values(idata, "posterior", "Intercept"), values(idata, "posterior", "x")
    expected = intercept[..., None] + slope[..., None] * frame.x.to_numpy() + (frame.z + frame.k).to_numpy()
    np.testing.assert_allclose(values(idata, "posterior", "mu"), expected, rtol=1e-12)
    new = frame[["x", "z", "k"]].iloc[5:9]  # weights are not needed
    model.predict(idata, data=new)
    np.testing.assert_array_equal(values(idata, "predictions", "mu"), values(idata, "posterior", "mu")[..., 5:9])


def test_groups_variables_and_coordinates(fresh):
    model, idata, frame = fresh
    before = groups(idata)
    model.predict(idata)
    assert groups(idata) == before
    assert idata["posterior"]["mu"].dims == ("chain", "draw", "__obs__")
    model.predict(idata, kind="response", random_seed=1)
    assert groups(idata) == before | {"posterior_predictive"}
    assert list(idata["posterior_predictive"].data_vars) == ["y"]
    np.testing.assert_array_equal(
        idata["posterior_predictive"]["__obs__"].to_numpy(), idata["observed_data"]["__obs__"].to_numpy()
    )
    model.predict(idata, data=frame.iloc[:3])
    assert list(idata["predictions"].data_vars) == ["mu"]
    model.predict(idata, kind="response", data=frame.iloc[:4])
    assert set(idata["predictions"].data_vars) == {"mu", "y"}
    assert set(idata["predictions_constant_data"].data_vars) == {"x", "g"}
    assert values(idata, "predictions_constant_data", "g").tolist() == frame.g.iloc[:4].tolist()
    assert idata["predictions"].sizes["__obs__"] == 4
    assert idata["predictions"].attrs["inference_library"] == "filbert"
    assert idata["posterior"].attrs["formula"] == "y ~ x + g"
    assert len(fb.summary(idata)) == 5  # predictions are not parameters


def test_a_new_container_leaves_the_old_one_as_it_was(fresh):
    model, idata, frame = fresh
    before = groups(idata)
    new = model.predict(idata, kind="response", inplace=False)
    assert type(new) is type(idata)
    assert groups(new) == before | {"posterior_predictive"}
    new = model.predict(new, data=frame.iloc[:2], inplace=False)
    assert groups(new) == before | {"posterior_predictive", "predictions", "predictions_constant_data"}
    assert groups(idata) == before
    assert "mu" not in idata["posterior"].data_vars
    assert "__obs__" not in idata["posterior"].dims


def test_seeds(fresh):
    model, idata, _ = fresh

    def drawn(seed):
        return values(model.predict(idata, "response", inplace=False, random_seed=seed), "posterior_predictive", "y")

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.any(drawn(1) == drawn(2))
    assert not np.any(drawn(None) == drawn(None))
    np.testing.assert_array_equal(drawn(np.random.default_rng(1)), drawn(np.random.default_rng(1)))


def test_equal_labels_get_noise_of_their_own(fresh):
    model, idata, frame = fresh
    twice = pd.concat([frame.iloc[:1], frame.iloc[:1]])
    model.predict(idata, "response", data=twice, random_seed=1)
    noise = values(idata, "predictions", "y") - values(idata, "predictions", "mu")
    assert not np.any(noise[..., 0] == noise[..., 1])


def test_names_with_a_division_are_stored_and_read_again():
    model, idata, frame = fitted("y ~ I(x / 2)")
    model.predict(idata, "response", data=frame)
    assert idata["predictions"].sizes["__obs__"] == 60


def test_predictions_after_a_file_and_on_fewer_draws(fresh, tmp_path):
    model, idata, frame = fresh
    idata.to_netcdf(tmp_path / "fit.nc")
    if ARVIZ_MAJOR >= 1:
        import xarray as xr

        again = xr.open_datatree(tmp_path / "fit.nc")
    else:
        import arviz

        again = arviz.from_netcdf(tmp_path / "fit.nc")
    model.predict(idata)
    model.predict(again)
    np.testing.assert_array_equal(values(again, "posterior", "mu"), values(idata, "posterior", "mu"))
    again.close()
    few = idata.isel(draw=slice(None, None, 10))
    model.predict(few, data=frame)
    np.testing.assert_array_equal(values(few, "predictions", "mu"), values(idata, "posterior", "mu")[:, ::10])


def test_rows_with_missing_values_are_dropped_and_counted_as_the_model_was_made(caplog, fresh):
    strict, idata, frame = fresh
    new = frame.assign(x=frame.x.where(frame.index != 103))
    with pytest.raises(DataError, match=r"'x' has 1 missing value \(row 103\)"):
        strict.predict(idata, data=new)
    lenient = fb.Model("y ~ x + g", frame, dropna=True)
    with caplog.at_level("INFO", "filbert"):
        lenient.predict(idata, data=new)
    assert idata["predictions"].sizes["__obs__"] == 59
    assert "removing 1/60 rows" in caplog.text


def test_bad_rows_are_named_and_nothing_is_lost(fresh):
    model, idata, frame = fresh
    model.predict(idata, data=frame.iloc[:3])
    for new, error, message in [
        (frame.assign(g="zz"), DataError, "'zz'"),
        (frame.drop(columns="x"), DataError, "'x'"),
        (frame.iloc[:0], DataError, "no rows"),
        ([1, 2], DataTypeError, "data must be a data frame"),
    ]:
        with pytest.raises(error, match=message):
            model.predict(idata, data=new)
    assert idata["predictions"].sizes["__obs__"] == 3


@pytest.mark.parametrize(("kind", "instead"), [("mean", "response_params"), ("pps", "response")])
def test_old_kinds_are_told_their_new_names(fresh, kind, instead):
    with pytest.raises(SettingError, match=f"kind must be .* '{kind}' is now called '{instead}'"):
        fresh[0].predict(fresh[1], kind=kind)


def test_unknown_kinds_are_refused(fresh):
    model, idata, frame = fresh
    with pytest.raises(SettingError, match=r"kind must be 'response_params' .* not 'draws'"):
        model.predict(idata, kind="draws")
    with pytest.raises(DataTypeError, match="kind must be 'response_params' or 'response', not"):
        model.predict(idata, kind=frame)


def test_draws_that_do_not_fit_the_model_are_refused(fresh):
    _, idata, frame = fresh
    with pytest.raises(SettingError, match=r"of 'y ~ x \+ g' .* is 'y ~ x \+ z'"):
        fb.Model("y ~ x + z", frame).predict(idata)
    renamed = frame.assign(g=frame.g.replace({"c": "d"}))
    with pytest.raises(SettingError, match="levels or columns have learnt from other data"):
        fb.Model("y ~ x + g", renamed).predict(idata)


def test_a_model_without_rows_predicts_new_ones_only(fresh):
    model, idata, frame = fresh
    loaded = copy.copy(model)
    loaded._regression = dataclasses.replace(model.regression, rows=None)
    with pytest.raises(DataError, match=r"loaded from a file, which has no rows.*data="):
        loaded.predict(idata)
    loaded.predict(idata, data=frame)
    assert idata["predictions"].sizes["__obs__"] == 60


def test_too_many_draws_for_the_memory_are_refused_with_the_remedy(monkeypatch, fresh):
    model, idata, frame = fresh
    monkeypatch.setattr(posterior_predictive, "available_memory", lambda: 40_000)
    with pytest.raises(
        DataError, match=r"60 rows \(100 each\) take 4.8e-05 GB, and 4e-05 GB are free. Use fb.predictions"
    ):
        model.predict(idata)
    model.predict(idata, data=frame.iloc[:50])
    with pytest.raises(DataError, match="Draws of 50 rows"):
        model.predict(idata, kind="response", data=frame.iloc[:50])


def test_an_allocation_that_fails_gets_the_same_message(monkeypatch):
    def fail(shape):
        raise MemoryError

    monkeypatch.setattr(posterior_predictive, "available_memory", lambda: None)
    monkeypatch.setattr(posterior_predictive.np, "empty", fail)
    with pytest.raises(DataError, match=r"take 4.8e-05 GB. Use fb.predictions"):
        posterior_predictive.new_arrays(1, (2, 50), 60)


def test_a_column_called_mu_is_refused_where_it_would_be_overwritten():
    frame = make_frame().rename(columns={"x": "mu"})
    model, idata, _ = fitted("y ~ mu", frame)
    slope = values(idata, "posterior", "mu")
    with pytest.raises(FormulaError, match="is stored as 'mu', and so is a term of the model: rename that column"):
        model.predict(idata)
    model.predict(idata, kind="response", data=frame)
    np.testing.assert_array_equal(values(idata, "posterior", "mu"), slope)
    frame = make_frame().rename(columns={"y": "mu"})
    model, idata, _ = fitted("mu ~ x", frame)
    model.predict(idata, kind="response")
    assert list(idata["posterior_predictive"].data_vars) == ["mu"]
    with pytest.raises(FormulaError, match="so is a response of the model"):
        model.predict(idata, kind="response", data=frame)
