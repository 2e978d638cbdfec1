"""The command line: what it prints and refuses, each refusal in one line with exit status 2."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from command_line import SEED, run, summary_of, write_rows
from filbert.errors import ConvergenceWarning
from filbert.sampling import problems
from filbert.sampling import run as sampling


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("data") / "data.csv")


# What it prints


def test_fit_prints_the_model_and_the_summary(data):
    result = run("fit", "y ~ x + z", data, *SEED)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("       Formula: y ~ x + z\n")
    assert "x ~ Normal(mu: 0.0, sigma: " in result.stdout
    table = summary_of(result)
    assert list(table.index) == ["Intercept", "x", "z", "sigma"]
    assert list(table.columns) == ["mean", "sd", "hdi_3%", "hdi_97%", "mcse_mean", "ess_bulk", "ess_tail", "r_hat"]
    assert abs(table.loc["x", "mean"] - 2) < 0.3
    assert "\x1b" not in result.stdout


def test_quiet_prints_only_the_summary(data):
    result = run("fit", "y ~ x", data, *SEED, "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("parameter ")
    assert result.stderr == ""


def test_same_seed_prints_the_same(data):
    outputs = {run("fit", "y ~ x", data, *SEED, "-q", "--cores", cores).stdout for cores in (1, 2)}
    assert len(outputs) == 1


def test_options_reach_the_model(data):
    priors = ["--prior", "x=Normal(0, 0.001)", "--prior", "sigma=HalfCauchy(10)"]
    columns = ["--categorical", "k", "--weights", "w", "--offset", "z"]
    result = run("fit", "y ~ x + k", data, *SEED, *priors, *columns, "--no-center", "--hdi-prob", "0.5")
    assert result.exit_code == 0, result.output
    assert "x ~ Normal(mu: 0.0, sigma: 0.001)" in result.stdout
    assert "sigma ~ HalfCauchy(beta: 10.0)" in result.stdout
    assert "every predictor is 0" in result.stdout
    table = summary_of(result)
    assert list(table.index) == ["Intercept", "x", "k[2]", "sigma"]
    assert list(table.columns[2:4]) == ["hdi_25%", "hdi_75%"]
    assert abs(table.loc["x", "mean"]) < 0.01


def test_one_value_a_level(data):
    result = run("fit", "y ~ g", data, *SEED, "--prior", "g=Normal([0, 1, 2], 0.001)")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(summary_of(result).loc[["g[b]", "g[c]", "g[d]"], "mean"], [0, 1, 2], atol=0.01)


def test_missing_values_are_dropped_on_request(data):
    result = run("fit", "y ~ hole", data, *SEED)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'hole'" in result.stderr
    result = run("fit", "y ~ hole", data, *SEED, "--dropna")
    assert result.exit_code == 0
    assert "Observations: 77" in result.stdout


def test_standard_input(data):
    result = run("fit", "y ~ x", "-", *SEED, "-q", input=data.read_bytes())
    assert result.exit_code == 0, result.output
    assert result.stdout == run("fit", "y ~ x", data, *SEED, "-q").stdout


def test_warnings_are_lines_on_standard_error(data):
    result = run("fit", "y ~ x", data, "--draws", 20, "--tune", 100, "-q")
    assert result.exit_code == 0
    assert all(line.startswith("Warning: ") for line in result.stderr.splitlines())
    assert "Only 20 draws" in result.stderr
    assert "Warning" not in result.stdout


def test_logging_level_and_warning_filters_are_left_as_they_were(data):
    before = problems.logger.level
    run("fit", "y ~ x", data, *SEED, "-q")
    assert problems.logger.level == before


# What it refuses


BAD = [
    (["fit", "y ~ x", "none.csv"], "There is no file none.csv"),
    (["fit", "y ~ xx", "DATA"], "'xx'.*Did you mean 'x'"),
    (["fit", "y ~ x", "DATA", "--draws", "0"], "'--draws': 0"),
    (["fit", "y ~ x", "DATA", "--draws", "many"], "'--draws': 'many'"),
    (["fit", "y ~ x", "DATA", "--chains", "0"], "'--chains': 0"),
    (["fit", "y ~ x", "DATA", "--cores", "0"], "'--cores': 0"),
    (["fit", "y ~ x", "DATA", "--tune", "-1"], "'--tune': -1"),
    (["fit", "y ~ x", "DATA", "--seed", "-1"], "'--seed': -1"),
    (["fit", "y ~ x", "DATA", "--target-accept", "1.5"], "'--target-accept': 1.5"),
    (["fit", "y ~ x", "DATA", "--hdi-prob", "94"], "'--hdi-prob': 94"),
    (["fit", "y ~ x", "DATA", "--drws", "5"], "No such option.*--drws"),
    (["fit", "y ~ x", "DATA", "extra"], "unexpected extra argument"),
    (["fit", "y ~ x"], "Missing argument 'DATA'"),
    (["fitt"], "No such command 'fitt'"),
    (["fit", "y ~ x", "DATA", "--prior", "x"], "--prior 'x': .*TERM=PRIOR"),
    (["fit", "y ~ x", "DATA", "--prior", "x=Normal(0, two)"], "'two' in 'Normal.0, two.' is not a finite number"),
    (["fit", "y ~ x", "DATA", "--prior", "xx=Normal(0, 1)"], "'xx'.*Did you mean 'x'"),
    (["fit", "y ~ x", "DATA", "--prior", "x=Flat()", "--prior", "x=Normal()"], "another prior for 'x'"),
    (["fit", "y ~ x", "DATA", "--prior", "sigma=Normal(0, 1)"], "positive values only"),
    (["fit", "y ~ x", "DATA", "--weights", "ww"], "'ww'"),
    (["fit", "y ~ x", "DATA", "--offset", "ww"], "'ww'"),
    (["fit", "y ~ x", "DATA", "--categorical", "ww"], "'ww'"),
    (["fit", "y ~ x", "DATA", "-o", "fit.csv"], "--output fit.csv: the name must end in"),
    (["fit", "y ~ x", "DATA", "-o", "no/such/dir/fit.nc"], "--output no/such/dir/fit.nc cannot be written"),
    (["fit", "y ~ x", "DATA", "--plot", "fit"], "--plot fit: the name must end in"),
    (["fit", "y ~ x", "DATA", "--plot", "no/such/dir/fit.png"], "--plot no/such/dir/fit.png cannot be written"),
]


def table(path, separator=",", missing=False):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=40), "g": [1, 2] * 20, "y": rng.normal(size=40)})
    if missing:
        frame.loc[3, "x"] = np.nan
    frame.to_csv(path, sep=separator, index=False)
    return path


@pytest.mark.parametrize(("separator", "option"), [(";", ";"), ("\t", "tab"), ("\t", "\\t"), ("|", "|")])
def test_other_separators(tmp_path, separator, option):
    path = table(tmp_path / "data.csv", separator)
    assert run("fit", "y ~ x", path, "--sep", option, "-q", *SEED).exit_code == 0
    result = run("fit", "y ~ x", path, "-q", *SEED)
    assert result.exit_code == 2
    assert re.search(r"one column, .*Pass --sep ('[;|]'|tab)\.", result.stderr), result.stderr


def test_a_separator_is_one_character(tmp_path):
    result = run("fit", "y ~ x", table(tmp_path / "data.csv"), "--sep", ";;")
    assert (result.exit_code, result.stderr) == (2, "Error: --sep ';;': give one character, such as ';', or tab.\n")


REMEDIES = [
    (["y ~ x"], {"missing": True}, "pass --dropna to leave those rows out"),
    (["y ~ x + log2000(x)"], {}, "in Python"),
    (["I(1000 + y) ~ 0 + I(10 + x)"], {}, "--prior 'I(10 + x)=Normal(0, ...)'"),
]


@pytest.mark.parametrize(("arguments", "made", "remedy"), REMEDIES)
def test_remedies_are_options_of_the_program(tmp_path, arguments, made, remedy):
    result = run("fit", arguments[0], table(tmp_path / "data.csv", **made), *arguments[1:], *SEED)
    shown = " ".join(result.stderr.split())
    assert remedy in shown
    for argument in ("dropna=", "priors={", "categorical=["):
        assert argument not in shown


def test_draws_beyond_memory_are_one_line(tmp_path):
    result = run("fit", "y ~ x", table(tmp_path / "data.csv"), "-q", "--draws", 2**40)
    assert result.exit_code == 2
    assert re.fullmatch(rf"Error: --draws {2**40} in 4 chains would take \d+ bytes .*\n", result.stderr)


@pytest.mark.parametrize(
    "written", ["(" * 10_000 + ")" * 10_000, "Normal(" + "-" * 50_000 + "1)", "Normal" + "." * 9_000]
)
def test_an_absurd_prior_is_one_short_line(tmp_path, written):
    result = run("fit", "y ~ x", table(tmp_path / "data.csv"), "--prior", f"x={written}")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 600


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_status_2(data, arguments, message):
    result = run(*[data if argument == "DATA" else argument for argument in arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.search(message, result.stderr), result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_formula_error_marks_the_place_on_further_lines(data):
    result = run("fit", "y ~ x +* z", data)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "\n  y ~ x +* z\n" in result.stderr
    assert "^" in result.stderr.splitlines()[-1]


# Interruption


def test_interrupt_before_draws_is_one_line_and_status_130(data, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "run", interrupted)
    result = run("fit", "y ~ x", data, "-q")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.strip() == "Error: interrupted before there were draws, so there is nothing to show."


def test_draws_of_an_interrupted_run_are_summarised_and_written(data, tmp_path, monkeypatch):
    import warnings

    complete = sampling.run

    def stopped(*arguments):
        warnings.warn("Sampling was stopped: 4 of 4 chains are kept.", ConvergenceWarning, stacklevel=1)
        return complete(*arguments)

    monkeypatch.setattr(sampling, "run", stopped)
    result = run("fit", "y ~ x", data, *SEED, "-q", "-o", tmp_path / "fit.nc")
    assert result.exit_code == 0
    assert "Warning: Sampling was stopped" in result.stderr
    assert len(summary_of(result)) == 3
    assert (tmp_path / "fit.nc").exists()


# The program


def test_version_lists_what_matters():
    result = run("--version")
    assert result.exit_code == 0
    versions = dict(line.split() for line in result.stdout.splitlines())
    assert list(versions) == [
        "filbert",
        "Eigen",
        "numpy",
        "pandas",
        "formulaic",
        "xarray",
        "arviz",
        "Python",
        "instructions",
    ]
    assert versions["numpy"] == np.__version__
    assert versions["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(r"\d+\.\d+\.\d+", versions["Eigen"])


def test_version_imports_nothing_heavy():
    program = (
        "import sys; from filbert.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(*{'pandas', 'formulaic', 'xarray', 'arviz', 'matplotlib', 'rich'} & set(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "numpy" in result.stdout
    assert result.stderr.strip() == ""


def test_python_dash_m_runs_the_program():
    result = subprocess.run([sys.executable, "-m", "filbert", "fitt"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("Error: No such command 'fitt'")


def test_without_arguments_it_shows_help():
    result = run()
    assert result.exit_code == 2
    assert "Usage: " in result.output
    assert "fit" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "-h"]])
def test_help(arguments):
    result = run(*arguments)
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
def test_output_that_cannot_be_printed_ends_in_one_line_and_loses_no_draws(data, tmp_path):
    command = [sys.executable, "-m", "filbert", "fit", "y ~ x", str(data), "-q", "--draws", "200"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        saved = ["-o", str(tmp_path / "fit.nc")]
        result = subprocess.run([*command, *saved], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("Error: standard output could not be written: No space left")
    assert "Traceback" not in result.stderr
    assert (tmp_path / "fit.nc").stat().st_size > 10_000
    closed = subprocess.run(f"{shlex.join(command)} >&-", shell=True, capture_output=True, text=True, check=False)
    assert (closed.returncode, "Traceback" in closed.stderr) == (0, False)


def test_names_that_a_terminal_cannot_show_are_escaped(data, tmp_path):
    path = tmp_path / "named.csv"
    pd.read_csv(data).rename(columns={"x": "\N{GREEK SMALL LETTER BETA}"}).to_csv(path, index=False)
    command = [sys.executable, "-m", "filbert", "fit", "y ~ \N{GREEK SMALL LETTER BETA}", str(path), "--draws", "200"]
    result = subprocess.run(
        command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert r"\u03b2" in result.stdout
