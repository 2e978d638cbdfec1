"""Tests that formulas, of users and of files, can only compute with columns, and not for long."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from design_checks import read
from filbert.errors import DataError, FilbertError, FormulaError
from filbert.formula.guard import check_harmless

N = 30


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.random(N) + 0.5,
            "z": rng.normal(size=N),
            "e": rng.random(N),
            "g": list("abc") * (N // 3),
            "t": pd.date_range("2020-01-01", periods=N),
        }
    )


def refused(formula, frame, *parts, **options):
    start = time.process_time()  # others may be using the machine
    with pytest.raises(FormulaError) as caught:
        read(formula, frame, **options)
    assert time.process_time() - start < 2
    for part in parts:
        assert part in str(caught.value), str(caught.value)


CODE = {
    "{x.to_csv('f') or x}": "'and' or 'or'",
    "I(x.to_csv('f'))": "'to_csv'",
    "I(np.__builtins__)": "'np.__builtins__'",
    "np.__builtins__['open']('f')": "not the name of a function",
    "np.load('f')": "'np.load'",
    "np.fromfile('f')": "'np.fromfile'",
    "np.lib.format.read_array(x)": "'read_array'",
    "np.lib.clip(x)": "'np.lib'",
    "np.add.reduce(x)": "'reduce'",
    "np.vectorize(log)(x)": "not the name of a function",
    "I((lambda: x)())": "a lambda",
    "x.apply(lambda v: v)": "a lambda",
    "x.map(lambda v: v)": "a lambda",
    "I([v for v in x])": "a comprehension",
    "I((v := x))": "an assignment",
    "I(x if x else x)": "'if'",
    "I(f'{x}')": "an f-string",
    "x.__class__": "column",
    "I(x.__class__)": "'__class__'",
    "I(x.values)": "'values'",
    "I(x._mgr)": "'_mgr'",
    "x.eval('1')": "'eval'",
    "x.dt.strftime('%999999999d')": "'strftime'",
    "x.str.repeat(1000000000)": "'repeat'",
    "x.str.zfill(1000000000)": "'zfill'",
    "contr.__loader__(x)": "'__loader__'",
    "x.transform('__class__')": "transform() may have",
    "x.astype('S1000000000')": "astype() may have",
    "I('{0.__class__}'.format(x))": "'format'",
    "I('a'.replace('a', 'b'))": "of a constant",
    "log(*x)": "starred",
    "scale(**{'center': x})": "'**'",
    "np.exp(x, where=[False])": "'where'",
    "np.exp(x, out=x)": "'out'",
    "np.exp(x, dtype='float16')": "'dtype'",
    "np.log(x, z)": "too many",
    "hashed(g, levels=4, hash_func=log)": "'hash_func'",
    "I(x[0])": "subscript",
    "I(x @ z)": "'@'",
    "I(x is z)": "==",
    "I(x in [1])": "x.isin",
    "I(not x)": "~(a > 0)",
    "I(x > 1 and z > 0)": "(a > 0) & (b > 0)",
    "I(x * scale)": "'scale'",
    "I(x + 1j)": "no number and no text",
    "I(x == b'a')": "no number and no text",
    "I(x == ...)": "no number and no text",
}


@pytest.mark.parametrize("term", CODE)
def test_what_is_no_computation_is_refused_by_name(term, frame):
    if term == "x.__class__":
        with pytest.raises(FilbertError):
            read(f"y ~ {term}", frame)
        return
    refused(f"y ~ {term}", frame, CODE[term])
    if "scale)" in term:
        return  # a name of a function is only seen beside the columns
    with pytest.raises((FormulaError, SyntaxError)):
        check_harmless(term if not term.startswith("{") else term[1:-1], ())


LONG = {
    "I(9**9**9**9 * x)": "too large",
    "I(x * 10**400)": "too large",
    "I(x * 10**300 * 10**300 ** 2)": "too large",
    "I(x + (2**1000) * (2**1000))": "too large",
    f"I(x + {'9' * 400})": "too large",
    "I(1 << 10**10)": "'<<'",
    "I('%999999999d' % 1)": "a text",
    "I('a' * 10**9)": "a text",
    "I([1] * 10**9)": "a list",
    "I(x + (1, 2) * 10**9)": "a list",
    "bs(x, df=10**7)": "1000 at most",
    "bs(x, 10**7)": "1000 at most",
    "cr(x, df=2 * 10**6)": "1000 at most",
    "poly(x, 10**6)": "100 at most",
    "poly(x, degree=1e6)": "100 at most",
    "np.diff(x, n=10**9)": "1000 at most",
    "hashed(g, levels=10**9)": "5000 at most",
    "g.str.contains('(a+)+$')": "forever",
    "g.str.replace('(a|b)*', 'c')": "forever",
    "g.str.match('.*.*.*.*z')": "forever",
    "I(" + "-" * 5000 + "x)": "nested",
    "I(" + "x + " * 900 + "x)": "nested",
    "I(" + "(" * 190 + "x" + ")" * 190 + ")": "",
    "I(x + " + " * ".join(["1.5"] * 5000) + ")": "",
    "I(x == '" + "a" * 5000 + "')": "5000 characters",
    "C(g, levels=[" + "'a', " * 15000 + "])": "characters",
}


@pytest.mark.parametrize("term", LONG, ids=lambda term: term[:40])
def test_what_would_take_long_is_refused_at_once(term, frame):
    if "((((" in term:
        read(f"y ~ {term}", frame)  # brackets alone are no depth
        return
    refused(f"y ~ {term}", frame, LONG[term])


def test_sizes_from_constants_of_the_user_are_bounded_too(frame):
    refused("y ~ bs(x, df=many)", frame, "1000 at most", extra_namespace={"many": 10**7})


@pytest.mark.parametrize(
    "formula",
    ["y ~ (x + e)**1000000", "y ~ (x + e)**" + "9" * 6000, "y ~ ((x + e)**90)**90", "y ~ (x + e + z)^11",
     "y ~ " + "*".join(["(x + e)"] * 30)],
    ids=lambda formula: formula[:40],
)  # fmt: skip
def test_products_without_end_are_refused_at_once(formula, frame):
    refused(formula, frame, "multiplies out to more than 100000", "(a + b + c)**2")


def test_products_of_a_reasonable_size_are_multiplied_out(frame):
    assert len(read("y ~ (x + e + z)**3", frame).terms) == 7
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 61)), columns=[*(f"x{i}" for i in range(60)), "y"])
    assert len(read("y ~ .**2", wide).columns) == 60 * 61 // 2


def test_long_formulas_are_refused_and_wide_ones_are_not(frame):
    refused("y ~ " + "x + " * 100_000 + "x", frame, "200000")
    wide = pd.DataFrame(np.zeros((2, 3001)), columns=[*(f"x{i}" for i in range(3000)), "y"]).assign(y=[0, 1])
    assert len(read("y ~ " + " + ".join(f"x{i}" for i in range(3000)), wide).columns) == 3000


def test_times_nothing_is_refused(frame):
    refused("y ~ 0:x + z", frame, "times 0")


@pytest.mark.parametrize(
    "name", ["x.clip(0, 1)", "x.astype('float')", "np.where(x > 1, x, 0)", "contr.sum", "own.f(x)", "t.dt.month"]
)
def test_what_formulas_need_passes(name):
    check_harmless(name, {"own"})


def test_private_attributes_of_what_the_caller_gave_are_refused():
    with pytest.raises(FormulaError, match="'__globals__'"):
        check_harmless("own.f.__globals__", {"own"})


@pytest.mark.parametrize("term", ["x.rolling(2)", "I(x.groupby(g))", "I(contr.sum)", "I(x.str)", "g.str", "np.log"])
def test_what_gives_no_values_is_refused(term, frame):
    with pytest.raises(FilbertError, match=r"one a row|no number a row|Cannot evaluate|not a column"):
        read(f"y ~ {term}", frame)


def test_a_column_named_like_a_function_of_the_caller_gives_no_access_to_its_methods(frame, tmp_path):
    target = tmp_path / "f"
    own = {"own": np.log}
    refused(f"y ~ own.to_csv('{target}')", frame.rename(columns={"x": "own"}), "to_csv", extra_namespace=own)
    assert not target.exists()


@pytest.mark.parametrize("text", ["x +", "log(x", "x\0", "(" * 5000 + "x" + ")" * 5000, "-" * 15000 + "x"])
def test_what_cannot_be_read_is_a_formula_error(text):
    with pytest.raises(FormulaError):
        check_harmless(text, ())


def test_nul_characters_are_refused_beforehand(frame):
    refused("y ~ x\0", frame, "NUL")
    with pytest.raises(DataError, match=r"level of column 'g', 'a\\x00' has a NUL"):
        read("y ~ g", frame.assign(g=frame.g.replace("a", "a\0")))
    with pytest.raises(DataError, match=r"'x\\x00' has a NUL"):
        read("y ~ .", frame.drop(columns="t").rename(columns={"x": "x\0"}))
    broken = pd.Categorical.from_codes(np.arange(N) % 2, pd.Index(["\ud800", "b"], dtype=object))
    with pytest.raises(DataError, match="lone surrogate"):
        read("y ~ g", frame.assign(g=broken))


def test_control_characters_of_names_are_escaped_in_messages(frame):
    with pytest.raises(FilbertError) as caught:
        read("y ~ nope", frame.rename(columns={"x": "x\x1b[31m"}))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("call", ["np.round(x, 10**9)", "np.round(x, -10**9)", "I(x.round(10**9))"])
def test_digits_beyond_those_of_a_double_are_refused(call, frame):
    refused(f"y ~ {call}", frame, "decimals", "400 at most")
