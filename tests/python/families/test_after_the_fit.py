"""Everything that follows a fit, for every family: predictions, log likelihoods, R², priors' draws, tables, a file."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from family_models import DISTRIBUTIONS, N, fitted, frame, log_density, model, quickly, response
from filbert.families import FAMILIES
from filbert.families.links import LINKS

every_family = pytest.mark.parametrize("name", FAMILIES)


def draws_of(idata: object, name: str) -> np.ndarray:
    """All draws of a parameter, the draws last."""
    values = np.asarray(idata["posterior"][name])
    return np.moveaxis(values, (0, 1), (-2, -1)).reshape(*values.shape[2:], -1)


def parent_by_hand(name: str, idata: object, data: pd.DataFrame) -> np.ndarray:
    """The parent parameter, (rows, draws)."""
    g = draws_of(idata, "g")
    eta = draws_of(idata, "Intercept") + data["x"].to_numpy()[:, None] * draws_of(idata, "x")
    eta += data["o"].to_numpy()[:, None]
    eta += (data["g"] == "b").to_numpy()[:, None] * g[0] + (data["g"] == "c").to_numpy()[:, None] * g[1]
    return LINKS[FAMILIES[name].links[0]].inverse(eta)


def distribution(name: str, idata: object, data: pd.DataFrame) -> object:
    auxiliaries = {auxiliary: draws_of(idata, auxiliary) for auxiliary in FAMILIES[name].auxiliaries}
    return DISTRIBUTIONS[name](parent_by_hand(name, idata, data), data["n"].to_numpy(), auxiliaries)


@every_family
def test_predict_fitted_rows(name: str) -> None:
    made, idata = fitted(name)
    added = made.predict(idata, kind="response", inplace=False, random_seed=3)
    parent = draws_of(added, FAMILIES[name].parent)
    np.testing.assert_allclose(parent, parent_by_hand(name, idata, frame()), rtol=1e-9)
    drawn = np.asarray(added["posterior_predictive"][response(name)])
    assert drawn.shape == (4, 100, N)
    y = frame()[f"y_{name}"].to_numpy()
    made.regression.family.check_response("y", drawn.reshape(-1), np.tile(frame()["n"], 400).astype(float), None)
    assert abs(np.mean(drawn) - y.mean()) < 6 * y.std() / np.sqrt(N)


@every_family
def test_predict_new_rows(name: str) -> None:
    """New rows need predictors and offset; trials only where responses are drawn, and successes never."""
    made, idata = fitted(name)
    new = frame(99)[["x", "g", "o"]].head(7)
    added = made.predict(idata, data=new, inplace=False)
    parent = np.asarray(added["predictions"][FAMILIES[name].parent])
    np.testing.assert_allclose(parent.reshape(-1, 7).T, parent_by_hand(name, idata, new), rtol=1e-9)
    if FAMILIES[name].has_trials:
        with pytest.raises(
            ValueError, match=r"lack column 'n', the trials of 'p\(\w+, n\)', which draws of the response"
        ):
            made.predict(idata, kind="response", data=new)
        with pytest.raises(ValueError, match="'n'"):
            fb.predictions(made, idata, data=new, pps=True)
        new = new.assign(n=1000)
    added = made.predict(idata, kind="response", data=new, inplace=False, random_seed=3)
    drawn = np.asarray(added["predictions"][response(name)])
    assert drawn.shape == (4, 100, 7)
    if FAMILIES[name].has_trials:
        assert drawn.max() > 12
    table = fb.predictions(made, idata, data=new, pps=True, random_seed=3)
    np.testing.assert_allclose(table["mean"], drawn.mean(axis=(0, 1)), rtol=1e-9)


@pytest.mark.parametrize("name", ["binomial", "beta_binomial"])
@pytest.mark.parametrize("trials", ["n_zero", "n_fraction", "n_missing"])
def test_bad_trials_of_new_rows_are_named(name: str, trials: str) -> None:
    made, idata = fitted(name)
    new = frame().head(3)[["x", "g", "o"]]
    bad = {"n_zero": [3, 0, 2], "n_fraction": [3, 2.5, 2], "n_missing": [3, np.nan, 2]}[trials]
    with pytest.raises(ValueError, match=r"'?n'?.*row 1"):
        made.predict(idata, kind="response", data=new.assign(n=bad))


def test_a_grid_has_no_trials() -> None:
    made, idata = fitted("binomial")
    with pytest.raises(ValueError, match=r"conditional makes rows without the trials .* column 'n'"):
        fb.predictions(made, idata, conditional="x", pps=True)
    constant = fb.Model("p(y_binomial, 20) ~ x", frame(), family="binomial")
    assert len(fb.predictions(constant, quickly(constant), conditional={"x": [0, 1]}, pps=True)) == 2


@every_family
def test_log_likelihood_is_scipys(name: str) -> None:
    made, idata = fitted(name)
    found = np.asarray(made.log_likelihood(idata, inplace=False)["log_likelihood"][response(name)]).reshape(-1, N).T
    expected = log_density(distribution(name, idata, frame()), frame()[f"y_{name}"].to_numpy()[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@every_family
def test_weights_multiply_log_likelihoods(name: str) -> None:
    weighted = model(name, weights="w")
    idata = quickly(weighted)
    found = np.asarray(weighted.log_likelihood(idata, inplace=False)["log_likelihood"][response(name)]).reshape(-1, N).T
    rows = log_density(distribution(name, idata, frame()), frame()[f"y_{name}"].to_numpy()[:, None])
    np.testing.assert_allclose(found, frame()["w"].to_numpy()[:, None] * rows, rtol=1e-8, atol=1e-8)


@every_family
def test_r2_is_model_based(name: str) -> None:
    """Gelman et al. (2019): variance of fitted responses over that and the family's mean variance, draw by draw."""
    made, idata = fitted(name)
    mean, variance = distribution(name, idata, frame()).stats(moments="mv")
    mean, variance = (np.broadcast_to(values, (N, 400)) for values in (mean, variance))
    explained = mean.var(axis=0, ddof=1)
    with np.errstate(invalid="ignore"):
        expected = explained / (explained + np.nan_to_num(variance, nan=np.inf, posinf=np.inf).mean(axis=0))
    np.testing.assert_allclose(made.r2(idata, summary=False), expected, rtol=1e-8)
    assert 0 < made.r2(idata)["r2"] < 1


