"""Predictions of mixed models: of fitted groups, of groups that no fitted row had, and of none."""

from __future__ import annotations

import copy

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.predict.prior_predictive import lkj_draws
from filbert.regression.groups import correlation_roots

RNG = np.random.default_rng(11)
GROUPS = [f"g{i:02d}" for i in range(12)]


def frame() -> pd.DataFrame:
    g = np.repeat(GROUPS, 10)
    x = RNG.normal(size=len(g))
    intercepts, slopes = RNG.normal(0, 2, 12), RNG.normal(0, 1, 12)
    codes = np.repeat(np.arange(12), 10)
    y = 1 + intercepts[codes] + (0.5 + slopes[codes]) * x + RNG.normal(0, 0.5, len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": np.tile(["a", "b"], 60)})


DATA = frame()
MODEL = fb.Model("y ~ x + (x | g) + (1 | h)", DATA)
IDATA = MODEL.fit(draws=500, random_seed=2, progressbar=False)
NEW = pd.DataFrame({"x": [1.0, 1.0, 0.0, 1.0], "g": ["g03", "new", "new", "other"], "h": list("abab")})


def draws_of(name: str) -> np.ndarray:
    values = IDATA["posterior"][name].to_numpy()
    return values.reshape(len(values) * values.shape[1], *values.shape[2:])


def predicted(**arguments) -> np.ndarray:
    result = MODEL.predict(IDATA, data=NEW, inplace=False, random_seed=5, **arguments)
    return result["predictions"]["mu"].to_numpy().reshape(-1, len(NEW))


def common(x: float) -> np.ndarray:
    return draws_of("Intercept") + x * draws_of("x")


def test_fitted_rows_have_the_effects_of_their_groups():
    MODEL.predict(IDATA)
    mean = IDATA["posterior"]["mu"].to_numpy().reshape(-1, len(DATA))
    g = np.array([GROUPS.index(label) for label in DATA["g"]])
    h = (DATA["h"] == "b").to_numpy().astype(int)
    x = DATA["x"].to_numpy()
    expected = common(0)[:, None] + draws_of("x")[:, None] * x
    expected += draws_of("1|g")[:, g] + draws_of("x|g")[:, g] * x + draws_of("1|h")[:, h]
    np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-12)


def test_new_groups_are_refused_by_name():
    with pytest.raises(fb.DataError, match=r"new groups for the factors \('g',\).*'new', 'other'.*new_groups='sample'"):
        predicted()


def test_zero_leaves_the_effects_of_new_groups_out():
    mean = predicted(new_groups="zero")
    h = draws_of("1|h")
    np.testing.assert_allclose(mean[:, 1], common(1) + h[:, 1], atol=1e-12)
    np.testing.assert_allclose(
        mean[:, 0], common(1) + draws_of("1|g")[:, 3] + draws_of("x|g")[:, 3] + h[:, 0], atol=1e-12
    )


def test_observed_takes_all_effects_of_one_fitted_group():
    mean, h = predicted(new_groups="observed"), draws_of("1|h")
    intercepts, slopes = draws_of("1|g"), draws_of("x|g")
    at_one = mean[:, 1] - common(1) - h[:, 1]
    at_zero = mean[:, 2] - common(0) - h[:, 0]
    distance = np.abs(intercepts - at_zero[:, None]) + np.abs(intercepts + slopes - at_one[:, None])
    assert distance.min(axis=1).max() < 1e-10
    chosen = distance.argmin(axis=1)
    assert len(np.unique(chosen)) == len(GROUPS)
    np.testing.assert_array_equal(mean, predicted(sample_new_groups=True))


