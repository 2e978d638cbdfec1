"""Progress of a long run: bars in terminals, a line of text in notebooks that lack widgets, and never a warning."""

from __future__ import annotations

import builtins
import importlib.machinery
import io
import sys
import types

import pytest
from filbert.sampling import progress as progress_module
from filbert.sampling.progress import progress

SETTINGS = types.SimpleNamespace(progressbar=True)
DONE = [(500, 0), (600, 3), (700, 0), (200, 0)]


@pytest.fixture(autouse=True)
def slow_run(monkeypatch):
    """A run that takes a while from its first report on."""
    monkeypatch.setattr(progress_module, "PROGRESS_AFTER_SECONDS", 0)


@pytest.fixture
def in_notebook(monkeypatch):
    """A Python that looks like a notebook's, without ipywidgets."""
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)


def test_notebook_without_widgets_gets_a_line_of_text(in_notebook, monkeypatch, recwarn, capsys):
    monkeypatch.setattr(progress_module, "_PLAIN_EVERY_SECONDS", 0)
    with progress(SETTINGS) as report:
        report(DONE, 2000)
        first = "Sampling 4 chains: 2000 of 8000 iterations, 3 divergences"
        assert capsys.readouterr().err == f"\r{first}"
        report([(1000, 0), (1000, 3), (1000, 0), (1000, 0)], 2000)
        line = capsys.readouterr().err
        assert line == "\rSampling 4 chains: 4000 of 8000 iterations, 3 divergences, 0:00 left"
    _, blank, end = capsys.readouterr().err.split("\r")
    assert (blank.strip(), end) == ("", "")
    assert len(blank) == len(line) - 1
    assert not recwarn.list


def test_line_is_not_written_for_each_report(in_notebook, capsys):
    with progress(SETTINGS) as report:
        for _ in range(50):
            report(DONE, 2000)
    assert capsys.readouterr().err.count("Sampling") == 1


def test_notebook_with_widgets_gets_bars(in_notebook, monkeypatch):
    widgets = types.ModuleType("ipywidgets")
    widgets.__spec__ = importlib.machinery.ModuleSpec("ipywidgets", None)
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    started = []
    monkeypatch.setattr("rich.progress.Progress.start", lambda self: started.append(len(self.tasks)))
    monkeypatch.setattr("rich.progress.Progress.stop", lambda self: started.append("stopped"))
    with progress(SETTINGS) as report:
        report(DONE, 2000)
    assert started == [4, "stopped"]


def test_terminal_gets_a_bar_a_chain(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(shown, "isatty", lambda: True)
    with progress(SETTINGS) as report:
        report(DONE, 2000)
    assert [f"chain {chain}" in shown.getvalue() for chain in range(5)] == [True] * 4 + [False]
    assert "3 divergences" in shown.getvalue()


def test_short_runs_and_those_that_were_asked_to_be_silent_show_nothing(in_notebook, monkeypatch, capsys):
    with progress(types.SimpleNamespace(progressbar=False)) as report:
        assert report is None
    monkeypatch.setattr(progress_module, "PROGRESS_AFTER_SECONDS", 60)
    with progress(SETTINGS) as report:
        report(DONE, 2000)
    assert capsys.readouterr().err == ""
