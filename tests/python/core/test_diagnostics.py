"""Convergence diagnostics equal ArviZ's, on ArviZ 0.x and 1.x."""

from __future__ import annotations

import threading
import time
import warnings

import numpy as np
import pytest
from filbert import _core

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ArviZ 0.23 announces ArviZ 1 when it is imported
    import arviz as az

ARVIZ_1 = int(az.__version__.split(".")[0]) >= 1
RELATIVE = 1e-8

SHAPES = [(2, 4), (2, 5), (4, 6), (4, 7), (3, 11), (1, 50), (4, 100), (4, 101), (8, 333), (2, 1000), (4, 4000)]
CORRELATIONS = [-0.9, -0.5, 0.0, 0.5, 0.9, 0.99]


def autoregressive(shape: tuple[int, ...], correlation: float, seed: int = 0) -> np.ndarray:
    """Stationary chains along the last axis with standard normal margins."""
    values = np.random.default_rng(seed).standard_normal(shape)
    step = np.sqrt(1 - correlation**2)
    for i in range(1, shape[-1]):
        values[..., i] = correlation * values[..., i - 1] + step * values[..., i]
    return values


def arviz_diagnostics(draws: np.ndarray) -> tuple[float, float, float]:
    # `prob` is spelled out: ArviZ 1 takes the 11% and 89% quantiles of its credible intervals unless told otherwise.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return (
            float(az.rhat(draws)),
            float(az.ess(draws, method="bulk")),
            float(az.ess(draws, method="tail", prob=(0.05, 0.95))),
        )


def our_diagnostics(draws: np.ndarray) -> tuple[float, float, float]:
    return _core.split_rhat(draws), _core.ess_bulk(draws), _core.ess_tail(draws)


def check_like_arviz(draws: np.ndarray) -> None:
    np.testing.assert_allclose(our_diagnostics(draws), arviz_diagnostics(draws), rtol=RELATIVE)


@pytest.mark.parametrize("correlation", CORRELATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_autoregressive_chains(shape: tuple[int, int], correlation: float) -> None:
    check_like_arviz(autoregressive(shape, correlation))


@pytest.mark.parametrize("correlation", CORRELATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_effective_sample_size_of_the_mean(shape: tuple[int, int], correlation: float) -> None:
    draws = 7 + 3 * autoregressive(shape, correlation)
    for values in (draws, np.exp(draws - 7), np.floor(draws)):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = float(az.ess(values, method="mean"))
        np.testing.assert_allclose(_core.ess_mean(values), expected, rtol=RELATIVE)


def test_any_number_of_draws_from_4_up() -> None:
    for draws in range(4, 40):
        check_like_arviz(autoregressive((4, draws), 0.4, seed=draws))
        check_like_arviz(autoregressive((1, draws), -0.4, seed=draws))


@pytest.mark.parametrize("shape", SHAPES)
def test_heavy_tails(shape: tuple[int, int]) -> None:
    check_like_arviz(np.random.default_rng(1).standard_cauchy(shape))
    check_like_arviz(np.exp(5 * autoregressive(shape, 0.7)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.9])
def test_whole_numbers(shape: tuple[int, int], correlation: float) -> None:
    check_like_arviz(np.floor(2 * autoregressive(shape, correlation)))


@pytest.mark.parametrize("threshold", [-1.5, 0.0, 2.0])
def test_two_values(threshold: float) -> None:
    check_like_arviz((autoregressive((4, 500), 0.5) > threshold).astype(float))
    # Half of either value: folding makes them all equal, and leaves R-hat to the draws themselves.
    check_like_arviz(np.tile([1.0, 2.0, 2.0, 1.0, 1.0, 2.0], (4, 10)))


def test_ties_at_the_tail_quantiles() -> None:
    ours, theirs = [], []
    for seed in range(40):
        draws = np.round(autoregressive((4, 347), 0.5, seed), 1)
        ours.append(our_diagnostics(draws))
        theirs.append(arviz_diagnostics(draws))
    # Between two tied draws ArviZ 0.x can round its quantile to just below them, and so counts neither in.
    columns = slice(0, 3 if ARVIZ_1 else 2)
    np.testing.assert_allclose(np.array(ours)[:, columns], np.array(theirs)[:, columns], rtol=RELATIVE)


def test_extreme_scales() -> None:
    draws = autoregressive((4, 501), 0.3)
    for moved in (1e8 + draws, 1e-300 * draws, 1e300 * draws, -draws):
        check_like_arviz(moved)


def test_chains_that_disagree() -> None:
    draws = autoregressive((4, 300), 0.2)
    check_like_arviz(draws + np.arange(4)[:, None])
    check_like_arviz(draws * [[1], [1], [5], [1]])
    check_like_arviz(draws + np.linspace(-2, 2, 300))
    assert _core.split_rhat(draws * [[1], [1], [5], [1]]) > 1.05


def test_chains_of_which_one_does_not_move() -> None:
    for draws in (7, 100, 1001):
        chains = autoregressive((4, draws), 0.2)
        chains[2] = chains[2, 0]
        check_like_arviz(chains)


def test_chains_of_which_none_moves() -> None:
    draws = np.repeat([[1.0], [2.0], [3.0], [4.0]], 101, axis=1)
    assert _core.split_rhat(draws) == np.inf
    assert az.rhat(draws) > 1e6  # infinite too, but for rounding
    np.testing.assert_allclose(our_diagnostics(draws)[1:], arviz_diagnostics(draws)[1:], rtol=RELATIVE)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e200])