def test_sampled_effects_have_the_covariance_of_each_draw():
    mean, h = predicted(new_groups="sample"), draws_of("1|h")
    deviations = np.stack([draws_of("1|g_sigma"), draws_of("x|g_sigma")])
    rho = draws_of("g_corr")[:, 0]
    intercept = mean[:, 2] - common(0) - h[:, 0]
    slope = mean[:, 1] - common(1) - h[:, 1] - intercept
    first = intercept / deviations[0]
    second = (slope / deviations[1] - rho * first) / np.sqrt(1 - rho**2)
    n = len(first)
    for standard in (first, second):
        assert abs(standard.mean()) < 4 / np.sqrt(n)
        assert abs((standard**2).mean() - 1) < 4 * np.sqrt(2 / n)
    assert abs((first * second).mean()) < 4 / np.sqrt(n)
    # Without the correlations the slope would not follow the intercept.
    wrong = slope / deviations[1]
    assert abs((wrong * first).mean() - rho.mean()) < 6 / np.sqrt(n)
    other = mean[:, 3] - common(1) - h[:, 1]
    assert abs(np.corrcoef(other - intercept - slope, intercept + slope)[0, 1] + np.sqrt(0.5)) < 0.1


def test_new_groups_have_effects_where_a_correlation_is_one():
    idata = copy.deepcopy(IDATA)
    idata["posterior"]["g_corr"][...] = np.where(np.arange(500)[:, None] % 2, 1.0, -1.0)
    result = MODEL.predict(idata, data=NEW, inplace=False, random_seed=5, new_groups="sample")
    mean, h = result["predictions"]["mu"].to_numpy().reshape(-1, len(NEW)), draws_of("1|h")
    intercept = mean[:, 2] - common(0) - h[:, 0]
    slope = mean[:, 1] - common(1) - h[:, 1] - intercept
    rho = idata["posterior"]["g_corr"].to_numpy().ravel()
    np.testing.assert_allclose(slope / draws_of("x|g_sigma"), rho * intercept / draws_of("1|g_sigma"), atol=1e-8)


def test_roots_of_correlations_are_those_of_lapack_where_it_has_them():
    whole = lkj_draws(4, 1.5, 200, np.random.default_rng(1))
    np.testing.assert_allclose(correlation_roots(whole), np.linalg.cholesky(whole), atol=1e-9)
    singular = np.array([[[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]], [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]])
    roots = correlation_roots(singular)
    np.testing.assert_allclose(roots @ roots.transpose(0, 2, 1), singular, atol=1e-15)


def test_what_is_drawn_for_a_group_depends_on_its_label_and_the_seed_alone():
    mean = predicted(new_groups="sample")
    turned = MODEL.predict(IDATA, data=NEW.iloc[::-1], inplace=False, random_seed=5, new_groups="sample")
    np.testing.assert_array_equal(turned["predictions"]["mu"].to_numpy().reshape(-1, len(NEW))[:, ::-1], mean)
    again = MODEL.predict(IDATA, data=NEW, inplace=False, random_seed=6, new_groups="sample")
    assert not np.allclose(again["predictions"]["mu"].to_numpy().reshape(-1, len(NEW))[:, 1], mean[:, 1])


def test_without_groups_their_columns_are_not_needed():
    result = MODEL.predict(IDATA, data=NEW[["x"]], inplace=False, include_group_specific=False)
    np.testing.assert_allclose(result["predictions"]["mu"].to_numpy().reshape(-1, 4)[:, 2], common(0), atol=1e-12)
    with pytest.raises(fb.DataError, match="lack columns 'g', 'h'"):
        MODEL.predict(IDATA, data=NEW[["x"]], inplace=False)


def test_grids_have_the_effects_of_the_factors_they_name():
    table = fb.predictions(MODEL, IDATA, {"x": [0.0, 1.0]})
    np.testing.assert_allclose(table["mean"], [common(0).mean(), common(1).mean()], rtol=1e-9)
    table = fb.predictions(MODEL, IDATA, {"x": [1.0], "g": ["g03"]})
    np.testing.assert_allclose(
        table["mean"], (common(1) + draws_of("1|g")[:, 3] + draws_of("x|g")[:, 3]).mean(), rtol=1e-9
    )
    table = fb.comparisons(MODEL, IDATA, {"g": ["g03", "g04"]}, conditional={"x": [0.0]})
    np.testing.assert_allclose(table["mean"], (draws_of("1|g")[:, 4] - draws_of("1|g")[:, 3]).mean(), rtol=1e-9)
    table = fb.slopes(MODEL, IDATA, "x", average_by="g")
    np.testing.assert_allclose(table["mean"], (draws_of("x")[:, None] + draws_of("x|g")).mean(axis=0), rtol=1e-6)


