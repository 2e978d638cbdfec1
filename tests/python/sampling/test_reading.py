"""Passes over rows that are read in parts show how far they have come: a bar in terminals, or text in notebooks."""

from __future__ import annotations

import builtins
import io
import re
import sys

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.data import streams
from filbert.sampling import progress as progress_module

N = 1200


@pytest.fixture(autouse=True)
def slow_fit(monkeypatch):
    """A fit that takes a while from its first rows on, and whose rows are not taken into memory."""
    monkeypatch.setattr(progress_module, "PROGRESS_AFTER_SECONDS", 0)
    monkeypatch.setattr(progress_module, "_PLAIN_EVERY_SECONDS", 0)
    monkeypatch.setattr(streams, "IN_MEMORY", 0)


def halves() -> list[pd.DataFrame]:
    rng = np.random.default_rng(20261126)
    data = pd.DataFrame({"x": rng.normal(size=N)})
    data["y"] = rng.binomial(1, 1 / (1 + np.exp(-data.x)))
    return [data.iloc[::2], data.iloc[1::2]]


@pytest.fixture
def model():
    parts = halves()
    return fb.Model("y ~ x", fb.stream(lambda: iter(parts)), family="bernoulli")


def fit(model, **options) -> None:
    model.fit(draws=500, chains=2, random_seed=1, **options)


def test_notebook_without_widgets_gets_a_line_of_text(model, monkeypatch, recwarn, capsys):
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    fit(model)
    shown = capsys.readouterr().err.split("\r")
    lines = [re.fullmatch(r"Reading rows, pass (\d+): ([\d,]+) of 1,200 *", line) for line in shown if line.strip()]
    assert all(lines)
    passes = [int(line[1]) for line in lines]
    assert passes == [1 + k // 2 for k in range(len(lines))]
    assert passes[-1] >= 4
    assert [line[2] for line in lines[:2]] == ["600", "1,200"]
    assert shown[-1] == ""
    assert not recwarn.list


def test_terminal_gets_a_bar(model, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(shown, "isatty", lambda: True)
    fit(model)
    assert "Reading rows, pass 2" in shown.getvalue()
    assert "1,200 of 1,200" in shown.getvalue()


def test_those_who_asked_to_be_silent_see_nothing(model, capsys):
    fit(model, progressbar=False)
    assert capsys.readouterr().err == ""


def test_an_error_leaves_no_bar_and_the_next_fit_counts_its_own_passes(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    bars = []
    monkeypatch.setattr("rich.progress.Progress.start", lambda self: bars.append(self.tasks[0].description))
    monkeypatch.setattr("rich.progress.Progress.stop", lambda self: bars.append("stopped"))
    parts = halves()
    failing = []

    def frames():
        yield parts[0]
        if failing:
            raise OSError("the disk is gone")
        yield parts[1]

    model = fb.Model("y ~ x", fb.stream(frames), family="bernoulli")
    failing.append(True)
    with pytest.raises(OSError, match="the disk is gone"):
        fit(model)
    assert bars == ["Reading rows, pass 1", "stopped"]
    failing.clear()
    fit(model)
    assert bars[2:6] == ["Reading rows, pass 1", "stopped", "Reading rows, pass 2", "stopped"]
