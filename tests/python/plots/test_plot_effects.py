"""Pictures of predictions, comparisons and slopes: what they contain, and what bad input gets."""

from __future__ import annotations

import filbert as fb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from filbert.plots.curves import Picture
from matplotlib.collections import PathCollection
from picture_checks import FRAME, N, check_legible, entries, fitted


def scattered(axes):
    """The points of data in axes."""
    return [one for one in axes.collections if isinstance(one, PathCollection)]


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rich():
    return fitted("y ~ x + z * g + h")


def test_predictions_over_numbers_are_lines_and_bands_by_level(rich):
    values = {"z": np.linspace(FRAME.z.min(), FRAME.z.max(), 7), "g": None}
    (axes,) = fb.plot_predictions(*rich, values)
    table = fb.predictions(*rich, values)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z", "mean y")
    assert entries(axes) == ["ann", "bob", "cat"]
    assert axes.get_legend().get_title().get_text() == "g"
    for curve, (_, part) in zip(axes.lines, table.groupby("g", observed=True), strict=True):
        np.testing.assert_allclose(curve.get_data(), part[["z", "mean"]].T)
    corners = axes.collections[0].get_paths()[0].vertices
    part = table[table["g"] == "ann"]
    assert corners[:, 1].min() == pytest.approx(part["hdi_3%"].min())
    assert corners[:, 1].max() == pytest.approx(part["hdi_97%"].max())
    assert len({curve.get_linestyle() for curve in axes.lines}) == 3
    check_legible(axes)


def test_predictions_over_levels_are_points_with_bars(rich):
    (axes,) = fb.plot_predictions(*rich, ["g", "h"])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["ann", "bob", "cat"]
    table = fb.predictions(*rich, ["g", "h"])
    part = table[table["h"] == "high"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), part["mean"])
    np.testing.assert_allclose([s[:, 1] for s in axes.collections[0].get_segments()], part[["hdi_3%", "hdi_97%"]])
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()
    check_legible(axes)


def test_third_variable_has_panels_and_roles_can_be_given(rich):
    axes = fb.plot_predictions(*rich, ["x", "g", "h"])
    assert [one.get_title(loc="left") for one in axes] == ["h = high", "h = low"]
    assert [len(one.lines) for one in axes] == [3, 3]
    check_legible(axes)
    axes = fb.plot_predictions(*rich, ["x", "g", "h"], subplot_kwargs={"main": "x", "group": "h", "panel": "g"})
    assert [one.get_title(loc="left") for one in axes] == ["g = ann", "g = bob", "g = cat"]
    assert entries(axes[0]) == ["high", "low"]
    check_legible(axes)
    assert entries(fb.plot_predictions(*rich, ["x", "g"], legend=False)[0]) == []


def test_more_groups_than_styles_are_counted(rich):
    (axes,) = fb.plot_predictions(*rich, {"x": None, "z": np.linspace(-1, 1, 12)})
    assert len(axes.lines) == 8
    assert axes.get_title(loc="right") == "the first 8 of 12 values of z"


def test_averages_are_drawn_over_what_they_are_by(rich):
    (axes,) = fb.plot_predictions(*rich, average_by=["g", "h"])
    assert (axes.get_xlabel(), len(axes.lines)) == ("g", 2)


def test_predictions_of_responses_are_wider(rich):
    heights = []
    for pps in (False, True):
        (axes,) = fb.plot_predictions(*rich, "g", pps=pps, random_seed=1)
        heights.append(np.ptp(axes.collections[0].get_segments()[0][:, 1]))
        assert axes.get_ylabel() == ("y" if pps else "mean y")
    assert heights[1] > 2 * heights[0]


def test_comparisons_and_slopes_have_a_line_at_nothing(rich):
    (axes,) = fb.plot_comparisons(*rich, {"g": ["ann", "bob"]}, "z")
    assert axes.get_ylabel() == "difference of y\ng: ann to bob"
    table = fb.comparisons(*rich, {"g": ["ann", "bob"]}, "z")
    np.testing.assert_allclose(axes.lines[0].get_data(), table[["z", "mean"]].T)
    assert axes.lines[1].get_ydata() == [0, 0]
    check_legible(axes)
    (axes,) = fb.plot_comparisons(*rich, "x", "g", comparison_type="ratio")
    assert axes.get_ylabel() == "ratio of y\nx: +1"
    assert axes.lines[-1].get_ydata() == [1, 1]
    (axes,) = fb.plot_slopes(*rich, "z", "g")
    assert axes.get_ylabel() == "slope of y along z"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), fb.slopes(*rich, "z", "g")["mean"])
    check_legible(axes)


