"""Mixed models of many rows: weighted draws of a Gaussian model are those of the posterior."""

from __future__ import annotations

import re
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from filbert.data import streams
from filbert.families import grouped_passes, kernel_family, reweighting
from filbert.fit import framed
from scipy import stats
from spark_sessions import spark_session, spark_warnings

N = 3000
SEED = 20261126
FORMULAS = {
    "slopes": ("b ~ x + (x | g)", "bernoulli", {}),
    "crossed": ("c ~ x + k + (1 | g) + (1 | h)", "poisson", {}),
    "trials": ("p(s, m) ~ x + offset(o) + (x || g)", "binomial", {}),
    "probit": ("b ~ x + (1 | g)", "bernoulli", {"link": "probit"}),
    "no_intercept": ("c ~ 0 + k + (x | g)", "poisson", {"center_predictors": False}),
    "priors": (
        "b ~ x + (1 | g)",
        "bernoulli",
        {"priors": {"x": fb.Prior("StudentT", nu=3, mu=0, sigma=0.1), "1|g_sigma": fb.HalfCauchy(beta=1)}},
    ),
    "dispersion": ("c ~ x + (1 | g)", "negativebinomial", {}),
    "shape": ("a ~ x + (x | g)", "gamma", {"link": "log"}),
    "two": ("r ~ x + (1 | g)", "t", {}),
    "share": ("u ~ x + (1 | g)", "beta", {}),
    "log": ("e ~ x + (1 | g)", "gaussian", {"link": "log"}),
    "known": ("a ~ x + (1 | g)", "exponential", {"link": "log", "priors": {"1|g": fb.Normal(mu=0, sigma=0.7)}}),
}