def test_r2_of_binomial_rows_is_of_counts() -> None:
    """bambi 0.21 compares probabilities with counts, and finds an R² near 0."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=200), "n": 30})
    data["k"] = rng.binomial(30, 1 / (1 + np.exp(-1.5 * data["x"])))
    made = fb.Model("p(k, n) ~ x", data, family="binomial")
    assert made.r2(quickly(made))["r2"] > 0.85


@every_family
def test_prior_predictive(name: str) -> None:
    made, _ = fitted(name)
    drawn = made.prior_predictive(draws=50, random_seed=2)
    values = np.asarray(drawn["prior_predictive"][response(name)])
    assert values.shape == (1, 50, N)
    np.testing.assert_array_equal(
        values, np.asarray(made.prior_predictive(draws=50, random_seed=2)["prior_predictive"][response(name)])
    )


@every_family
def test_tables(name: str) -> None:
    made, idata = fitted(name)
    summary = fb.summary(made, idata)
    assert list(summary.index) == ["Intercept", "x", "g[b]", "g[c]", *FAMILIES[name].auxiliaries]
    assert len(fb.predictions(made, idata)) == N
    assert len(fb.predictions(made, idata, conditional="x")) > 5
    change = fb.comparisons(made, idata, contrast={"x": [0, 1]}, average_by="all")
    assert np.isfinite(change["mean"]).all()
    slope = fb.slopes(made, idata, wrt="x", average_by="all")
    assert np.sign(slope["mean"].iloc[0]) == np.sign(summary.loc["x", "mean"])
    link = fb.comparisons(made, idata, contrast={"x": [0, 1]}, scale="link", average_by="all")
    assert link["mean"].iloc[0] == pytest.approx(summary.loc["x", "mean"])
    drawn = fb.comparisons(made, idata, contrast={"x": [0, 1]}, target=response(name), average_by="all")
    assert np.isfinite(drawn["mean"]).all()


@every_family
def test_a_file_a_copy_and_a_pickle_predict_the_same(name: str, tmp_path: Path) -> None:
    made, idata = fitted(name)
    made.save(tmp_path / "model.filbert")
    new = frame(5).drop(columns=f"y_{name}")
    expected = fb.predictions(made, idata, data=new, pps=True, random_seed=1)
    for other in (fb.load(tmp_path / "model.filbert"), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        pd.testing.assert_frame_equal(fb.predictions(other, idata, data=new, pps=True, random_seed=1), expected)


@every_family
def test_the_container_says_what_was_fitted(name: str) -> None:
    _, idata = fitted(name)
    attributes = idata["posterior"].attrs
    assert (attributes["family"], attributes["link"]) == (name, FAMILIES[name].links[0])
    assert attributes["auxiliaries"] == ", ".join(FAMILIES[name].auxiliaries)
    assert attributes["sampler"] in ("nuts", "independence")
