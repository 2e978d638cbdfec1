"""Ctrl-C stops a run within half a second and keeps what was drawn; long runs show progress."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.sampling import progress as progress_module
from filbert.sampling import run as run_module
from filbert.sampling.settings import Settings


@pytest.fixture(autouse=True)
def _python_handles_ctrl_c() -> Iterator[None]:
    """A shell starts its background jobs with SIGINT ignored, and Python then leaves it so."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def slow_model() -> fb.Model:
    """A model of many coefficients, whose runs below take seconds on any machine."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(200, 60)), columns=[f"x{j}" for j in range(60)])
    data["y"] = data["x0"] + rng.normal(size=200)
    return fb.Model("y ~ " + " + ".join(data.columns[:-1]), data)


def ctrl_c_after(iterations: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Press Ctrl-C once a chain of a run has gone so far, however fast the machine; return the seconds until then."""
    pressed: list[float] = []

    @contextlib.contextmanager
    def progress(settings: Settings) -> Iterator[Callable[[list[tuple[int, int]], int], None]]:
        begin = time.perf_counter()
        waiting = True

        def report(chains: list[tuple[int, int]], _: int) -> None:
            nonlocal waiting
            if waiting and max(done for done, _ in chains) >= iterations:
                waiting = False
                pressed.append(time.perf_counter() - begin)
                # In a moment, when the main thread waits for the chains again.
                threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

        yield report

    monkeypatch.setattr(run_module, "progress", progress)
    return pressed


@pytest.mark.parametrize("cores", [1, 2])
def test_ctrl_c_keeps_the_draws_so_far(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = slow_model()
    ctrl_c_after(600, monkeypatch)
    with pytest.warns(fb.ConvergenceWarning) as caught:
        idata = model.fit(draws=200_000, tune=500, cores=cores, random_seed=1)
    monkeypatch.undo()
    first = str(caught[0].message)
    assert re.match(r"Sampling was stopped: \d of 4 chains are kept, with \d+ of 200000 draws each", first), first
    draws = idata["posterior"]["x0"].values
    assert draws.shape[1] < 200_000
    assert np.isfinite(draws).all()
    assert idata["sample_stats"]["lp"].shape == draws.shape
    uninterrupted = model.fit(draws=draws.shape[1], tune=500, random_seed=1, progressbar=False)["posterior"][
        "x0"
    ].values
    kept = [chain for chain in range(4) if np.array_equal(uninterrupted[chain], draws[0])]
    assert kept, "the draws that are kept are those of a whole run"


def test_ctrl_c_stops_within_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    model = slow_model()
    pressed = ctrl_c_after(600, monkeypatch)
    ended = []
    for _ in range(3):  # the quickest of three: other programs may hold one of them up
        with pytest.warns(fb.ConvergenceWarning):
            idata = model.fit(draws=200_000, tune=500, random_seed=1)
        ended.append(float(idata["posterior"].attrs["sampling_time"]))
    assert min(end - press for end, press in zip(ended, pressed, strict=True)) < 0.5


def test_ctrl_c_during_the_warm_up_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    ctrl_c_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match="during the warm-up"):
        slow_model().fit(draws=10, tune=200_000, random_seed=1)


def test_ctrl_c_keeps_the_draws_of_trajectories_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=4000), "g": np.repeat([f"g{group}" for group in range(200)], 20)})
    data["y"] = rng.poisson(np.exp(0.3 * data["x"]))
    model = fb.Model("y ~ x + (1 | g)", data, family="poisson")
    ctrl_c_after(600, monkeypatch)
    with pytest.warns(
        fb.ConvergenceWarning, match=r"^Sampling was stopped: \d of 4 chains are kept, with \d+ of 20000"
    ):
        idata = model.fit(draws=20_000, random_seed=1)
    monkeypatch.undo()
    posterior = idata["posterior"]
    assert posterior.attrs["sampler"] == "hmc"
    draws = posterior["x"].values
    assert np.isfinite(draws).all()
    whole = model.fit(draws=draws.shape[1], random_seed=1, progressbar=False)["posterior"]["x"].values
    assert any(np.array_equal(whole[chain], draws[0]) for chain in range(4))


def test_chains_are_kept_where_most_draws_are() -> None:
    assert run_module._completed_chains([100, 90, 0, -5]) == [0, 1]
    assert run_module._completed_chains([1000, 2, 2, 2]) == [0]
    assert run_module._completed_chains([0, 0]) == []


def test_progress_appears_in_runs_that_take_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    new_display, real_progress = progress_module._new_display, run_module.progress

    @contextlib.contextmanager
    def progress_then_ctrl_c(settings: Settings) -> Iterator[Callable[[list[tuple[int, int]], int], None]]:
        with real_progress(settings) as report:

            def report_then_ctrl_c(chains: list[tuple[int, int]], iterations: int) -> None:
                report(chains, iterations)
                if shown:
                    os.kill(os.getpid(), signal.SIGINT)

            yield report_then_ctrl_c

    monkeypatch.setattr(progress_module, "_new_display", lambda *sizes: shown.append(1) or new_display(*sizes))
    monkeypatch.setattr(run_module, "progress", progress_then_ctrl_c)
    fb.Model("y ~ x", pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [1.0, 3, 2, 5]})).fit(random_seed=1)
    assert not shown
    assert progress_module.PROGRESS_AFTER_SECONDS == 0.5
    monkeypatch.setattr(
        progress_module, "PROGRESS_AFTER_SECONDS", 0.1
    )  # a fast machine may need less than 0.5 s for the run
    with pytest.warns(fb.ConvergenceWarning):
        slow_model().fit(draws=200_000, tune=0, random_seed=1)
    assert shown
