"""The sampler of mixed models with other responses: when it is taken, what it reports, and how it is left for NUTS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from filbert import _core
from mixed_models import sample_hmc


@pytest.fixture(scope="module")
def framed() -> _core.FramedGroupedGlm:
    """Counts in 20 groups of 6 rows."""
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(20), 6)
    x = rng.normal(size=len(codes))
    y = rng.poisson(np.exp(0.3 + 0.4 * x + 0.6 * rng.normal(size=20)[codes]))
    data = _core.GlmData("poisson", "log", x[:, None], y.astype(float))
    design = _core.GroupedDesign([20], [(0, 1)], [None], [codes])
    posterior = _core.GroupedGlm(
        data,
        design,
        intercept=True,
        intercept_at_means=True,
        coefficient_priors=[("Normal", (0.0, 2.5))] * 2,
        auxiliary_priors=[],
        terms=[(False, [("HalfNormal", (1.0,))], 1.0)],
    )
    return _core.FramedGroupedGlm(posterior)


def chosen(framed: _core.FramedGroupedGlm, **changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "draws": 400,
        "tune": 100,
        "chains": 4,
        "cores": 2,
        "seed": 5,
        "target_accept": 0.8,
        "max_treedepth": 10,
        "keep_warmup": False,
        "report": None,
    }
    return _core.sample_grouped(framed, **{**asked, **changes})


def test_a_pilot_chooses_few_steps_and_the_run_reports_them(framed: _core.FramedGroupedGlm) -> None:
    pilot = _core.hmc_pilot(framed, 5, 0.8)
    assert pilot["refusal"] == ""
    assert pilot["acceptance"] >= 0.95
    assert pilot["widest"] < 4
    result = chosen(framed)
    assert (result["sampler"], result["note"], result["complaint"]) == ("hmc", "", "")
    statistics = result["sampling"]
    assert set(statistics["n_steps"].ravel()) == {pilot["steps"]} <= {2, 3, 4}
    assert result["iterations"] == [400] * 4
    moved = statistics["index_in_trajectory"] > 0
    assert moved.mean() == pytest.approx(statistics["acceptance_rate"].mean(), abs=0.03)
    stays = ~moved[:, 1:]
    assert np.array_equal(np.all(np.diff(statistics["values"], axis=2) == 0, axis=0), stays)
    # A trajectory is 1.8 long, give or take a tenth.
    assert 1.61 < statistics["step_size"].min() * pilot["steps"] < statistics["step_size"].max() * pilot["steps"] < 1.99


@pytest.mark.parametrize(("sampler", "more"), [("hmc", 50), ("nuts", 30)])
def test_a_run_says_how_many_iterations_it_is_to_make(framed: _core.FramedGroupedGlm, sampler: str, more: int) -> None:
    asked: set[int] = set()

    def report(chains: list[tuple[int, int]], iterations: int) -> None:
        asked.add(iterations)
        if max(done for done, _ in chains) > 0:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"draws": 30_000, "chains": 2, "cores": 2, "seed": 1, "target_accept": 0.8}
    if sampler == "hmc":
        _core.sample_hmc(framed, report=report, **options)
    else:
        _core.sample(framed, tune=30, max_treedepth=10, keep_warmup=False, report=report, **options)
    assert asked == {30_000 + more}


def test_draws_do_not_depend_on_cores_and_chains_differ(framed: _core.FramedGroupedGlm) -> None:
    one, two = (sample_hmc(framed, 50, cores=cores)["sampling"]["values"] for cores in (1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one[:, 0], one[:, 1])
    assert not np.array_equal(one, sample_hmc(framed, 50, seed=2)["sampling"]["values"])


def test_the_log_density_is_that_of_the_draw(framed: _core.FramedGroupedGlm) -> None:
    ours, theirs = (
        chosen(framed, draws=2000, **changes)["sampling"]["lp"] for changes in ({}, {"target_accept": 0.99999})
    )
    assert ours.mean() == pytest.approx(theirs.mean(), abs=5 * ours.std() / np.sqrt(1000))


def test_an_acceptance_that_no_number_of_steps_reaches_leaves_it_for_nuts(framed: _core.FramedGroupedGlm) -> None:
    result = chosen(framed, target_accept=0.99999, draws=20, tune=30)
    assert result["sampler"] == "nuts"
    assert result["note"].startswith("Hamiltonian Monte Carlo with split steps was left for NUTS: a pilot accepted 0.9")
    assert result["note"].endswith("of its trajectories of 12 steps")
