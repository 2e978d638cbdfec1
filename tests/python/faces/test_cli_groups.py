"""Group-specific terms on the command line: formulas, priors as text, and how many effects are shown."""

from __future__ import annotations

import re
import subprocess
import sys

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from command_line import run

SEED = ["--seed", "1", "--draws", "200"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"x": rng.normal(size=200), "g": list("abcdefgh") * 25, "k": np.arange(200) % 50})
    frame["h"] = np.where(np.arange(200) < 100, "u", "v")
    frame["y"] = frame.x + rng.normal(size=8)[np.arange(200) % 8] + rng.normal(size=200)
    return frame


@pytest.fixture(scope="module")
def data(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / "data.csv"
    frame.to_csv(path, index=False)
    return path


def parameters_of(result):
    """The names in the last table that was printed."""
    lines = result.stdout[result.stdout.rindex("parameter ") :].split("\n\n")[0].splitlines()
    return [re.split(r"\s{2,}", line)[0] for line in lines[1:] if line.strip()]


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_a_fit_is_that_of_python(frame, data, tmp_path):
    priors = ["1|g=Normal(0, sigma=HalfNormal(2))", "x|g_sigma=HalfStudentT(3, 2)", "g_corr=LKJCorr(eta=4)"]
    options = [word for prior in priors for word in ("--prior", prior)]
    result = run("fit", "y ~ x + (x | g)", data, *SEED, *options, "-o", tmp_path / "fit.nc")
    assert result.exit_code == 0, result.output
    assert "1|g ~ Normal(mu: 0.0, sigma: HalfNormal(sigma: 2.0))" in result.stdout
    assert "x|g ~ Normal(mu: 0.0, sigma: HalfStudentT(nu: 3.0, sigma: 2.0))" in result.stdout
    assert "g_corr ~ LKJCorr(eta: 4.0)" in result.stdout
    given = {
        "1|g": fb.Normal(0, sigma=fb.HalfNormal(2)),
        "x|g_sigma": fb.HalfStudentT(3, 2),
        "g_corr": fb.LKJCorr(4),
    }
    idata = fb.Model("y ~ x + (x | g)", frame, priors=given).fit(draws=200, random_seed=1, progressbar=False)
    assert parameters_of(result) == list(fb.summary(idata).index)
    import xarray as xr

    with xr.open_dataset(tmp_path / "fit.nc", group="posterior", engine="h5netcdf") as posterior:
        np.testing.assert_array_equal(posterior["1|g"], idata["posterior"]["1|g"])


def test_a_number_fixes_a_deviation_and_one_prior_is_for_all_effects(data):
    priors = ["--prior", "1|h:g_sigma = 2", "--prior", "group_specific=Exponential(3)"]
    result = run("fit", "y ~ x + (1 | h/g) + (0 + x | C(h))", data, *SEED, *priors)
    assert result.exit_code == 0, result.output
    assert "1|h ~ Normal(mu: 0.0, sigma: Exponential(lam: 3.0))" in result.stdout
    assert "x|C(h) ~ Normal(mu: 0.0, sigma: Exponential(lam: 3.0))" in result.stdout
    assert "1|h:g ~ Normal(mu: 0.0, sigma: 2.0)" in result.stdout
    assert "1|h:g_sigma" not in parameters_of(result)


def test_independent_effects(data):
    with_bars = run("fit", "y ~ x + (x || g)", data, *SEED, "-q")
    by_option = run("fit", "y ~ x + (x | g)", data, *SEED, "-q", "--no-correlated")
    assert with_bars.stdout == by_option.stdout
    assert not any(name.startswith("g_corr") for name in parameters_of(by_option))


def test_many_effects_are_counted_and_not_shown(data, tmp_path):
    result = run("fit", "y ~ x + (1 | k)", data, *SEED, "-q", "-o", tmp_path / "fit.nc")
    assert result.exit_code == 0, result.output
    assert parameters_of(result) == ["Intercept", "x", "sigma", "1|k_sigma"]
    assert result.stdout.endswith("\n\nThe 50 effects of groups are not shown; --output keeps their draws.\n")
    import xarray as xr

    with xr.open_dataset(tmp_path / "fit.nc", group="posterior", engine="h5netcdf") as posterior:
        assert posterior["1|k"].shape == (4, 200, 50)


def test_effects_can_be_left_out(data, tmp_path):
    result = run("fit", "y ~ x + (1 | g)", data, *SEED, "-q", "--no-group-effects", "-o", tmp_path / "fit.nc")
    assert result.exit_code == 0, result.output
    assert parameters_of(result) == ["Intercept", "x", "sigma", "1|g_sigma"]
    assert "not shown" not in result.stdout
    import xarray as xr

    with xr.open_dataset(tmp_path / "fit.nc", group="posterior", engine="h5netcdf") as posterior:
        assert "1|g" not in posterior


def test_a_picture(data, tmp_path):
    result = run("fit", "y ~ x + (x | g)", data, *SEED, "-q", "--plot", tmp_path / "fit.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


BAD = [
    ("y ~ x + (1 | gg)", [], r"'gg'.*Did you mean 'g'"),
    ("y ~ x + (1 | g", [], "in brackets of its own"),
    ("y ~ x | g", [], "in brackets of its own"),
    ("y ~ x + (x | g)", ["z|g=HalfNormal(1)"], r"'z\|g', and the model has no such effect"),
    ("y ~ x + (x | g)", ["1|g=Normal(1, sigma=HalfNormal(1))"], "must be Normal about 0"),
    ("y ~ x + (x | g)", ["1|g=Normal(0, sigma=Normal(0, 1))"], "--prior .*Only the sigma of Normal may be one"),
    ("y ~ x + (x | g)", ["1|g=Normal(0, sigma=HalfNormal(two))"], "'two' in .* is not a finite number"),
    ("y ~ x + (x | g)", ["g_corr=HalfNormal(1)"], r"must be LKJCorr\(eta=2\)"),
    ("y ~ x + (x | g)", ["x=Normal(0, sigma=HalfNormal(1))"], "'x' is .* for group-specific terms"),
    ("y ~ x + (x | g)", ["1|g=-1"], r"fixed at -1\.0, and must be a positive number"),
    ("y ~ x + (x | g)", ["1|g=HalfNormal(1)", "1 | g=HalfNormal(2)"], r"another prior for '1 \| g' already"),
    ("y ~ x + (x | g)", ["1|g=HalfNormal(1)", "1|g_sigma=HalfNormal(2)"], r"two entries for '1\|g'"),
]


@pytest.mark.parametrize(("formula", "priors", "message"), BAD)
def test_bad_input_is_told_with_status_2(data, formula, priors, message):
    result = run("fit", formula, data, *(word for prior in priors for word in ("--prior", prior)))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert re.search(message, result.stderr), result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_bars_and_brackets_pass_a_shell_in_quotation_marks(data):
    program = f"'{sys.executable}' -m filbert fit 'y ~ x + (I(x / 2) | g)' '{data}' -q --seed 1 --draws 100"
    priors = "--prior \"I(x / 2)|g=Normal(0, sigma=HalfNormal(2))\" --prior 'g_corr=LKJCorr(eta=4)'"
    result = subprocess.run(f"{program} {priors}", shell=True, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "I(x ÷ 2)|g_sigma" in result.stdout


def test_help_names_groups():
    result = run("fit", "--help")
    shown = " ".join(result.stdout.split())
    assert "(x | g)" in shown
    assert "1|g=Normal(0, sigma=HalfNormal(2))" in shown
    assert "LKJCorr" in shown
    assert "--no-group-effects" in shown
