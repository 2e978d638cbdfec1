"""Merging summaries is associative and commutative, and gives the summary of all rows, at whatever scales."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from hypothesis import example, given, settings
from hypothesis import strategies as st

NIST = Path(__file__).parents[2] / "data" / "nist"
DIGITS = {"longley": 11, "noint1": 11, "pontius": 9, "wampler1": 9, "wampler3": 8}
TOLERANCE = 1e-12


@st.composite
def parts(draw: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three or more parts of the rows, `[X y]` with weights, each about its own mean and at its own scale."""
    columns = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for _ in range(draw(st.integers(3, 5))):
        rows = rng.normal(size=(draw(st.integers(1, 40)), columns))
        scale = 10.0 ** np.array(draw(st.lists(st.integers(-30, 30), min_size=columns, max_size=columns)))
        centre = draw(st.sampled_from((0.0, 1.0, 1e6)))
        found.append((scale * (rows + centre), rng.uniform(0, 3, len(rows))))
    return found


def summary(part: tuple[np.ndarray, np.ndarray]) -> _core.SufficientStatistics:
    rows, weights = part
    return _core.SufficientStatistics.from_arrays(rows[:, :-1], rows[:, -1], weights)


def merged(*summaries: _core.SufficientStatistics) -> _core.SufficientStatistics:
    return functools.reduce(lambda all_rows, further: copy.copy(all_rows).merge(further), summaries)


def check_equal(one: _core.SufficientStatistics, other: _core.SufficientStatistics, size: np.ndarray) -> None:
    """Weights, means, spreads and correlations are the same; `size` is the largest value of each column."""
    assert one.n_rows == other.n_rows
    assert one.total_weight == pytest.approx(other.total_weight, rel=TOLERANCE)
    np.testing.assert_array_less(np.abs(one.mean - other.mean), TOLERANCE * size)
    scaled = []
    for each in (one, other):
        factor, _, exponents, weight, _ = each.state()
        with np.errstate(under="ignore"):
            columns = factor * np.ldexp(1.0, np.maximum(exponents, -1000)) / (size * np.sqrt(weight))
        scaled.append(columns.T @ columns)
    np.testing.assert_allclose(*scaled, rtol=0, atol=TOLERANCE)


@given(parts())
@settings(max_examples=150, deadline=None)
@example(
    [(np.array([[1e250, 1.0]]), np.ones(1)), (np.array([[1e-250, 2.0]]), np.ones(1)), (np.zeros((2, 2)), np.ones(2))]
)
def test_merging_is_associative_and_commutative(rows: list[tuple[np.ndarray, np.ndarray]]) -> None:
    first, second, third, *rest = (summary(part) for part in rows)
    size = np.abs(np.concatenate([part for part, _ in rows])).max(axis=0) + 1e-300
    whole = merged(first, second, third, *rest)
    check_equal(merged(first, merged(second, third), *rest), whole, size)
    check_equal(merged(*rest, third, second, first), whole, size)
    check_equal(merged(third, merged(first, *rest), second), whole, size)
    check_equal(summary(tuple(map(np.concatenate, zip(*rows, strict=True)))), whole, size)


def test_the_check_sees_a_weight_that_is_lost() -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(30, 3)), np.ones(30)
    lost = np.where(np.arange(30) == 7, 1 - 1e-9, 1)
    with pytest.raises(AssertionError):
        check_equal(summary((rows, weights)), summary((rows, lost)), np.ones(3))


def test_nothing_merged_is_nothing() -> None:
    rng = np.random.default_rng(0)
    some = summary((rng.normal(size=(20, 3)), np.ones(20)))
    none = _core.SufficientStatistics(2)
    check_equal(merged(none, some), some, np.ones(3))
    check_equal(merged(some, none), some, np.ones(3))


@pytest.mark.parametrize("name", DIGITS)
def test_nist_regressions_in_parts_reach_the_certified_digits(name: str) -> None:
    case = json.loads((NIST / f"{name}.json").read_text())
    model = fb.Model(case["formula"], pd.DataFrame(case["data"]))
    block = next(iter(model.regression.rows.blocks()))
    rng = np.random.default_rng(3)
    for _ in range(5):
        pieces = np.array_split(rng.permutation(len(block.X)), 4)
        summaries = [fb.SufficientStatistics.from_arrays(block.X[where], block.y[where]) for where in pieces]
        fit = merged(*(pickle.loads(pickle.dumps(each)) for each in summaries)).least_squares(
            model.design.has_intercept
        )
        for computed, estimate in zip(fit.estimate, case["coef"], strict=True):
            assert abs(computed - estimate) <= 10.0 ** -DIGITS[name] * abs(estimate)


