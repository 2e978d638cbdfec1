"""Saved models predict and are fitted again as they were; files that are damaged or hostile are refused."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from filbert.errors import DataError, ModelFileError
from filbert.regression.fingerprint import fingerprint
from model_files import content_of, double, draws, make, refused, round_trip, signed

KEPT = Path(__file__).parents[2] / "data" / "models"


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
PRIORS = {"common": fb.StudentT(3, 0, 2), "sigma": fb.HalfCauchy(3)}


@pytest.fixture
def frame():
    return make_frame()


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


def test_models_without_groups_are_written_for_older_versions(frame, tmp_path):
    fb.Model("y ~ x", frame).save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes().startswith(b"filbert model 2 ")
    assert "groups" not in content_of(tmp_path / "m")


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
