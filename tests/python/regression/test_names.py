"""Names that results cannot be stored under are refused before anything is sampled, and all others round-trip."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from filbert.errors import FormulaError

RNG = np.random.default_rng(3)
DATA = pd.DataFrame(RNG.normal(size=(40, 7)), columns=["y", "x", "chain", "draw", "__obs__", "g_dim", "a/b"])
DATA["g"] = list("ab") * 20
DATA["a÷b"] = DATA["Intercept"] = DATA["sigma"] = DATA.x**2


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ chain", "term 'chain' is that of a dimension of the draws"),
        ("y ~ x + draw", "term 'draw' is that of a dimension of the draws"),
        ("y ~ sigma", "term 'sigma' is that of the residual standard deviation"),
        ("y ~ Intercept", "term 'Intercept' is that of the constant term"),
        ("y ~ 0 + Intercept", "term 'Intercept' is that of the constant term"),
        ("y ~ g + g_dim", "term 'g_dim' is that of the dimension along the levels of 'g'"),
        ("y ~ `a/b` + `a÷b`", "term 'a÷b' is stored as 'a÷b', and so is that of 'a/b'"),
        ("draw ~ x", "response 'draw' is that of a dimension of the draws"),
        ("__obs__ ~ x", "column '__obs__' is that of a dimension of the draws"),
        ("y ~ I(__obs__ ** 2)", "column '__obs__' is that of a dimension of the draws"),
    ],
)
def test_taken_names_are_refused_with_the_formula(formula, message):
    with pytest.raises(FormulaError, match=message) as caught:
        fb.Model(formula, DATA)
    assert "Rename that column" in str(caught.value)


def test_the_same_columns_may_be_part_of_expressions(tmp_path):
    model = fb.Model("y ~ I(chain ** 2) + g:draw + I(sigma / 2)", DATA)
    idata = model.fit(random_seed=1)
    model.predict(idata, kind="response")
    idata.to_netcdf(tmp_path / "fit.nc")
    with xr.open_dataset(tmp_path / "fit.nc", group="constant_data", engine="h5netcdf") as stored:
        assert sorted(stored.data_vars) == ["chain", "draw", "g", "sigma"]


def test_names_with_a_slash_survive_netcdf(tmp_path):
    model = fb.Model("y ~ I(x / 2) + `a/b`:g", DATA)
    idata = model.fit(random_seed=1)
    model.predict(idata, kind="response")
    assert list(idata["posterior"].data_vars)[:3] == ["Intercept", "I(x ÷ 2)", "a÷b:g"]
    idata.to_netcdf(tmp_path / "fit.nc")
    with xr.open_dataset(tmp_path / "fit.nc", group="posterior", engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["a÷b:g"], idata["posterior"]["a÷b:g"])
        assert stored["a÷b:g"].dims == ("chain", "draw", "a÷b:g_dim")
    table = fb.predictions(model, idata, "a/b")
    assert list(table.columns[:3]) == ["a/b", "x", "g"]


def test_a_factor_that_varies_by_two_groups_has_the_same_levels_in_both() -> None:
    frame = pd.DataFrame({"f": list("uvw") * 20, "g": list("aabb") * 15, "h": list("pqqqp") * 12})
    frame["y"] = np.arange(60.0) % 7
    with pytest.raises(FormulaError, match=r"'f\|g_sigma' and 'f\|h_sigma' have different levels"):
        fb.Model("y ~ (f | g) + (0 + f | h)", frame)
    fb.Model("y ~ (0 + f | g) + (0 + f | h)", frame)