def grouped(columns: int = 2) -> _core.GroupedSummary:
    return _core.GroupedSummary(columns, [6, 4], [(0, 2), (1, 1)])


def some_rows(rng: np.random.Generator, n: int, columns: int = 2) -> tuple[Any, ...]:
    codes = [rng.integers(0, 6, n), rng.integers(0, 4, n)]
    Z = np.column_stack([np.ones(n), rng.normal(size=n)])
    return rng.normal(3, 1, size=(n, columns)), rng.normal(size=n), [Z, None], codes, rng.uniform(0, 2, n)


def density(summary: _core.GroupedSummary) -> _core.GroupedGaussian:
    return _core.GroupedGaussian(
        summary,
        intercept=True,
        intercept_at_means=False,
        coefficient_priors=[("Normal", (0.0, 2.0))] * 3,
        sigma=("HalfNormal", (1.0,)),
        terms=[(True, [("HalfNormal", (1.0,))] * 2, 2.0), (False, [("HalfNormal", (1.0,))], 1.0)],
    )


def test_summaries_by_group_merge_to_that_of_all_rows_and_survive_copies() -> None:
    rng = np.random.default_rng(2)
    blocks = [some_rows(rng, n) for n in (50, 3, 40)]
    whole = grouped()
    for block in blocks:
        whole.update(*block)
    one, two, three = (grouped().update(*block) for block in blocks)
    orders = [
        copy.copy(one).merge(copy.deepcopy(two).merge(three)),
        pickle.loads(pickle.dumps(three)).merge(one).merge(two),
    ]
    dimension = density(whole).dimension
    for at in rng.normal(size=(5, dimension)):
        value, slope = density(whole).log_density(at)
        # Positions have units of the summary at hand, so the same θ is looked up in each.
        theta = density(whole).values(at)
        for other in orders:
            posterior = density(other)
            same, _ = posterior.log_density(posterior.position(theta))
            assert np.isfinite(slope).all()
            assert same - value == pytest.approx(0, abs=1e-9)


def test_the_state_of_a_summary_by_group_is_all_of_it() -> None:
    rng = np.random.default_rng(4)
    summary = grouped().update(*some_rows(rng, 60))
    again = _core.GroupedSummary.from_state([6, 4], [(0, 2), (1, 1)], summary.state())
    further = some_rows(rng, 5)
    for each in (summary, again):
        each.update(*further)
    assert pickle.dumps(summary.state()) == pickle.dumps(again.state())
    empty = grouped()
    assert pickle.dumps(pickle.loads(pickle.dumps(empty)).state()) == pickle.dumps(empty.state())


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (1, lambda origin: origin[:-1], "sizes"),
        (1, lambda origin: origin + 1, "do not go with"),
        (1, lambda origin: origin * np.nan, "not finite"),
        (2, lambda unit: 0 * unit, "not positive"),
        (2, lambda unit: 2 * unit, "do not go with"),
        (3, lambda rest: rest.T.copy(), "upper triangular"),
        (3, lambda rest: rest[:-1], "sizes"),
        (4, lambda counts: counts + 1, "sizes"),
        (4, lambda counts: -counts, "sizes"),
        (4, lambda counts: counts + (1 << 61), "sizes"),
        (4, lambda counts: counts[:-1], "sizes"),
        (5, lambda counts: -counts, "sizes"),
        (5, lambda counts: counts + (1 << 62), "sizes"),
        (6, lambda tails: tails[::-1].copy(), "order"),
        (6, lambda tails: tails + 100, "order"),
        (6, lambda tails: np.concatenate([tails, tails]), "sizes"),
        (7, lambda rows: rows[:-1], "sizes"),
        (7, lambda rows: 2 * rows, "do not go with"),
        (7, lambda rows: np.where(np.arange(len(rows)) == 3, np.inf, rows), "not finite"),
    ],
)
def test_states_that_no_rows_can_give_are_refused(place: int, change: Any, message: str) -> None:
    state = list(grouped().update(*some_rows(np.random.default_rng(4), 60)).state())
    state[place] = change(np.asarray(state[place]))
    with pytest.raises(ValueError, match=message):
        _core.GroupedSummary.from_state([6, 4], [(0, 2), (1, 1)], tuple(state))
