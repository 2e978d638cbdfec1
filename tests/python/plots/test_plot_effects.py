"""Pictures of predictions, comparisons and slopes: what they contain, and what bad input gets."""

from __future__ import annotations

import filbert as fb
import matplotlib.pyplot as plt
import numpy as np
import pytest
from picture_checks import FRAME, N, check_legible, entries, fitted


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rich():
    return fitted("y ~ x + z * g + h")


def test_predictions_over_numbers_are_lines_and_bands_by_level(rich):
    (axes,) = fb.plot_predictions(*rich, ["z", "g"])
    table = fb.predictions(*rich, ["z", "g"])
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
