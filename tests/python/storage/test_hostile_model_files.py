"""Model files of strangers are refused, soon and with ModelFileError, or give models that work."""

from __future__ import annotations

import base64
import copy
import json
import math
import os
import sys
import time

import filbert as fb
import numpy as np
import pytest
from design_checks import make_frame
from filbert.errors import FormulaError, ModelFileError
from filbert.storage import signed as file_format
from model_files import FORMULA, array, content_of, refused, set_at, signed, some_contents


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def contents(frame, tmp_path_factory):
    return some_contents(frame, tmp_path_factory.mktemp("models"))


# What is no file of a model


@pytest.mark.skipif(sys.platform == "win32", reason="devices of POSIX")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    start = time.process_time()
    refused(tmp_path / "zero", "not a regular file")
    refused(tmp_path / "fifo", "not a regular file")
    refused(tmp_path, "a directory")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match="a directory"):
        fb.load(".")
    with pytest.raises(fb.DataTypeError, match="must be a string or a path"):
        fb.load(3)
    assert time.process_time() - start < 1


def test_huge_files_are_refused_by_their_first_bytes(tmp_path):
    path = tmp_path / "huge"
    start = time.process_time()
    for head, part in [
        (b"", "not a model file"),
        (b"x" * 1000, "not a model file"),
        (b"filbert model 2 5 abc\n", "checksum"),
        (b"filbert model 2 99999999999 abc\n", "at most"),
        (b"filbert model 2 " + b"9" * 100 + b" abc\n", "header"),
    ]:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(50_000_000_000)  # a hole, which takes no room
        refused(path, part)
    assert time.process_time() - start < 1


def test_a_model_that_could_not_be_loaded_is_not_saved(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(file_format, "MOST_BYTES", 500)
    with pytest.raises(ModelFileError, match=r"cannot be stored.*Use fewer levels"):
        fb.Model("y ~ x", frame).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b"[" * 60 + b"]" * 60, "nested"),
        (b"[" + b"[]," * 2_000_000 + b"1]", "more than"),
        (b'{"summary": NaN}', "NaN"),
        (b'{"summary": -Infinity}', "Infinity"),
        (b'{"summary": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"summary": "\xff"}', "not JSON"),
        (b"null", "inconsistent"),
        (b"[]", "inconsistent"),
        (b"{}", "inconsistent"),
    ],
)
@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_content_that_is_no_object_of_a_model(payload, part, version, tmp_path):
    (tmp_path / "m").write_bytes(signed(payload, version))
    start = time.process_time()
    refused(tmp_path / "m", part)
    assert time.process_time() - start < 1


def test_deep_states_are_refused(contents, tmp_path):
    deep = 1
    for _ in range(300):
        deep = {"list": [deep]}
    content = {**contents["y ~ x"], "state": {"dict": [["a", deep]]}}
    (tmp_path / "m").write_bytes(signed(content))
    refused(tmp_path / "m", "nested")


# Content that does not fit together: each of these loaded, and failed later or gave wrong numbers


def product_of(content, factor):
    return next(c for product in content["products"] for c in product["codings"] if c["factor"] == factor)


def set_chosen(content, value):
    product_of(content, "poly(z, 2)")["chosen"] = value


def set_contrasts(content, value):
    product_of(content, "C(k)")["contrasts"] = value


def set_state(call, key):
    def change(content, value):
        pairs = next(state["dict"] for name, state in content["state"]["dict"] if name == call)
        next(pair for pair in pairs if pair[0] == key)[1] = value

    return change


def set_levels(content, value):
    content["levels"]["g"] = value


def swap_columns_of_terms(content, _):
    one, other = content["terms"][:2]
    one["columns"], other["columns"] = one["columns"] + other["columns"][:1], other["columns"][1:]
    for term in (one, other):
        term["levels"] = list(term["columns"]) if len(term["columns"]) > 1 else None


