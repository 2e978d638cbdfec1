"""Models of summaries alone have the posterior of the rows, and pooled summaries that of all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError, DataTypeError, FilbertError, SettingError
from refusals import refused

RNG = np.random.default_rng(3)
N = 120
FRAME = pd.DataFrame(
    {"x": RNG.normal(5, 2, N), "z": RNG.normal(size=N), "g": RNG.choice(["a", "b", "c"], N), "w": RNG.uniform(0, 2, N)}
)
FRAME["y"] = np.exp(0.2 * FRAME.x + (FRAME.g == "b") + RNG.normal(0, 0.4, N))


def density(model: fb.Model) -> np.ndarray:
    """Log posterior densities at a few points."""
    regression = model.regression
    posterior = regression.family.summary_posterior(regression)
    points = np.random.default_rng(1).normal(size=(5, posterior.dimension))
    return np.array([posterior.log_density(point)[0] for point in points])


def drawn(model: fb.Model) -> Any:
    return model.fit(draws=200, chains=2, random_seed=1, progressbar=False, compute_convergence_checks=False)


@pytest.mark.parametrize("family", ["gaussian", "lognormal"])
@pytest.mark.parametrize("options", [{}, {"center_predictors": False}, {"auto_scale": False}])
def test_the_posterior_is_that_of_the_rows(family: str, options: dict[str, Any], tmp_path: Path) -> None:
    priors = {"x": fb.Normal(0, 2), "sigma": fb.HalfNormal(3)}
    model = fb.Model("y ~ x + z", FRAME, family=family, weights="w", priors=priors, **options)
    model.sufficient_statistics.save(tmp_path / "s")
    summary = fb.SufficientStatistics.load(tmp_path / "s")
    bare = fb.Model.from_summary(summary, family=family, priors=priors, **options)
    np.testing.assert_array_equal(density(bare), density(model))
    assert bare.regression.response == "y"
    assert bare.priors == model.priors
    for name, values in drawn(model)["posterior"].items():
        np.testing.assert_array_equal(drawn(bare)["posterior"][name], values)
    summary.update(np.ones((9, 2)), np.ones(9))  # a copy was taken
    np.testing.assert_array_equal(density(bare), density(model))


def test_it_predicts_is_saved_and_takes_other_priors(tmp_path: Path) -> None:
    model = fb.Model("y ~ x + g", FRAME)
    bare = fb.Model.from_summary(model.sufficient_statistics)
    assert bare.formula == "y ~ 1 + x + `g[T.b]` + `g[T.c]`"
    idata = drawn(bare)
    new = pd.DataFrame({"x": [4.0, 6], "g[T.b]": [0, 1], "g[T.c]": [1, 0]})
    expected = fb.predictions(model, drawn(model), data=pd.DataFrame({"x": [4.0, 6], "g": ["c", "b"]}))
    for each in (bare, _saved(bare, tmp_path)):
        table = fb.predictions(each, idata, data=new)
        np.testing.assert_allclose(table["mean"], expected["mean"])
        each.set_priors(common=fb.Normal(0, 1))
        assert each.priors["g[T.b]"] == fb.Normal(0, 1)
    grid = fb.predictions(bare, idata, conditional="x")["x"]
    assert grid.min() == pytest.approx(FRAME.x.mean() - 2 * FRAME.x.std(ddof=0))
    assert bare.design.predictors["g[T.b]"].quantiles[::4] == (0, 1)
    refused(DataError, lambda: bare.predict(idata), "no rows")


def test_it_is_updated_with_rows_that_have_its_columns() -> None:
    columns = FRAME.assign(**{"g[T.b]": FRAME.g == "b", "g[T.c]": FRAME.g == "c"})
    bare = fb.Model.from_summary(fb.Model("y ~ x + g", FRAME[:60]).sufficient_statistics)
    bare.update(columns[60:])
    np.testing.assert_allclose(density(bare), density(fb.Model("y ~ x + g", FRAME)), rtol=1e-10)
    refused(DataError, lambda: bare.update(FRAME), "'g[T.b]', 'g[T.c]'")


def _saved(model: fb.Model, folder: Path) -> fb.Model:
    model.save(folder / "m")
    return fb.load(folder / "m")


def test_names_that_are_given() -> None:
    rows = FRAME[["x", "z"]].to_numpy(), FRAME.y.to_numpy()
    bare = fb.Model.from_summary(fb.SufficientStatistics.from_arrays(*rows), ["x", "z"], "y")
    np.testing.assert_array_equal(density(bare), density(fb.Model("y ~ x + z", FRAME)))
    without = fb.Model.from_summary(fb.SufficientStatistics.from_arrays(*rows), ["x", "z"], has_intercept=False)
    np.testing.assert_array_equal(density(without), density(fb.Model("y ~ 0 + x + z", FRAME)))
    assert fb.Model.from_summary(fb.Model("y ~ 0 + x", FRAME).sufficient_statistics).formula == "y ~ 0 + x"
    logarithms = fb.SufficientStatistics.from_arrays(rows[0], np.log(rows[1]))
    lognormal = fb.Model.from_summary(logarithms, ["x", "z"], "log(y)", family="lognormal")
    np.testing.assert_array_equal(density(lognormal), density(fb.Model("y ~ x + z", FRAME, family="lognormal")))


def test_sites_pool_what_one_model_summarises(tmp_path: Path) -> None:
    whole = fb.Model("y ~ x * g", FRAME)
    fb.Model("y ~ x * g", FRAME[::10]).save(tmp_path / "template")
    sites = [FRAME[FRAME.g == "a"], FRAME[FRAME.g != "a"][:30], FRAME[FRAME.g != "a"][30:]]
    for number, rows in enumerate(sites):
        fb.load(tmp_path / "template").summarise(rows).save(tmp_path / str(number))
    first, *others = (fb.SufficientStatistics.load(tmp_path / str(number)) for number in range(3))
    for other in others:
        first.merge(other)
    pooled = fb.Model.from_summary(first, like=fb.load(tmp_path / "template"))
    np.testing.assert_allclose(density(pooled), density(whole), rtol=1e-10)
    assert pooled.formula == "y ~ x * g"
    new = pd.DataFrame({"x": [4.0, 6], "g": ["c", "b"]})
    assert len(fb.predictions(pooled, drawn(pooled), data=new)) == 2
    pooled.update(FRAME[:7])
    whole.update(FRAME[:7])
    np.testing.assert_allclose(density(pooled), density(whole), rtol=1e-10)


def test_what_does_not_fit_is_refused() -> None:
    model = fb.Model("y ~ x + g", FRAME)
    summary = model.sufficient_statistics
    make = fb.Model.from_summary
    unnamed = fb.SufficientStatistics.from_state(summary.state())
    refused(DataError, lambda: make(unnamed), "3 columns", "columns=")
    refused(DataError, lambda: make(unnamed, ["a"]), "1 name for 3 columns")
    refused(DataError, lambda: make(summary, ["a", "b", "c"]), "'a', 'b', 'c'", "Leave columns= out")
    refused(DataError, lambda: make(summary, response="z"), "'z'", "'y'")
    refused(DataError, lambda: make(summary, has_intercept=False), "has_intercept")
    refused(DataError, lambda: make(summary, family="lognormal"), "log(y)", "'y'")
    refused(SettingError, lambda: make(summary, family="poisson"), "'poisson'", "needs rows")
    refused(SettingError, lambda: make(summary, priors={"sigma": 2}), "known sigma")  # type: ignore[dict-item]
    refused(DataTypeError, lambda: make(FRAME), "DataFrame")  # type: ignore[arg-type]
    refused(DataError, lambda: make(fb.SufficientStatistics(["x"])), "no rows")
    constant = fb.SufficientStatistics.from_arrays(np.ones((5, 1)), np.arange(5.0))
    refused(DataError, lambda: make(constant, ["x"]), "'x'", "constant")
    refused(FilbertError, lambda: make(summary, priors={"q": fb.Normal(0, 1)}), "'q'")


def test_models_that_a_summary_is_not_of_are_refused() -> None:
    summary = fb.Model("y ~ x + g", FRAME).sufficient_statistics
    make = fb.Model.from_summary
    refused(DataError, lambda: make(summary, like=fb.Model("y ~ x", FRAME)), "'g[T.b]'")
    refused(DataError, lambda: make(summary, like=fb.Model("y ~ x + g", FRAME, offset="z")), "offset")
    refused(SettingError, lambda: make(summary, like=fb.Model("y ~ x + g + (1 | g)", FRAME)), "(1 | g)")
    refused(SettingError, lambda: make(summary, ["a"], like=fb.Model("y ~ x + g", FRAME)), "like=")
    refused(DataTypeError, lambda: make(summary, like=3), "int")  # type: ignore[arg-type]
    poisson = fb.Model("y ~ x + g", FRAME.assign(y=FRAME.y.round()), family="poisson")
    refused(SettingError, lambda: make(summary, like=poisson), "'poisson'")
    unnamed = fb.SufficientStatistics.from_state(summary.state())
    refused(DataError, lambda: make(unnamed, like=fb.Model("y ~ x", FRAME)), "3 columns", "1")
    assert make(unnamed, like=fb.Model("y ~ x + g", FRAME)).formula == "y ~ x + g"


def test_what_the_documentation_says_of_disclosure() -> None:
    one_row = FRAME.assign(g=np.where(FRAME.index == 17, "d", FRAME.g))
    summary = fb.Model("y ~ x + g", one_row).sufficient_statistics
    factor, mean, exponents, weight, _ = summary.state()
    scaled = factor * 2.0**exponents
    sums = scaled.T @ scaled + weight * np.outer(mean, mean)
    level = 1 + ["b", "c", "d"].index("d")
    assert sums[level, level] == pytest.approx(1)  # how many rows the level has
    np.testing.assert_allclose(sums[level, [0, -1]], FRAME.loc[17, ["x", "y"]].to_numpy(float), rtol=1e-9)
    # To a factor of two or so, the largest deviation of a single block.
    assert 1 <= 2.0 ** exponents[0] / np.abs(FRAME.x - FRAME.x.mean()).max() <= 2.01
