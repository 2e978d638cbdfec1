"""Saved models predict and are fitted again as they were; files that are damaged or hostile are refused."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from filbert.errors import DataError, ModelFileError
from filbert.regression.fingerprint import fingerprint
from filbert.storage import groups as storage_groups
from model_files import content_of, refused, signed

KEPT = Path(__file__).parents[2] / "data" / "models"


def double(x):
    return 2 * x


FORMULAS = [
    "y ~ x",
    "y ~ 0 + x + z",
    "y ~ 1",
    "y ~ scale(x) + center(z)",
    "y ~ poly(x, 3)",
    "y ~ bs(x, df=5)",
    "y ~ cr(x, df=4, constraints='center')",
    "y ~ 0 + cc(x, df=4)",
    "y ~ g * h",
    "y ~ x * g",
    "y ~ 0 + g:x",
    "y ~ C(g, 'b') + C(k)",
    "y ~ C(g, Sum) + S(h)",
    "y ~ C(g, contr.helmert)",
    "y ~ C(k, contr.poly)",
    "y ~ C(g, levels=['c', 'b', 'a'])",
    "y ~ C(g, {'ab': [1, -1, 0], 'c': [0, 0, 1]})",
    "y ~ I(x ** 2) + np.log(x) + flag",
    "weighted(y, w) ~ x + offset(scale(z))",
    "log(y) ~ double(x)",
    "scale(y) ~ bs(scale(x), df=4)",
    "y ~ `x` + I(`z` > 0)",
]
GROUPED = [
    "y ~ x + (x | g)",
    "y ~ x + (x || g) + (1 | h)",
    "y ~ 0 + x + (0 + x | g)",
    "y ~ (h | g)",
    "y ~ x + (0 + h | g) + (1 | k)",
    "y ~ x + (1 | g/h)",
    "y ~ k + (scale(x) | g:k)",
    "y ~ (poly(x, 2) | g) + offset(z)",
    "y ~ double(x) + (I(x / 2) | C(k)) + (1 | flag)",
    "y ~ x + (h:x | g)",
    "y ~ x + (1 | double(k))",
    "y ~ x + (1 | `g`)",
]
PRIORS = {"common": fb.StudentT(3, 0, 2), "sigma": fb.HalfCauchy(3)}


@pytest.fixture
def frame():
    return make_frame()


def make(formula, frame, **options):
    extra = {"double": double} if "double" in formula else None
    return fb.Model(formula, frame, extra_namespace=extra, **options)


def round_trip(model, path, **options):
    model.save(path)
    return fb.load(path, **options)


def draws(model):
    posterior = model.fit(draws=150, tune=300, random_seed=4, progressbar=False)["posterior"]
    return {str(name): posterior[name].values for name in posterior.data_vars}


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("formula", FORMULAS)
def test_round_trip(formula, frame, tmp_path):
    model = make(formula, frame, priors={"sigma": fb.HalfCauchy(3)})
    again = round_trip(model, tmp_path / "m", extra_namespace={"double": double})
    assert str(again) == str(model)
    assert fingerprint(again.regression) == fingerprint(model.regression)
    new = frame.iloc[[3, 30, 7]]
    for one, other in zip(model.design.new_rows(new).blocks(), again.design.new_rows(new).blocks(), strict=True):
        np.testing.assert_array_equal(one.X, other.X)
        if one.offset is not None:
            np.testing.assert_array_equal(one.offset, other.offset)
    assert [str(p) for p in again.design.predictors.values()] == [str(p) for p in model.design.predictors.values()]
    first, second = draws(model), draws(again)
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    pd.testing.assert_frame_equal(model.least_squares(), again.least_squares())


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_other_priors_after_loading(frame, tmp_path):
    again = round_trip(fb.Model("y ~ x * g", frame, priors=PRIORS, center_predictors=False), tmp_path / "m")
    again.set_priors(x=fb.Normal(0, 0.01))
    expected = fb.Model("y ~ x * g", frame, priors={**PRIORS, "x": fb.Normal(0, 0.01)}, center_predictors=False)
    for name, values in draws(expected).items():
        np.testing.assert_array_equal(values, draws(again)[name])


def test_predictions_without_rows(frame, tmp_path):
    model = fb.Model("y ~ scale(x) + g", frame)
    idata = model.fit(random_seed=1)
    again = round_trip(model, tmp_path / "m")
    new = frame.iloc[:4]
    one = model.predict(idata, kind="response", data=new, inplace=False, random_seed=2)["predictions"]
    other = again.predict(idata, kind="response", data=new, inplace=False, random_seed=2)["predictions"]
    np.testing.assert_array_equal(one["mu"], other["mu"])
    np.testing.assert_array_equal(one["y"], other["y"])
    for needs_rows in (again.predict, again.log_likelihood, again.r2):
        with pytest.raises(DataError, match="loaded from a file"):
            needs_rows(idata)
    with pytest.raises(DataError, match="'zz'"):
        again.predict(idata, data=new.assign(g="zz"))


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("formula", GROUPED)
def test_groups_round_trip(formula, frame, tmp_path):
    model = make(formula, frame, priors={"sigma": fb.HalfCauchy(3)})
    again = round_trip(model, tmp_path / "m", extra_namespace={"double": double})
    assert (tmp_path / "m").read_bytes().startswith(b"filbert model 3 ")
    assert str(again) == str(model)
    assert fingerprint(again.regression) == fingerprint(model.regression)
    assert again.design.kinds == model.design.kinds
    new = frame.iloc[[3, 30, 7]]
    one, other = (next(each.design.new_rows(new).blocks()) for each in (model, again))
    for first, second in zip((one.X, *one.Z, *one.groups), (other.X, *other.Z, *other.groups), strict=True):
        np.testing.assert_array_equal(first, second)
    for factor, stored in zip(model.design.grouping.values(), again.design.grouping.values(), strict=True):
        assert (stored.name, stored.parts, stored.levels) == (factor.name, factor.parts, factor.levels)
        np.testing.assert_array_equal(stored.cells, factor.cells)
    idata = model.fit(draws=60, tune=100, random_seed=1, progressbar=False)
    for each in (model, again):
        each.predict(idata, data=new, kind="response", random_seed=2)
    pd.testing.assert_frame_equal(*(fb.predictions(each, idata, data=new) for each in (model, again)))
    with pytest.raises(DataError, match="loaded from a file"):
        again.fit()
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_groups_of_other_families_round_trip(family, frame, tmp_path):
    frame["y"] = (frame.y > 9).astype(int)
    model = fb.Model("y ~ x + (x | g)", frame, family=family, priors={"group_specific": fb.HalfNormal(2)})
    again = round_trip(model, tmp_path / "m")
    assert str(again) == str(model)
    assert fingerprint(again.regression) == fingerprint(model.regression)


def test_priors_of_groups_round_trip_and_are_set_again(frame, tmp_path):
    priors = {
        "1|g": fb.Normal(0, sigma=fb.HalfStudentT(3, 2)),
        "h|g": fb.Normal(0, sigma=fb.Exponential([4])),
        "x|g_sigma": 0.7,
        "g_corr": fb.LKJCorr(eta=4),
        "group_specific": fb.HalfNormal(5),
    }
    model = fb.Model("y ~ x + (x + h | g) + (1 | k)", frame, priors=priors, auto_scale=False)
    again = round_trip(model, tmp_path / "m")
    assert again.given_priors == model.given_priors
    assert again.priors == model.priors
    assert again.regression.groups.specs == model.regression.groups.specs
    for each in (model, again):
        each.set_priors({"x|g": fb.Normal(0, sigma=fb.HalfCauchy(1))})
    assert again.priors == model.priors
    assert again.priors["x|g_sigma"] == fb.HalfCauchy(1)


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("new_groups", ["sample", "observed", "zero"])
def test_loaded_models_predict_new_groups(new_groups, frame, tmp_path):
    model = fb.Model("y ~ x + (x | g) + (1 | h:k)", frame, priors={"x|g_sigma": 0.5})
    again = round_trip(model, tmp_path / "m")
    idata = model.fit(draws=60, tune=100, random_seed=1, progressbar=False)
    new = frame.iloc[:4].assign(g=["a", "new", "new", "other"], k=[1, 2, 77, 3])
    one, other = (
        each.predict(idata, "response", data=new, new_groups=new_groups, inplace=False, random_seed=3)["predictions"]
        for each in (model, again)
    )
    np.testing.assert_array_equal(one["mu"], other["mu"])
    np.testing.assert_array_equal(one["y"], other["y"])
    for each in (model, again):
        with pytest.raises(DataError, match=r"'new', 'other'"):
            each.predict(idata, data=new)


def test_other_options_of_models_with_groups_round_trip(frame, tmp_path):
    frame["hole"] = frame.x.where(frame.z < 1)
    model = fb.Model(
        "weighted(y, w) ~ hole + (x | k)",
        frame,
        correlated=False,
        dropna=True,
        categorical="k",
        center_predictors=False,
    )
    again = round_trip(model, tmp_path / "m")
    assert str(again) == str(model)
    assert not again.design.group_terms[0].is_correlated
    assert again.design.kinds["k"].is_open
    assert not again.design.kinds["x"].is_open


def test_levels_of_groups_keep_their_types(frame, tmp_path):
    data = frame.assign(half=frame.k / 2, day=pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.k, "D"))
    again = round_trip(fb.Model("y ~ x + (1 | half) + (1 | k) + (1 | flag)", data), tmp_path / "m")
    factors = again.design.grouping
    assert [type(level) for level in factors["half"].levels[0]] == [float] * 3
    assert [type(level) for level in factors["k"].levels[0]] == [int] * 3
    assert factors["flag"].levels == ((False, True),)
    assert factors["half"].labels == ["0.5", "1", "1.5"]
    with pytest.raises(ModelFileError, match=r"levels of 'C\(day\)'.*Timestamp"):
        fb.Model("y ~ x + (1 | C(day))", data).save(tmp_path / "other")
    with pytest.raises(ModelFileError, match=r"levels of 'C\(log\(k - 1\)\)'.*-inf"):
        fb.Model("y ~ x + C(log(k - 1))", data).save(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_groups_in_a_file_of_an_older_format_are_not_read(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ x + g + (x | g)", frame).save(path)
    path.write_bytes(signed(content_of(path), 2))
    assert fb.load(path).regression.groups is None


def test_models_without_groups_are_written_for_older_versions(frame, tmp_path):
    fb.Model("y ~ x", frame).save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes().startswith(b"filbert model 2 ")
    assert "groups" not in content_of(tmp_path / "m")


def test_a_model_with_too_many_correlations_is_not_saved(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(storage_groups, "_MOST_CORRELATIONS", 2)
    with pytest.raises(ModelFileError, match="cannot be stored: it has 3 correlations"):
        fb.Model("y ~ (x + h | g)", frame).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_levels_keep_their_types(frame, tmp_path):
    data = frame.assign(k=frame.k * 1.5, t=frame.x > 1)
    model = fb.Model("y ~ k + C(t) + g", data, categorical=["k"])
    again = round_trip(model, tmp_path / "m")
    assert again.design.levels == model.design.levels
    assert [type(v) for v in again.design.kinds["k"].levels] == [float] * 3


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.filbert")), ids=lambda path: path.stem)
def test_files_of_every_python_and_version_load(path):
    expected = json.loads((KEPT / "predictions.json").read_text(encoding="utf-8"))
    model = fb.load(path)
    rows = model.design.new_rows(pd.DataFrame(expected["data"]))
    np.testing.assert_allclose(next(rows.blocks()).X, expected["X"], rtol=1e-14)
    np.testing.assert_allclose(model.least_squares()["estimate"], expected["estimate"], rtol=1e-12)


def test_files_of_format_1_are_gaussian_and_are_saved_in_format_2(tmp_path):
    path = KEPT / "format1-python311.filbert"
    content = json.loads(path.read_bytes().partition(b"\n")[2])
    assert not {"family", "link"} & set(content)
    model = fb.load(path)
    assert (model.family.name, model.regression.link) == ("gaussian", "identity")
    again = round_trip(model, tmp_path / "m")
    assert (tmp_path / "m").read_bytes().startswith(b"filbert model 2 ")
    assert str(again) == str(model)
    assert fingerprint(again.regression) == fingerprint(model.regression)


def test_format_2_must_name_its_family(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ x", frame).save(path)
    for key in ("family", "link"):
        content = content_of(path)
        del content[key]
        path.with_name("other").write_bytes(signed(content))
        refused(path.with_name("other"), repr(key))


def test_a_file_is_whole_or_not_there(frame, tmp_path, monkeypatch):
    model = fb.Model("y ~ x", frame)
    path = tmp_path / "m"
    model.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        fb.Model("y ~ z", frame).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


# Files that cannot be used


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"PK\x03\x04" + bytes(50), "zip"),
        (b"x,y\n1,2\n", "not a model file"),
        (b"filbert model 99 2 abc\n{}", "format 99"),
        (b"filbert model x 2 abc\n{}", "header"),
    ],
)
def test_foreign_files(data, part, tmp_path):
    (tmp_path / "file").write_bytes(data)
    refused(tmp_path / "file", part)


def test_paths_keep_their_own_errors(frame, tmp_path):
    with pytest.raises(FileNotFoundError):
        fb.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        fb.Model("y ~ x", frame).save(tmp_path / "no folder" / "m")


def test_two_hundred_corrupted_copies_are_refused(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ poly(x, 2) * g", frame, priors=PRIORS).save(path)
    good = path.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        bad = bytearray(good)
        place = rng.randrange(len(good))
        match rng.randrange(5):
            case 0:
                bad[place] ^= 1 << rng.randrange(8)
            case 1:
                del bad[place:]
            case 2:
                bad[place:place] = rng.randbytes(rng.randrange(1, 20))
            case 3:
                other = rng.randrange(len(good) - 20)
                bad[other : other + 20], bad[place : place + 20] = bad[place : place + 20], bad[other : other + 20]
            case 4:
                bad[place : place + 8] = rng.randbytes(8)
        if bytes(bad) != good:
            path.write_bytes(bad)
            refused(path)


def test_levels_that_cannot_be_stored_are_named(frame, tmp_path):
    model = fb.Model("y ~ bin", frame.assign(bin=pd.cut(frame.x, 3)))
    with pytest.raises(ModelFileError, match=r"levels of 'bin'.*Interval.*astype\(str\)"):
        model.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


# Pickle and copies


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_the_model(copied, frame):
    model = fb.Model("y ~ double(x) + C(g, 'b')", frame, extra_namespace={"double": double}, weights="w")
    model.design.new_rows(frame)
    again = copied(model)
    for name, values in draws(model).items():
        np.testing.assert_array_equal(values, draws(again)[name])
    if copied is not copy.copy:
        again.set_priors(sigma=fb.HalfNormal(1))
        assert "sigma" not in model.given_priors
    assert again.regression.rows.n_rows == 60


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model, 5))])
def test_copies_of_models_with_groups_are_the_model(copied, frame):
    model = fb.Model("y ~ x + (double(x) | g) + (1 | h:C(k))", frame, extra_namespace={"double": double}, weights="w")
    model.fit(draws=10, tune=10, progressbar=False)  # what was computed does not stand in the way
    again = copied(model)
    assert fingerprint(again.regression) == fingerprint(model.regression)
    for name, values in draws(model).items():
        np.testing.assert_array_equal(values, draws(again)[name])
    idata = model.fit(draws=20, tune=50, random_seed=1, progressbar=False)
    new = frame.iloc[:5]
    for container in (idata, copied(idata)):
        pd.testing.assert_frame_equal(
            fb.predictions(again, container, data=new), fb.predictions(model, idata, data=new)
        )
    if copied is not copy.copy:
        again.set_priors({"1|g": fb.Normal(0, sigma=fb.HalfNormal(1))})
        assert "1|g" not in model.given_priors


def test_loaded_models_with_groups_can_be_copied(frame, tmp_path):
    model = round_trip(fb.Model("y ~ x + (x | g)", frame), tmp_path / "m")
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model, 5))):
        assert str(again) == str(model)
        assert fingerprint(again.regression) == fingerprint(model.regression)


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
def test_threads_may_share_a_model_with_groups(frame):
    alone = draws(fb.Model("y ~ x + (x | g) + (1 | h)", frame))
    model = fb.Model("y ~ x + (x | g) + (1 | h)", frame)  # whose summaries no one has asked for yet
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: draws(model), range(4)))
    for each in together:
        for name, values in alone.items():
            np.testing.assert_array_equal(values, each[name])


def test_a_lambda_can_be_copied_and_its_pickle_is_refused_by_name(frame):
    model = fb.Model("y ~ f(x)", frame, extra_namespace={"f": lambda x: math.pi * x})
    assert str(copy.deepcopy(model)) == str(model)
    with pytest.raises(fb.SettingError, match=r"extra_namespace\['f'\].*model.save"):
        pickle.dumps(model)


def test_a_summary_can_be_pickled_and_copied(frame):
    summary = fb.SufficientStatistics.from_arrays(frame[["x", "z"]].to_numpy(), frame.y.to_numpy())
    for again in (pickle.loads(pickle.dumps(summary)), copy.deepcopy(summary), copy.copy(summary)):
        again.update(frame[["x", "z"]].to_numpy(), frame.y.to_numpy())
        assert (again.n_rows, summary.n_rows) == (120, 60)
    with pytest.raises(ValueError, match="not the state of a summary"):
        fb.SufficientStatistics.from_state((np.eye(2), np.zeros(3), np.zeros(3, dtype=int), 1.0, 1))
