"""Tests that a formula and a frame become the right blocks, terms and labels."""

from __future__ import annotations

import re
import tracemalloc

import formulaic
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame, read, summary, whole
from filbert.errors import DataWarning, FormulaError
from filbert.formula import learning as learning_module
from filbert.formula import rows as rows_module

N = 60


@pytest.fixture
def frame():
    return make_frame(N)


FORMULAS = [
    "y ~ x",
    "y ~ 1",
    "y ~ 0 + x",
    "y ~ x - 1",
    "y ~ -1 + x + z",
    "y ~ x*z",
    "y ~ x:z",
    "y ~ (x + z + g)**2",
    "y ~ g",
    "y ~ 0 + g",
    "y ~ g*h",
    "y ~ 0 + g:h",
    "y ~ g/x",
    "y ~ x:g",
    "y ~ z + I(x**2) + {x**3}",
    "y ~ np.log(x) + log(x + 1) + exp(z)",
    "y ~ scale(x) + center(z) + standardize(w)",
    "y ~ poly(x, 2) + bs(z, df=4)",
    "y ~ cs(x, df=3) + cr(z, df=3) + cc(w, df=3)",
    "y ~ bs(z, df=4, include_intercept=True)",
    "y ~ 0 + bs(z, df=4, include_intercept=True)",
    "y ~ poly(x, 2):g + x:bs(z, df=3)",
    "y ~ C(k)",
    "y ~ 0 + C(k)",
    "y ~ C(g, contr.treatment('b'))",
    "y ~ C(g, Treatment('b'))",
    "y ~ C(g, contr.sum) + C(h, contr.helmert)",
    "y ~ C(k, contr.poly) + C(k, contr.diff):x",
    "y ~ C(g, levels=['c', 'a', 'b'])",
    "y ~ C(g, {'a_or_b': [1, -1, 0]})",
    "y ~ flag*x",
    "y ~ 2:x + z",
    "y ~ hashed(g, levels=4)",
    "log(y) ~ x",
    "scale(y) ~ x",
    "y ~ .",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_matrix_is_what_formulaic_alone_would_give(formula, frame):
    if "hashed" in formula:
        frame["g"] = np.random.default_rng(0).permutation([chr(97 + i % 20) for i in range(N)])
    design = read(formula, frame)
    expected = formulaic.model_matrix(formula, frame, output="pandas")
    X, y, _ = whole(design)
    rhs = expected.rhs.drop(columns="Intercept", errors="ignore")
    # Two differences on purpose: 2:x is not labelled x, and cubic splines lose a column beside the intercept.
    rhs = rhs.rename(columns={"x": "2:x"}) if "2:x" in formula else rhs
    rhs = rhs[[column for column in rhs if not re.match(r"c[src]\(.*\[1\]$", column)]]
    assert design.has_intercept == ("Intercept" in expected.rhs.columns)
    assert list(design.columns) == list(rhs.columns)
    np.testing.assert_allclose(X, rhs.to_numpy(dtype=float), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(y, expected.lhs.to_numpy(dtype=float)[:, 0], rtol=1e-13)
    assert tuple(column for term in design.terms for column in term.columns) == design.columns
    for term in design.terms:
        assert term.levels is None or len(term.levels) == len(term.columns)


@pytest.mark.parametrize("formula", FORMULAS)
def test_new_rows_are_laid_out_as_the_fitted_rows_were(formula, frame):
    if "hashed" in formula:
        frame["g"] = np.random.default_rng(0).permutation([chr(97 + i % 20) for i in range(N)])
    design = read(formula, frame)
    new = frame.drop(columns="y").sort_values(["g", "h"]).iloc[:9]  # few: state and levels must come from the fit
    if "lag(" in formula:
        with pytest.raises(FormulaError, match="depends on other rows"):
            design.new_rows(new)
        return
    expected = whole(design)[0][frame.index.get_indexer(new.index)]
    rows = design.new_rows(new)
    assert rows.index.equals(new.index)
    np.testing.assert_array_equal(np.concatenate([block.X for block in rows.blocks()]), expected)


@pytest.mark.parametrize("formula", FORMULAS)
def test_blocks_hold_the_same_rows_as_one_block(formula, frame, monkeypatch):
    frame = frame.sort_values(["g", "h", "k"])  # so that no block has every level
    one, columns, terms = (
        whole(read(formula, frame))[0],
        read(formula, frame).columns,
        read(formula, frame).terms,
    )
    monkeypatch.setattr(rows_module, "_BLOCK_ROWS", 7)
    monkeypatch.setattr(learning_module, "_ROWS_TO_LEARN_FROM", 3)
    design = read(formula, frame)
    blocks = list(design.rows.blocks())
    assert [len(block.y) for block in blocks] == [7] * 8 + [4]
    assert (design.columns, design.terms) == (columns, terms)
    np.testing.assert_allclose(np.concatenate([block.X for block in blocks]), one, rtol=1e-12, atol=1e-12)


def test_offset_and_weights_travel_with_their_block(frame, monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK_ROWS", 16)
    _, y, weights = whole(read("y ~ z + offset(x)", frame, weights="w", offset=np.arange(N)))
    np.testing.assert_allclose(y, frame.y - frame.x - np.arange(N), rtol=1e-13)
    np.testing.assert_array_equal(weights, frame.w)


def test_functions_that_look_at_all_rows_see_all_rows_in_every_block(frame, monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK_ROWS", 16)
    with pytest.warns(DataWarning, match="depend on other rows"):
        X = whole(read("y ~ I(x - x.mean()) + I(x.rank()) + I(np.cumsum(z))", frame))[0]
    np.testing.assert_allclose(X[:, 0], frame.x - frame.x.mean())
    np.testing.assert_allclose(X[:, 1], frame.x.rank())
    np.testing.assert_allclose(X[:, 2], np.cumsum(frame.z))


def test_a_small_frame_is_laid_out_once(frame):
    rows = read("y ~ scale(x) + g", frame).rows
    (first,), (second,) = rows.blocks(), rows.blocks()
    assert first.X is second.X


def test_blocks_are_column_major_floats(frame):
    (block,) = read("y ~ k + flag + x", frame.astype({"x": np.float32}), weights="k").rows.blocks()
    assert block.X.flags.f_contiguous
    assert {block.X.dtype, block.y.dtype, block.weights.dtype} == {np.dtype(np.float64)}


def test_changing_the_frame_afterwards_changes_nothing(frame):
    design = read("y ~ x", frame, weights="w")
    before = [part.copy() for part in whole(design)]
    frame.loc[:, ["y", "x", "w"]] = -1.0
    for old, new in zip(before, whole(design), strict=True):
        np.testing.assert_array_equal(old, new)


# Terms and their labels


def test_numeric_terms_have_no_levels(frame):
    design = read("y ~ x + I(x**2) + x:z", frame)
    assert [(t.name, t.columns, t.levels, t.is_categorical) for t in design.terms] == [
        ("x", ("x",), None, False),
        ("I(x ** 2)", ("I(x ** 2)",), None, False),
        ("x:z", ("x:z",), None, False),
    ]


@pytest.mark.parametrize(
    ("formula", "levels"),
    [
        ("y ~ g", {"g": ("b", "c")}),
        ("y ~ h", {"h": ("v",)}),
        ("y ~ 0 + g", {"g": ("a", "b", "c")}),
        ("y ~ 0 + C(g)", {"C(g)": ("a", "b", "c")}),
        ("y ~ C(k)", {"C(k)": (2, 3)}),
        ("y ~ C(g, 'b')", {"C(g, 'b')": ("a", "c")}),
        ("y ~ C(k, 3)", {"C(k, 3)": (1, 2)}),
        ("y ~ C(g, Treatment('c'))", {"C(g, Treatment('c'))": ("a", "b")}),
        ("y ~ T(g, 'b') + S(h)", {"T(g, 'b')": ("a", "c"), "S(h)": ("u",)}),
        ("y ~ C(g, contr.sum)", {"C(g, contr.sum)": ("a", "b")}),
        ("y ~ C(g, contr.poly)", {"C(g, contr.poly)": (".L", ".Q")}),
        ("y ~ C(flag)", {"C(flag)": ("True",)}),
        ("y ~ x + x:g", {"x": None, "x:g": ("b", "c")}),
        ("y ~ x:g", {"x:g": ("a", "b", "c")}),
        ("y ~ x:h", {"x:h": ("u", "v")}),
        ("y ~ g*h", {"g": ("b", "c"), "h": ("v",), "g:h": ("b, v", "c, v")}),
        ("y ~ 0 + g:h", {"g:h": ("a, u", "b, u", "c, u", "a, v", "b, v", "c, v")}),
        ("y ~ bs(x, df=4)", {"bs(x, df=4)": (0, 1, 2, 3)}),
        ("y ~ poly(x, 2)", {"poly(x, 2)": (0, 1)}),
        ("y ~ poly(x, 1)", {"poly(x, 1)": None}),
        ("y ~ poly(x, 2):h", {"poly(x, 2):h": ("0, u", "1, u", "0, v", "1, v")}),
    ],
)
def test_levels_label_the_columns(formula, levels, frame):
    assert summary(read(formula, frame)) == levels


def test_labels_stand_for_the_columns_they_name(frame):
    design = read("y ~ 0 + g:h", frame)
    X = whole(design)[0]
    for j, label in enumerate(design.terms[0].levels):
        g, h = label.split(", ")
        np.testing.assert_array_equal(X[:, j], (frame.g == g) & (frame.h == h))


def test_terms_know_whether_a_factor_is_in_them(frame):
    terms = read("y ~ x + g + x:g + bs(z, df=3)", frame).terms
    assert {term.name: term.is_categorical for term in terms} == {
        "x": False,
        "g": True,
        "x:g": True,
        "bs(z, df=3)": False,
    }


def test_baseline_says_which_level_was_dropped(frame):
    assert read("y ~ g + C(k, 2) + x:h", frame).baseline == {"g": "a", "C(k, 2)": "2"}
    assert read("y ~ 0 + g", frame).baseline == {}
    assert read("y ~ C(g, contr.sum)", frame).baseline == {}


def test_names_are_as_formulaic_prints_them(frame):
    frame["my col"] = frame.x
    design = read("np.log(y)~`my col`+I( x**2 )+log(`my col`)", frame)
    assert design.response == "np.log(y)"
    assert [term.name for term in design.terms] == ["my col", "I(x ** 2)", "log(`my col`)"]


def test_terms_come_in_formulaics_order_by_degree(frame):
    assert [term.name for term in read("y ~ x:z + g + x", frame).terms] == ["g", "x", "x:z"]


def test_repeated_terms_are_one(frame):
    assert read("y ~ x + z + x", frame).columns == ("x", "z")


# Names and functions


def test_names_of_the_calling_program_are_not_seen(frame):
    def double(x):
        return 2 * x

    scale = double  # noqa: F841  formulaic alone would use this one
    X = whole(read("y ~ scale(x)", frame))[0]
    np.testing.assert_allclose(X[:, 0], (frame.x - frame.x.mean()) / frame.x.std())
    with pytest.raises(FormulaError, match=r"unknown function 'double'.*extra_namespace"):
        read("y ~ double(x)", frame)
    X = whole(read("y ~ double(x)", frame, extra_namespace={"double": double}))[0]
    np.testing.assert_array_equal(X[:, 0], 2 * frame.x)


def test_builtins_are_not_seen(frame):
    with pytest.raises(FormulaError, match="unknown function 'eval'"):
        read("y ~ eval('x')", frame)


def test_columns_may_have_the_names_of_functions(frame):
    frame = frame.assign(log=frame.z, scale=frame.w, np=frame.x, C=frame.g, I=frame.k, offset=frame.z**2, mod=frame.w)
    with pytest.warns(DataWarning, match="depends on other rows"):
        X = whole(read("y ~ log + log(x) + scale(x) + np.exp(z) + C(g) + mod.shift(1, fill_value=0.0)", frame))[0]
    expected = formulaic.model_matrix("log + l + scale(x) + e + C(g) + m", frame.drop(columns=["scale", "C"]).assign(
        l=np.log(frame.x), e=np.exp(frame.z), m=frame.w.shift(1, fill_value=0.0)
    ))  # fmt: skip
    np.testing.assert_allclose(X, expected.to_numpy(dtype=float)[:, 1:])
    X, y, _ = whole(read("y ~ offset + offset(x) + np + I", frame))
    np.testing.assert_array_equal(X, frame[["offset", "np", "I"]])
    np.testing.assert_allclose(y, frame.y - frame.x)
    with pytest.raises(FormulaError, match=r"'log' is both a column and a function.*[Rr]ename"):
        read("y ~ log(log)", frame)


def test_constants_of_the_namespace(frame):
    X = whole(read("y ~ I(x * rate)", frame, extra_namespace={"rate": 3.0}))[0]
    np.testing.assert_allclose(X[:, 0], 3 * frame.x)


def test_powers_of_ten(frame):
    np.testing.assert_allclose(whole(read("y ~ exp10(x)", frame))[0][:, 0], 10**frame.x)


def test_integers_cannot_wrap_around(frame):
    small = pd.Series(np.full(N, 200), dtype=np.uint8, index=frame.index)
    frame["b"] = small.where(np.arange(N) > 3, 100).astype(np.uint8)
    frame["big"] = frame.k * 10**6
    X = whole(read("y ~ I(b**2) + I(b + b) + I(big**4) + I(k**-1)", frame))[0]
    np.testing.assert_array_equal(X[-1, :2], [40000, 400])
    np.testing.assert_allclose(X[:, 2], frame.big.astype(float) ** 4)
    np.testing.assert_allclose(X[:, 3], 1 / frame.k)


def test_a_power_in_a_formula_is_warned_about_each_time(frame):
    for _ in range(2):
        with pytest.warns(DataWarning, match=r"x \*\* 2 means x itself. Write I\(x \*\* 2\)"):
            assert read("y ~ x**2", frame).columns == ("x",)


def test_a_formula_stated_again_of_another_frame_has_the_columns_of_that_one(frame):
    assert read("y ~ . - g - h", frame).columns == ("x", "z", "k", "flag", "w")
    assert read("y ~ . - g - h", frame.drop(columns="z")).columns == ("x", "k", "flag", "w")


def test_dot_leaves_out_response_weights_and_offset(frame):
    assert read("log(y) ~ .", frame, weights="w", offset="x").columns == (
        *("z", "k", "flag"),
        *("g[T.b]", "g[T.c]", "h[T.v]"),
    )


# Offset and weights


def test_offsets_add_up(frame):
    design = read("log(y) ~ z + offset(x) + offset(log(w)) + offset(flag)", frame, offset="k")
    y = whole(design)[1]
    np.testing.assert_allclose(y, np.log(frame.y) - frame.x - np.log(frame.w) - frame.flag - frame.k)
    np.testing.assert_allclose(design.rows.response_values, np.log(frame.y))
    assert [term.name for term in design.terms] == ["z"]


def test_weights_by_name_array_or_formula(frame):
    by_name = whole(read("y ~ x", frame, weights="w"))[2]
    for given in [frame.w, frame.w.to_numpy(), list(frame.w), tuple(frame.w)]:
        np.testing.assert_array_equal(whole(read("y ~ x", frame, weights=given))[2], by_name)
    design = read("weighted(y, w) ~ x", frame)
    np.testing.assert_array_equal(whole(design)[2], by_name)
    assert design.response == "y"
    np.testing.assert_array_equal(whole(read("weighted(log(y), 2 * w) ~ x", frame))[2], 2 * by_name)
    assert whole(read("y ~ x", frame))[2] is None


def test_weights_may_be_zero_or_boolean(frame):
    weights = np.zeros(N)
    weights[3] = 2
    np.testing.assert_array_equal(whole(read("y ~ x", frame, weights=weights))[2], weights)
    np.testing.assert_array_equal(whole(read("y ~ x", frame, weights="flag"))[2], frame.flag)


# What else a design knows


def test_constant_data_are_the_columns_of_the_right_hand_side(frame):
    design = read("log(y) ~ C(k) + I(x**2) + g + offset(z)", frame.assign(unused=1), weights="w")
    data = design.rows.constant_data()
    assert list(data) == ["k", "x", "g", "z", "w"]
    for name, values in data.items():
        np.testing.assert_array_equal(values, frame[name])
        assert values.dtype != object
    assert list(read("I(y - x) ~ x", frame).rows.constant_data()) == ["x"]


def test_constant_data_follow_dropna(frame):
    frame.loc[100, "g"] = None
    data = read("y ~ g + x", frame, dropna=True).rows.constant_data()
    np.testing.assert_array_equal(data["g"], frame.g[1:])
    np.testing.assert_array_equal(data["x"], frame.x[1:])


def test_more_columns_than_rows():
    frame = pd.DataFrame(np.random.default_rng(2).normal(size=(5, 51)), columns=[f"x{j}" for j in range(50)] + ["y"])
    (block,) = read("y ~ .", frame).rows.blocks()
    np.testing.assert_array_equal(block.X, frame.drop(columns="y"))


@pytest.mark.parametrize("scale", [1e-150, 1e150, 1e305])
def test_extreme_scales_are_finite(scale, frame):
    np.testing.assert_array_equal(whole(read("y ~ x", frame.assign(x=frame.x * scale)))[0][:, 0], frame.x * scale)


def test_one_row():
    (block,) = read("y ~ x", pd.DataFrame({"x": [1.0], "y": [2.0]})).rows.blocks()
    assert block.X.shape == (1, 1)


def test_large_frames_are_not_copied():
    n = 400_000
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({f"x{j}": rng.normal(size=n) for j in range(10)}).assign(y=rng.normal(size=n))
    tracemalloc.start()
    n_rows = sum(len(block.y) for block in read("y ~ .", frame).rows.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_rows == n
    assert peak < 0.8 * 8 * n * 10  # the matrix alone is 8 n p bytes


def test_negative_zero_is_the_level_zero_whatever_row_comes_first():
    rows = np.array([-0.0, 1.0, 0.0, 2.0, -0.0, 1.0])
    for x in (rows, rows[::-1]):
        design = read("y ~ C(x)", pd.DataFrame({"x": x, "y": np.arange(6.0)})).design
        assert design.columns == ("C(x)[T.1.0]", "C(x)[T.2.0]")
        design = read("y ~ 0 + C(x)", pd.DataFrame({"x": x, "y": np.arange(6.0)})).design
        assert design.columns[0] == "C(x)[0.0]"
