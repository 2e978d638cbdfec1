"""What group-specific terms learn from the rows: names, dimensions and labels as bambi has them, and the codes."""

from __future__ import annotations

import tracemalloc
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import read
from filbert.errors import DataError, DataWarning, FormulaError

N = 120
RNG = np.random.default_rng(2)
FRAME = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N) + 1,
        "z": RNG.normal(size=N),
        "w": RNG.uniform(1, 2, N),
        "g": RNG.choice(list("dbca"), N),
        "h": RNG.choice(list("pqr"), N),
        "f": RNG.choice(list("uvw"), N),
        "k": RNG.integers(8, 12, N),
    }
)
FRAME["half"], FRAME["flag"], FRAME["my g"], FRAME["a/b"] = FRAME.k / 2, FRAME.k > 9, FRAME.g, FRAME.h
FRAME["text"], FRAME["nullable"] = FRAME.g.astype("string"), FRAME.k.astype("Int64")
FRAME["category"] = pd.Categorical(FRAME.g, categories=list("cadb"))
FRAME["ordered"] = pd.Categorical(FRAME.g, categories=list("cadb"), ordered=True)
G, H = list("abcd"), list("pqr")
PAIRS = [f"{a}:{b}" for a in G for b in H]


def group_variables(formula, frame=FRAME, **options):
    """Names, dimensions and labels of what varies by group, in the order of the container."""
    model = fb.Model(formula, frame, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posterior = model.fit(draws=4, tune=20, chains=1, progressbar=False)["posterior"]
    return {
        name: {dim: [*variable[dim].to_numpy().tolist()] for dim in variable.dims[2:]}
        for name, variable in posterior.data_vars.items()
        if "|" in str(name) or str(name).endswith("_corr")
    }


def intercepts(name, labels):
    return {f"1|{name}_sigma": {}, f"1|{name}": {f"{name}__factor_dim": labels}}


F2, F3 = {"f__expr_dim": ["v", "w"]}, {"f__expr_dim": ["u", "v", "w"]}
DIM = {"g__factor_dim": G}
SLOPES = {"1|g_sigma": {}, "x|g_sigma": {}, "1|g": DIM, "x|g": DIM}
NESTED = {
    "1|g_sigma": {},
    "1|g:h_sigma": {},
    "1|g": DIM,
    "1|g:h": {"g:h__factor_dim": PAIRS},
}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y ~ x + (1 | g)", intercepts("g", G)),
        ("y ~ (x || g)", SLOPES),
        ("y ~ (1 | g) + (0 + x | g)", SLOPES),
        ("y ~ (1 || g)", intercepts("g", G)),
        ("y ~ (x - 1 | g)", {"x|g_sigma": {}, "x|g": DIM}),
        ("y ~ (f || g)", {"1|g_sigma": {}, "f|g_sigma": F2, "1|g": DIM, "f|g": {**F2, **DIM}}),
        (
            "y ~ (f | g)",
            {
                "1|g_sigma": {},
                "f|g_sigma": F2,
                "g_corr": {"g__corr_dim": ["1, f[v]", "1, f[w]", "f[v], f[w]"]},
                "1|g": DIM,
                "f|g": {**F2, **DIM},
            },
        ),
        (
            "y ~ (0 + f | g)",
            {
                "f|g_sigma": F3,
                "g_corr": {"g__corr_dim": ["f[u], f[v]", "f[u], f[w]", "f[v], f[w]"]},
                "f|g": {**F3, **DIM},
            },
        ),
        ("y ~ (1 | g/h)", NESTED),
        ("y ~ (1 | g) + (1 | g:h)", NESTED),
        ("y ~ (1 | g + h)", {"1|g_sigma": {}, "1|h_sigma": {}, "1|g": DIM, "1|h": {"h__factor_dim": H}}),
        ("y ~ (1 | C(k))", intercepts("C(k)", ["8", "9", "10", "11"])),
        ("y ~ (1 | k)", intercepts("k", ["8", "9", "10", "11"])),
        ("y ~ (1 | nullable)", intercepts("nullable", ["8", "9", "10", "11"])),
        ("y ~ (1 | half)", intercepts("half", ["4", "4.5", "5", "5.5"])),
        ("y ~ (1 | flag)", intercepts("flag", ["False", "True"])),
        ("y ~ (1 | text)", intercepts("text", G)),
        ("y ~ (1 | category)", intercepts("category", list("cadb"))),
        ("y ~ (1 | ordered)", intercepts("ordered", list("cadb"))),
        ("y ~ (1 | `my g`)", intercepts("my g", G)),
        ("y ~ (1 | `a/b`)", intercepts("a÷b", H)),
        ("y ~ (1 | I(x > 1))", intercepts("I(x > 1)", ["False", "True"])),
    ],
)
def test_names_dimensions_and_labels(formula, expected):
    found = group_variables(formula)
    assert found == expected
    assert list(found) == list(expected)


