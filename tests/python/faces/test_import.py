"""What importing filbert does to the program that imports it: nothing to its logging, and only public names."""

from __future__ import annotations

import subprocess
import sys

import filbert as fb
import pytest

SAY = "logging.getLogger('filbert').info('Sampled 4 chains'); logging.getLogger('filbert').warning('Look out')"


def lines(*program):
    """Run statements in a Python of their own; return the lines it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import logging, sys", *program])],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return (done.stdout + done.stderr).splitlines()


def test_messages_appear_without_any_set_up():
    assert lines("import filbert", SAY) == ["Sampled 4 chains", "Look out"]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("level", "expected"), [("INFO", 2), ("DEBUG", 2), ("WARNING", 1), ("ERROR", 0)])
def test_each_line_appears_once_beside_basic_config_and_its_level_counts(order, level, expected):
    configure = f"logging.basicConfig(level=logging.{level}, format='application: %(message)s', stream=sys.stdout)"
    program = [configure, "import filbert"] if order == "before" else ["import filbert", configure]
    assert lines(*program, SAY) == ["application: Sampled 4 chains", "application: Look out"][2 - expected :]


def test_a_level_chosen_for_filbert_wins_over_the_root_logger():
    configure = "logging.basicConfig(level=logging.WARNING, format='application: %(message)s')"
    chosen = "logging.getLogger('filbert').setLevel(logging.INFO)"
    assert lines("import filbert", configure, chosen, SAY) == ["application: Sampled 4 chains", "application: Look out"]
    assert lines(chosen, configure, "import filbert", SAY) == ["application: Sampled 4 chains", "application: Look out"]
    quiet = "logging.getLogger('filbert').setLevel(logging.WARNING)"
    assert lines("import filbert", quiet, SAY) == ["Look out"]
    assert lines(quiet, "import filbert", SAY) == ["Look out"]


def test_a_handler_of_the_users_on_the_logger_replaces_ours():
    handler = "logging.getLogger('filbert').addHandler(logging.StreamHandler())"
    assert lines("import filbert", handler, SAY) == ["Look out"]
    chosen = "logging.getLogger('filbert').setLevel(logging.INFO)"
    assert lines("import filbert", handler, chosen, SAY) == ["Sampled 4 chains", "Look out"]


def test_importing_again_does_not_double_the_lines_and_a_closed_stream_does_not_end_a_fit():
    assert lines("import filbert, importlib", "importlib.reload(filbert)", SAY) == ["Sampled 4 chains", "Look out"]
    assert lines("import filbert", "sys.stderr = None", SAY) == []


def test_only_public_names_are_offered():
    assert {name for name in dir(fb) if not name.startswith("__")} == set(fb.__all__) - {"__version__"}
    assert fb.summary is not None  # loaded, with the modules below it
    assert not {"importlib", "sys", "Any", "annotations", "results", "_core", "errors"} & set(dir(fb))
    assert all(hasattr(fb, name) for name in dir(fb))