def test_grids_say_where_new_groups_go():
    with pytest.raises(fb.DataError, match=r"'new' is not a level of 'g'.* data=, with new_groups='sample'"):
        fb.predictions(MODEL, IDATA, {"x": [1.0], "g": ["g03", "new"]}, new_groups="sample")
    assert len(fb.predictions(MODEL, IDATA, data=NEW, new_groups="sample")) == len(NEW)


def test_effects_that_were_left_out_of_a_fit_are_drawn_again():
    short = MODEL.fit(draws=500, random_seed=2, progressbar=False, include_group_effects=False)
    assert "1|g" not in short["posterior"]
    assert "g__factor_dim" not in short["posterior"].dims
    MODEL.predict(short)
    MODEL.predict(IDATA)
    np.testing.assert_array_equal(short["posterior"]["mu"], IDATA["posterior"]["mu"])


def test_effects_are_drawn_again_where_sigma_is_known():
    model = fb.Model("y ~ x + (1 | g)", DATA, priors={"sigma": 0.5})
    whole = model.fit(random_seed=2, progressbar=False)
    short = model.fit(random_seed=2, progressbar=False, include_group_effects=False)
    for idata in (whole, short):
        model.predict(idata)
    np.testing.assert_array_equal(short["posterior"]["mu"], whole["posterior"]["mu"])


@pytest.mark.parametrize(
    ("arguments", "error", "detail"),
    [
        ({"new_groups": "random"}, fb.SettingError, "'error', 'sample', 'observed', 'zero'"),
        ({"new_groups": True}, fb.DataTypeError, "not True"),
        ({"sample_new_groups": "yes"}, fb.DataTypeError, "True or False"),
        ({"sample_new_groups": True, "new_groups": "zero"}, fb.SettingError, "'zero'"),
    ],
)
def test_bad_arguments(arguments, error, detail):
    with pytest.raises(error, match=detail):
        predicted(**arguments)


def test_prior_draws_of_effects_follow_their_deviations():
    prior = MODEL.prior_predictive(draws=4000, random_seed=1)["prior"]
    scaled = (prior["x|g"] / prior["x|g_sigma"]).to_numpy()[0]
    assert abs((scaled**2).mean() - 1) < 4 * np.sqrt(2 / scaled.size)
    product = scaled * (prior["1|g"] / prior["1|g_sigma"]).to_numpy()[0]
    rho = prior["g_corr"].to_numpy()[0]
    assert np.corrcoef(product.mean(axis=1), rho[:, 0])[0, 1] > 0.8


@pytest.mark.parametrize(("size", "eta"), [(2, 1.0), (2, 2.0), (3, 1.0), (4, 2.0)])
def test_prior_draws_of_correlations_have_the_marginals_of_lkj(size, eta):
    """Each correlation is 2 Beta(a, a) - 1 with a = eta - 1 + size/2, of variance 1/(2a + 1)."""
    matrices = lkj_draws(size, eta, 20_000, np.random.default_rng(4))
    a = eta - 1 + size / 2
    variance, fourth = 1 / (2 * a + 1), 3 / ((2 * a + 1) * (2 * a + 3))
    for i in range(size):
        for j in range(i):
            square = matrices[:, i, j] ** 2
            assert abs(square.mean() - variance) < 4 * np.sqrt((fourth - variance**2) / 20_000)
    wrong = lkj_draws(size, eta + 0.5, 20_000, np.random.default_rng(4))
    assert abs((wrong[:, 1, 0] ** 2).mean() - variance) > 4 * np.sqrt((fourth - variance**2) / 20_000)