def test_numbers_taken_for_levels_are_drawn_as_levels():
    frame = FRAME.assign(k=np.arange(N) % 3)
    model = fb.Model("y ~ C(k) + x", frame)
    idata = model.fit(random_seed=1, progressbar=False)
    (axes,) = fb.plot_predictions(model, idata, "k")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "2"]
    (axes,) = fb.plot_comparisons(model, idata, "k", average_by="x")
    assert entries(axes) == ["0 to 1", "0 to 2", "1 to 2"]
    words = {"k": lambda column: column.map({0: "zero", 1: "one", 2: "two"})}
    (axes,) = fb.plot_predictions(model, idata, "k", transforms=words)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["zero", "one", "two"]
    (axes,) = fb.plot_predictions(model, idata, ["x", "k"], transforms=words)
    assert entries(axes) == ["zero", "one", "two"]
    with pytest.raises(fb.SettingError, match="not a numeric predictor"):
        fb.plot_lm(model, idata, x="k")


def test_differences_of_one_unit_are_called_so_when_averaged(rich):
    (axes,) = fb.plot_comparisons(*rich, "x", average_by="g")
    assert axes.get_ylabel() == "difference of y\nx: +1"


def test_slopes_over_the_predictor_itself():
    (axes,) = fb.plot_slopes(*fitted("y ~ poly(x, 2)"), "x", {"x": [2.5, 3.0, 5.0]})
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [2.5, 3.0, 5.0])


def test_all_pairs_of_a_contrast_are_drawn(rich):
    (axes,) = fb.plot_comparisons(*rich, "g", "h")
    assert entries(axes) == ["ann to bob", "ann to cat", "bob to cat"]
    with pytest.raises(fb.SettingError, match="several pairs of values are one: give contrast two values"):
        fb.plot_comparisons(*rich, "g", ["x", "z", "h"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, fb.SettingError, "needs a variable for its x axis: conditional="),
        ({"average_by": True}, fb.SettingError, "needs a variable for its x axis"),
        ({"conditional": "g", "data": FRAME}, fb.SettingError, "draws over variables, not rows"),
        ({"conditional": ["x", "z", "g", "h"]}, fb.SettingError, "one to three variables, not 4"),
        ({"conditional": 3}, fb.DataTypeError, "conditional must be a column name"),
        ({"conditional": "gg"}, fb.SettingError, "'gg', which the model does not use. Did you mean 'g'"),
        ({"conditional": "g", "subplot_kwargs": {"main": "h"}}, fb.SettingError, "'h', which is not drawn"),
        ({"conditional": "g", "subplot_kwargs": {"axis": "g"}}, fb.SettingError, "The roles are 'main', 'group'"),
        ({"conditional": ["g", "h"], "subplot_kwargs": {"main": "h"}}, fb.SettingError, "each of 'g', 'h' one role"),
        ({"conditional": "g", "subplot_kwargs": "g"}, fb.DataTypeError, "subplot_kwargs must be a dict"),
        ({"conditional": "g", "ax": []}, fb.SettingError, "0 axes, and this picture 1 panel"),
    ],
)
def test_bad_input_of_predictions(rich, arguments, error, message):
    with pytest.raises(error, match=message):
        fb.plot_predictions(*rich, **arguments)


# Within the data


