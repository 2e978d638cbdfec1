"""Draws that could not fit into memory are refused before anything is allocated, with the number of bytes."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.sampling import memory

DATA = pd.DataFrame({"x": np.arange(20.0), "y": np.random.default_rng(1).normal(size=20)})


@pytest.fixture(autouse=True)
def eight_gigabytes(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 8 * 10**9)


def test_too_many_draws():
    model = fb.Model("y ~ x", DATA)
    # Three parameters and twelve statistics a draw.
    needed = 8 * 4 * 2**40 * 15
    with pytest.raises(fb.SettingError, match=rf"draws={2**40} in 4 chains would take {needed} bytes .*8000000000"):
        model.fit(draws=2**40)
    with pytest.raises(fb.SettingError, match="draws must be at most"):
        model.fit(draws=10**30)


def test_the_warm_up_counts_where_it_is_kept():
    model = fb.Model("y ~ x", DATA)
    with pytest.raises(fb.SettingError, match=r"with their warm-up \(tune=1000000000\)"):
        model.fit(tune=10**9, discard_tuned_samples=False)


def test_prior_draws():
    with pytest.raises(fb.SettingError, match=f"draws={2**40} would take"):
        fb.Model("y ~ x", DATA).prior_predictive(draws=2**40)


def test_where_the_machine_does_not_say(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    with pytest.raises(fb.SettingError, match=r"bytes \([0-9.e+]+ GB\)\. Ask for fewer"):
        fb.Model("y ~ x", DATA).fit(draws=2**40)
    fb.Model("y ~ x", DATA).fit(random_seed=1)


def test_few_draws_do_not_ask_the_machine(monkeypatch):
    def asked() -> None:
        raise AssertionError("reading /proc/meminfo takes as long as the other checks of a small fit together")

    monkeypatch.setattr(memory, "available_memory", asked)
    memory.check_draws_fit("draws=1000 in 4 chains", 4000, 40)
    with pytest.raises(AssertionError):
        memory.check_draws_fit("draws=1000 in 4 chains", 4000, 4000)
