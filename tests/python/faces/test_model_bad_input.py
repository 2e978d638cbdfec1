"""What bad models, data and settings get: one message that names the culprit and the remedy. Frames: test_design_*."""

from __future__ import annotations

import re
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.sampling.problems import diagnosed, warn_about
from filbert.sampling.run import Run
from filbert.sampling.settings import Settings


def frame(n: int = 60, **columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    data = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    data["y"] = 1 + 2 * data["x"] + rng.normal(size=n)
    return data.assign(**columns)


def fit(model: fb.Model, **settings: object):
    return model.fit(**{"random_seed": 1, "progressbar": False, **settings})


def test_a_constant_response() -> None:
    with pytest.raises(fb.DataError, match=r"Response 'y' is constant \(3 in all 60 rows\)"):
        fb.Model("y ~ x", frame(y=3.0))


def test_one_row() -> None:
    with pytest.raises(fb.DataError, match="1 row"):
        fb.Model("y ~ x", frame(1))


def test_a_constant_column_beside_an_intercept() -> None:
    with pytest.raises(fb.DataError, match=r"Column 'c' is constant in all 60 rows.*Leave it out"):
        fb.Model("y ~ x + c", frame(c=0.1))
    assert len(fb.Model("y ~ 0 + x + c", frame(c=0.1)).least_squares()) == 2


def test_a_zero_column_without_an_intercept() -> None:
    with pytest.raises(fb.DataError, match="Column 'c' is 0 in all 60 rows"):
        fb.Model("y ~ 0 + x + c", frame(c=0.0))


def test_exactly_collinear_columns_are_named_together_and_sampled_with_proper_priors() -> None:
    data = frame()
    data["w"] = data["x"] + data["z"]
    with pytest.warns(fb.DataWarning, match=r"'x', 'z', 'w' are exactly collinear.*leave one out"):
        idata = fit(fb.Model("y ~ x + z + w", data))
    assert int(idata["sample_stats"]["diverging"].sum()) == 0


def test_exactly_collinear_columns_are_refused_with_flat_priors() -> None:
    data = frame()
    data["w"] = 2 * data["x"]
    with pytest.raises(fb.DataError, match=r"'x', 'w' are exactly collinear.*improper"):
        fit(fb.Model("y ~ x + w", data, priors={"common": fb.Flat()}))


def test_collinear_columns_of_which_one_has_a_proper_prior_are_sampled() -> None:
    data = frame()
    data["w"] = 2 * data["x"]
    with pytest.warns(fb.DataWarning, match="exactly collinear"):
        fit(fb.Model("y ~ x + w", data, priors={"x": fb.Flat()}))


def test_default_priors_that_overrule_the_data() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(1000, 1, 1000)
    data = pd.DataFrame({"x": x, "y": 0.5 * (x - 1000) ** 2 + rng.normal(0, 0.5, 1000)})
    with pytest.warns(fb.DataWarning) as caught:
        fit(fb.Model("y ~ x + I(x**2)", data))
    (message,) = [str(w.message) for w in caught if w.category is fb.DataWarning]
    assert "default priors overrule the data" in message
    assert "'x', 'I(x ** 2)'" in message
    assert "poly()" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error", fb.DataWarning)
        fit(fb.Model("y ~ poly(x, 2)", data))
        fit(fb.Model("y ~ x + I(x**2)", data, priors={"common": fb.Normal(0, 1e4)}))


def test_a_default_prior_of_the_wrong_scale_is_not_blamed_on_collinear_columns() -> None:
    """Without an intercept the response's mean falls to the slope, which sd(y)/sd(x) says nothing about."""
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"x": rng.normal(10, 1, 200), "y": rng.normal(1000, 1, 200)})
    with pytest.warns(fb.DataWarning, match="default priors overrule the data") as caught:
        fit(fb.Model("y ~ 0 + x", data))
    (message,) = [str(w.message) for w in caught if w.category is fb.DataWarning]
    assert "scale does not suit the data" in message
    assert "priors={'x': Normal(0, ...)}" in message
    for blamed in ("condition number", "Center", "poly"):
        assert blamed not in message


