"""The kernel of predictions: the same numbers for a row whatever stands beside it, and summaries by definition."""

from __future__ import annotations

import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from filbert.data.blocks import Block, DesignColumns
from filbert.errors import DataTypeError, SettingError
from filbert.predict import rowwise
from filbert.results.draws import Draws
from filbert.results.summary import hdi

RNG = np.random.default_rng(1)
X = np.asfortranarray(RNG.normal(size=(103, 5)))
COEFFICIENTS = RNG.normal(size=(6, 250))
SIGMA = np.abs(RNG.normal(size=250))
FRAME = pd.DataFrame(X, columns=list("abcde")).assign(y=RNG.normal(size=103))
REGRESSION = fb.Model("y ~ a + b + c + d + e", FRAME).regression
DRAWS = Draws.of(REGRESSION, np.vstack([COEFFICIENTS, SIGMA]), (1, 250))
WITHOUT = fb.Model("y ~ 0 + a + b + c + d + e", FRAME).regression
DRAWS_WITHOUT = Draws.of(WITHOUT, np.vstack([COEFFICIENTS[1:], SIGMA]), (1, 250))


def block(X, offset=None):
    return Block(DesignColumns.of(X), None, offset, None)


def noise(mean, keys, seed, out=None):
    return rowwise.response_draws(block(X[: len(mean)]), mean, REGRESSION, DRAWS, keys, seed, out)


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
    np.testing.assert_allclose(
        rowwise.mean_draws(block(X, offset), REGRESSION, DRAWS), expected, rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(rowwise.mean_draws(block(X), WITHOUT, DRAWS_WITHOUT), X @ COEFFICIENTS[1:], atol=1e-12)


@pytest.mark.parametrize(
    "where", [slice(7, 8), slice(1, None), slice(None, None, 3), slice(None, None, -1), [5, 3, 50]]
)
def test_means_are_the_same_bits_in_any_block(where):
    whole = rowwise.mean_draws(block(X), REGRESSION, DRAWS)
    np.testing.assert_array_equal(rowwise.mean_draws(block(X[where]), REGRESSION, DRAWS), whole[where])


def test_noise_belongs_to_the_row_and_not_to_its_place():
    mean = np.zeros((103, 250))
    keys = rowwise.row_keys(pd.RangeIndex(103))
    whole = noise(mean, keys, 5)
    order = RNG.permutation(103)
    np.testing.assert_array_equal(noise(mean, keys[order], 5), whole[order])
    np.testing.assert_array_equal(noise(mean[:1], keys[9:10], 5), whole[9:10])
    assert not np.any(noise(mean, keys, 6) == whole)
    np.testing.assert_array_equal(noise(mean.copy(), keys, 5, mean), whole)


def test_keys_follow_labels_and_tell_equal_labels_apart():
    index = pd.Index(["a", "b", "a", "c", "a"])
    keys = rowwise.row_keys(index)
    assert len(set(keys.tolist())) == 5
    np.testing.assert_array_equal(rowwise.row_keys(index[[0, 1, 3]]), keys[[0, 1, 3]])
    np.testing.assert_array_equal(rowwise.row_keys(pd.Index([3, 7])), rowwise.row_keys(pd.Index([3.0, 7.0])))
    np.testing.assert_array_equal(rowwise.row_keys(pd.Index([3, 7])), rowwise.row_keys(pd.Index([3, 7], dtype=object)))
    for other in (
        pd.RangeIndex(5),
        pd.Index([1.5, 2.5, np.inf]),
        pd.MultiIndex.from_product([[1, 2], ["u", "v"]]),
        pd.date_range("2020", periods=4),
        pd.Index([1, "one", None]),
    ):
        keys = rowwise.row_keys(other)
        assert len(set(keys.tolist())) == len(other)
        np.testing.assert_array_equal(rowwise.row_keys(other[::-1]), keys[::-1])


def test_blocks_cover_the_rows_and_equal_the_whole(monkeypatch, model, idata):
    regression = model.regression
    draws = Draws.read(idata, regression)
    rows = regression.rows
    means, responses = np.empty((200, 60)), np.empty((200, 60))
    rowwise.all_draws(rows, regression, draws, means, responses, 3)
    for values in (1, 200 * 7, 1 << 20):
        monkeypatch.setattr(rowwise, "_CHUNK_VALUES", values)
        parts = list(rowwise.mean_blocks(rows, regression, draws))
        assert [where.start for where, _, _ in parts][1:] == [where.stop for where, _, _ in parts][:-1]
        np.testing.assert_array_equal(np.concatenate([mean for _, _, mean in parts]), means.T)
        keys = rowwise.row_keys(rows.index)
        drawn = [rowwise.response_draws(part, mean, regression, draws, keys[where], 3) for where, part, mean in parts]
        np.testing.assert_array_equal(np.concatenate(drawn), responses.T)


def test_many_rows_equal_few(model, idata):
    """More rows than one block of the design has."""
    frame = make_frame()
    many = frame.sample(70_000, replace=True, random_state=1)
    draws = Draws.read(idata, model.regression)
    whole, few = np.empty((200, 70_000)), np.empty((200, 60))
    rowwise.all_draws(model.design.new_rows(many), model.regression, draws, whole)
    rowwise.all_draws(model.design.new_rows(frame), model.regression, draws, few)
    np.testing.assert_array_equal(whole, few[:, frame.index.get_indexer(many.index)])


@pytest.mark.parametrize("prob", [0.1, 0.5, 0.94, 0.999])
def test_summaries_follow_their_definitions(prob):
    draws = np.stack([RNG.normal(size=999), RNG.gamma(0.5, size=999), RNG.standard_cauchy(999), 1e6 + RNG.random(999)])
    mean, sd, lower, upper = rowwise.summarise(draws, prob, True)
    np.testing.assert_allclose(mean, draws.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(sd, draws.std(axis=1, ddof=1), rtol=1e-9)
    for row in range(4):
        assert (lower[row], upper[row]) == hdi(draws[row], prob)
    _, _, lower, upper = rowwise.summarise(draws, prob, False)
    tails = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
    np.testing.assert_allclose([lower, upper], tails, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("prob", [0, 1, -0.1, 94, np.nan])
def test_a_probability_out_of_range_is_refused(prob):
    with pytest.raises(SettingError, match=r"prob must be between 0 and 1, both excluded, not"):
        rowwise.summarise(np.zeros((1, 5)), prob, True)


@pytest.mark.parametrize("prob", ["0.9", True, None])
def test_a_probability_of_the_wrong_kind_is_refused(prob):
    with pytest.raises(DataTypeError, match="prob must be a number between 0 and 1"):
        rowwise.summarise(np.zeros((1, 5)), prob, True)


def test_seeds_follow_the_rules_of_fit():
    assert rowwise.noise_seed(1) == rowwise.noise_seed(np.int64(1)) != rowwise.noise_seed(2)
    assert rowwise.noise_seed(None) != rowwise.noise_seed(None)
    generator = np.random.default_rng(1)
    assert rowwise.noise_seed(generator) != rowwise.noise_seed(generator)
    with pytest.raises(SettingError, match="random_seed must not be negative"):
        rowwise.noise_seed(-1)
    with pytest.raises(DataTypeError, match="random_seed"):
        rowwise.noise_seed("1")