def test_columns_of_transforms_have_numbers_and_keep_what_they_learnt():
    found = group_variables("y ~ (poly(x, 2) | g)")
    assert found["poly(x, 2)|g"] == {"poly(x, 2)__expr_dim": [0, 1], **DIM}
    assert found["g_corr"]["g__corr_dim"] == ["1, poly(x, 2)[0]", "1, poly(x, 2)[1]", "poly(x, 2)[0], poly(x, 2)[1]"]
    whole = read("y ~ (scale(x) + poly(x, 2) | g)", FRAME)
    few = whole.new_rows(FRAME.iloc[7:12])
    (ours,) = next(whole.rows.blocks()).Z
    (theirs,) = next(few.blocks()).Z
    np.testing.assert_allclose(theirs, ours[7:12], rtol=1e-12)


def test_products_make_every_column():
    design = read("y ~ (x * z | g)", FRAME).design
    assert design.group_terms[0].effects == ["1|g", "x|g", "z|g", "x:z|g"]
    (Z,) = next(read("y ~ (x * z | g)", FRAME).rows.blocks()).Z
    np.testing.assert_allclose(Z, np.column_stack([np.ones(N), FRAME.x, FRAME.z, FRAME.x * FRAME.z]), rtol=1e-15)


def test_combinations_without_rows_have_no_group():
    frame = FRAME[(FRAME.g != "a") | (FRAME.h == "q")]
    factor = read("y ~ (1 | g:h)", frame).design.grouping["g:h"]
    assert factor.labels == ["a:q", *(pair for pair in PAIRS if pair[0] != "a")]
    codes = read("y ~ (1 | g:h)", frame).rows.groups["g:h"]
    assert [factor.labels[code] for code in codes] == list(frame.g + ":" + frame.h)


def test_correlated_false_is_two_bars():
    assert group_variables("y ~ (x | g)", correlated=False) == SLOPES
    assert group_variables("y ~ (x | g)") != SLOPES


def test_categories_without_rows_are_left_out_with_a_warning():
    frame = FRAME.assign(category=FRAME.category.cat.set_categories(list("czadb")))
    with pytest.warns(DataWarning, match="categories without rows, which are left out: 'z'"):
        assert read("y ~ (1 | category)", frame).design.grouping["category"].labels == list("cadb")


def test_a_dot_leaves_the_grouping_columns_out():
    frame = FRAME[["y", "x", "z", "g", "h"]]
    assert read("y ~ . + (x | g:h)", frame).columns == ("x", "z")
    assert read("y ~ . + (1 | C(k))", FRAME[["y", "x", "k"]]).columns == ("x",)


def test_a_factor_may_be_a_fixed_effect_as_well():
    design = read("y ~ g + k + (1 | g) + (1 | k)", FRAME).design
    assert [term.name for term in design.terms] == ["g", "k"]
    assert design.columns[-1] == "k"  # a number beside, a factor within


def test_missing_groups():
    frame = FRAME.assign(g=FRAME.g.where(FRAME.index != 3))
    for formula in ("y ~ (1 | g)", "y ~ (1 | h/g)"):
        with pytest.raises(DataError, match=r"Column 'g' has 1 missing value \(row 3\).*dropna=True"):
            read(formula, frame)
    rows = read("y ~ (1 | g)", frame, dropna=True).rows
    assert rows.n_dropped == 1
    assert len(rows.groups["g"]) == N - 1