def made(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    g, h = rng.integers(0, 7, n), rng.integers(0, 4, n)
    data = pd.DataFrame(
        {
            "x": rng.normal(5, 2, n),
            "g": [f"g{i}" for i in g],
            "h": [f"h{i}" for i in h],
            "k": rng.choice(list("uvw"), n),
            "w": rng.choice([0.0, 0.5, 1.0, 2.0], n),
            "o": rng.normal(size=n) / 2,
            "m": rng.integers(1, 5, n),
        }
    )
    effects = rng.normal(size=(7, 2)) @ np.array([[0.7, 0.1], [0, 0.3]])
    eta = -1 + (0.2 + effects[g, 1]) * (data.x - 5) + effects[g, 0] + 0.5 * rng.normal(size=4)[h]
    share = 1 / (1 + np.exp(-eta))
    data["b"], data["c"], data["s"] = rng.binomial(1, share), rng.poisson(np.exp(eta)), rng.binomial(data.m, share)
    data["a"] = rng.exponential(np.exp(eta))
    data["u"] = np.clip(rng.beta(4 * share, 4 * (1 - share)), 1e-6, 1 - 1e-6)
    data["e"] = np.exp(0.3 * eta) + 0.3 * rng.normal(size=n)
    data["r"] = eta + 0.5 * rng.standard_t(4, n)
    return data


DATA = made()


@pytest.fixture
def by_passes(monkeypatch):
    """Let nothing be small enough to be brought into memory."""
    monkeypatch.setattr(streams, "IN_MEMORY", 0)


def parts_of(data: pd.DataFrame, rows: int):
    return fb.stream(lambda: iter([data.iloc[start : start + rows] for start in range(0, len(data), rows)]))


def model(case: str, data: Any, **options: Any) -> fb.Model:
    formula, family, more = FORMULAS[case]
    return fb.Model(formula, data, family=family, **{"weights": "w", **more, **options})


def reweighted(regression) -> Any:
    return regression.family.reweighted_frame(regression, SEED, True)


def sampled(density, draws: int = 5000, refuses: bool = True) -> np.ndarray:
    run = _core.sample_reweighted(density, draws=draws, chains=4, cores=2, seed=3, refuses=refuses)
    assert run["refusal"] == ""
    return run["sampling"]["values"]


def z_scores(draws: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return differences of means and of deviations, (variables, chains, draws), in Monte Carlo errors."""
    scores = []
    for one, other in zip(draws, others, strict=True):
        for of in (one, other), (np.square(one - other.mean()), np.square(other - other.mean())):
            errors = [each.std() / np.sqrt(_core.ess_mean(each)) for each in of]
            scores.append((of[0].mean() - of[1].mean()) / np.hypot(*errors))
    return np.array(scores)


@pytest.mark.parametrize("case", FORMULAS)
def test_draws_are_those_of_the_posterior(by_passes, case):
    # Few rows, so that the posterior is not that of the Gaussian model.
    seen = DATA[:: 6 if case == "slopes" else 2].reset_index(drop=True)
    reference = _core.sample(
        framed(model(case, seen).regression, by_passes=False), draws=5000, tune=500, chains=4, cores=2, seed=4,
        target_accept=0.9, max_treedepth=10, keep_warmup=False, report=None,
    )["sampling"]["values"]  # fmt: skip
    if case == "known":
        reference = np.delete(reference, 2, axis=0)  # a deviation that does not vary
    density = reweighted(model(case, parts_of(seen, 400)).regression)
    draws = sampled(density)
    if case == "known":
        assert np.all(draws[2] == 0.7)
        draws = np.delete(draws, 2, axis=0)
    assert np.max(np.abs(z_scores(draws, reference))) < 4.5
    if case != "slopes":
        return
    for broken in ("no ratio", "a slope"):
        others = broken_off(model(case, parts_of(seen, 400)).regression, broken)
        assert np.max(np.abs(z_scores(sampled(others, 15000, refuses=False), reference))) > 4.5, broken


def parts_of_density(regression) -> tuple[Any, Any, dict[str, Any]]:
    """Return what a reweighted posterior is made of: the Gaussian one, the ratios and the rest."""
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_core, "ReweightedGroupedGaussian", lambda *given, **more: found.append((*given, more)))
        reweighted(regression)
    return found[0]


def broken_off(regression, how: str) -> Any:
    """Return a density whose ratios are not those of the likelihoods."""
    surrogate, ratios, more = parts_of_density(regression)
    instead = {
        "no ratio": lambda draws, _: np.zeros(draws.shape[1]),
        "a slope": lambda draws, _: ratios(draws, _) + (draws[0] - draws[0].mean()) / draws[0].std() / 5,
    }
    return _core.ReweightedGroupedGaussian(surrogate, instead[how], **more)


@pytest.mark.parametrize("case", ["slopes", "crossed", "shape"])
def test_weights_vary_less_where_the_model_is_that_of_draws_on_average(by_passes, monkeypatch, case):
    regression = model(case, parts_of(DATA[::6].reset_index(drop=True), 400)).regression
    on_average = spread_of_log_weights(regression)
    monkeypatch.setattr(reweighting, "_LEAST_VARIATION", np.inf)
    assert on_average < 0.7 * spread_of_log_weights(regression)  # of the model at the mode


def spread_of_log_weights(regression) -> float:
    """Return the standard deviation of log weights of draws from the Gaussian model and the auxiliaries' normal."""
    surrogate, ratios, more = parts_of_density(regression)
    centre, factor, slopes = more["auxiliaries"]
    z = np.random.default_rng(1).normal(size=(surrogate.dimension + len(centre), 2000))
    draws, own = surrogate.to_user_scale(z[: surrogate.dimension]), z[surrogate.dimension :]
    log_weights = ratios(draws, np.exp(centre[:, None] + slopes @ draws + factor @ own))
    return float(np.std(log_weights + np.square(own).sum(axis=0) / 2))


@pytest.mark.parametrize("case", ["slopes", "crossed", "trials", "no_intercept"])
def test_log_likelihoods_are_those_of_scipy(by_passes, case):
    regression = model(case, parts_of(DATA, 700)).regression
    surrogate, ratios, _ = parts_of_density(regression)
    draws = surrogate.to_user_scale(np.random.default_rng(1).normal(size=(surrogate.dimension, 5)))
    none = np.zeros((0, 5))
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reweighting, "log_likelihoods", lambda rows, likelihood, *_: found.append(likelihood) or 0.0)
        ratios(draws, none)
    likelihood = found[0]
    values = grouped_passes.log_likelihoods(regression.rows, likelihood, draws, none)
    coefficients, effects = likelihood.split(draws)
    X = np.concatenate([block.X for block in regression.rows.blocks()]) - likelihood.means
    eta = X @ coefficients[1:] + coefficients[0]
    if case == "trials":
        eta += np.array(DATA.o)[:, None]
    first = 0
    for (factor, columns), name in zip(likelihood.terms, {"crossed": "gh"}.get(case, "gg"), strict=False):
        labels = np.array(sorted(set(DATA[name])))
        codes = np.searchsorted(labels, DATA[name])
        for column in range(columns):
            z = DATA.x if (column or (case == "trials" and first)) else 1.0
            groups = likelihood.n_groups[factor]
            eta += np.asarray(z).reshape(-1, 1) * effects[first + codes]
            first += groups
    share, rate = 1 / (1 + np.exp(-eta)), np.exp(eta)
    of_rows = {
        "slopes": lambda: stats.bernoulli.logpmf(np.array(DATA.b)[:, None], share),
        "trials": lambda: stats.binom.logpmf(np.array(DATA.s)[:, None], np.array(DATA.m)[:, None], share),
    }.get(case, lambda: stats.poisson.logpmf(np.array(DATA.c)[:, None], rate))()
    assert np.allclose(values, np.array(DATA.w) @ of_rows, rtol=1e-11)


def check_same(one, other) -> None:
    """Hold the Gaussian model and the ratios of two regressions of the same rows against each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reweighting, "_LEAST_VARIATION", 1)  # about the mode, where no draw has a say
        (surrogate, ratios, _), (again, others, _) = parts_of_density(one), parts_of_density(other)
    draws = surrogate.to_user_scale(np.random.default_rng(1).normal(size=(surrogate.dimension, 20)))
    sd = draws.std(axis=1)
    assert np.max(np.abs(surrogate.expected() - again.expected()) / sd) < 1e-3  # where a search of the mode ends
    none = np.zeros((0, 20))
    assert np.allclose(ratios(draws, none), others(draws, none), atol=1e-5)


def test_parts_and_their_order_do_not_matter(by_passes):
    halves = [DATA[:1700], DATA[1700:]]
    check_same(
        model("trials", parts_of(DATA, 100)).regression,
        model("trials", fb.stream(lambda: iter(halves[::-1]))).regression,
    )


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_rows_at_hand_are_sampled_so_where_they_are_many(monkeypatch):
    fitted = model("slopes", DATA)
    assert fitted.fit(progressbar=False, random_seed=5)["posterior"].attrs["sampler"] == "hmc"
    monkeypatch.setattr(kernel_family, "REWEIGHTED_ROWS", 2000)
    idata = fitted.fit(progressbar=False, random_seed=5)
    assert idata["posterior"].attrs["sampler"] == "independence"
    assert idata["posterior"].attrs["sampler_note"] == ""
    assert set(idata["posterior"].data_vars) == {
        "Intercept", "x", "1|g", "x|g", "1|g_sigma", "x|g_sigma", "g_corr"
    }  # fmt: skip
    bare = fitted.fit(progressbar=False, random_seed=5, include_group_effects=False)["posterior"]
    assert "1|g" not in bare
    assert np.array_equal(bare["x"], idata["posterior"]["x"])
    in_parts = model("slopes", parts_of(DATA, 400)).fit(progressbar=False, random_seed=5)  # read once, and kept
    assert in_parts["posterior"].attrs["sampler"] == "independence"
    assert abs(float(in_parts["posterior"]["x"].mean() - bare["x"].mean())) < 0.1 * float(bare["x"].std())
    asked = fitted.fit(progressbar=False, random_seed=5, sampler="hmc", draws=50)
    assert asked["posterior"].attrs["sampler"] == "hmc"


def test_a_fit_and_what_follows_work_as_with_rows_at_hand(by_passes):
    passed, memory = model("crossed", parts_of(DATA, 400)), model("crossed", DATA)
    idata = passed.fit(progressbar=False, random_seed=5)
    again = model("crossed", parts_of(DATA, 400)).fit(progressbar=False, random_seed=5)
    others = memory.fit(progressbar=False, random_seed=5)
    assert np.array_equal(idata["posterior"]["1|g"], again["posterior"]["1|g"])
    assert idata["posterior"].attrs["sampler"] == "independence"
    means = [fb.predictions(fitted, draws, data=DATA[:9])["mean"] for fitted, draws in
             ((passed, idata), (memory, others))]  # fmt: skip
    assert np.allclose(*means, rtol=0.05)


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_what_does_not_suit_is_sampled_with_rows_at_hand(by_passes, monkeypatch):
    monkeypatch.setattr(_core, "sample_reweighted", lambda *_, **__: {"refusal": "a pilot said no"})
    idata = model("slopes", parts_of(DATA, 400)).fit(progressbar=False, random_seed=5, draws=100)
    assert idata["posterior"].attrs["sampler"] == "hmc"
    assert idata["posterior"].attrs["sampler_note"] == "the rows were brought into memory; a pilot said no"
    monkeypatch.setattr(kernel_family, "REWEIGHTED_ROWS", 2000)
    idata = model("slopes", DATA).fit(progressbar=False, random_seed=5, draws=100)
    assert idata["posterior"].attrs["sampler"] == "hmc"
    assert idata["posterior"].attrs["sampler_note"] == "independence Metropolis was left; a pilot said no"
    monkeypatch.setattr("filbert.fit.available_memory", lambda: 1000)
    with pytest.raises(fb.DataError, match=re.escape("a pilot said no, so that their columns") + ".*GB are free"):
        model("slopes", parts_of(DATA, 400)).fit(progressbar=False)


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_auxiliaries_that_data_hardly_bound_are_not_tried(by_passes, monkeypatch):
    monkeypatch.setattr(_core, "sample_reweighted", None)
    data = DATA.assign(s=np.random.default_rng(4).binomial(DATA.m, 0.4))  # binomial: kappa may be as large as it likes
    fitted = fb.Model("p(s, m) ~ x + (1 | g)", parts_of(data, 400), family="beta_binomial")
    idata = fitted.fit(progressbar=False, random_seed=5, draws=20)
    assert idata["posterior"].attrs["sampler"] == "hmc"
    said = "the rows were brought into memory; the posterior of 'kappa' has a long tail"
    assert idata["posterior"].attrs["sampler_note"].startswith(said)


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_many_groups_of_few_rows_are_not_tried(by_passes, monkeypatch):
    monkeypatch.setattr(reweighting, "framed", None)
    data = DATA.assign(row=np.arange(N) // 4)
    fitted = fb.Model("b ~ x + (1 | row)", parts_of(data, 400), family="bernoulli")
    assert fitted.fit(progressbar=False, random_seed=5, draws=20)["posterior"].attrs["sampler"] == "hmc"


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_a_mode_that_is_not_found_is_looked_for_with_rows_at_hand(by_passes, monkeypatch):
    monkeypatch.setattr(reweighting, "_MOST_STEPS", 1)
    idata = model("slopes", parts_of(DATA, 400)).fit(progressbar=False, random_seed=5, draws=100)
    assert idata["posterior"].attrs["sampler"] == "hmc"
    monkeypatch.setattr(kernel_family, "REWEIGHTED_ROWS", 2000)
    idata = model("slopes", DATA).fit(progressbar=False, random_seed=5, draws=100)
    assert idata["posterior"].attrs["sampler"] == "hmc"


def test_an_edge_of_a_link_is_left_to_rows_at_hand(by_passes):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=4000), "g": rng.integers(0, 5, 4000)})
    data["k"] = rng.poisson(np.exp(0.5 * data.x))  # no line: linear predictors press against 0
    fitted = fb.Model("k ~ x + (1 | g)", parts_of(data, 700), family="poisson", link="identity")
    with pytest.raises(_core.NoModeError):
        reweighted(fitted.regression)


@pytest.mark.filterwarnings("default")
def test_dask_gives_the_same(by_passes):
    dd = pytest.importorskip("dask.dataframe")
    import dask

    with dask.config.set(scheduler="processes", num_workers=2):
        frame = model("slopes", dd.from_pandas(DATA, npartitions=5))
        check_same(model("slopes", parts_of(DATA, 400)).regression, frame.regression)
        idata = frame.fit(progressbar=False, random_seed=5)["posterior"]
    assert idata.attrs["sampler"] == "independence"


@spark_warnings
def test_spark_gives_the_same(by_passes, monkeypatch):
    monkeypatch.setattr(grouped_passes, "_SENT_BYTES", 1 << 18)  # in several passes
    with spark_session() as session:
        frame = model("crossed", session.createDataFrame(DATA).repartition(3))
        check_same(model("crossed", parts_of(DATA, 400)).regression, frame.regression)
        idata = frame.fit(progressbar=False, random_seed=5, draws=500)["posterior"]
    assert idata.attrs["sampler"] == "independence"


def test_runs_are_not_chosen_by_the_stays_that_heavy_weights_bring(by_passes):
    # Where half the runs are left for a stay of 30, the others are short of the tail that it was in.
    density = reweighted(model("dispersion", parts_of(DATA[::6].reset_index(drop=True), 400)).regression)
    runs = [
        _core.sample_reweighted(density, draws=1000, chains=4, cores=1, seed=seed, refuses=True) for seed in range(20)
    ]
    kept = [max(run["longest_stay"]) for run in runs if run["refusal"] == ""]
    assert 30 < max(kept) <= 60
