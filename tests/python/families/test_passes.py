"""Families over passes: rows that are read in parts, and never at hand together, have the posterior of a data frame."""

from __future__ import annotations

import re
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from filbert.data import readers, streams
from filbert.data.blocks import DesignColumns
from filbert.families import passes
from filbert.fit import framed
from hypothesis import given, settings
from hypothesis import strategies as st
from spark_sessions import spark_session, spark_warnings

N = 1500
SEED = 20261125
CASES = {
    "bernoulli": ("b ~ x + g + scale(z) + offset(o)", {}),
    "binomial": ("p(s, m) ~ x*g", {}),
    "poisson": ("c ~ x + z + g", {"link": "log"}),
    "negativebinomial": ("c ~ x + g", {}),
    "gamma": ("a ~ x + z", {"link": "log"}),
    "beta": ("u ~ x + g", {}),
    "t": ("r ~ x + z", {}),
    "exponential": ("a ~ x + g", {}),
}


def made(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    data = pd.DataFrame(
        {
            "x": rng.normal(30, 2, n),
            "z": rng.uniform(1, 9, n),
            "g": rng.choice(list("dbca"), n),
            "w": rng.choice([0.0, 0.5, 1.0, 2.0], n),
            "o": rng.normal(size=n) / 2,
            "m": rng.integers(1, 9, n),
        }
    )
    eta = 0.3 * (data.x - 30) + 0.1 * (data.z - 5) + (data.g == "a") + data.o
    share = 1 / (1 + np.exp(-eta))
    data["b"] = rng.binomial(1, share)
    data["s"] = rng.binomial(data.m, share)
    data["c"] = rng.poisson(np.exp(eta) * rng.gamma(3, 1 / 3, n))
    data["a"] = rng.gamma(2, np.exp(eta) / 2)
    data["u"] = np.clip(rng.beta(4 * share, 4 * (1 - share)), 1e-6, 1 - 1e-6)
    data["r"] = eta + rng.standard_t(4, n)
    return data.sort_values("g", ignore_index=True)


DATA = made()


@pytest.fixture
def by_passes(monkeypatch):
    """Let nothing be small enough to be brought into memory."""
    monkeypatch.setattr(streams, "IN_MEMORY", 0)


def parts_of(data: pd.DataFrame, rows: int | None = None, order=None):
    size = rows or len(data)
    starts = list(range(0, len(data), size))
    chosen = starts if order is None else [starts[place] for place in order]
    return fb.stream(lambda: iter([data.iloc[start : start + size] for start in chosen]))


def model(family: str, data, **options) -> fb.Model:
    formula, settings_ = CASES[family]
    return fb.Model(formula, data, family=family, **settings_, **options)


def check_mode(first: fb.Model, second: fb.Model, limit: float = 1e-9) -> None:
    """Hold mode and covariance of a frame by passes against those of the rows in memory."""
    one, other = framed(first.regression), framed(second.regression)
    assert other.by_passes
    assert not one.by_passes
    mode, same = one.mode(), other.mode()
    n = first.regression.n_coefficients
    estimate, again = (np.concatenate([m["estimate"][:n], np.log(m["estimate"][n:])]) for m in (mode, same))
    sd = np.sqrt(np.diag(mode["covariance"]))
    assert np.max(np.abs(estimate - again) / sd) < limit
    assert np.allclose(same["covariance"] / np.outer(sd, sd), mode["covariance"] / np.outer(sd, sd), atol=100 * limit)


# The Hessian in an auxiliary is a difference of gradients, which has fewer digits than these.
@pytest.mark.parametrize("family", CASES)
def test_the_mode_is_that_of_rows_in_memory(by_passes, family):
    limit = 1e-6 if model(family, DATA).regression.auxiliaries else 1e-9
    check_mode(model(family, DATA, weights="w"), model(family, parts_of(DATA, 400), weights="w"), limit)


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(90, N), data=st.data())
def test_the_mode_depends_on_no_parts_and_no_order(rows, data):
    order = data.draw(st.permutations(range(-(-N // rows))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "IN_MEMORY", 0)
        for family in ("bernoulli", "poisson"):
            check_mode(model(family, DATA, weights="w"), model(family, parts_of(DATA, rows, order), weights="w"))


@pytest.mark.parametrize("broken", ["block", "weight"])
def test_a_lost_block_and_a_lost_weight_are_noticed(by_passes, monkeypatch, broken):
    whole = passes.Layout.of

    def of(self, block, times=1.0):
        if broken == "block" and float(block.X[0, 0]) == DATA.x[400]:
            return None
        return whole(self, passes.Block(block.columns, block.y, block.offset, None), times)

    monkeypatch.setattr(passes.Layout, "of", of)
    weights = "w" if broken == "weight" else None
    with pytest.raises(AssertionError):
        check_mode(
            model("poisson", DATA, weights=weights), model("poisson", parts_of(DATA, 400), weights=weights), 0.01
        )


def test_a_row_is_read_about_ten_times(by_passes, monkeypatch):
    read = []
    whole = readers.FunctionStream._read
    monkeypatch.setattr(readers.FunctionStream, "_read", lambda *given: (read.append(1), whole(*given))[1])
    fitted = model("poisson", parts_of(DATA, 400))
    start = len(read)
    idata = fitted.fit(progressbar=False, random_seed=1)
    assert (
        len(read) - start <= 8
    )  # a sample, up to five steps, third derivatives is one of them; a pilot, all proposals
    assert idata["posterior"].attrs["sampler"] == "independence"


def z_scores(draws, reference) -> np.ndarray:
    """Return differences of means and of deviations in Monte Carlo errors, as if draws were independent."""
    n, m = draws.shape[1], reference.shape[1]
    sd = reference.std(axis=1)
    of_means = (draws.mean(axis=1) - reference.mean(axis=1)) / (sd * np.sqrt(1 / n + 1 / m))
    of_spreads = (np.log(draws.std(axis=1)) - np.log(sd)) / np.sqrt(1 / n + 1 / m)
    return np.concatenate([of_means, of_spreads])


@pytest.mark.parametrize("family", ["bernoulli", "poisson", "negativebinomial", "beta"])
def test_draws_are_those_of_the_posterior(by_passes, family):
    seen = DATA[::20].reset_index(drop=True)  # few rows, so that the posterior is not normal
    sampled = _core.sample_glm_by_passes(
        framed(model(family, parts_of(seen, 30)).regression), draws=10000, chains=4, cores=1, seed=3, refuses=True,
        most_rows=0,
    )  # fmt: skip
    assert sampled["refusal"] == ""
    density = framed(model(family, seen).regression)
    reference = _core.sample(
        density, draws=10000, tune=500, chains=4, cores=2, seed=4, target_accept=0.9, max_treedepth=10,
        keep_warmup=False, report=None,
    )  # fmt: skip
    draws, others = (each["sampling"]["values"].reshape(density.variables, -1) for each in (sampled, reference))
    assert np.max(np.abs(z_scores(draws, others))) < 6  # draws are worth about half as many independent ones


@pytest.fixture
def break_off(monkeypatch):
    """Let a method of `passes.Passes` give something else from when the returned function is called."""

    def prepare(name, instead):
        whole, broken = getattr(passes.Passes, name), []
        monkeypatch.setattr(passes.Passes, name, lambda *given: instead(*given) if broken else whole(*given))
        return lambda: broken.append(True)

    return prepare


def values_of(density, run):
    """Return draws of a run, (variables, draws)."""
    return run["sampling"]["values"].reshape(density.variables, -1)


def test_proposals_that_no_row_judges_are_noticed(by_passes, break_off):
    lose = break_off("batch", lambda _, c, __: np.zeros(c.shape[1]))
    seen = DATA[::100].reset_index(drop=True)
    density = framed(fb.Model("c ~ x + z", parts_of(seen, 10), family="negativebinomial").regression)
    asked = {"draws": 25000, "chains": 4, "cores": 1, "seed": 3, "refuses": False, "most_rows": 0}
    draws = values_of(density, _core.sample_glm_by_passes(density, **asked))
    lose()
    assert np.max(np.abs(z_scores(values_of(density, _core.sample_glm_by_passes(density, **asked)), draws))) > 10


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_few_rows_decide_moves_as_all_would(by_passes, break_off, family):
    lose = break_off("candidates", lambda *_: (None, np.zeros(0), False))
    rng = np.random.default_rng(SEED)
    seen = pd.DataFrame({"x": rng.normal(size=600)})
    mean = np.exp(-1.5 + 0.5 * seen.x)
    seen["y"] = rng.poisson(mean) if family == "poisson" else rng.binomial(1, np.minimum(mean, 1))
    density = framed(fb.Model("y ~ x", parts_of(seen, 150), family=family).regression)
    asked = {"draws": 25000, "chains": 4, "cores": 1, "seed": 3, "refuses": False}
    all_rows, few = (_core.sample_glm_by_passes(density, **asked, most_rows=most) for most in (0, 10**8))
    lose()  # no row ever objects
    none = _core.sample_glm_by_passes(density, **asked, most_rows=10**8)
    assert ["rows_a_move" in run for run in (all_rows, few, none)] == [False, True, True]
    expected = values_of(density, all_rows)
    assert np.max(np.abs(z_scores(values_of(density, few), expected))) < 6
    assert np.max(np.abs(z_scores(values_of(density, none), expected))) > 10


def test_bounds_hold_for_what_polynomials_leave():
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(200, 2))
    y = rng.poisson(np.exp(0.5 * X[:, 0])).astype(float)
    data = _core.GlmData("poisson", "log", X, y, units=(np.zeros(2), np.ones(2)))
    c, slopes, radius = np.array([0.1, 0.4, 0.1]), np.diag([0.3, 0.2, 0.2]), 3.0
    bounds = data.remainder_bounds(c, slopes, radius)
    design = np.c_[np.ones(200), X]
    for z in rng.normal(size=(50, 3)):
        z = z / np.linalg.norm(z) * radius * rng.random()  # noqa: PLW2901
        step = design @ slopes @ z
        left = np.exp(design @ c) * (np.exp(step) - 1 - step - step**2 / 2)
        assert np.all(np.abs(left) <= bounds * np.linalg.norm(z) ** 3 * (1 + 1e-9))


def test_a_partition_draws_its_own_candidates_and_the_same_ones_again():
    X = np.random.default_rng(1).normal(size=(500, 1))
    block = passes.Block(DesignColumns.of(np.asfortranarray(X)), np.ones(500), None, None)
    layout = passes.Layout("poisson", "log", (np.zeros(1), np.ones(1)))

    class Some:
        index = range(500)

        def __init__(self, origin):
            self.origin = origin

        def blocks(self):
            return iter([block])

    def drawn(origin):
        draw = passes.CandidateDraw(layout, (np.zeros(2), 0.1 * np.eye(2), 3.0), 1000.0, 10**6, 7)
        draw.fold(Some(origin))
        return draw

    first, again, other = drawn("partition 0"), drawn("partition 0"), drawn("partition 1")
    assert first.n_kept > 20
    assert np.array_equal(np.concatenate(first.bounds), np.concatenate(again.bounds))
    assert first.n_kept != other.n_kept or not np.array_equal(first.kept[0].X, other.kept[0].X)


def test_a_fit_and_what_follows_work_as_with_other_streams(by_passes, tmp_path):
    fitted = model("bernoulli", parts_of(DATA, 400), weights="w")
    idata = fitted.fit(progressbar=False, random_seed=5)
    again = model("bernoulli", parts_of(DATA, 400), weights="w").fit(progressbar=False, random_seed=5)
    assert np.array_equal(idata["posterior"]["x"], again["posterior"]["x"])
    memory = model("bernoulli", DATA, weights="w")
    table, same = fitted.maximum_likelihood(), memory.maximum_likelihood()
    assert np.allclose(table, same, rtol=1e-7)
    assert np.isclose(table.attrs["log_likelihood"], same.attrs["log_likelihood"], rtol=1e-12)
    new = DATA[:7]
    mean = fb.predictions(fitted, idata, data=new)
    others = memory.fit(progressbar=False, random_seed=5)
    assert np.allclose(mean["mean"], fb.predictions(memory, others, data=new)["mean"], atol=0.02)
    assert np.allclose(fitted.r2(idata)["r2"].mean(), memory.r2(others)["r2"].mean(), atol=0.01)
    fb.write_predictions(str(tmp_path / "p.csv"), fitted, idata, parts_of(DATA, 400))
    assert np.allclose(pd.read_csv(tmp_path / "p.csv")["mean"][:7], mean["mean"])
    fitted.save(tmp_path / "model.json")
    assert np.allclose(fb.predictions(fb.load(tmp_path / "model.json"), idata, data=new)["mean"], mean["mean"])


def test_nuts_brings_rows_into_memory(by_passes):
    idata = model("poisson", parts_of(DATA, 400)).fit(sampler="nuts", progressbar=False, random_seed=5)
    assert idata["posterior"].attrs["sampler"] == "nuts"


def hard() -> pd.DataFrame:
    """Return rows that a flat prior lets run far in one direction: next to separated."""
    x = np.r_[np.zeros(30), np.ones(30)]
    return pd.DataFrame({"x": x, "y": np.r_[np.zeros(30), np.ones(30)]})


def test_a_posterior_that_is_not_normal_is_sampled_in_memory(by_passes):
    priors = {"common": fb.Prior("Normal", mu=0, sigma=200), "Intercept": fb.Prior("Normal", mu=0, sigma=200)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        far = fb.Model("y ~ x", parts_of(hard(), 20), family="bernoulli", priors=priors)
        idata = far.fit(progressbar=False, random_seed=5)
    assert idata["posterior"].attrs["sampler"] == "nuts"
    assert "brought into memory" in idata["posterior"].attrs["sampler_note"]


def test_a_mode_at_the_edge_of_a_link_is_found_in_memory(by_passes):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=5000)})
    data["k"] = rng.poisson(np.exp(0.3 * data.x))  # no line: linear predictors press against 0
    one, other = (
        framed(fb.Model("k ~ x", rows, family="poisson", link="identity").regression)
        for rows in (data, parts_of(data, 700))
    )
    assert not other.by_passes
    assert np.allclose(other.mode()["estimate"], one.mode()["estimate"], rtol=1e-9)


def test_rows_that_do_not_fit_are_refused(by_passes, monkeypatch):
    import filbert.fit

    monkeypatch.setattr(filbert.fit, "available_memory", lambda: 1000)
    with pytest.raises(fb.DataError, match=re.escape("sampler='nuts' was asked for") + ".*GB are free"):
        model("poisson", parts_of(DATA, 400)).fit(sampler="nuts", progressbar=False)


def test_rows_of_groups_that_do_not_fit_are_refused(by_passes, monkeypatch):
    data = DATA.assign(k=np.arange(N) // 4, count=np.random.default_rng(2).poisson(2, N))
    monkeypatch.setattr("filbert.fit.available_memory", lambda: 1000)
    grouped = fb.Model("count ~ x + (x | k)", parts_of(data, 400), family="poisson")
    with pytest.raises(fb.DataError, match=r"group-specific terms .* brought into memory.*Fit a part of the rows\.$"):
        grouped.fit(progressbar=False)
    assert passes.column_bytes(grouped.regression) == 8 * N * (1 + 2 + 1 + 2)  # x, response, trials; codes and effects


def test_rows_that_a_summary_stands_for_are_not_missed(by_passes, monkeypatch):
    monkeypatch.setattr("filbert.fit.available_memory", lambda: 1000)
    for formula in ("x ~ w", "x ~ w + (1 | k)"):
        gaussian = fb.Model(formula, parts_of(DATA.assign(k=np.arange(N) % 7), 400))
        assert gaussian.fit(sampler="nuts", progressbar=False)["posterior"].attrs["sampler"] == "nuts"


def test_small_streams_are_brought_into_memory():
    assert not framed(model("poisson", parts_of(DATA, 400)).regression).by_passes


def test_bad_responses_name_where_they_are(by_passes):
    data = DATA.copy()
    data.loc[700, "c"] = -3
    with pytest.raises(fb.DataError, match=re.escape("table 1 of the stream") + ".*-3.*row 300"):
        model("poisson", parts_of(data, 400))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("family", ["bernoulli", "gamma"])
def test_dask_gives_the_same(by_passes, scheduler, family):
    dd = pytest.importorskip("dask.dataframe")
    import dask

    with dask.config.set(scheduler=scheduler, num_workers=2):
        frame = model(family, dd.from_pandas(DATA, npartitions=5), weights="w")
        check_mode(model(family, DATA, weights="w"), frame, 1e-6 if family == "gamma" else 1e-9)
        local = model(family, parts_of(DATA, 400), weights="w").fit(progressbar=False, random_seed=5)
        idata = frame.fit(progressbar=False, random_seed=5)
    mean, same = (np.asarray(each["posterior"]["x"]).mean() for each in (idata, local))
    assert abs(mean - same) < 0.1 * np.asarray(local["posterior"]["x"]).std()  # the same proposals
    assert idata["posterior"].attrs["sampler"] == "independence"


@pytest.mark.filterwarnings("default")
def test_rows_stay_where_they_are(by_passes, monkeypatch):
    dd = pytest.importorskip("dask.dataframe")
    from filbert.data.engines import DaskStream

    def refuse_to_read(*_):
        raise AssertionError("a whole partition was read by the caller")

    monkeypatch.setattr(DaskStream, "_read", refuse_to_read)
    model("bernoulli", dd.from_pandas(DATA, npartitions=9)).fit(progressbar=False)


@spark_warnings
def test_spark_gives_the_same(by_passes):
    with spark_session() as session:
        frame = model("poisson", session.createDataFrame(DATA).repartition(3), weights="w")
        check_mode(model("poisson", DATA, weights="w"), frame)
        idata = frame.fit(progressbar=False, random_seed=5)
    assert idata["posterior"].attrs["sampler"] == "independence"
