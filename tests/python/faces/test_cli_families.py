"""Families, links and samplers on the command line."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from command_line import SEED, run
from filbert import cli


@pytest.fixture(scope="module")
def glm(tmp_path_factory):
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"x": rng.normal(size=90), "n": rng.integers(2, 9, 90)})
    p = 1 / (1 + np.exp(-frame.x))
    frame["k"], frame["c"] = rng.binomial(frame.n, p), rng.poisson(np.exp(frame.x / 2) * frame.n)
    frame["won"] = np.where(rng.uniform(size=90) < p, "yes", "no")
    path = tmp_path_factory.mktemp("glm") / "glm.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("formula", "options", "shown"),
    [
        ("c ~ x + offset(log(n))", ["--family", "poisson"], "Family: poisson\n          Link: mu = log"),
        ("p(k, n) ~ x", ["--family", "binomial", "--link", "probit"], "Link: p = probit"),
        ("won['yes'] ~ x", ["--family", "bernoulli"], "Family: bernoulli"),
        ("c ~ x", ["--family", "negativebinomial", "--prior", "alpha=HalfNormal(3)"], "alpha ~ HalfNormal(sigma: 3.0)"),
    ],
)
@pytest.mark.parametrize("sampler", cli.SAMPLERS)
def test_families_links_and_samplers(glm, tmp_path, formula, options, shown, sampler):
    result = run("fit", formula, glm, *options, *SEED, "--sampler", sampler, "-o", tmp_path / "fit.nc")
    assert result.exit_code == 0, result.output
    assert shown in result.stdout
    assert float(re.search(r"^x +(\S+)", result.stdout, re.MULTILINE)[1]) > 0.2
    import xarray as xr

    with xr.open_dataset(tmp_path / "fit.nc", group="posterior", engine="h5netcdf") as posterior:
        assert posterior.attrs["sampler"] in (("nuts", "independence") if sampler == "auto" else (sampler,))
        assert posterior.attrs["instruction_set"]


def test_a_number_fixes_an_auxiliary(glm):
    result = run("fit", "k ~ x", glm, "--family", "t", "--prior", "nu=4", *SEED)
    assert result.exit_code == 0, result.output
    assert "* nu is fixed at 4." in result.stdout
    assert not re.search(r"^nu ", result.stdout, re.MULTILINE)
    result = run("fit", "k ~ x", glm, "--family", "t", "--prior", "x=4")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "A number fixes auxiliary parameters only" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c ~ x", "--family", "poison"], "--family poison is not available. Did you mean 'poisson'?"),
        (["c ~ x", "--family", "poisson", "--link", "logit"], "--link logit is not available for family 'poisson'"),
        (["k ~ x", "--family", "binomial"], "--family binomial needs the number of trials"),
        (["won ~ x", "--family", "bernoulli"], "write won['no'] ~ ... or won['yes'] ~ ..., or binary(won, 'yes')"),
        (["c ~ x", "--sampler", "gibbs"], "'gibbs' is not one of 'auto', 'nuts', 'hmc', 'independence'"),
        (["c ~ x", "--family", "gaussian", "--sampler", "hmc"], "--sampler hmc is for generalised linear models"),
        (["c ~ x", "--sampler", "independence"], "--sampler independence is for generalised linear models"),
    ],
)
def test_families_are_refused_in_one_line(glm, arguments, message):
    formula, *options = arguments
    result = run("fit", formula, glm, *options)
    assert (result.exit_code, result.stdout if "--sampler" not in message else "") == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_version_says_the_instruction_set():
    from filbert import _core

    result = run("--version")
    assert result.exit_code == 0
    assert re.search(rf"^instructions +{_core.instruction_set()}$", result.stdout, re.MULTILINE)
