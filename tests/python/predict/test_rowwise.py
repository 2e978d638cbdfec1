"""The kernel of predictions: the same numbers for a row whatever stands beside it, and summaries by definition."""

from __future__ import annotations

import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import container
from design_checks import make_frame
from filbert.errors import DataTypeError, SettingError
from filbert.formula.rows import Block
from filbert.predict import means as predictive
from filbert.results.summary import hdi

RNG = np.random.default_rng(1)
X = np.asfortranarray(RNG.normal(size=(103, 5)))
COEFFICIENTS = RNG.normal(size=(6, 250))
SIGMA = np.abs(RNG.normal(size=250))


def block(X, offset=None):
    return Block(X, None, offset, None)


@pytest.fixture(scope="module")
def model():
    return fb.Model("y ~ x + g + bs(z, df=4)", make_frame())


@pytest.fixture(scope="module")
def idata(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws are enough here
        return model.fit(draws=100, tune=200, chains=2, random_seed=1, progressbar=False)


def test_means_are_the_product_plus_the_offset():
    offset = RNG.normal(size=len(X))
    expected = X @ COEFFICIENTS[1:] + COEFFICIENTS[0] + offset[:, None]
    np.testing.assert_allclose(predictive.mean_draws(block(X, offset), COEFFICIENTS, True), expected, rtol=1e-12)
    np.testing.assert_allclose(
        predictive.mean_draws(block(X), COEFFICIENTS[1:], False), X @ COEFFICIENTS[1:], atol=1e-12
    )


@pytest.mark.parametrize(
    "where", [slice(7, 8), slice(1, None), slice(None, None, 3), slice(None, None, -1), [5, 3, 50]]
)
def test_means_are_the_same_bits_in_any_block(where):
    whole = predictive.mean_draws(block(X), COEFFICIENTS, True)
    np.testing.assert_array_equal(predictive.mean_draws(block(X[where]), COEFFICIENTS, True), whole[where])


def test_noise_belongs_to_the_row_and_not_to_its_place():
    mean = np.zeros((103, 250))
    keys = predictive.row_keys(pd.RangeIndex(103))
    whole = predictive.response_draws(mean, SIGMA, keys, 5)
    order = RNG.permutation(103)
    np.testing.assert_array_equal(predictive.response_draws(mean, SIGMA, keys[order], 5), whole[order])
    np.testing.assert_array_equal(predictive.response_draws(mean[:1], SIGMA, keys[9:10], 5), whole[9:10])
    assert not np.any(predictive.response_draws(mean, SIGMA, keys, 6) == whole)
    np.testing.assert_array_equal(predictive.response_draws(mean.copy(), SIGMA, keys, 5, mean), whole)


def test_keys_follow_labels_and_tell_equal_labels_apart():
    index = pd.Index(["a", "b", "a", "c", "a"])
    keys = predictive.row_keys(index)
    assert len(set(keys.tolist())) == 5
    np.testing.assert_array_equal(predictive.row_keys(index[[0, 1, 3]]), keys[[0, 1, 3]])
    for other in (
        pd.RangeIndex(5),
        pd.Index([1.5, 2.5, np.inf]),
        pd.MultiIndex.from_product([[1, 2], ["u", "v"]]),
        pd.date_range("2020", periods=4),
        pd.Index([1, "one", None]),
    ):
        keys = predictive.row_keys(other)
        assert len(set(keys.tolist())) == len(other)
        np.testing.assert_array_equal(predictive.row_keys(other[::-1]), keys[::-1])


def test_blocks_cover_the_rows_and_equal_the_whole(monkeypatch, model, idata):
    coefficients, sigma = predictive.coefficient_draws(idata, model.design)
    rows = model.design.rows
    means, responses = np.empty((200, 60)), np.empty((200, 60))
    predictive.all_draws(rows, coefficients, True, means, sigma=sigma, seed=3, responses=responses)
    for values in (1, 200 * 7, 1 << 20):
        monkeypatch.setattr(predictive, "_CHUNK_VALUES", values)
        parts = list(predictive.mean_blocks(rows, coefficients, True))
        assert [where.start for where, _, _ in parts][1:] == [where.stop for where, _, _ in parts][:-1]
        np.testing.assert_array_equal(np.concatenate([mean for _, _, mean in parts]), means.T)
        keys = predictive.row_keys(rows.index)
        drawn = [predictive.response_draws(mean, sigma, keys[where], 3) for where, _, mean in parts]
        np.testing.assert_array_equal(np.concatenate(drawn), responses.T)


def test_many_rows_equal_few(model, idata):
    """More rows than one block of the design has."""
    frame = make_frame()
    many = frame.sample(70_000, replace=True, random_state=1)
    coefficients, _ = predictive.coefficient_draws(idata, model.design)
    whole, few = np.empty((200, 70_000)), np.empty((200, 60))
    predictive.all_draws(model.design.new_rows(many), coefficients, True, whole)
    predictive.all_draws(model.design.new_rows(frame), coefficients, True, few)
    np.testing.assert_array_equal(whole, few[:, frame.index.get_indexer(many.index)])


@pytest.mark.parametrize("prob", [0.1, 0.5, 0.94, 0.999])
def test_summaries_follow_their_definitions(prob):
    draws = np.stack([RNG.normal(size=999), RNG.gamma(0.5, size=999), RNG.standard_cauchy(999), 1e6 + RNG.random(999)])
    mean, sd, lower, upper = predictive.summarise(draws, prob, True)
    np.testing.assert_allclose(mean, draws.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(sd, draws.std(axis=1, ddof=1), rtol=1e-9)
    for row in range(4):
        assert (lower[row], upper[row]) == hdi(draws[row], prob)
    _, _, lower, upper = predictive.summarise(draws, prob, False)
    tails = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
    np.testing.assert_allclose([lower, upper], tails, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("prob", [0, 1, -0.1, 94, np.nan])
def test_a_probability_out_of_range_is_refused(prob):
    with pytest.raises(SettingError, match=r"prob must be between 0 and 1, both excluded, not"):
        predictive.summarise(np.zeros((1, 5)), prob, True)


@pytest.mark.parametrize("prob", ["0.9", True, None])
def test_a_probability_of_the_wrong_kind_is_refused(prob):
    with pytest.raises(DataTypeError, match="prob must be a number between 0 and 1"):
        predictive.summarise(np.zeros((1, 5)), prob, True)


def test_coefficients_are_read_in_the_order_of_the_design(model, idata):
    coefficients, sigma = predictive.coefficient_draws(idata, model.design)
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
    coefficients, _ = predictive.coefficient_draws(container(given, {"g": ["c", "a", "b"]}), model.design)
    np.testing.assert_array_equal(coefficients, draws.reshape(20, 3).T[[1, 2, 0]])
    with pytest.raises(SettingError, match="'g' is about 'a', 'b', 'd', and the model's about 'a', 'b', 'c'"):
        predictive.coefficient_draws(container(given, {"g": ["a", "b", "d"]}), model.design)


def test_draws_of_another_model_are_refused(model, idata):
    other = fb.Model("y ~ x + w", make_frame())
    with pytest.raises(
        SettingError, match=r"The posterior lacks 'w', which the model has.*It has 'Intercept', 'x', 'g'"
    ):
        predictive.coefficient_draws(idata, other.design)
    scalar = {name: np.ones((2, 10)) for name in ("Intercept", "x", "g", "bs(z, df=4)", "sigma")}
    with pytest.raises(SettingError, match="'g' has the dimensions 'chain', 'draw', and the model expects"):
        predictive.coefficient_draws(container(scalar), model.design)


@pytest.mark.parametrize("value", [None, 3, [1.0], pd.DataFrame()])
def test_what_is_not_a_container_is_refused(model, value):
    with pytest.raises((DataTypeError, SettingError), match=r"must be what Model.fit returned"):
        predictive.coefficient_draws(value, model.design)


def test_seeds_follow_the_rules_of_fit():
    assert predictive.noise_seed(1) == predictive.noise_seed(np.int64(1)) != predictive.noise_seed(2)
    assert predictive.noise_seed(None) != predictive.noise_seed(None)
    generator = np.random.default_rng(1)
    assert predictive.noise_seed(generator) != predictive.noise_seed(generator)
    with pytest.raises(SettingError, match="random_seed must not be negative"):
        predictive.noise_seed(-1)
    with pytest.raises(DataTypeError, match="random_seed"):
        predictive.noise_seed("1")
