"""Pictures of a fit: what is drawn, from which numbers, and that nothing is left out silently."""

from __future__ import annotations

import io
import sys

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import container
from filbert.interpret.lines import lines_of, only_numeric_predictor, points_of
from filbert.plots import plot_fit
from filbert.plots.density import density
from matplotlib.backends.backend_agg import FigureCanvasAgg

RNG = np.random.default_rng(7)
FRAME = pd.DataFrame({"x": RNG.uniform(1, 5, 60), "z": RNG.normal(size=60), "g": list("abc") * 20})
FRAME["y"] = 1 + 2 * FRAME.x + RNG.normal(size=60)
FRAME["off"] = FRAME.x * 0 + 10


def draws(*levels):
    return np.random.default_rng(0).normal(size=(4, 200, *levels))


def made_fit(formula, frame=FRAME, **arguments):
    """What a model states, and a container with made-up draws for its parameters."""
    regression = fb.Model(formula, frame, **arguments).regression
    design = regression.design
    variables = {"Intercept": draws()} if design.has_intercept else {}
    levels = {}
    for term in design.terms:
        variables[term.name] = draws() if term.levels is None else draws(len(term.levels))
        if term.levels is not None:
            levels[term.name] = list(term.levels)
    return container({**variables, "sigma": np.abs(draws())}, levels), regression


def saved(figure):
    file = io.BytesIO()
    figure.savefig(file)
    return file.getvalue()


# Traces


def test_a_row_a_variable_with_density_and_trace():
    idata, _ = made_fit("y ~ x + g")
    figure = plot_fit(idata)
    titles = [axes.get_title(loc="left") for axes in figure.axes[::2]]
    assert titles == ["Intercept", "x", "g", "sigma"]
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 4, 4, 8, 8, 4, 4]
    assert [text.get_text() for text in figure.axes[4].get_legend().get_texts()] == ["b", "c"]
    np.testing.assert_array_equal(figure.axes[1].lines[2].get_ydata(), idata["posterior"]["Intercept"][2])
    assert saved(figure).startswith(b"\x89PNG")


def test_pyplot_is_not_touched():
    saved(plot_fit(made_fit("y ~ x")[0]))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_divergences_are_ticks_at_their_draws():
    diverging = np.zeros((4, 200), dtype=bool)
    diverging[1, [3, 50]] = True
    idata = container({"x": draws()}, diverging=diverging)
    density, trace = plot_fit(idata).axes
    np.testing.assert_array_equal(trace.lines[-1].get_xdata(), [3, 50])
    np.testing.assert_array_equal(density.lines[-1].get_xdata(), np.asarray(idata["posterior"]["x"])[1, [3, 50]])
    assert "2 divergent draws" in plot_fit(idata).get_suptitle()


def test_no_ticks_without_divergences():
    figure = plot_fit(container({"x": draws()}, diverging=np.zeros((4, 200), dtype=bool)))
    assert [len(axes.lines) for axes in figure.axes] == [4, 4]
    assert figure.get_suptitle() == ""


def test_title_says_which_variables_are_left_out_and_sigma_stays():
    figure = plot_fit(container({**{f"x{i}": draws() for i in range(22)}, "sigma": draws()}))
    assert len(figure.axes) == 40
    assert figure.axes[-2].get_title(loc="left") == "sigma"
    assert figure.get_suptitle() == "20 of 23 variables; left out: x19, x20, x21"


def test_title_says_how_many_levels_are_left_out():
    figure = plot_fit(container({"g": draws(12)}, {"g": list("abcdefghijkl")}))
    assert figure.get_suptitle() == "g: the first 8 of 12 levels"
    assert len(figure.axes[0].lines) == 8 * 4


def test_predictions_in_the_posterior_are_not_drawn():
    figure = plot_fit(container({"x": draws(), "mu": draws(30)}))
    assert len(figure.axes) == 2


@pytest.mark.parametrize("values", [np.ones((1, 1)), np.ones((2, 30)), np.arange(3.0)[None], 1e300 * (1 + draws())])
def test_degenerate_draws_can_be_drawn(values):
    assert saved(plot_fit(container({"x": values})))


@pytest.mark.parametrize("n_rows", [1, 6, 20])
def test_labels_do_not_overlap(n_rows):
    figure = plot_fit(container({f"x{i}": draws() * 10.0**i for i in range(n_rows)}))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    boxes += [axes._left_title.get_window_extent() for axes in figure.axes[::2]]
    boxes += [axes.xaxis.get_tightbbox(canvas.get_renderer()) for axes in figure.axes[::2]]
    boxes = [box for box in boxes if box.width > 0]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    width, height = figure.get_size_inches()
    assert width == 10
    assert height <= 30


