"""A factor of many levels that is kept by level states the model that its columns do, or says why it cannot."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError, DataWarning, ModelFileError, PriorError, SettingError
from filbert.formula import levels
from filbert.formula.namespace import make_namespace
from filbert.storage.reading import restored
from filbert.storage.writing import content_of
from refusals import refused

N_LEVELS = 30
FORMULAS = ["y ~ x + g", "y ~ C(g) + x + f", "y ~ 0 + x + g + f", "y ~ 0 + f + g + x", "y ~ g", "y ~ g + offset(z) + x"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n = 20 * N_LEVELS
    codes = np.concatenate([np.arange(N_LEVELS), rng.integers(0, N_LEVELS, n - N_LEVELS)])
    x = rng.normal(size=n) + 0.1 * codes
    frame = pd.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=n),
            "w": rng.integers(1, 4, n).astype(float),
            "k": codes + 0.0,
            "g": [f"level {code:02d}" for code in codes],
            "h": [f"{code:02d} levels" for code in rng.permutation(codes)],
            "f": rng.choice(["a", "b", "c"], n),
        }
    )
    frame["y"] = 4 + x + 2 * rng.normal(size=N_LEVELS)[codes] + rng.normal(size=n)
    return frame


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[..., fb.Model]:
    """Make a model that keeps factors of more than ten levels by level."""

    def make(*args: Any, **options: Any) -> fb.Model:
        with monkeypatch.context() as patch:
            patch.setattr(levels, "MOST_WITH_COLUMNS", 10)
            model = fb.Model(*args, **options)
        assert model.regression.by_level is not None
        return model

    return make


def log_densities(model: fb.Model, sigmas: np.ndarray) -> np.ndarray:
    posterior = model.family.levelled_posterior(model.regression)  # type: ignore[attr-defined]
    return np.array([posterior.log_density(posterior.position(np.array([sigma])))[0] for sigma in sigmas])


def dense_log_densities(model: fb.Model, frame: pd.DataFrame, sigmas: np.ndarray, at_means: bool) -> np.ndarray:
    """Log marginal densities of log sigma of a model whose factors have columns, from its matrix and its priors."""
    X = np.concatenate([block.X for block in model.regression.rows.blocks()])  # type: ignore[union-attr]
    X = np.column_stack([np.ones(len(X)), X])
    means, deviations = [], []
    for parameter in model.regression.coefficients:
        params = parameter.prior.params
        means += [*np.broadcast_to(params["mu"], parameter.rows.size)]
        deviations += [*np.broadcast_to(params["sigma"], parameter.rows.size)]
    to_zero = np.eye(X.shape[1])
    if at_means:
        to_zero[0, 1:] = -X[:, 1:].mean(axis=0)
    root = X @ to_zero * deviations
    off = frame["y"].to_numpy() - X @ to_zero @ means
    (name, (nu, scale)) = model.regression.auxiliary_priors["sigma"]
    assert name == "HalfStudentT"
    found = []
    for sigma in sigmas:
        covariance = root @ root.T + sigma**2 * np.eye(len(X))
        _, log_det = np.linalg.slogdet(covariance)
        prior = fb._core.prior_log_density(name, (nu, scale), sigma)[0] + np.log(sigma)  # type: ignore[attr-defined]
        found.append(-0.5 * (off @ np.linalg.solve(covariance, off) + log_det + len(X) * np.log(2 * np.pi)) + prior)
    return np.array(found)


def test_the_density_of_sigma_is_that_of_300_columns() -> None:
    rng = np.random.default_rng(4)
    codes = np.concatenate([np.arange(300), rng.integers(0, 300, 600)])
    frame = pd.DataFrame({"x": rng.normal(size=900) + 0.01 * codes, "g": [f"g{code:03d}" for code in codes]})
    frame["y"] = 10 + frame.x + rng.normal(size=300)[codes] + rng.normal(size=900)
    sigmas = np.array([0.5, 0.9, 1.1, 2.0, 5.0])
    dense = fb.Model("y ~ x + g", frame)
    assert dense.regression.by_level is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "MOST_WITH_COLUMNS", 100)
        model = fb.Model("y ~ x + g", frame)
    found = log_densities(model, sigmas)
    np.testing.assert_allclose(found, dense_log_densities(dense, frame, sigmas, True), rtol=1e-9)
    # An intercept whose prior leaves the levels' means out is another model.
    wrong = dense_log_densities(dense, frame, sigmas, False)
    assert np.abs(found - wrong).max() > 0.1


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("options", [{}, {"weights": "w"}, {"center_predictors": False}], ids=str)
def test_the_model_is_stated_as_with_columns(
    formula: str, options: dict[str, Any], frame: pd.DataFrame, few: Callable[..., fb.Model]
) -> None:
    dense, model = fb.Model(formula, frame, **options), few(formula, frame, **options)
    assert str(model) == str(dense)
    assert list(model.priors) == list(dense.priors)
    for name, prior in dense.priors.items():
        for key, value in prior.params.items():
            np.testing.assert_allclose(model.priors[name].params[key], value, rtol=1e-10, err_msg=f"{name} {key}")
    expected, found = dense.least_squares(), model.least_squares()
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    for key in ("sigma", "residual_sum_of_squares", "degrees_of_freedom", "rank"):
        assert found.attrs[key] == pytest.approx(expected.attrs[key], rel=1e-10), key
    if "offset" not in formula:
        expected, found = dense.maximum_likelihood(), model.maximum_likelihood()
        assert list(found.index) == list(expected.index)
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        assert found.attrs["log_likelihood"] == pytest.approx(expected.attrs["log_likelihood"], rel=1e-9)


def test_draws_are_laid_out_and_read_as_those_of_columns(frame: pd.DataFrame, few: Callable[..., fb.Model]) -> None:
    dense, model = fb.Model("y ~ g + x", frame), few("y ~ g + x", frame)
    options = {"draws": 500, "random_seed": 1, "progressbar": False}
    expected, found = dense.fit(**options), model.fit(**options)
    assert found["posterior"].attrs["sampler"] == "independence"
    assert list(fb.summary(found).index) == list(fb.summary(expected).index)
    assert found["posterior"]["g"].dims == expected["posterior"]["g"].dims
    assert list(found["posterior"]["g_dim"].to_numpy()) == list(expected["posterior"]["g_dim"].to_numpy())
    scale = fb.predictions(dense, expected)["sd"].to_numpy()
    off = (fb.predictions(model, found)["mean"] - fb.predictions(dense, expected)["mean"]).to_numpy() / scale
    assert np.abs(off).max() < 6 * np.sqrt(2 / 2000)
    # A row's mean is made of its level's coefficient, none of the reference level's.
    rows = frame.groupby("g").head(1)
    means = model.predict(found, data=rows, inplace=False)["predictions"]["mu"].to_numpy()
    posterior = found["posterior"]
    by_level = {level: posterior["g"].sel(g_dim=level).to_numpy() for level in posterior["g_dim"].to_numpy()}
    for place, (x, level) in enumerate(zip(rows.x, rows.g, strict=True)):
        own = posterior["Intercept"].to_numpy() + x * posterior["x"].to_numpy() + by_level.get(level, 0.0)
        np.testing.assert_allclose(means[..., place], own, rtol=1e-10)
    assert model.r2(found)["r2"] == pytest.approx(dense.r2(expected)["r2"], abs=0.01)
    assert model.log_likelihood(found, inplace=False)["log_likelihood"]["y"].shape == (4, 500, len(frame))


def test_coefficients_of_levels_may_be_left_out_and_drawn_later(
    frame: pd.DataFrame, few: Callable[..., fb.Model]
) -> None:
    model = few("y ~ x + g", frame)
    options = {"draws": 200, "random_seed": 3, "progressbar": False, "compute_convergence_checks": False}
    whole, without = model.fit(**options), model.fit(**options, include_group_effects=False)
    assert set(without["posterior"].data_vars) == {"Intercept", "x", "sigma"}
    for name in without["posterior"].data_vars:
        np.testing.assert_array_equal(without["posterior"][name], whole["posterior"][name])
    pd.testing.assert_frame_equal(fb.predictions(model, without), fb.predictions(model, whole))


def test_prior_draws_are_about_the_predictor_means(frame: pd.DataFrame, few: Callable[..., fb.Model]) -> None:
    priors = {"g": fb.Normal(5, 0.01), "x": fb.Normal(0, 0.01), "Intercept": fb.Normal(3, 0.01)}
    model = few("y ~ x + g", frame, priors=priors)
    drawn = model.prior_predictive(draws=200, random_seed=1)["prior"]
    share = (frame.g != frame.g.min()).mean()
    np.testing.assert_allclose(drawn["Intercept"].to_numpy(), 3 - 5 * share, atol=0.2)


@pytest.mark.parametrize("formula", ["y ~ x + g", "y ~ 0 + f + g + x"])
def test_files_updates_and_streams_have_the_same_sums(
    formula: str, frame: pd.DataFrame, few: Callable[..., fb.Model], tmp_path: Path
) -> None:
    model = few(formula, frame)
    expected = model.least_squares()
    parts = [frame.iloc[start : start + 70] for start in range(0, len(frame), 70)]
    streamed = few(formula, fb.stream(lambda: iter(parts)))
    np.testing.assert_allclose(streamed.least_squares(), expected, rtol=1e-9)
    updated = few(formula, frame.iloc[:400])
    updated.update(frame.iloc[400:])
    np.testing.assert_allclose(updated.least_squares(), expected, rtol=1e-9)
    idata = model.fit(draws=50, random_seed=1, progressbar=False, compute_convergence_checks=False)
    model.save(tmp_path / "model")
    for again in (fb.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert str(again) == str(model)
        draws = again.fit(draws=50, random_seed=1, progressbar=False, compute_convergence_checks=False)
        np.testing.assert_array_equal(draws["posterior"]["g"], idata["posterior"]["g"])
        pd.testing.assert_frame_equal(
            fb.predictions(again, idata, data=frame), fb.predictions(model, idata, data=frame)
        )
    again = fb.load(tmp_path / "model")
    again.update(frame.iloc[:100])
    assert again.regression.n_rows == len(frame) + 100


def test_a_file_whose_sums_are_of_other_levels_is_refused(
    frame: pd.DataFrame, few: Callable[..., fb.Model], tmp_path: Path
) -> None:
    namespace = make_namespace({})
    content = content_of(few("y ~ x + g", frame).regression)
    assert restored(content, namespace, {}, None).by_level is not None
    few_levels = {**content, "levels": {**content["levels"], "g": ["a", "b"]}}
    other_family = {**content, "family": "lognormal"}
    no_sums = {**content, "by_level": {**content["by_level"], "summary": None}}
    for wrong in (few_levels, other_family, no_sums):
        with pytest.raises((ModelFileError, ValueError, TypeError)):
            restored(wrong, namespace, {}, None)


def test_what_needs_columns_keeps_them(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "MOST_WITH_COLUMNS", 10)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("y ~ x * g", {}),
        ("y ~ x + C(g, Sum)", {}),
        ("y ~ x + g + (1 | f)", {}),
        ("y ~ x + g", {"priors": {"g": fb.StudentT(4, 0, 1)}}),
        ("y ~ x + g", {"priors": {"common": fb.Laplace(0, 1)}}),
        ("y ~ x + g", {"priors": {"Intercept": fb.StudentT(4, 0, 1)}}),
        ("y ~ x + g", {"auto_scale": False}),
        ("y ~ x + g", {"family": "t"}),
        ("exp(y / 9) ~ x + g", {"family": "lognormal"}),
    ]
    for formula, options in cases:
        assert fb.Model(formula, frame, **options).regression.by_level is None, (formula, options)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(levels, "MOST_LEVELS", 20)
            refused(
                DataError, lambda f=formula, o=options: fb.Model(f, frame, **o), "has 30 levels", "because", "(1 | "
            )
    for options in ({"auto_scale": False, "priors": {"g": fb.Normal(0, 1)}}, {"center_predictors": False}):
        intercept = {"Intercept": fb.StudentT(4, 0, 1)} if "center_predictors" in options else {}
        priors = {**options.pop("priors", {}), **intercept}
        assert fb.Model("y ~ x + g", frame, priors=priors, **options).regression.by_level is not None


def test_only_one_factor_is_kept_by_level(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "MOST_WITH_COLUMNS", 10)
    model = fb.Model("y ~ h + g", frame)
    assert model.regression.by_level is not None
    assert model.regression.by_level.factor == "h"
    assert len(model.design.columns) == N_LEVELS - 1
    monkeypatch.setattr(levels, "MOST_BESIDE", 20)
    assert fb.Model("y ~ h + g", frame).regression.by_level is None
    monkeypatch.setattr(levels, "MOST_LEVELS", 20)
    refused(
        DataError, lambda: fb.Model("y ~ h + g", frame), "The factor 'g' has 30 levels", "largest", "'h'", "(1 | g)"
    )


def test_what_levels_cannot_do_is_refused(frame: pd.DataFrame, few: Callable[..., fb.Model]) -> None:
    model = few("y ~ x + g", frame)
    idata = model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)
    refused(PriorError, lambda: model.set_priors(g=fb.Cauchy(0, 1)), "'g'", "must be Normal", "(1 | g)")
    refused(PriorError, lambda: model.set_priors({"Intercept": fb.Cauchy(0, 1)}), "center_predictors=False")
    model.set_priors(g=fb.Normal(0, 3))
    assert model.priors["g"].params["sigma"] == 3
    refused(SettingError, lambda: model.sufficient_statistics, "30 levels", "model.update(rows)")
    refused(SettingError, lambda: model.summarise(frame), "30 levels", "model.update(rows)")
    summary = fb.Model("y ~ x", frame).sufficient_statistics
    refused(SettingError, lambda: fb.Model.from_summary(summary, like=model), "30 levels")
    refused(DataError, lambda: fb.predictions(model, idata, data=frame.head(2).assign(g="new")), "'new'")
    idle = frame.assign(w=np.where(frame.g == "level 07", 0.0, 1.0))
    refused(DataError, lambda: few("y ~ x + g", idle, weights="w"), "'level 07'", "are 0")
    with pytest.warns(DataWarning, match="'k' does not vary within levels of 'g'"):
        few("y ~ k + g", frame).fit(draws=50, random_seed=1, progressbar=False, compute_convergence_checks=False)
    refused(DataError, few("y ~ k + g", frame).least_squares, "'k' does not vary within levels of 'g'")
    exact = frame.assign(y=frame.k * 2 + frame.x)
    refused(DataError, lambda: few("y ~ x + g", exact).fit(progressbar=False), "fitted exactly")


def test_a_hundred_thousand_levels_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    n_levels = 100_000
    rng = np.random.default_rng(1)
    codes = np.concatenate([np.arange(n_levels), rng.integers(0, n_levels, n_levels)])
    x = rng.normal(size=len(codes))
    y = x + rng.normal(size=n_levels)[codes] + 0.1 * rng.normal(size=len(codes))
    labels = pd.Index([f"g{code}" for code in range(n_levels)])
    model = fb.Model("y ~ x + g", pd.DataFrame({"y": y, "x": x, "g": pd.Categorical.from_codes(codes, labels)}))
    assert model.regression.by_level is not None
    idata = model.fit(draws=10, chains=2, random_seed=1, progressbar=False, compute_convergence_checks=False)
    assert idata["posterior"]["g"].shape == (2, 10, n_levels - 1)
    assert float(idata["posterior"]["x"].mean()) == pytest.approx(model.least_squares().loc["x", "estimate"], abs=0.002)
    monkeypatch.setattr("filbert.sampling.memory.available_memory", lambda: 10**9)
    refused(SettingError, lambda: model.fit(draws=1000, progressbar=False), "A draw has 100002 numbers", "fewer")