def drop_state(content, call):
    content["state"]["dict"] = [pair for pair in content["state"]["dict"] if pair[0] != call]


def empty_state(content, call):
    next(pair for pair in content["state"]["dict"] if pair[0] == call)[1] = {"dict": []}


def many_codings(content, _):
    """Products of 64 pairs of columns, whose number wraps around to 0."""
    content["products"].append({"scale": 1.0, "codings": [product_of(content, "poly(z, 2)")] * 64})


MISFITS = [
    (set_chosen, [0, 2], "columns"),
    (set_chosen, [0, 5_000_000_000], "columns"),
    (set_chosen, [-1, 0], "numbers of columns"),
    (set_chosen, [1, 0], "numbers of columns"),
    (set_chosen, [0, 0], "numbers of columns"),
    (set_chosen, [True, 1], "whole"),
    (set_chosen, [], "numbers of columns"),
    (set_chosen, [0], "columns of the term"),
    (set_contrasts, array(np.eye(3)[:2]), "contrasts"),
    (set_contrasts, array(np.zeros((3, 0))), "contrasts"),
    (set_contrasts, array(np.eye(3)), "columns of the term"),
    (set_contrasts, array([1.0, 2.0, 3.0]), "contrasts"),
    (set_contrasts, array(np.full((3, 2), math.nan)), "finite"),
    (set_contrasts, array(np.full((3, 2), 1e300)), "large"),
    (set_contrasts, None, "contrasts"),
    (many_codings, None, "columns"),
    (set_at("products", 0, "kept"), [1], "kept"),
    (set_at("products", 0, "kept"), [-1], "kept"),
    (set_at("products", 1, "kept"), [1, 0], "kept"),
    (set_at("products", 1, "kept"), [0], "columns of the term"),
    (swap_columns_of_terms, None, "columns of the term"),
    (set_levels, ["a", "b"], "levels"),
    (set_levels, ["a", "b", "d"], "levels"),
    (set_levels, None, "levels"),
    (set_at("levels", "C(k)"), [1.0, 1.0, 3.0], "twice"),
    (set_at("levels", "C(k)"), [1.0, 2.0, 10**400], "finite"),
    (set_at("levels", "C(k)"), [1.0, 2.0, [3.0]], "finite"),
    (set_at("levels", "C(k)"), [1.0, 2.0, "\ud800"], "text"),
    (set_at("levels", "scale(x)"), ["a", "b"], "contrasts"),
    (set_at("columns", "g", "levels"), ["a", "b", "b"], "twice"),
    (set_at("columns", "g", "kind"), "float", "kind"),
    (set_at("columns", "x", "kind"), "complex", "kind"),
    (set_at("columns", "unused"), {"kind": "float", "levels": None}, "columns"),
    (set_at("columns", "flag", "kind"), "datetime", "flag"),
    (set_state("scale(x)", "center"), {"array": array([1.0, 2.0])}, "does not fit"),
    (set_state("scale(x)", "scale"), {"array": array([1.0, 2.0, 3.0])}, "does not fit"),
    (set_state("scale(x)", "center"), {"dict": []}, "does not fit"),
    (set_state("bs(w, df=4)", "knots"), {"list": [0.5, 1.5]}, ""),
    (empty_state, "poly(z, 2)", "learnt"),
    (drop_state, "poly(z, 2)", "learnt"),
    (set_at("state"), 3, "learnt"),
    (set_at("entangled"), ["nothing"], "depend"),
    (set_at("terms", 0, "levels"), ["a", "b", "c"], "levels"),
    (set_at("terms", 1, "levels"), None, "levels"),
    (set_at("terms", 1, "name"), "scale(x)", "same name"),
    (set_at("terms", 0, "name"), "sigma", ""),
    (set_at("products", 0, "scale"), 1e300, "large"),
    (set_at("products", 0, "codings"), [], "no factors"),
    (set_at("offsets"), [["g", True]], "numbers"),
    (set_at("expressions", 0), ["x" * 20_000, False], "characters"),
    (set_at("family"), "poison", "family"),
    (set_at("link"), "cloglog", "link"),
    (set_at("n_rows"), -1, "sizes"),
    (set_at("n_rows"), 10**300, "whole"),
    (set_at("summary", "n_rows"), 2**70, "whole"),
    (set_at("summary", "n_rows"), 61, "sizes"),
    (set_at("summary", "total_weight"), 0.0, ""),
    (set_at("summary", "total_weight"), -1.0, ""),
    (set_at("summary", "mean"), array(np.full(17, math.nan)), ""),
    (set_at("summary", "exponents"), [2**40] * 17, ""),
    (set_at("predictors", "x", 0), 10**400, "finite"),
    (set_at("predictors", "x", 1), -1.0, "deviation"),
    (set_at("predictors", "x", 2), [1.0, 2.0, 3.0, 2.0, 5.0], "quantiles"),
    (set_at("predictors", "x", 2), [1.0, 2.0, 3.0, 4.0], "quantiles"),
    (set_at("predictors", "x", 2), [None] * 5, "quantiles"),
    (set_at("predictors", "g", 2), [1.0, 2.0, 3.0, 4.0, 5.0], "quantiles"),
    (set_at("predictors", "g", 3), ["zz"], "mode"),
    (set_at("predictors", "g", 3), ["a", "b"], "mode"),
    (set_at("predictors", "k", 4), ["a", "b", "c"], ""),
    (set_at("priors", "poly(z, 2)"), ["Normal", {"mu": {"array": array([1.0, 2.0, 3.0])}, "sigma": 1.0}], "2 columns"),
    (set_at("priors", "sigma"), ["Normal", {"mu": 0.0, "sigma": 1.0}], "positive"),
    (set_at("priors", "nothing"), ["Normal", {"mu": 0.0, "sigma": 1.0}], "nothing"),
    (set_at("priors", "common"), ["Nothing", {}], "Nothing"),
    (set_at("priors", "common"), ["Normal", {"mu": {"number": "nan"}, "sigma": 1.0}], "finite"),
    (set_at("has_intercept"), "yes", "true nor false"),
    (set_at("response"), "\udc00", "text"),
]