def test_constant_draws(value: float) -> None:
    draws = np.full((4, 101), value)
    check_like_arviz(draws)
    rhat, bulk, tail = our_diagnostics(draws)
    assert np.isnan(rhat)
    assert bulk == tail == 400


def test_more_than_one_draw_a_draw() -> None:
    draws = autoregressive((4, 1000), -0.6)
    check_like_arviz(draws)
    assert _core.ess_bulk(draws) > 2 * draws.size
    draws[:, 1::2] = -draws[:, ::2]
    check_like_arviz(draws)
    assert _core.ess_bulk(draws) == pytest.approx(4000 * np.log10(4000))


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4, 0), (0, 10), (1, 2)])
def test_too_few_draws(shape: tuple[int, int]) -> None:
    assert np.isnan(our_diagnostics(np.ones(shape))).all()
    assert np.isnan(_core.ess_mean(np.ones(shape)))


def test_one_chain_has_no_rhat() -> None:
    draws = autoregressive((1, 200), 0.1)
    check_like_arviz(draws)
    assert np.isnan(_core.split_rhat(draws))


def test_nan_gives_nan() -> None:
    draws = autoregressive((4, 100), 0.1)
    draws[1, 7] = np.nan
    check_like_arviz(draws)
    assert np.isnan(our_diagnostics(draws)).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_gives_nan(value: float) -> None:
    # On purpose not as ArviZ: it ranks infinities, so chains that are infinite one time in three look independent.
    draws = autoregressive((4, 100), 0.1)
    draws[:, ::3] = value
    assert np.isnan(our_diagnostics(draws)).all()


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_summary_of_many_quantities(threads: int) -> None:
    draws = np.stack([autoregressive((4, 501), correlation) for correlation in CORRELATIONS])
    draws[2, 0, 0] = np.nan
    summary = np.array(_core.ChainSummaries(draws, threads=threads).result())
    assert summary.shape == (3, len(CORRELATIONS))
    np.testing.assert_array_equal(summary.T, [our_diagnostics(quantity) for quantity in draws])


def test_summary_of_no_quantity() -> None:
    for array in _core.ChainSummaries(np.empty((0, 4, 100))).result():
        assert array.shape == (0,)


def test_a_summary_may_be_asked_for_twice_or_not_at_all() -> None:
    draws = autoregressive((40, 4, 500), 0.3)
    for _ in range(20):
        _core.ChainSummaries(draws, threads=2)
    summaries = _core.ChainSummaries(draws, threads=2)
    np.testing.assert_array_equal(summaries.result(), summaries.result())


def test_arrays_of_any_layout_and_type() -> None:
    draws = autoregressive((4, 200), 0.3)
    expected = our_diagnostics(draws)
    assert our_diagnostics(np.asfortranarray(draws)) == expected
    assert our_diagnostics(np.repeat(draws, 2, axis=1)[:, ::2]) == expected
    assert our_diagnostics(draws[:, ::-1][:, ::-1]) == expected
    whole = np.floor(2 * draws)
    assert our_diagnostics(whole.astype(np.int64)) == our_diagnostics(whole)


def test_draws_are_left_as_they_were() -> None:
    draws = autoregressive((3, 4, 101), 0.3)
    draws.flags.writeable = False
    copy = draws.copy()
    _core.ChainSummaries(draws).result()
    np.testing.assert_array_equal(draws, copy)


@pytest.mark.parametrize("name", ["split_rhat", "ess_bulk", "ess_mean", "ess_tail", "e_bfmi"])
def test_wrong_number_of_dimensions(name: str) -> None:
    with pytest.raises(ValueError, match=r"dimensions \(chains, draws\), but the array has 1"):
        getattr(_core, name)(np.zeros(10))
    with pytest.raises(ValueError, match=r"dimensions \(quantities, chains, draws\), but the array has 2"):
        _core.ChainSummaries(np.zeros((4, 10)))


def test_summary_refuses_no_threads_and_no_chains() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, not 0"):
        _core.ChainSummaries(np.zeros((1, 4, 10)), threads=0)
    with pytest.raises(ValueError, match="chains must be at least 1"):
        _core.ChainSummaries(np.zeros((1, 0, 10)))


@pytest.mark.parametrize("shape", [(1, 2), (4, 100), (3, 1001)])
def test_e_bfmi(shape: tuple[int, int]) -> None:
    energy = 100 + autoregressive(shape, 0.5)
    expected = np.square(np.diff(energy)).mean(axis=1) / energy.var(axis=1, ddof=1)
    np.testing.assert_allclose(_core.e_bfmi(energy), expected, rtol=RELATIVE)
    if not ARVIZ_1:  # ArviZ 1 wants a DataTree
        np.testing.assert_allclose(_core.e_bfmi(energy), az.bfmi(energy), rtol=RELATIVE)


def test_e_bfmi_of_short_and_constant_chains() -> None:
    assert np.isnan(_core.e_bfmi(np.zeros((2, 1)))).all()
    assert np.isnan(_core.e_bfmi(np.full((2, 50), 0.1))).all()


def test_other_threads_run_meanwhile() -> None:
    draws = autoregressive((20, 4, 10_000), 0.0)
    ticks = 0
    finished = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not finished.is_set():
            ticks += 1
            time.sleep(0.001)

    ticking = threading.Thread(target=tick)
    ticking.start()
    before = ticks
    _core.ChainSummaries(draws).result()
    during = ticks - before
    finished.set()
    ticking.join()
    assert during >= 3  # 0 or 1 while the GIL is held
