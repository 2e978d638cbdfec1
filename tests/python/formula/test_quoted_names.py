"""Tests that names in backticks work wherever a name may stand, and what columns are then called."""

from __future__ import annotations

import keyword

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import read, whole
from filbert.errors import DataError
from filbert.formula.quoting import print_tree, python_tree
from hypothesis import given
from hypothesis import strategies as st

N = 40
NAMES = [
    "e",
    "class",
    "my col",
    "1st",
    "a:b",
    "it's",
    'say "hi"',
    "ünï cödé",
    "a.b",
    "x + z",
    "True",
    "1",
    "2.5",
    "None",
    "(p)",
    "{q}",
]


@pytest.fixture
def frame():
    rng = np.random.default_rng(2)
    return (
        pd.DataFrame(rng.random((N, len(NAMES))) + 0.1, columns=NAMES)
        .assign(y=rng.normal(size=N), x=rng.random(N), group=lambda d: list("ab") * (N // 2))
        .rename(columns={"group": "my group"})
    )


@pytest.mark.parametrize("name", NAMES)
def test_quoted_names_within_calls(name, frame):
    design = read(
        f"y ~ center(`{name}`) + np.exp(-`{name}`**2) + I(`{name}` * x) + `{name}`:x + {{`{name}` + 1}}", frame
    )
    values = frame[name]
    expected = {
        "center": values - values.mean(),
        "np.exp": np.exp(-(values**2)),
        "I": values * frame.x,
        "": values + 1,
    }
    X = dict(zip(design.columns, whole(design)[0].T, strict=True))
    shown = name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"
    for function, column in expected.items():
        label = {"center": f"center({shown})", "np.exp": f"np.exp(-{shown} ** 2)", "I": f"I({shown} * x)"}
        np.testing.assert_allclose(X[label.get(function, f"{shown} + 1")], column)
    (block,) = design.new_rows(frame.iloc[[4]]).blocks()
    np.testing.assert_allclose(block.X, whole(design)[0][[4]])


def test_names_that_look_alike_stay_apart(frame):
    frame = frame.assign(**{"u v": frame.e, "u_v": frame.x, "_quoted_65": frame["1st"]})
    design = read("y ~ scale(`u v`) + scale(u_v) + I(`u v` - u_v) + I(`u v` + _quoted_65)", frame)
    np.testing.assert_allclose(whole(design)[0][:, 2], frame["u v"] - frame["u_v"])
    np.testing.assert_allclose(whole(design)[0][:, 3], frame["u v"] + frame["_quoted_65"])
    assert set(design.state) == {"scale(`u v`)", "scale(u_v)"}


def test_quoted_constants_of_python_are_columns(frame):
    X = whole(read("y ~ I(`True`) + I(x * `None`)", frame))[0]
    np.testing.assert_allclose(X[:, 0], frame["True"])
    np.testing.assert_allclose(X[:, 1], frame.x * frame["None"])


def test_quoted_factors(frame):
    design = read("y ~ C(`my group`)", frame)
    assert design.columns == ("C(`my group`)[T.b]",)
    assert read("y ~ C(`my group`, 'b')", frame).baseline == {"C(`my group`, 'b')": "b"}


def test_methods_of_quoted_names(frame):
    X = whole(read("y ~ `my col`.clip(0.2, 0.5) + `my group`.str.upper().str.startswith('A')", frame))[0]
    np.testing.assert_allclose(X[:, 0], frame["my col"].clip(0.2, 0.5))
    np.testing.assert_allclose(X[:, 1], frame["my group"] == "a")


def test_q_quotes_as_in_patsy(frame):
    X = whole(read("""y ~ log(Q('my col')) + scale(Q("it's"))""", frame))[0]
    np.testing.assert_allclose(X[:, 0], np.log(frame["my col"]))


def test_dot_leaves_a_quoted_response_out(frame):
    names = read("log(`my col`) ~ .", frame.drop(columns=["my group", "1", "2.5"])).columns
    assert "my col" not in names
    assert len(names) == len(NAMES) - 1


def test_unknown_quoted_names_are_named(frame):
    with pytest.raises(DataError, match=r"'my cool', not a column.*Did you mean 'my col'"):
        read("y ~ log(`my cool`)", frame)


def test_priors_take_the_names_that_the_model_shows_and_files_keep_them(frame, tmp_path):
    model = fb.Model("y ~ center(`e`) + np.exp(-`my col`**2) + C(`my group`)", frame)
    priors = {name: fb.Normal(0, 0.5) for name in ("center(e)", "np.exp(-`my col` ** 2)", "C(`my group`)")}
    for name in priors:
        assert f"{name} ~" in str(model)
    model.set_priors(priors)
    model.save(tmp_path / "m")
    loaded = fb.load(tmp_path / "m")
    assert str(loaded) == str(model)
    (one,), (other,) = model.design.new_rows(frame[:3]).blocks(), loaded.design.new_rows(frame[:3]).blocks()
    np.testing.assert_array_equal(one.X, other.X)


@given(st.text(st.characters(exclude_characters="`\0", exclude_categories=["Cs"]), min_size=1))
def test_any_name_survives_being_printed(name):
    tree, aliases = python_tree(f"f(`{name}`) + '`x`'")
    assert list(aliases.values()) == [name]
    again, names = python_tree(print_tree(tree, aliases))
    assert list(names.values() or [again.left.args[0].id]) == [name]


def test_a_quoted_number_is_a_column_beside_the_intercept(frame):
    design = read("y ~ `1` + 2:`2.5`", frame)
    assert len(design.columns) == 2
    assert design.has_intercept


def test_dot_refuses_columns_whose_names_are_numbers(frame):
    with pytest.raises(DataError, match=r"'\.' would take the names '1', '2\.5' for numbers.*backticks: `1`"):
        read("y ~ .", frame.drop(columns="my group"))


@pytest.mark.parametrize("name", ["1", "2.5", "a b", "a|b", "1|my group"])
def test_models_of_quoted_names_are_saved_streamed_and_take_priors(name, frame, tmp_path):
    levels = np.resize(["u", "v", "w"], N)
    data = frame.assign(f=np.resize(["p", "q"], N)).assign(**{name: levels})
    formula = f"y ~ `{name}`*f"
    model = fb.Model(formula, data, priors={read(formula, data).design.terms[0].name: fb.Normal(0, 1)})
    assert list(model.priors.values())[1] == fb.Normal(0, 1)
    model.save(tmp_path / "model.filbert")
    loaded = fb.load(tmp_path / "model.filbert")
    ours, theirs = (next(iter(one.design.new_rows(data).blocks())).X for one in (model, loaded))
    np.testing.assert_array_equal(ours, theirs)
    streamed = fb.Model(formula, fb.stream(lambda: iter([data[:15], data[15:]])))
    assert streamed.design.columns == model.design.columns
