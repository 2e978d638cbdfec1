"""What a family cannot say is said: fits without rows, numbers too large to count, estimates that there are not."""

from __future__ import annotations

from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from family_models import frame, quickly


@pytest.mark.parametrize("arguments", [{"family": "poisson"}, {"family": "gaussian", "priors": {"sigma": 1.0}}])
def test_a_loaded_model_that_needs_its_rows_says_so(arguments: dict[str, object], tmp_path: Path) -> None:
    fb.Model("y_poisson ~ x", frame(), **arguments).save(tmp_path / "m.filbert")
    loaded = fb.load(tmp_path / "m.filbert")
    with pytest.raises(fb.DataError, match="no rows, and the likelihood of family="):
        loaded.fit()


def test_an_auxiliary_that_doubles_cannot_tell_from_a_number_is_refused() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=60), "k": rng.poisson(2, 60)})
    model = fb.Model("k ~ x", data, family="negativebinomial", priors={"alpha": fb.Gamma(1e160, 1e160)})
    with pytest.raises(fb.DataError, match=r"cannot be computed.*those of the auxiliary parameters"):
        model.fit()


def test_counts_too_large_to_be_exact_stay_floats() -> None:
    model = fb.Model("y_poisson ~ x", frame(), family="poisson", priors={"Intercept": fb.Normal(0, 60)})
    drawn = model.prior_predictive(200, random_seed=1)["prior_predictive"]["y_poisson"]
    assert drawn.dtype == np.float64
    assert drawn.max() > 2**63
    assert drawn.min() >= 0


def test_draws_with_another_number_for_a_fixed_parameter_are_refused() -> None:
    one, five = (fb.Model("y_gaussian ~ x", frame(), priors={"sigma": value}) for value in (1.0, 5.0))
    with pytest.raises(fb.SettingError, match="fixed at other numbers"):
        five.log_likelihood(quickly(one))


def test_a_family_with_a_name_of_filberts_is_refused() -> None:
    class Mine(fb.CustomFamily):
        name = "poisson"

        def row_log_likelihood(self, y, predictor, auxiliaries):
            return -0.5 * (y - predictor) ** 2, y - predictor

    with pytest.raises(fb.SettingError, match="Mine has the name 'poisson'"):
        fb.Model("y_poisson ~ x", frame(), family=Mine())


def test_a_function_of_ones_own_in_the_trials_is_asked_for(tmp_path: Path) -> None:
    own = {"twice": lambda n: 2 * n}
    fb.Model("p(y_binomial, twice(n)) ~ x", frame(), family="binomial", extra_namespace=own).save(tmp_path / "m")
    with pytest.raises(fb.ModelFileError, match="extra_namespace"):
        fb.load(tmp_path / "m")
    assert fb.load(tmp_path / "m", extra_namespace=own).formula


@pytest.mark.parametrize("comparison", ["ratio", "lift"])
def test_ratios_of_means_of_logarithms_are_refused(comparison: str) -> None:
    model = fb.Model("y_lognormal ~ x", frame(), family="lognormal")
    idata = quickly(model)
    with pytest.raises(fb.SettingError, match="is not the mean of 'y_lognormal'"):
        fb.comparisons(model, idata, {"x": [0, 1]}, comparison=comparison)
    with pytest.raises(fb.SettingError, match="is not the mean of 'y_lognormal'"):
        fb.slopes(model, idata, "x", slope="eydx")
    medians = fb.comparisons(
        model, idata, {"x": [0, 1]}, comparison="ratio", transforms={"y_lognormal": np.exp}, average_by=True
    )
    expected = float(np.exp(idata["posterior"]["x"]).mean())
    assert medians["mean"].iloc[0] == pytest.approx(expected)


def test_degrees_of_freedom_without_an_estimate_are_said() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=200)
    data = pd.DataFrame({"x": x, "y": 1 + x + rng.uniform(-1, 1, 200)})
    with pytest.raises(fb.DataError, match="family='gaussian'; try that, or fix 'nu'"):
        fb.Model("y ~ x", data, family="t").maximum_likelihood()


@pytest.mark.parametrize("formula", ["y ~ x", "x ~ y", "y ~ x + (1 | g)"])
def test_numbers_that_no_sum_holds_are_named(formula: str) -> None:
    data = pd.DataFrame({"x": [1e308, 0.0, -1e308] * 4, "y": np.arange(12.0), "g": list("abcd") * 3})
    with pytest.raises(
        fb.DataError, match=r"Values of 'x' are too large to be summed up: they reach 1e\+308\. .*I\(x / 1e9\)"
    ):
        fb.Model(formula, data)
    fb.Model(formula.replace("x", "I(x / 1e9)"), data)
    with pytest.raises(fb.DataError, match="weights are too large: their sum overflows"):
        fb.Model("y ~ z", data.assign(z=data.y**2), weights=np.full(12, 1e308))
