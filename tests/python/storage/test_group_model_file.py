"""Saved models with group-specific terms predict as they were, and can be copied and shared."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from filbert.errors import DataError, ModelFileError
from filbert.regression.fingerprint import fingerprint
from filbert.storage import groups as storage_groups
from model_files import content_of, double, draws, make, round_trip, signed

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


@pytest.fixture
def frame():
    return make_frame()


@pytest.mark.filterwarnings("ignore::filbert.ConvergenceWarning")
@pytest.mark.parametrize("formula", GROUPED)
def test_groups_round_trip(formula, frame, tmp_path):
    model = make(formula, frame, priors={"sigma": fb.HalfCauchy(3)})
    again = round_trip(model, tmp_path / "m", extra_namespace={"double": double})
    assert (tmp_path / "m").read_bytes().startswith(b"filbert model 4 ")
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
    refitted = again.fit(draws=60, tune=100, random_seed=1, progressbar=False)  # from the summaries of its groups
    for name, values in model.fit(draws=60, tune=100, random_seed=1, progressbar=False)["posterior"].items():
        np.testing.assert_array_equal(values, refitted["posterior"][name])
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


def test_files_of_format_3_load_and_say_that_a_fit_needs_the_rows(frame, tmp_path):
    path = tmp_path / "m"
    model = fb.Model("y ~ x + (x | g)", frame)
    model.save(path)
    content = content_of(path)
    del content["groups"]["summary"], content["observed"]
    path.write_bytes(signed(content, 3))
    again = fb.load(path)
    assert str(again) == str(model)
    with pytest.raises(DataError, match="loaded from a file"):
        again.fit()
    again.save(tmp_path / "again")  # which has no more to say
    assert (tmp_path / "again").read_bytes().startswith(b"filbert model 3 ")


def test_a_summary_by_group_of_another_model_is_refused(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ x + (x | g)", frame).save(path)
    content = content_of(path)
    fb.Model("y ~ x + (x | g)", frame.iloc[5:]).save(path)
    content["groups"]["summary"] = content_of(path)["groups"]["summary"]
    path.write_bytes(signed(content))
    with pytest.raises(ModelFileError, match="do not go with its weight, means and deviations"):
        fb.load(path)


def test_groups_in_a_file_of_an_older_format_are_not_read(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ x + g + (x | g)", frame).save(path)
    path.write_bytes(signed(content_of(path), 2))
    assert fb.load(path).regression.groups is None


def test_a_model_with_too_many_correlations_is_not_saved(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(storage_groups, "_MOST_CORRELATIONS", 2)
    with pytest.raises(ModelFileError, match="cannot be stored: it has 3 correlations"):
        fb.Model("y ~ (x + h | g)", frame).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


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
