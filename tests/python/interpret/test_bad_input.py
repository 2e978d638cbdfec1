"""What cannot be predicted, compared or differentiated is refused, with the argument, the value and the remedy."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataError, DataTypeError, FormulaError, SettingError

RNG = np.random.default_rng(1)
DATA = pd.DataFrame(
    {
        "x": RNG.normal(size=40),
        "income": RNG.normal(size=40),
        "g": list("abcd") * 10,
        "flag": RNG.random(40) > 0.5,
        "t": pd.date_range("2020-01-01", periods=40),
    }
)
DATA["y"] = DATA.x + RNG.normal(size=40)


@pytest.fixture(scope="module")
def fit():
    model = fb.Model("y ~ log(income + 10) + x + g + flag + I(t.dt.month > 1)", DATA)
    return model, model.fit(random_seed=1)


CASES = [
    (lambda m, i: fb.predictions(m, i, "incom"), SettingError, ("'incom'", "Did you mean 'income'?", "'x'")),
    (lambda m, i: fb.predictions(m, i, "log(income + 10)"), SettingError, ("a term", "'income'")),
    (lambda m, i: fb.predictions(m, i, ["x", "g", "flag", "income"]), SettingError, ("one to three", "4")),
    (lambda m, i: fb.predictions(m, i, []), SettingError, ("one to three", "0")),
    (lambda m, i: fb.predictions(m, i, 3), DataTypeError, ("conditional", "3")),
    (lambda m, i: fb.predictions(m, i, {"g": ["a", "z"], "t": "2020-01-01"}), DataError, ("'z'", "'a', 'b'")),
    (lambda m, i: fb.predictions(m, i, {"x": ["u"], "t": "2020-01-01"}), DataTypeError, ("'x'", "'u'")),
    (lambda m, i: fb.predictions(m, i, {"x": []}), SettingError, ("no values", "'x'")),
    (lambda m, i: fb.predictions(m, i, "x"), SettingError, ("'t'", "times", "data=")),
    (lambda m, i: fb.predictions(m, i, "t"), SettingError, ("'t'", "give values")),
    (lambda m, i: fb.predictions(m, i, "x", data=DATA), SettingError, ("conditional and data",)),
    (lambda m, i: fb.predictions(m, i, target="nu"), SettingError, ("target", "'nu'", "'mu'", "'sigma'", "'y'")),
    (lambda m, i: fb.predictions(m, i, target="sigma", pps=True), SettingError, ("pps=True", "'sigma'")),
    (lambda m, i: fb.predictions(m, i, target=3), DataTypeError, ("target", "3")),
    (lambda m, i: fb.predictions(m, i, scale="links"), SettingError, ("scale", "'links'", "'link'")),
    (lambda m, i: fb.predictions(m, i, scale="link", target="y"), SettingError, ("scale='link'", "'y'")),
    (lambda m, i: fb.predictions(m, i, sample_new_groups="yes"), DataTypeError, ("sample_new_groups", "'yes'")),
    (lambda m, i: fb.predictions(m, i, prob=[]), SettingError, ("prob", "empty")),
    (lambda m, i: fb.predictions(m, i, prob=[0.5, 1]), SettingError, ("prob", "1")),
    (lambda m, i: fb.predictions(m, i, transforms=[np.exp]), DataTypeError, ("transforms", "dict")),
    (lambda m, i: fb.predictions(m, i, transforms={"y": np.sum}), DataTypeError, ("transforms['y']", "shape")),
    (lambda m, i: fb.predictions(m, i, average_by="region"), SettingError, ("'region'", "data=")),
    (
        lambda m, i: fb.predictions(m, i, average_by="region", data=DATA.assign(region=[None] + ["u"] * 39)),
        DataError,
        ("'region'", "missing values (row 0)"),
    ),
    (lambda m, i: fb.comparisons(m, i, "g", target="sigma"), SettingError, ("'sigma'", "zero")),
    (lambda m, i: fb.comparisons(m, i, "g", target="ratio"), SettingError, ("comparison='ratio'",)),
    (lambda m, i: fb.comparisons(m, i, "g", comparison=3), DataTypeError, ("comparison", "3")),
    (lambda m, i: fb.comparisons(m, i, "g", comparison=lambda a, b: 0), DataTypeError, ("comparison", "shape")),
    (
        lambda m, i: fb.comparisons(m, i, "g", comparison="ratio", comparison_type="diff"),
        SettingError,
        ("comparison_type", "both"),
    ),
    (lambda m, i: fb.slopes(m, i, "x", target="y"), SettingError, ("'y'", "noise")),
    (lambda m, i: fb.slopes(m, i, "x", target="sigma"), SettingError, ("'sigma'", "zero")),
    (lambda m, i: fb.slopes(m, i, "x", slope=3), DataTypeError, ("slope", "3")),
    (lambda m, i: fb.predictions(m, i, prob=2), SettingError, ("prob", "2")),
    (lambda m, i: fb.predictions(m, i, prob="a"), DataTypeError, ("prob", "'a'")),
    (lambda m, i: fb.predictions(m, i, average_by="q"), SettingError, ("average_by", "'q'", "'x'")),
    (lambda m, i: fb.predictions(m, i, average_by=3), DataTypeError, ("average_by", "3")),
    (lambda m, i: fb.predictions(m, i, transforms={"q": np.exp}), SettingError, ("transforms", "'q'", "'y'")),
    (lambda m, i: fb.predictions(m, i, transforms={"y": 1}), DataTypeError, ("transforms['y']", "1")),
    (lambda m, i: fb.predictions(m, i, data=DATA.drop(columns="x")), DataError, ("'x'",)),
    (lambda m, i: fb.predictions(m, i, data=DATA.assign(g="zz")), DataError, ("'zz'",)),
    (lambda m, i: fb.comparisons(m, i, "g", transforms={"g": str}), SettingError, ("transforms and contrast", "'g'")),
    (lambda m, i: fb.comparisons(m, i, "nope"), SettingError, ("contrast", "'nope'")),
    (lambda m, i: fb.comparisons(m, i, ["g", "x"]), DataTypeError, ("contrast", "one column")),
    (lambda m, i: fb.comparisons(m, i, {"g": ["a"]}), SettingError, ("two values", "'g'")),
    (lambda m, i: fb.comparisons(m, i, {"g": ["a", "q"]}), DataError, ("'q'",)),
    (lambda m, i: fb.comparisons(m, i, "g", ["x", "g"]), SettingError, ("both have 'g'",)),
    (
        lambda m, i: fb.comparisons(m, i, "g", comparison_type="lft"),
        SettingError,
        ("'lft'", "Did you mean 'lift'?", "'ratio'"),
    ),
    (lambda m, i: fb.slopes(m, i, "g"), SettingError, ("'g'", "categories", "comparisons")),
    (lambda m, i: fb.slopes(m, i, "flag"), SettingError, ("'flag'", "bool", "comparisons")),
    (lambda m, i: fb.slopes(m, i, "x", slope="dy"), SettingError, ("'dy'", "'dydx'")),
    (lambda m, i: fb.slopes(m, i, "x", eps=0), SettingError, ("eps", "0")),
    (lambda m, i: fb.slopes(m, i, 5), DataTypeError, ("wrt", "5")),
]


@pytest.mark.parametrize(("call", "error", "parts"), CASES)
def test_refused(call, error, parts, fit):
    with pytest.raises(error) as caught:
        call(*fit)
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("mean", fb.predictions),
        ("sd", lambda m, i: fb.predictions(m, i, average_by="sd")),
        ("hdi_3%", lambda m, i: fb.predictions(m, i, "x")),
        ("value", lambda m, i: fb.comparisons(m, i, "x")),
        ("term", lambda m, i: fb.slopes(m, i, "x")),
        ("contrast", lambda m, i: fb.plot_comparisons(m, i, {"x": [0, 1, 2]}, "contrast")),
    ],
)
def test_predictors_with_the_name_of_a_result_are_refused_not_overwritten(name, call):
    data = DATA.rename(columns={"income": name})
    model = fb.Model(f"y ~ x + `{name}`", data)
    with pytest.raises(SettingError) as caught:
        call(model, model.fit(random_seed=1))
    assert f"predictor {name!r}" in str(caught.value)
    assert f"rename(columns={{{name!r}:" in str(caught.value)


def test_draws_of_another_model(fit):
    other = fb.Model("y ~ income", DATA)
    with pytest.raises(SettingError, match=r"draws of another model.*'y ~ income'"):
        fb.predictions(other, fit[1])
    with pytest.raises(DataTypeError, match="not DataFrame"):
        fb.predictions(other, DATA)


def test_outside_of_a_spline():
    model = fb.Model("y ~ bs(x, df=4)", DATA)
    idata = model.fit(random_seed=1)
    with pytest.raises(FormulaError, match="bs"):
        fb.predictions(model, idata, {"x": [0, 100]})
    with pytest.raises(FormulaError, match=r"half a unit of 'x'.*contrast=\{'x': \[low, high\]\}"):
        fb.comparisons(model, idata, "x")


def test_rows_that_are_not_there(fit, tmp_path):
    model, idata = fit
    model.save(tmp_path / "m")
    again = fb.load(tmp_path / "m")
    for call in (fb.predictions, lambda m, i: fb.slopes(m, i, "x"), lambda m, i: fb.comparisons(m, i, "g")):
        with pytest.raises(DataError, match=r"loaded from a file.*data="):
            call(again, idata)


def test_models_of_another_kind_are_refused(fit):
    with pytest.raises(DataTypeError, match=r"must be a filbert\.Model, which has a formula, not builtins\.str"):
        fb.predictions("y ~ x", fit[1])