@pytest.mark.parametrize(
    ("formula", "changes", "error", "message"),
    [
        ("y ~ (1 | g)", {"g": "a"}, DataError, "'g' has only one level, 'a'"),
        ("y ~ (1 | g:h)", {"g": "a", "h": "b"}, DataError, "'g:h' has only one level, 'a:b'"),
        ("y ~ (x | g)", {"x": 1.0}, DataError, "'x|g' is constant in all rows"),
        ("y ~ (x | g)", {"x": 0.0}, DataError, "'x|g' is 0 in all rows"),
        ("y ~ (0 + x | g)", {"x": 0.0}, DataError, "'x|g' is 0 in all rows"),
        ("y ~ (1 | g) + (1 | g)", {}, FormulaError, "effect '1|g' twice, the second time in (1 | g)"),
        ("y ~ (x | g) + (z | g)", {}, FormulaError, "effect '1|g' twice"),
        ("y ~ (1 | g) + (1 | g/h)", {}, FormulaError, "effect '1|g' twice"),
        ("y ~ (1 | g:h) + (1 | h:g)", {}, FormulaError, "effect '1|h:g' twice, the second time in (1 | h:g)"),
        ("y ~ (1 | g/h) + (x | h:g)", {}, FormulaError, "effect '1|h:g' twice"),
        ("y ~ (1 | `g:h`) + (0 + x | g:h)", {"g:h": FRAME.f}, FormulaError, "Two grouping factors are called 'g:h'"),
        ("y ~ (1 | k)", {"k": np.inf}, DataError, "infinite"),
        ("y ~ g_corr + (x | g)", {"g_corr": FRAME.z}, FormulaError, "'g_corr' is that of what varies by group"),
        ("y ~ `1|g` + (1 | g)", {"1|g": FRAME.z}, FormulaError, "'1|g' is that of what varies by group"),
        ("y ~ g__factor_dim + (1 | g)", {"g__factor_dim": FRAME.z}, FormulaError, "that of a dimension of '1|g'"),
        ("y ~ f__expr_dim + (f | g)", {"f__expr_dim": FRAME.z}, FormulaError, "that of a dimension of 'f|g"),
        ("y ~ (0 + x | g) + (0 + x | g_sigma)", {"g_sigma": FRAME.h}, FormulaError, "stored as 'x|g_sigma'"),
        ("y ~ (1 | `a/b`) + (1 | `a÷b`)", {"a÷b": FRAME.g}, FormulaError, "stored as '1|a÷b_sigma'"),
    ],
)
def test_what_says_nothing_or_has_a_taken_name_is_refused(formula, changes, error, message):
    with pytest.raises(error) as caught:
        fb.Model(formula, FRAME.assign(**changes))
    assert message in str(caught.value)


def test_labels_that_combinations_share_are_refused():
    frame = FRAME.assign(g=np.where(FRAME.k > 9, "a:b", "a"), h=np.where(FRAME.x > 1, "c", "b:c"))
    with pytest.raises(DataError, match="Groups of 'g:h' have the same label"):
        fb.Model("y ~ (1 | g:h)", frame)


def test_a_constant_slope_without_intercept_is_a_scaled_intercept():
    assert group_variables("y ~ (0 + x | g)", FRAME.assign(x=2.0)) == {"x|g_sigma": {}, "x|g": DIM}


def test_as_many_groups_as_rows_are_told():
    with pytest.warns(DataWarning, match="Each group of 'k' has one row.*the priors decide"):
        fb.Model("y ~ (1 | k)", FRAME.assign(k=range(N)))


def test_other_rows_have_the_codes_of_the_fitted_groups():
    design = read("y ~ (1 | g) + (1 | g:h) + (1 | k)", FRAME[(FRAME.g != "a") | (FRAME.h == "q")]).design
    new = pd.DataFrame({"g": list("cbac"), "h": list("qpzr"), "k": [11.0, 9.0, 7.0, 8.0]})
    rows = design.new_rows(new.assign(g=pd.Categorical(new.g, categories=list("zcba"))))
    assert rows.groups["g"].tolist() == [2, 1, 0, 2]
    assert rows.groups["k"].tolist() == [3, 1, -1, 0]
    labels = design.grouping["g:h"].labels
    assert [labels[code] if code >= 0 else code for code in rows.groups["g:h"]] == ["c:q", "b:p", -1, "c:r"]
    assert rows.unseen == {"g": [], "g:h": ["a:z"], "k": ["7"]}
    known = design.new_rows(
        pd.DataFrame({"g": ["a"], "h": ["p"], "k": [8]})
    )  # known levels, a combination without rows
    assert known.groups["g:h"].tolist() == [-1]
    assert known.unseen["g:h"] == ["a:p"]