@pytest.mark.parametrize(("change", "value", "part"), MISFITS, ids=[str(n) for n in range(len(MISFITS))])
def test_content_that_does_not_fit_together(change, value, part, contents, tmp_path):
    content = copy.deepcopy(contents[FORMULA])
    change(content, value)
    assert content != contents[FORMULA]
    (tmp_path / "m").write_bytes(signed(content))
    start = time.process_time()
    refused(tmp_path / "m", part)
    assert time.process_time() - start < 1


def test_the_files_that_are_changed_above_load_as_they_were(contents, tmp_path):
    for content in contents.values():
        (tmp_path / "m").write_bytes(signed(content))
        fb.load(tmp_path / "m")


def test_a_model_without_terms_and_intercept_is_refused(contents, tmp_path):
    (tmp_path / "m").write_bytes(signed({**contents["y ~ 1"], "has_intercept": False}))
    refused(tmp_path / "m", "neither terms nor an intercept")


def test_a_constant_response_is_refused_as_it_is_in_data(contents, tmp_path):
    content = copy.deepcopy(contents["y ~ 1"])
    content["summary"]["factor"] = array([[0.0]])
    (tmp_path / "m").write_bytes(signed(content))
    refused(tmp_path / "m", "constant")


def test_a_function_of_the_user_that_has_changed_is_named(frame, tmp_path):
    path = tmp_path / "m"

    def powers(x):
        return np.stack([x, x**2], axis=1)

    fb.Model("y ~ f(x)", frame, extra_namespace={"f": powers}).save(path)
    again = fb.load(path, extra_namespace={"f": lambda x: x})
    with pytest.raises(FormulaError, match=r"'f\(x\)' gives 1 column, and the model needs 2"):
        list(again.design.new_rows(frame).blocks())