def test_unscaled_priors_are_flat_and_warn_where_sigma_is_overruled() -> None:
    data = frame()
    with warnings.catch_warnings():
        warnings.simplefilter("error", fb.DataWarning)
        idata = fit(fb.Model("y ~ x + z", data, auto_scale=False), draws=2000)
    estimate = fb.Model("y ~ x + z", data).least_squares()["estimate"]
    for name in ("Intercept", "x", "z"):
        draws = idata["posterior"][name]
        assert abs(float(draws.mean()) - estimate[name]) < 5 * float(draws.std()) / np.sqrt(4000)
    wide = data.assign(y=50 * data["y"])
    with pytest.warns(
        fb.DataWarning, match=r"'sigma', HalfNormal\(sigma: 1\.0\), overrules.*'sigma': HalfNormal\("
    ) as w:
        fit(fb.Model("y ~ x + z", wide, auto_scale=False))
    assert len([one for one in w if one.category is fb.DataWarning]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", fb.DataWarning)
        fit(fb.Model("y ~ x + z", wide, auto_scale=False, priors={"sigma": fb.HalfNormal(100)}))


def test_default_priors_of_ordinary_data_warn_of_nothing() -> None:
    rng = np.random.default_rng(5)
    for n in (8, 30, 300):
        data = frame(n, w=rng.normal(100, 1, n))
        with warnings.catch_warnings():
            warnings.simplefilter("error", fb.DataWarning)
            fit(fb.Model("y ~ x * z + w", data))


@pytest.mark.parametrize("n", [60, 5])
def test_a_response_fitted_exactly(n: int) -> None:
    data = frame(n)
    data["y"] = 3 - 2 * data["x"]
    with pytest.raises(fb.DataError, match=r"Response 'y' is fitted exactly.*Leave out the column"):
        fit(fb.Model("y ~ x", data))
    assert fb.Model("y ~ x", data).least_squares()["estimate"].to_list() == pytest.approx([3, -2])


def test_fewer_rows_than_columns() -> None:
    rng = np.random.default_rng(6)
    data = pd.DataFrame(rng.normal(size=(5, 50)), columns=[f"x{j}" for j in range(50)])
    data["y"] = rng.normal(size=5)
    formula = "y ~ " + " + ".join(f"x{j}" for j in range(50))
    with pytest.warns(fb.DataWarning, match="5 rows cannot determine 51 coefficients: in 46 directions"):
        idata = fit(fb.Model(formula, data))
    assert int(idata["sample_stats"]["diverging"].sum()) == 0
    with pytest.raises(fb.DataError, match=r"5 rows cannot determine 51 coefficients.*proper priors"):
        fit(fb.Model(formula, data, priors={"common": fb.Flat(), "Intercept": fb.Flat()}))


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_columns_in_extreme_units(unit: float) -> None:
    data = frame()
    plain = fit(fb.Model("y ~ x", data))["posterior"]
    scaled = fit(fb.Model("y ~ x", data.assign(x=data["x"] * unit, y=data["y"] * unit)))["posterior"]
    only_x = fit(fb.Model("y ~ x", data.assign(x=data["x"] * unit)))["posterior"]
    # The same posterior in other units: 4000 draws agree to about 0.016 of a standard deviation.
    tolerance = 0.08 * float(plain["x"].std())
    assert float(scaled["x"].mean()) == pytest.approx(float(plain["x"].mean()), abs=tolerance)
    assert float(only_x["x"].mean()) * unit == pytest.approx(float(plain["x"].mean()), abs=tolerance)
    tolerance = 0.08 * float(plain["sigma"].std())
    assert float(scaled["sigma"].mean()) / unit == pytest.approx(float(plain["sigma"].mean()), abs=tolerance)


def test_an_unknown_family_lists_those_there_are() -> None:
    with pytest.raises(
        fb.SettingError,
        match=r"family='poison' is not available\. Did you mean 'poisson'\? The families are 'gaussian'",
    ):
        fb.Model("y ~ x", frame(), family="poison")
    with pytest.raises(
        fb.DataTypeError,
        match=r"family must be the name of a family, or an object of a subclass of fb.CustomFamily, not 3",
    ):
        fb.Model("y ~ x", frame(), family=3)
    with pytest.raises(fb.SettingError, match="link='loggit' is not available"):
        fb.Model("y ~ x", frame(), link="loggit")


def test_a_prior_for_a_term_that_does_not_exist() -> None:
    with pytest.raises(fb.PriorError, match=r"'xx'.*Did you mean 'x'\?.*'x', 'z'"):
        fb.Model("y ~ x + z", frame(), priors={"xx": fb.Normal(0, 1)})


@pytest.mark.parametrize(
    ("prior", "same"),
    [(fb.Laplace(0, 1e308), fb.Flat()), (fb.StudentT(1.7e308, 0, 1), fb.Normal(0, 1))],
    ids=["flat", "normal"],
)
def test_priors_at_the_limits_of_doubles(prior: fb.Prior, same: fb.Prior) -> None:
    given, expected = (
        fb.Model("y ~ x", frame(), priors={"x": each}).fit(random_seed=1, progressbar=False)["posterior"]["x"]
        for each in (prior, same)
    )
    assert float(given.mean()) == pytest.approx(float(expected.mean()), abs=0.08 * float(expected.std()))


@pytest.mark.parametrize(
    ("priors", "said"),
    [
        (
            {"x": fb.HalfNormal(1e-200)},
            ("'x', HalfNormal(sigma: 1e-200)", "by least squares it is 2.", "standard error"),
        ),
        ({"x": fb.Uniform(1e200, 1e201)}, ("'x', Uniform(", "so far from what the data say")),
        ({"sigma": fb.Uniform(0, 1e-200)}, ("'sigma', Uniform(", "by least squares it is 0.858")),
    ],
)
def test_a_prior_that_doubles_cannot_bring_together_with_the_data(priors, said) -> None:
    model = fb.Model("y ~ x", frame(), priors=priors)
    with pytest.raises(fb.PriorError) as caught:
        model.fit(random_seed=1)
    for part in (*said, "Check the units of the prior"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "error", "message"),
    [
        ("draws", 0, ValueError, "draws must be at least 1, not 0"),
        ("draws", -5, ValueError, "draws must be at least 1, not -5"),
        ("draws", 1.5, TypeError, "draws must be a whole number, not 1.5"),
        ("draws", "many", TypeError, "draws must be a whole number, not 'many'"),
        ("draws", True, TypeError, "draws must be a whole number, not True"),
        ("tune", -1, ValueError, "tune must be at least 0, not -1"),
        ("chains", 0, ValueError, "chains must be at least 1, not 0"),
        ("cores", 0, ValueError, "cores must be at least 1, not 0"),
        ("cores", -2, ValueError, "cores must be at least 1, not -2"),
        ("target_accept", 1.0, ValueError, "target_accept must be between 0 and 1"),
        ("target_accept", "high", TypeError, "target_accept must be a number"),
        ("max_treedepth", 0, ValueError, "max_treedepth must be at least 1"),
        ("random_seed", "seed", TypeError, "random_seed must be a non-negative int, a numpy.random.Generator or None"),
        ("random_seed", 1.5, TypeError, "random_seed must be"),
        ("random_seed", [1, 2], TypeError, "random_seed must be"),
        ("random_seed", -1, ValueError, "random_seed must not be negative, but is -1"),
        ("init", "adapt_full", ValueError, "init must be 'jitter'"),
    ],
)
def test_settings_out_of_range(setting: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fb.Model("y ~ x", frame()).fit(**{setting: value})


def test_few_draws_and_one_chain_are_warned_about() -> None:
    model = fb.Model("y ~ x", frame())
    with pytest.warns(fb.ConvergenceWarning, match="Only 10 draws per chain"):
        model.fit(draws=10, random_seed=1)
    with pytest.warns(fb.ConvergenceWarning, match="Only one chain was sampled"):
        model.fit(chains=1, random_seed=1)


def test_maximum_tree_depth_is_warned_about_by_chain() -> None:
    with pytest.warns() as caught:
        fb.Model("y ~ x", frame()).fit(draws=150, target_accept=0.999, max_treedepth=1, random_seed=1)
    messages = [str(w.message) for w in caught if w.category is fb.ConvergenceWarning]
    assert [m for m in messages if m.startswith("Chain 0 reached the maximum tree depth in 100% of its draws")]
    assert [m for m in messages if m.startswith("The effective sample size per chain is smaller than 100 for '")]


def test_chains_that_disagree_are_warned_about() -> None:

    rng = np.random.default_rng(7)
    values = rng.normal(size=(2, 4, 500))
    values[1, 0] += 3
    statistics = {
        "diverging": np.arange(2000).reshape(4, 500) < 3,
        "reached_max_treedepth": np.zeros((4, 500), bool),
        "energy": np.cumsum(rng.normal(size=(4, 500)), axis=1),
        "lp": np.zeros((4, 500)),
        "values": values,
    }
    settings = Settings.checked(
        draws=500,
        tune=0,
        chains=4,
        cores=1,
        target_accept=0.8,
        max_treedepth=10,
        random_seed=1,
        discard_tuned_samples=True,
        init="auto",
        progressbar=False,
    )
    run = Run(statistics, None, 0.1)
    with pytest.warns(fb.ConvergenceWarning) as caught:
        warn_about(run, diagnosed(run, settings), lambda: ["good", "bad"], settings)
    messages = [str(w.message) for w in caught]
    assert any("There were 3 divergences after tuning. Increase `target_accept` (now 0.8)" in m for m in messages)
    assert any("rhat statistic is larger than 1.01 for 'bad'" in m and "'good'" not in m for m in messages)
    assert any("E-BFMI is below 0.3 in chain 0" in m for m in messages)
    assert any("effective sample size per chain is smaller than 100 for 'bad'" in m for m in messages)


def test_a_warm_up_without_end_is_refused() -> None:
    with pytest.raises(fb.SettingError, match="tune must be at most 1000000000, not 1099511627776"):
        fb.Model("y ~ x", frame()).fit(tune=2**40)
