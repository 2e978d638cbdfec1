"""A model that is updated with further rows is the model of all rows, or says why it could not be."""

from __future__ import annotations

import copy
import pickle
import time
import warnings
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from filbert import _core
from filbert.errors import DataError, DataTypeError, FormulaError
from filbert.regression.fingerprint import fingerprint
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import double
from refusals import refused

FORMULAS = [
    "y ~ x * g + C(k)",
    "log(y + 2) ~ np.log(x) + h:z + flag",
    "y ~ 0 + g + offset(z)",
    "y ~ bs(x, knots=[1], lower_bound=0, upper_bound=2) + poly(z, 2, raw=True)",
    "y ~ cr(x, knots=[0.8, 1.1], lower_bound=0, upper_bound=2)",
    "weighted(y, w + 0.5) ~ x",
    "double(y) ~ double(x)",
]
GROUPED = [
    "y ~ x + (x | g)",
    "y ~ x + (x || g) + (1 | h)",
    "y ~ (0 + h | k) + offset(z)",
    "y ~ z + (z | g:k) + (1 | h)",
]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return make_frame(300)


def make(formula: str, frame: pd.DataFrame, **options: Any) -> fb.Model:
    extra = {"double": double} if "double" in formula else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fb.DataWarning)
        return fb.Model(formula, frame, extra_namespace=extra, **options)


def log_densities(model: fb.Model) -> np.ndarray:
    """Log posterior densities at points that do not depend on how the summary came about, less their mean."""
    regression = model.regression
    rng = np.random.default_rng(5)
    if regression.groups is None:
        posterior = regression.family.summary_posterior(regression)
        centre = np.append(regression.summary.least_squares(regression.has_intercept).estimate.round(3), 0.0)
        found = [posterior.log_density(np.nan_to_num(centre) + 0.3 * rng.normal(size=len(centre)))[0] for _ in range(6)]
    else:
        posterior = _core.GroupedGaussian(
            regression.grouped_summary,
            intercept=regression.has_intercept,
            intercept_at_means=regression.intercept_at_means,
            coefficient_priors=regression.coefficient_priors,
            sigma=regression.auxiliary_priors["sigma"],
            terms=regression.groups.specs,
        )
        thetas = np.exp(0.3 * rng.normal(size=(6, posterior.dimension)))
        found = [posterior.log_density(posterior.position(theta))[0] for theta in thetas]
    return np.array(found)


def check_same(model: fb.Model, refit: fb.Model) -> None:
    """The posterior, the priors and what predictions need are those of a refit, to 1e-9."""
    assert fingerprint(model.regression) == fingerprint(refit.regression)
    assert model.regression.n_rows == refit.regression.n_rows
    for name, prior in refit.priors.items():
        check_priors(model.priors[name], prior)
    one, other = log_densities(model), log_densities(refit)
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