# Densities


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-9, 0), (1e12, 5e12), (1, 1e6)])
def test_density_is_that_of_the_draws(scale, shift):
    values = shift + scale * np.random.default_rng(3).normal(size=20_000)
    at, height = density(values)
    assert np.sum(height) * (at[1] - at[0]) == pytest.approx(1, abs=1e-3)
    exact = np.exp(-0.5 * ((at - shift) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
    assert np.max(np.abs(height - exact)) * scale < 0.02


def test_density_of_positive_draws_keeps_its_mass_at_zero():
    values = np.abs(np.random.default_rng(3).normal(size=20_000))
    at, height = density(values)
    assert at[0] > 0
    assert height[0] == pytest.approx(np.sqrt(2 / np.pi), rel=0.05)


# Regression lines


@pytest.mark.parametrize(
    ("formula", "mean"),
    [
        ("y ~ x", lambda b, x: b[0] + b[1] * x),
        ("y ~ 0 + x", lambda b, x: b[0] * x),
        ("y ~ log(x)", lambda b, x: b[0] + b[1] * np.log(x)),
        ("log(y) ~ np.sqrt(x)", lambda b, x: b[0] + b[1] * np.sqrt(x)),
        ("y ~ x + I(x**2)", lambda b, x: b[0] + b[1] * x + b[2] * x**2),
        ("y ~ scale(x)", lambda b, x: b[0] + b[1] * (x - FRAME.x.mean()) / FRAME.x.std()),
    ],
)
def test_lines_are_the_regression_at_the_predictor(formula, mean):
    idata, regression = made_fit(formula)
    design = regression.design
    lines = lines_of(idata, regression, only_numeric_predictor(regression))
    names = ["Intercept"] * design.has_intercept + [term.name for term in design.terms]
    coefficients = [np.asarray(idata["posterior"][name]).ravel() for name in names]
    assert lines.grid[0] == FRAME.x.min()
    assert lines.grid[-1] == FRAME.x.max()
    np.testing.assert_allclose(lines.mean, mean([b.mean() for b in coefficients], lines.grid), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(lines.draws[0], mean([b[0] for b in coefficients], lines.grid), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(lines.draws[-1], mean([b[-1] for b in coefficients], lines.grid), rtol=1e-9, atol=1e-12)
    assert lines.draws.shape == (100, 200)


@pytest.mark.parametrize("formula", ["y ~ poly(x, 3)", "y ~ bs(x, df=5)"])
def test_lines_of_a_term_with_several_columns_pass_through_the_fitted_rows(formula):
    idata, regression = made_fit(formula)
    design = regression.design
    lines = lines_of(idata, regression, only_numeric_predictor(regression))
    b = [np.asarray(idata["posterior"][name]).mean(axis=(0, 1)) for name in ("Intercept", design.terms[0].name)]
    fitted = b[0] + next(regression.rows.blocks()).X @ b[1]
    np.testing.assert_allclose(np.interp(FRAME.x, lines.grid, lines.mean), fitted, atol=0.01)


def test_functions_of_the_user_are_followed():
    idata, regression = made_fit("y ~ double(x)", extra_namespace={"double": lambda x: 2 * x})
    lines = lines_of(idata, regression, only_numeric_predictor(regression))
    slope = float(np.asarray(idata["posterior"]["double(x)"]).mean())
    assert (lines.mean[-1] - lines.mean[0]) == pytest.approx(2 * slope * (FRAME.x.max() - FRAME.x.min()))


def test_offset_is_taken_off_the_data():
    idata, regression = made_fit("y ~ x", offset="off")
    points = points_of(regression, "x")
    assert (points.x_label, points.y_label) == ("x", "y - offset")
    np.testing.assert_allclose(points.y, FRAME.y - 10)
    plain = lines_of(idata, made_fit("y ~ x")[1], "x")
    np.testing.assert_allclose(lines_of(idata, regression, "x").mean, plain.mean)


def test_weights_do_not_count_as_a_predictor():
    assert only_numeric_predictor(made_fit("y ~ x", weights="off")[1]) == "x"


@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ x * z", "y ~ x + g", "y ~ g", "y ~ C(z > 0) + x", "y ~ 1"])
def test_no_lines_unless_there_is_one_numeric_predictor(formula):
    assert only_numeric_predictor(made_fit(formula)[1]) is None


def test_no_lines_where_a_row_depends_on_others():
    def shifted(x):
        return np.roll(x, 1)

    with pytest.warns(fb.DataWarning, match="depends on other rows"):
        model = made_fit("y ~ shifted(x)", extra_namespace={"shifted": shifted})[1]
    assert only_numeric_predictor(model) is None


def test_poles_in_the_grid_are_left_out():
    frame = pd.DataFrame({"x": np.arange(-100.0, 100.0)[np.arange(200) != 100], "y": np.arange(199.0) % 7})
    functions = {"pole": lambda x: np.where(abs(x) < 0.6, np.inf, x)}
    lines = lines_of(*made_fit("y ~ pole(x)", frame, extra_namespace=functions), "x")
    assert np.isfinite(lines.mean).all()
    assert len(lines.grid) == len(lines.mean) == 199
    assert np.abs(lines.grid).min() > 0.6


def test_regression_panel_shows_data_lines_and_labels():
    panel = plot_fit(*made_fit("log(y) ~ x")).axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("x", "log(y)")
    np.testing.assert_allclose(panel.collections[0].get_offsets(), np.column_stack([FRAME.x, np.log(FRAME.y)]))
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [
        "data",
        "100 posterior draws",
        "94 % interval",
        "posterior mean",
    ]


def test_only_traces_for_several_predictors():
    assert len(plot_fit(*made_fit("y ~ x + z")).axes) == 2 * 4


def test_large_data_are_subsampled_and_said_so():
    frame = pd.DataFrame({"x": np.linspace(0, 1, 5000)})
    frame["y"] = frame.x + np.random.default_rng(0).normal(size=5000)
    panel = plot_fit(*made_fit("y ~ x", frame)).axes[0]
    assert len(panel.collections[0].get_offsets()) == 2000
    assert panel.get_title(loc="right") == "2000 of 5000 points are shown"


def test_a_real_fit_can_be_drawn():
    model = fb.Model("y ~ x", FRAME)
    idata = model.fit(random_seed=1, progressbar=False)
    assert saved(plot_fit(idata, model.regression)).startswith(b"\x89PNG")