def test_many_groups_stay_codes():
    n_rows, n_groups = 100_000, 20_000
    rng = np.random.default_rng(4)
    codes = rng.integers(0, n_groups, n_rows)
    columns = {"y": rng.normal(size=n_rows), "x": rng.normal(size=n_rows), "k": codes}
    frame = pd.DataFrame({**columns, "g": pd.Categorical.from_codes(codes, [f"s{i}" for i in range(n_groups)])})
    for formula in ("y ~ x + (x | g)", "y ~ (1 | k)"):
        tracemalloc.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = fb.Model(formula, frame)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 60e6  # a dense matrix has 16 GB
    assert model.design.predictors["k"].mode == np.bincount(codes).argmax()


def test_groups_that_depend_on_other_rows_are_refused():
    data = pd.DataFrame({"y": np.arange(8.0) % 3, "x": np.arange(8.0)})
    with pytest.raises(fb.FormulaError, match="depends on other rows"):
        fb.Model("y ~ 1 + (1 | C(x > x.mean()))", data)
    above = {"above": lambda x: (x > x.mean()).astype(int), "large": lambda x: (x > 4).astype(int)}
    for term in ("(1 | above(x))", "(1 | C(above(x)))", "(x | above(x))"):
        with pytest.raises(fb.FormulaError, match="depends on other rows"):
            fb.Model(f"y ~ {term}", data, extra_namespace=above)
    known = fb.Model("y ~ 1 + (1 | large(x))", data, extra_namespace=above)
    assert known.design.grouping["large(x)"].labels == ["0", "1"]


def test_groups_that_are_places_among_categories_are_refused():
    data = pd.DataFrame({"y": np.arange(8.0) % 3, "k": pd.Categorical(list("abababab"))})
    with pytest.raises(fb.FormulaError, match="Group by the column itself"):
        fb.Model("y ~ 1 + (1 | k.cat.codes)", data)


def test_groups_that_transforms_would_have_to_remember_are_refused():
    data = pd.DataFrame({"y": np.arange(8.0) % 3, "x": np.arange(8.0)})
    for rows in (data, fb.stream(lambda: iter([data[:5], data[5:]]))):
        with pytest.raises(fb.FormulaError, match=r"what 'scale\(x\)' learns from all rows"):
            fb.Model("y ~ 1 + (1 | C(scale(x) > 0))", rows)


def test_combinations_beyond_whole_numbers_are_refused():
    data = pd.DataFrame({f"q{i}": np.arange(3000) for i in range(6)}).assign(y=np.arange(3000.0) % 7)
    with pytest.raises(fb.DataError, match="too many"):
        fb.Model(f"y ~ 1 + (1 | {':'.join(f'q{i}' for i in range(6))})", data)


def test_new_combinations_of_levels_in_what_varies_are_refused():
    data = pd.DataFrame({"f": list("aabb") * 6, "h": list("uvuu") * 6, "g": np.repeat(list("klm"), 8)})
    data["y"] = np.arange(24.0) % 5
    with pytest.warns(fb.DataWarning, match="No row has the combination"):
        model = fb.Model("y ~ 1 + (0 + f:h | g)", data)
    with pytest.raises(fb.DataError, match="a combination that no row of the model's data had"):
        model.design.new_rows(pd.DataFrame({"f": ["b"], "h": ["v"], "g": ["k"]}))


def test_groups_that_follow_from_the_order_of_categories_are_refused():
    """New rows have their own categories, in an order of their own: groups of theirs were other groups."""
    data = pd.DataFrame({"y": np.arange(9.0) % 4, "k": pd.Categorical(list("abcabcabc"), ordered=True)})
    places = {"places": lambda k: np.asarray(pd.Categorical(k).codes)}
    with pytest.raises(fb.FormulaError, match=r"places\(k\)' of a row depends on other rows"):
        fb.Model("y ~ 1 + (1 | places(k))", data, extra_namespace=places)
    with pytest.raises(fb.FormulaError, match="Unordered Categoricals"):
        fb.Model("y ~ 1 + (1 | C(k < 'b'))", data)