def check_priors(one: fb.Prior, other: fb.Prior) -> None:
    assert one.name == other.name
    for key, value in other.params.items():
        if isinstance(value, fb.Prior):
            check_priors(one.params[key], value)
        else:
            np.testing.assert_allclose(one.params[key], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", ["gaussian", "lognormal"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_updating_equals_refitting(formula: str, family: str, frame: pd.DataFrame, tmp_path: Any) -> None:
    whole = make(formula, frame, family=family)
    model = make(formula, frame[:150], family=family)
    model.save(tmp_path / "m")
    loaded = fb.load(tmp_path / "m", extra_namespace={"double": double})
    for each in (model, loaded):
        for rows in (frame[150:151], frame[151:155], frame[155:]):
            assert each.update(rows) is None
        check_same(each, whole)
    assert loaded.regression.rows is None
    X, Y = (np.concatenate([block.X for block in each.regression.rows.blocks()]) for each in (model, whole))
    np.testing.assert_array_equal(X, Y)
    assert model.regression.rows.index.equals(whole.regression.rows.index)
    for name, column in whole.design.predictors.items():
        assert repr(model.design.predictors[name]) == repr(column)  # NaN is not equal to itself
        known = loaded.design.predictors[name]
        np.testing.assert_allclose([known.mean, known.sd], [column.mean, column.sd], rtol=1e-9)
        assert known.quantiles[::4] == column.quantiles[::4] or np.isnan(column.mean)


@pytest.mark.parametrize("family", ["gaussian", "lognormal"])
@pytest.mark.parametrize("formula", GROUPED)
def test_updating_models_with_groups_equals_refitting(
    formula: str, family: str, frame: pd.DataFrame, tmp_path: Any
) -> None:
    whole = make(formula, frame, family=family)
    model, known = make(formula, frame[:150], family=family), make(formula, frame[:150], family=family)
    assert known.regression.grouped_summary is known.regression.grouped_summary_at_hand
    model.save(tmp_path / "m")
    for each in (model, known, fb.load(tmp_path / "m")):
        each.update(frame[150:152])
        each.update(frame[152:])
        check_same(each, whole)
        if family == "lognormal":
            continue
        one, other = (one.maximum_likelihood() for one in (each, whole))
        np.testing.assert_allclose(one["estimate"], other["estimate"], rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(1, 299), max_size=6), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_blocks_of_any_sizes_and_order(cuts: list[int], seed: int) -> None:
    frame = make_frame(300).sample(frac=1, random_state=seed)
    options: dict[str, Any] = {"weights": "w", "offset": "z"}
    start = 60 + min(cuts, default=0) // 2
    model = make("y ~ x * h + C(k)", frame[:start], **options)
    for rows in np.array_split(np.arange(start, 300), sorted(cut for cut in set(cuts) if cut > start)):
        if len(rows):
            model.update(frame.iloc[rows])
    check_same(model, make("y ~ x * h + C(k)", frame, **options))


def test_the_check_sees_a_row_that_is_folded_twice(frame: pd.DataFrame) -> None:
    model = make("y ~ x", frame[:150])
    model.update(frame[149:])
    with pytest.raises(AssertionError):
        check_same(model, make("y ~ x", frame))
    model = make("y ~ x + (x | g)", frame[:150])
    model.update(frame[150:299])
    again = make("y ~ x + (x | g)", frame)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(log_densities(model), log_densities(again), rtol=1e-9)


def test_given_priors_and_options_stay(frame: pd.DataFrame) -> None:
    options: dict[str, Any] = {
        "priors": {"x": fb.Normal(0, 3), "sigma": fb.HalfCauchy(2)},
        "auto_scale": False,
        "center_predictors": False,
        "dropna": True,
    }
    holes = frame.assign(x=frame.x.where(frame.z < 1.2), y=frame.y.where(frame.z > -1.5))
    model = make("y ~ x + g", holes[:150], **options)
    model.update(holes[150:])
    whole = make("y ~ x + g", holes, **options)
    check_same(model, whole)
    assert model.given_priors == whole.given_priors
    assert model.regression.rows.n_dropped == whole.regression.rows.n_dropped > 0


def test_earlier_regressions_and_copies_stay_as_they_were(frame: pd.DataFrame) -> None:
    model = make("y ~ x + (1 | g)", frame[:150])
    earlier, copied, density = model.regression, copy.deepcopy(model), log_densities(model)
    model.update(frame[150:])
    assert earlier.n_rows == copied.regression.n_rows == 150
    np.testing.assert_array_equal(log_densities(copied), density)
    again = pickle.loads(pickle.dumps(model))
    again.update(frame[:5])
    assert (model.regression.n_rows, again.regression.n_rows) == (300, 305)


def test_what_cannot_be_updated_leaves_the_model_as_it_was(frame: pd.DataFrame) -> None:
    model = make("y ~ x", frame[:150])
    before = model.regression
    refused(DataError, lambda: model.update(frame.assign(y=np.inf)), "'y'", "infinite")
    assert model.regression is before


def test_other_families_with_their_rows_become_those_of_all_rows(frame: pd.DataFrame) -> None:
    data = frame.assign(n=5, s=(frame.y > 9).astype(int), level=np.where(frame.y > 9, "yes", "no"))
    data["count"] = np.round(frame.y)
    for formula, family in [
        ("count ~ x + offset(z)", "poisson"),
        ("p(s, n) ~ x + g", "binomial"),
        ("level['yes'] ~ x + (1 | g)", "bernoulli"),
        ("s ~ x + (1 | g)", "bernoulli"),
        ("y ~ x", "t"),
    ]:
        model, whole = make(formula, data[:150], family=family), make(formula, data, family=family)
        model.update(data[150:])
        assert fingerprint(model.regression) == fingerprint(whole.regression)
        for name, prior in whole.priors.items():
            check_priors(model.priors[name], prior)
        for one, other in zip(model.regression.rows.blocks(), whole.regression.rows.blocks(), strict=True):
            np.testing.assert_array_equal(one.X, other.X)
            np.testing.assert_array_equal(one.y, other.y)
            for part in ("offset", "trials"):
                np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
        assert set(model.regression.rows.columns) == set(whole.regression.rows.columns)


@pytest.mark.parametrize(
    ("formula", "call"),
    [
        ("y ~ scale(x)", "scale(x)"),
        ("y ~ center(x):g", "center(x)"),
        ("y ~ poly(x, 2)", "poly(x, 2)"),
        ("y ~ bs(x, df=4)", "bs(x, df=4)"),
        ("y ~ bs(x, knots=[1.0])", "bs(x, knots=[1.0])"),
        ("y ~ cr(x, knots=[1.0], lower_bound=0, upper_bound=2, constraints='center')", "constraints"),
        ("y ~ bs(x, knots=[1.0], lower_bound=0, upper_bound=None)", "upper_bound=None"),
        ("y ~ x + (scale(x) | g)", "scale(x)"),
        ("center(y) ~ x", "center(y)"),
        ("y ~ x + offset(center(z))", "center(z)"),
        ("y ~ x - 0 + I(x - x.mean())", "I(x - x.mean())"),
        ("y - y.mean() ~ z", "y - y.mean()"),
    ],
)
def test_terms_that_look_at_all_rows_are_refused(formula: str, call: str, frame: pd.DataFrame) -> None:
    formula = formula.replace("y - y.mean()", "I(y - y.mean())").replace("x - 0 + ", "")
    refused(FormulaError, lambda: make(formula, frame[:150]).update(frame[150:]), call)


def test_functions_of_the_user_that_look_at_all_rows_are_refused(frame: pd.DataFrame) -> None:
    extra = {"apart": lambda values: values - np.mean(values)}
    model = fb.Model("apart(y) ~ x", frame[:150], extra_namespace=extra)
    refused(FormulaError, lambda: model.update(frame[150:]), "'apart(y)'", "depends on other rows")


def test_what_the_model_does_not_know_is_refused(frame: pd.DataFrame) -> None:
    few = frame[150:153]
    model = make("y ~ x + g", frame[:150])
    refused(DataError, lambda: model.update(few.assign(g=["a", "new", "b"])), "'new'", "row 251")
    refused(DataError, lambda: model.update(few.drop(columns="y")), "'y'")
    refused(DataError, lambda: model.update(few.drop(columns="g")), "'g'")
    refused(DataError, lambda: model.update(few.assign(y=[1.0, np.nan, 2])), "'y' has 1 missing value (row 251)")
    refused(DataError, lambda: model.update(few[:0]), "no rows")
    refused(DataTypeError, lambda: model.update({"y": [1]}), "pd.DataFrame")  # type: ignore[arg-type]
    refused(DataTypeError, lambda: model.update(few.assign(y="text")), "'y'")
    groups = make("y ~ x + (1 | g)", frame[:150])
    refused(DataError, lambda: groups.update(few.assign(g=["a", "new", "b"])), "'g'", "'new'")
    lognormal = make("y ~ x", frame[:150], family="lognormal")
    refused(DataError, lambda: lognormal.update(few.assign(y=[1.0, -2, 3])), "'y'", "-2", "row 251")
    weighted = make("y ~ x", frame[:150], weights="w")
    refused(DataError, lambda: weighted.update(few.assign(w=[1.0, -2, 3])), "'w'", "1 negative value (row 251)")
    half = frame.assign(cell=np.where(frame.g == "b", "u", frame.h))
    crossed = make("y ~ g * cell", half[:150])
    refused(DataError, lambda: crossed.update(few.assign(g="b", cell="v")), "'b'", "'v'", "combination")


def test_arrays_beside_the_data_are_refused(frame: pd.DataFrame) -> None:
    for argument in ("weights", "offset"):
        model = make("y ~ x", frame[:150], **{argument: frame.w[:150]})
        refused(DataError, lambda model=model: model.update(frame[150:]), f"{argument} as an array", f"{argument}='")


def test_models_without_rows_that_need_them_are_refused(frame: pd.DataFrame, tmp_path: Any) -> None:
    data = frame.assign(s=np.round(frame.y))
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("s ~ x", {"family": "poisson"}, "'poisson'"),
        ("s ~ x + (1 | g)", {"family": "poisson"}, "'poisson'"),
        ("y ~ x", {"link": "log"}, "link='log'"),
        ("y ~ x", {"priors": {"sigma": 2}}, "known sigma"),
    ]
    for formula, options, part in cases:
        make(formula, data[:150], **options).save(tmp_path / "m")
        loaded = fb.load(tmp_path / "m")
        refused(DataError, lambda loaded=loaded: loaded.update(data[150:]), part, "has no rows")