@pytest.mark.parametrize("formula", ["y ~ noted(x)", "y ~ x + (1 | noted(k))"])
def test_functions_of_the_user_are_not_called_by_load(formula, frame, tmp_path):
    path = tmp_path / "m"
    calls = []

    def noted(x):
        calls.append(len(x))
        return x

    fb.Model(formula, frame, extra_namespace={"noted": noted}).save(path)
    refused(path, "'noted'", "extra_namespace={'noted': ...}")
    before = len(calls)
    again = fb.load(path, extra_namespace={"noted": noted})
    assert len(calls) == before
    again.design.new_rows(frame)
    assert len(calls) > before


@pytest.mark.parametrize("text", ["lag(x, 1)", "x.rank()", "I(x - x.min())"])
def test_terms_that_depend_on_other_rows_have_no_new_rows_whatever_the_file_says(text, frame, contents, tmp_path):
    content = json.loads(json.dumps(contents["y ~ x"]).replace('"x"', json.dumps(text)))
    content["columns"], content["predictors"] = contents["y ~ x"]["columns"], contents["y ~ x"]["predictors"]
    content["expressions"] = [[text, False]]
    assert content["entangled"] == []
    (tmp_path / "m").write_bytes(signed(content))
    with pytest.raises(FormulaError, match="depends on other rows"):
        fb.load(tmp_path / "m").design.new_rows(frame)


@pytest.mark.parametrize(
    "formula",
    ["y ~ np.sqrt(1.1 - (x - 1) ** 2)", "y ~ np.log(x - 0.5) + g", "y ~ bs(x * z, df=4)", "y ~ np.arcsin(z / 9)"],
)
def test_models_whose_terms_are_not_defined_everywhere_load(formula, frame, tmp_path):
    fb.Model(formula, frame).save(tmp_path / "m")
    model = fb.load(tmp_path / "m")
    assert np.isfinite(next(model.design.new_rows(frame).blocks()).X).all()


def test_large_models_load_in_time(tmp_path):
    rng = np.random.default_rng(1)
    frame = make_frame().iloc[np.arange(6000) % 60].reset_index(drop=True)
    frame["many"] = [f"level {k}" for k in np.arange(6000) % 800]
    frame["y"] = rng.normal(size=6000)
    fb.Model("y ~ many + x", frame).save(tmp_path / "m")
    start = time.process_time()
    assert fb.load(tmp_path / "m").design.new_rows(frame.iloc[:5]).n_rows == 5
    assert time.process_time() - start < 5


# Expressions


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch /tmp/owned')",
        "x.__class__.__mro__[1].__subclasses__()",
        "np.load('file')",
        "np.lib.format.read_array(x)",
        "np.fromfile('file')",
        "(lambda: 1)()",
        "[v for v in x]",
        "x.to_pickle('file')",
        "open('file')",
        "eval('1')",
        "getattr(x, 'values')",
        "f'{x}'",
        "x.dt.__class__",
        "contr.__loader__",
    ],
)
def test_hostile_expressions_are_refused(text, frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ np.log(x)", frame).save(path)
    content = json.loads(json.dumps(content_of(path)).replace("np.log(x)", json.dumps(text)[1:-1]))
    path.write_bytes(signed(content))
    refused(path)


def test_functions_of_the_user_are_asked_for(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ double(x)", frame, extra_namespace={"double": lambda x: 2 * x}).save(path)
    refused(path, "'double'", "extra_namespace={'double': ...}")


def test_huge_arrays_are_refused_before_they_are_made(frame, tmp_path):
    path = tmp_path / "m"
    fb.Model("y ~ x", frame).save(path)
    content = content_of(path)
    content["summary"]["factor"] = {"shape": [10**9, 10**9], "float64": base64.b64encode(bytes(8)).decode()}
    path.write_bytes(signed(content))
    refused(path, "bytes")