@pytest.fixture(scope="module")
def apart():
    """Groups over ranges of their own, and a combination of levels without rows."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"g": ["ann", "bob", "cat"] * 40, "h": ["high", "low"] * 60, "z": rng.normal(size=120)})
    frame["x"] = rng.uniform(0, 1, 120) + frame.g.map({"ann": 0.0, "bob": 5, "cat": 2})
    frame.loc[(frame.g == "cat") & (frame.h == "low"), "h"] = "high"
    frame["y"] = frame.x + rng.normal(size=120)
    model = fb.Model("y ~ x * g + h + z", frame)
    return frame, (model, model.fit(draws=800, tune=500, random_seed=1, progressbar=False))


def test_each_curve_spans_the_data_of_its_group(apart):
    frame, fit = apart
    (axes,) = fb.plot_predictions(*fit, ["x", "g"])
    assert entries(axes) == ["ann", "bob", "cat"]
    for curve, (level, rows) in zip(axes.lines, frame.groupby("g"), strict=True):
        at = curve.get_xdata()
        assert (at[0], at[-1], len(at)) == (rows.x.min(), rows.x.max(), 50)
        np.testing.assert_allclose(curve.get_ydata(), fb.predictions(*fit, {"x": at, "g": level})["mean"])
    check_legible(axes)


@pytest.mark.parametrize("draw", [fb.plot_comparisons, fb.plot_slopes])
def test_curves_of_comparisons_and_slopes_do_so_too(apart, draw):
    frame, fit = apart
    (axes,) = draw(*fit, "z", ["x", "g"])
    ends = [(curve.get_xdata()[0], curve.get_xdata()[-1]) for curve in axes.lines[:3]]
    assert ends == [(rows.x.min(), rows.x.max()) for _, rows in frame.groupby("g")]


def test_combinations_without_rows_are_left_out_and_counted(apart):
    frame, fit = apart
    axes = fb.plot_predictions(*fit, ["x", "g", "h"])
    assert [len(one.lines) for one in axes] == [3, 2]
    assert axes[-1].get_title(loc="right") == "without rows: 1 curve"
    rows = frame[(frame.g == "bob") & (frame.h == "low")]
    assert axes[1].lines[1].get_xdata()[-1] == rows.x.max()
    check_legible(axes)


def test_values_that_were_given_are_drawn_for_all_groups_and_so_are_numbers_beside_them(apart):
    frame, fit = apart
    (axes,) = fb.plot_predictions(*fit, {"x": [0, 7], "g": None})
    assert [curve.get_xdata().tolist() for curve in axes.lines] == [[0, 7]] * 3
    (axes,) = fb.plot_predictions(*fit, ["x", "z"])
    assert {(curve.get_xdata()[0], curve.get_xdata()[-1]) for curve in axes.lines} == {(frame.x.min(), frame.x.max())}


def test_model_without_rows_draws_over_the_whole_range(apart, tmp_path):
    frame, (model, idata) = apart
    model.save(tmp_path / "a.filbert")
    loaded = fb.load(tmp_path / "a.filbert")
    (axes,) = fb.plot_predictions(loaded, idata, ["x", "g"])
    assert {curve.get_xdata()[-1] for curve in axes.lines} == {frame.x.max()}
    with pytest.raises(fb.DataError, match="has no rows at hand to draw"):
        fb.plot_predictions(loaded, idata, ["x", "g"], points=True)


def test_group_with_one_value_is_a_marker_with_a_bar():
    frame = FRAME.assign(x=np.where(FRAME.g == "ann", 3.0, FRAME.x))
    model = fb.Model("y ~ x + g", frame)
    (axes,) = fb.plot_predictions(model, model.fit(random_seed=1, progressbar=False), ["x", "g"])
    assert axes.lines[0].get_xdata().tolist() == [3.0]
    assert axes.lines[0].get_marker() == "o"
    assert entries(axes) == ["ann", "bob", "cat"]


def test_points_are_the_fitted_rows_of_their_group_and_panel(apart):
    frame, fit = apart
    assert not scattered(fb.plot_predictions(*fit, ["x", "g"])[0])
    axes = fb.plot_predictions(*fit, ["x", "g", "h"], points=True)
    for panel, h in zip(axes, ["high", "low"], strict=True):
        groups = [rows for _, rows in frame[frame.h == h].groupby("g")]
        drawn = [one for one in scattered(panel) if len(one.get_offsets())]
        assert len(drawn) == len(groups)
        for one, rows in zip(drawn, groups, strict=True):
            np.testing.assert_array_equal(one.get_offsets(), rows[["x", "y"]])
    assert len({tuple(one.get_facecolor()[0]) for one in scattered(axes[0])}) == 3


def test_points_over_levels_stand_about_their_level(apart):
    frame, fit = apart
    (axes,) = fb.plot_predictions(*fit, "g", points=True)
    (one,) = scattered(axes)
    at, height = one.get_offsets().T
    np.testing.assert_array_equal(np.rint(at), frame.g.map({"ann": 0, "bob": 1, "cat": 2}))
    np.testing.assert_array_equal(height, frame.y)
    (axes,) = fb.plot_predictions(*fit, {"g": ["ann", "cat"]}, points=True)
    assert len(scattered(axes)[0].get_offsets()) == (frame.g != "bob").sum()


def test_points_belong_to_no_value_of_a_number(apart):
    frame, fit = apart
    (axes,) = fb.plot_predictions(*fit, ["x", "z"], points=True)
    (one,) = scattered(axes)
    np.testing.assert_array_equal(one.get_offsets(), frame[["x", "y"]])


def test_of_many_points_some_are_drawn():
    frame = pd.concat([FRAME] * 30)
    model = fb.Model("y ~ x", frame)
    (axes,) = fb.plot_predictions(model, model.fit(random_seed=1, progressbar=False), "x", points=True)
    assert len(scattered(axes)[0].get_offsets()) == 2000
    assert axes.get_title(loc="right") == "2000 of 2400 points are shown"


# Transforms


def test_labels_say_what_transforms_do(rich):
    (axes,) = fb.plot_predictions(*rich, ["x", "g"], transforms={"y": np.exp, "x": np.sqrt}, points=True)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("sqrt(x)", "exp(mean y)")
    drawn = np.concatenate([one.get_offsets() for one in scattered(axes)])
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(np.sqrt(FRAME.x)))
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(np.exp(FRAME.y)))
    (axes,) = fb.plot_predictions(*rich, "x", transforms={"y": lambda y: y + 1}, pps=True, random_seed=1)
    assert axes.get_ylabel() == "transformed y"
    (axes,) = fb.plot_predictions(*rich, ["x", "g"], transforms={"g": lambda g: g.str.upper()})
    assert axes.get_legend().get_title().get_text() == "transformed g"
    assert entries(axes) == ["ANN", "BOB", "CAT"]
    (axes,) = fb.plot_comparisons(*rich, "x", "g", transforms={"y": np.exp})
    assert axes.get_ylabel() == "difference of exp(y)\nx: +1"


def test_long_names_stay_legible():
    names = {
        "z": "a predictor with a really long name, which somebody typed in",
        "y": "response in the second week " * 2,
    }
    levels = {"ann": "a level with a really long description of what it is", "bob": "another one as long as that one"}
    frame = FRAME.rename(columns=names).assign(g=FRAME.g.replace(levels))
    model = fb.Model(f"`{names['y']}` ~ `{names['z']}` * g + h", frame)
    idata = model.fit(random_seed=1, progressbar=False)
    check_legible(fb.plot_predictions(model, idata, [names["z"], "h", "g"]))
    check_legible(fb.plot_predictions(model, idata, ["g", "h"], transforms={model.regression.response: np.abs}))
    check_legible(fb.plot_comparisons(model, idata, "g"))
    check_legible(fb.plot_lm(model, idata, x=names["z"]))


# Averages


def test_comparisons_without_a_variable_are_averages_over_the_rows(rich):
    (axes,) = fb.plot_comparisons(*rich, "g")
    table = fb.comparisons(*rich, "g", average_by=True)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["ann to bob", "ann to cat", "bob to cat"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("g", "average difference of y")
    np.testing.assert_allclose(axes.lines[0].get_data(), [[0, 1, 2], table["mean"]])
    np.testing.assert_allclose([s[:, 1] for s in axes.collections[0].get_segments()], table[["hdi_3%", "hdi_97%"]])
    assert axes.lines[1].get_ydata() == [0, 0]
    check_legible(axes)
    for everything in (True, "all"):
        (axes,) = fb.plot_comparisons(*rich, "x", average_by=everything, comparison_type="ratio")
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["+1"]
        assert axes.get_ylabel() == "average ratio of y"
        assert axes.lines[1].get_ydata() == [1, 1]


def test_slopes_without_a_variable_are_averages_over_the_rows(rich):
    (axes,) = fb.plot_slopes(*rich, "z")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), fb.slopes(*rich, "z", average_by=True)["mean"])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["average over all rows"]
    assert axes.get_ylabel() == "average slope of y along z"
    check_legible(axes)
    (axes,) = fb.plot_slopes(*rich, {"z": [-1, 0, 1]})
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [-1, 0, 1])
    with pytest.raises(fb.SettingError, match="conditional and contrast both have 'g'"):
        fb.plot_comparisons(*rich, "g", ["x", "g"])


@pytest.mark.parametrize("draw", [fb.plot_comparisons, fb.plot_slopes])
def test_averages_need_rows_at_hand_and_say_what_does_not(apart, draw, tmp_path):
    _, (model, idata) = apart
    model.save(tmp_path / "model.json")
    loaded = fb.load(tmp_path / "model.json")
    for by in ({}, {"average_by": "g"}):
        with pytest.raises(fb.DataError, match=r"without conditional= averages over the fitted rows.*conditional=, or"):
            draw(loaded, idata, "x", **by)
    assert len(draw(loaded, idata, "x", "g"))


def test_intervals_of_several_probabilities_are_drawn_within_each_other():
    ends = {"hdi_3%": [0.0, 1], "hdi_97%": [10.0, 11], "hdi_25%": [4.0, 5], "hdi_75%": [6.0, 7]}
    table = pd.DataFrame({"x": [1.0, 2.0], "g": ["a", "b"], "mean": [5.0, 6], **ends})
    (axes,) = Picture({"main": "x"}).draw(table, "y")
    heights = [np.ptp(one.get_paths()[0].vertices[:, 1]) for one in axes.collections]
    assert heights == [11, 3]
    (axes,) = Picture({"main": "g"}).draw(table, "y")
    outer, inner = axes.collections
    np.testing.assert_array_equal([s[:, 1] for s in inner.get_segments()], [[4, 6], [5, 7]])
    assert inner.get_linewidth()[0] > outer.get_linewidth()[0]