def test_a_loaded_model_without_the_functions_of_its_response_says_so(frame: pd.DataFrame, tmp_path: Any) -> None:
    make("double(y) ~ x", frame[:150]).save(tmp_path / "m")
    model = fb.load(tmp_path / "m")
    refused(DataError, lambda: model.update(frame[150:]), "extra_namespace")
    fb.load(tmp_path / "m", extra_namespace={"double": double}).update(frame[150:])


def test_a_model_without_rows_is_updated_in_the_time_of_the_further_ones(tmp_path: Any) -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=200_000), "z": rng.normal(size=200_000)})
    data["y"] = data.x + rng.normal(size=200_000)
    fb.Model("y ~ x + z", data).save(tmp_path / "m")
    model, few = fb.load(tmp_path / "m"), data[:20]
    model.update(few)
    times = []
    for _ in range(5):
        start = time.process_time()
        model.update(few)
        times.append(time.process_time() - start)
    assert min(times) < 0.02
    assert model.regression.n_rows == 200_120


def test_summaries_of_other_rows_are_in_the_columns_of_the_model(frame: pd.DataFrame) -> None:
    model, whole = make("y ~ x * g", frame[:150]), make("y ~ x * g", frame)
    only = frame[150:][frame[150:].g == "b"]  # a site without the other levels
    rest = frame[150:][frame[150:].g != "b"]
    summary = model.summarise(only).merge(model.summarise(rest)).merge(model.sufficient_statistics)
    pooled = fb.Model.from_summary(summary, like=whole)
    check_same(pooled, whole)
    assert model.regression.n_rows == 150
    grouped = make("y ~ x + (1 | g)", frame[:150])
    refused(fb.SettingError, lambda: grouped.summarise(frame[150:]), "(1 | g)")
