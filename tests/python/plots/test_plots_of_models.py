"""Pictures that users ask for: what they contain, that they are labelled and legible, and what bad input gets."""

from __future__ import annotations

import filbert as fb
import filbert.explicit as pm
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from containers import container
from filbert.plots import plot_priors
from picture_checks import FRAME, RNG, band, check_legible, entries, fitted

mpl.use("agg")
import matplotlib.pyplot as plt


def draws():
    return np.random.default_rng(0).normal(size=(2, 50))


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def line():
    return fitted("y ~ x")


@pytest.fixture(scope="module")
def rich():
    return fitted("y ~ x + z * g + h")


# Regression lines


def test_lm_has_data_lines_mean_band_and_truth(line):
    model, idata = line
    axes = fb.plot_lm(model, idata, num_samples=50, true_line=(1, 2))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), FRAME[["x", "y"]])
    assert entries(axes) == ["data", "50 posterior draws", "94 % interval", "posterior mean", "true line"]
    named = {one.get_label(): one for one in axes.lines}
    truth, mean = named["true line"], named["posterior mean"]
    np.testing.assert_allclose(truth.get_ydata(), 1 + 2 * truth.get_xdata())
    posterior = idata["posterior"]
    means = {name: float(posterior[name].mean()) for name in ("Intercept", "x")}
    np.testing.assert_allclose(mean.get_ydata(), means["Intercept"] + means["x"] * mean.get_xdata())
    lines = [one for one in axes.lines if len(one.get_xdata()) == 200 and one not in (truth, mean)]
    assert len(lines) == 50
    pooled = {name: np.asarray(posterior[name]).ravel() for name in ("Intercept", "x")}
    np.testing.assert_allclose(
        lines[0].get_ydata(), pooled["Intercept"][0] + pooled["x"][0] * mean.get_xdata(), rtol=1e-9
    )
    corners = band(axes)
    at = FRAME.x.max()
    ends = np.quantile(pooled["Intercept"] + pooled["x"] * at, [0.03, 0.97])
    drawn_ends = corners[np.isclose(corners[:, 0], at), 1]
    np.testing.assert_allclose([drawn_ends.min(), drawn_ends.max()], ends, rtol=1e-3)
    check_legible(axes)


def test_band_of_lm_is_told_from_its_lines(line):
    axes = fb.plot_lm(*line)
    (filled,) = [one for one in axes.collections if one.get_label() == "94 % interval"]
    (mean,) = [one for one in axes.lines if one.get_label() == "posterior mean"]
    (drawn_line, *_) = axes.lines
    colours = [mpl.colors.to_hex(one) for one in (filled.get_facecolor()[0], filled.get_edgecolor()[0])]
    assert colours == [mean.get_color().lower()] * 2
    assert colours[0] != drawn_line.get_color().lower()
    assert filled.get_zorder() > drawn_line.get_zorder()
    assert filled.get_linewidth()[0] >= 1
    (_, dashes) = filled.get_linestyle()[0]
    assert dashes  # so that its edge is seen in grey as well


def test_lm_without_a_fit_shows_the_data_and_a_true_function(line):
    axes = fb.plot_lm(line[0], true_line=np.sqrt)
    assert entries(axes) == ["data", "true line"]
    (truth,) = axes.lines
    np.testing.assert_allclose(truth.get_ydata(), np.sqrt(truth.get_xdata()))


def test_lm_draws_into_given_axes_and_prob_is_that_of_the_band(line):
    _, ax = plt.subplots()
    assert fb.plot_lm(*line, num_samples=0, prob=0.5, ax=ax) is ax
    assert entries(ax) == ["data", "50 % interval", "posterior mean"]


def test_lm_says_where_other_predictors_are_held(rich):
    axes = fb.plot_lm(*rich, x="x")
    assert (
        axes.get_title(loc="right")
        == f"lines at z = {FRAME.z.mean():.3g}, g = {FRAME.g.mode()[0]}, h = " + (FRAME.h.mode()[0])
    )
    check_legible(axes)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, fb.SettingError, "several predictors: write x= and one of 'x', 'z'"),
        ({"x": "g"}, fb.SettingError, r"not a numeric predictor. Use fb.plot_predictions\(model, idata, conditional="),
        ({"x": "w"}, fb.SettingError, "'w', which the model does not use"),
        ({"x": "x", "true_line": 3}, fb.DataTypeError, r"\(intercept, slope\) or a function of x, not 3"),
        ({"x": "x", "true_line": lambda x: 3}, fb.SettingError, "a number for each x"),
        ({"x": "x", "num_samples": -1}, fb.SettingError, "num_samples"),
        ({"x": "x", "prob": 94}, fb.SettingError, "prob must be between 0 and 1"),
        ({"x": "x", "ax": 3}, fb.DataTypeError, "ax must be axes of matplotlib"),
    ],
)
def test_bad_input_of_lm(rich, arguments, error, message):
    with pytest.raises(error, match=message):
        fb.plot_lm(*rich, **arguments)


def test_lm_needs_a_formula_with_numbers_and_rows(tmp_path):
    model, idata = fitted("y ~ g")
    with pytest.raises(fb.SettingError, match="no numeric predictor"):
        fb.plot_lm(model, idata)
    with pytest.raises(fb.DataTypeError, match="which has a formula, not pandas"):
        fb.plot_lm(FRAME, idata)
    line_model, line_fit = fitted("y ~ x")
    line_model.save(tmp_path / "a.filbert")
    with pytest.raises(fb.DataError, match=r"or reads them in parts. Use fb.plot_predictions"):
        fb.plot_lm(fb.load(tmp_path / "a.filbert"), line_fit)
    with pytest.raises(fb.SettingError, match="draws of another model: they are of"):
        fb.plot_lm(line_model, idata)
    for draw in (fb.plot_trace, fb.plot_forest):
        with pytest.raises(fb.DataTypeError, match=r"idata must be what Model\.fit returned, not int"):
            draw(3)


# Traces and forests


def test_trace_has_densities_left_and_chains_right(rich):
    _, idata = rich
    axes = fb.plot_trace(idata, figsize=(10, 12))
    names = ["Intercept", "x", "z", "g", "h", "z:g", "sigma"]
    assert [left.get_title(loc="left") for left in axes[:, 0]] == names
    assert axes.shape == (7, 2)
    assert [len(right.lines) for right in axes[:, 1]] == [4, 4, 4, 8, 4, 8, 4]
    np.testing.assert_array_equal(axes[1, 1].lines[3].get_ydata(), idata["posterior"]["x"][3])
    assert len({one.get_linestyle() for one in axes[0, 0].lines}) == 4  # chains differ in grey as well
    assert axes[0, 0].get_figure().get_size_inches().tolist() == [10, 12]
    check_legible(axes)


def test_trace_of_chosen_variables_in_given_axes(rich):
    _, ax = plt.subplots(2, 2)
    axes = fb.plot_trace(rich[1], var_names=["sigma", "x"], ax=ax)
    assert [left.get_title(loc="left") for left in axes[:, 0]] == ["sigma", "x"]
    with pytest.raises(fb.SettingError, match=r"4 axes, and this picture 2 panels.*plt.subplots\(1, 2\)"):
        fb.plot_trace(rich[1], var_names="sigma", ax=ax)
    with pytest.raises(fb.SettingError, match=r"'w', which is no parameter.*They are 'Intercept', 'x'"):
        fb.plot_trace(rich[1], var_names="w")
    with pytest.raises(fb.DataTypeError, match="var_names must be a name or a list"):
        fb.plot_trace(rich[1], var_names=3)
    with pytest.raises(fb.SettingError, match="var_names is empty"):
        fb.plot_trace(rich[1], var_names=[])


def test_trace_of_an_explicit_model_and_of_another_library():
    with pm.Model() as model:
        a = pm.Normal("a", 0, 1)
        pm.Normal("y", mu=a * FRAME.x, sigma=pm.HalfNormal("s", 1), observed=FRAME.y)
        idata = pm.sample(500, tune=500, random_seed=1, progressbar=False)
    assert fb.plot_trace(idata).shape == (2, 2)
    assert len(plot_priors(model)) == len(fb.plot_prior_posterior(model, idata)) == 2
    assert fb.plot_trace(container({"b": np.zeros((2, 10))})).shape == (1, 2)


def test_forest_has_both_intervals_of_each_slope(rich):
    model, idata = rich
    axes = fb.plot_forest(idata)
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["x", "z", "g[bob]", "g[cat]", "h[low]", "z:g[bob]", "z:g[cat]"]
    summary = fb.summary(idata).loc[labels]
    thin = [one.get_xdata() for one in axes.lines if one.get_linewidth() == 1.2]
    np.testing.assert_allclose(thin, summary[["hdi_3%", "hdi_97%"]])
    thick = [one.get_xdata() for one in axes.lines if one.get_linewidth() == 4]
    np.testing.assert_allclose(thick, fb.summary(model, idata, hdi_prob=0.5).loc[labels, ["hdi_25%", "hdi_75%"]])
    (points,) = [one for one in axes.lines if one.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xdata(), summary["mean"])
    assert axes.yaxis_inverted()
    check_legible(axes)


def test_forest_of_chosen_and_of_many_coefficients():
    idata = container({"Intercept": np.zeros((2, 50)), "many": np.random.default_rng(0).normal(size=(2, 50, 130))})
    assert [tick.get_text() for tick in fb.plot_forest(idata, "Intercept").get_yticklabels()] == ["Intercept"]
    axes = fb.plot_forest(idata)
    assert len(axes.get_yticks()) == 100
    assert axes.get_title(loc="right") == "the first 100 of 130 coefficients"
    with pytest.raises(fb.SettingError, match=r"above 0.5, the probability of the thick interval, not 0.3"):
        fb.plot_forest(idata, hdi_prob=0.3)
    with pytest.raises(fb.DataTypeError, match="hdi_prob must be a number"):
        fb.plot_forest(idata, hdi_prob="94%")


def test_long_labels_and_twenty_terms_stay_legible():
    frame = pd.DataFrame(RNG.normal(size=(60, 20)), columns=[f"a_covariate_with_a_long_name_{k}" for k in range(20)])
    frame["y"] = RNG.normal(size=60)
    levels = ["a level with a really long description of what it is", "and another one that is just as long as that"]
    frame["g"] = RNG.choice(levels, 60)
    model = fb.Model("y ~ g + " + " + ".join(frame.columns[:20]), frame)
    idata = model.fit(draws=500, tune=500, random_seed=1, progressbar=False)
    check_legible(fb.plot_forest(idata))
    check_legible(model.plot_priors())
    check_legible(fb.plot_prior_posterior(model, idata))
    check_legible(fb.plot_predictions(model, idata, "g"))


def test_standardized_forest_is_per_standard_deviation_of_the_column(rich):
    model, idata = rich
    axes = fb.plot_forest(idata, standardize=model)
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["x", "z", "g[bob]", "g[cat]", "h[low]", "z:g[bob]", "z:g[cat]"]
    columns = {
        "x": FRAME.x, "z": FRAME.z, "g[bob]": FRAME.g == "bob", "g[cat]": FRAME.g == "cat", "h[low]": FRAME.h == "low",
        "z:g[bob]": FRAME.z * (FRAME.g == "bob"), "z:g[cat]": FRAME.z * (FRAME.g == "cat"),
    }  # fmt: skip
    expected = [fb.summary(idata).loc[label, "mean"] * np.std(columns[label]) for label in labels]
    (points,) = [one for one in axes.lines if one.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xdata(), expected, rtol=1e-9)
    assert axes.get_xlabel() == "coefficient per standard deviation of its column\nmean, 50 % and 94 % HDI"
    check_legible(axes)
    axes = fb.plot_forest(idata, ["z", "x"], standardize=model)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["z", "x"]


def test_standardized_forest_needs_the_model_that_was_fitted_and_columns(rich, line):
    constant = fitted("y ~ 1")
    with pytest.raises(fb.SettingError, match=r"write plot_forest\(idata, standardize=model\)"):
        fb.plot_forest(rich[1], standardize=True)
    with pytest.raises(fb.SettingError, match="draws of another model"):
        fb.plot_forest(rich[1], standardize=line[0])
    with pytest.raises(fb.SettingError, match="'Intercept', which is no parameter"):
        fb.plot_forest(rich[1], "Intercept", standardize=rich[0])
    with pytest.raises(fb.SettingError, match="no coefficient with a column"):
        fb.plot_forest(constant[1], standardize=constant[0])
    with pytest.raises(fb.DataTypeError, match="model must be a model of filbert"):
        fb.plot_forest(rich[1], standardize=FRAME)


def test_auxiliary_parameters_are_those_that_the_container_names():
    """A family without sigma, whose `alpha` stays in the trace and out of the forest."""
    variables = {"Intercept": draws(), "alpha": draws(), **{f"x{k}": draws() for k in range(24)}, "sigma": draws()}
    idata = container(variables)
    idata["posterior"].attrs["auxiliaries"] = "alpha"
    forest = [tick.get_text() for tick in fb.plot_forest(idata).get_yticklabels()]
    assert forest == [*(f"x{k}" for k in range(24)), "sigma"]
    trace = [left.get_title(loc="left") for left in fb.plot_trace(idata)[:, 0]]
    assert trace == ["Intercept", "alpha", *(f"x{k}" for k in range(18))]
    idata["posterior"].attrs["auxiliaries"] = ""
    assert len(fb.plot_forest(idata).get_yticks()) == 26


# Names


def test_names_are_shown_as_they_are():
    """Dollars are no mathematics, underscores do not hide a level, and control characters are escaped."""
    levels = ["_first", "5$ to 6$", "red\x1b[31m"]
    frame = FRAME.rename(columns={"x": "price ($) of ($)"}).assign(g=RNG.choice(levels, len(FRAME)))
    model = fb.Model("y ~ `price ($) of ($)` * g", frame)
    idata = model.fit(draws=800, tune=500, random_seed=1, progressbar=False)
    (axes,) = fb.plot_predictions(model, idata, ["price ($) of ($)", "g"])
    assert entries(axes) == [r"5\$ to 6\$", " _first", r"red\x1b[31m"]
    assert axes.get_xlabel() == r"price (\$) of (\$)"
    check_legible(axes)
    for axes in (fb.plot_forest(idata), fb.plot_trace(idata)[0, 0], model.plot_priors()[0], fb.plot_lm(
        model, idata, x="price ($) of ($)"), fb.plot_prior_posterior(model, idata)[0]):  # fmt: skip
        figure = axes.get_figure()
        figure.canvas.draw()  # mathematics that cannot be read would raise
        assert not any("\x1b" in text.get_text() for text in figure.findobj(mpl.text.Text))


def test_pictures_fit_small_axes(line, rich):
    for draw in (
        lambda ax: fb.plot_lm(*line, ax=ax),
        lambda ax: fb.plot_predictions(*rich, ["z", "g"], ax=ax),
        lambda ax: fb.plot_forest(rich[1], ax=ax, standardize=rich[0]),
    ):
        figure, ax = plt.subplots(figsize=(3.2, 3), layout="constrained")
        draw(ax)
        check_legible(ax)
        assert ax.get_position().width * figure.get_size_inches()[0] > 2  # the legend leaves the picture its room


# Priors


@pytest.fixture(scope="module")
def wide():
    """Thirty covariates and a factor of fourteen levels."""
    frame = pd.DataFrame(RNG.normal(size=(120, 30)), columns=[f"covariate_{k}" for k in range(30)])
    frame["f"] = [f"level {k}" for k in range(14)] * 8 + ["level 0"] * 8
    model = fb.Model("y ~ f + " + " + ".join(frame.columns[:30]), frame.assign(y=RNG.normal(size=120)))
    return model, model.fit(draws=800, tune=500, random_seed=1, progressbar=False)


def test_pictures_of_many_priors_show_some_and_say_which(wide):
    model, idata = wide
    axes = model.plot_priors()
    titles = [one.get_title(loc="left") for one in axes]
    assert titles == ["Intercept", "f", *(f"covariate_{k}" for k in range(17)), "sigma"]
    hidden = ", ".join(f"covariate_{k}" for k in range(17, 23))
    assert axes[0].get_figure().get_suptitle() == f"20 of 33 parameters; left out: {hidden}, ..."
    assert axes[1].get_xlabel() == "Normal, the first 8 of 13 levels"
    assert len(axes[1].lines) == 8
    check_legible(axes)
    axes = fb.plot_prior_posterior(model, idata)
    titles = [one.get_title(loc="left") for one in axes]
    assert len(titles) == 20
    assert titles[-1] == "sigma"
    assert sum(title.startswith("f[") for title in titles) == 8
    first, second = axes[0].get_figure().get_suptitle().split("\n")
    assert first.startswith("20 of 40 parameters; left out: covariate_10, ")
    assert second == "f: the first 8 of 13 levels"
    check_legible(axes)


def test_priors_that_are_named_are_all_drawn(wide):
    names = [f"covariate_{k}" for k in range(25)]
    axes = wide[0].plot_priors(names)
    assert [one.get_title(loc="left") for one in axes] == names
    assert axes[0].get_figure().get_suptitle() == ""
    assert len(fb.plot_prior_posterior(*wide, names)) == 25


def test_priors_are_drawn_as_they_are(rich):
    model, _ = rich
    axes = model.plot_priors()
    assert [one.get_title(loc="left") for one in axes] == list(model.priors)
    (curve,) = axes[1].lines
    x, height = curve.get_data()
    sigma = model.priors["x"].params["sigma"]
    np.testing.assert_allclose(height, np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)), rtol=1e-9)
    assert np.trapezoid(height, x) > 0.98
    assert axes[0].get_xlabel() == "mean response at the predictor means"
    assert entries(axes[3]) == ["bob", "cat"]
    check_legible(axes)


@pytest.mark.parametrize(
    "prior",
    [
        fb.StudentT(3, 1, 2), fb.Cauchy(0, 1), fb.Laplace(0, 2), fb.Uniform(-1, 3), fb.Exponential(3), fb.HalfCauchy(2),
        fb.Gamma(0.5, 1), fb.InverseGamma(3, 2), fb.HalfStudentT(4, 1), fb.Normal(1e-150, 1e-150), fb.Normal(0, 1e150),
    ],
)  # fmt: skip
def test_most_of_any_prior_is_shown(prior):
    model = fb.Model("y ~ x", FRAME, priors={"x": prior})
    (axes,) = model.plot_priors("x")
    (curve,) = axes.lines
    x, height = curve.get_data()
    assert np.isfinite(height).all()
    assert np.trapezoid(height, x) == pytest.approx(1, abs=0.08)
    low, high = axes.get_xlim()
    assert low <= x.min()
    assert x.max() <= high


def test_improper_priors_are_level_and_called_so():
    model = fb.Model("y ~ x", FRAME, priors={"x": fb.Flat()})
    (axes,) = model.plot_priors("x")
    assert axes.get_xlabel() == "Flat()\nimproper"  # beside the title they would meet
    assert axes.get_title(loc="right") == ""
    check_legible(axes)
    assert len(set(axes.lines[0].get_ydata())) == 1
    idata = model.fit(draws=500, tune=500, random_seed=1, progressbar=False)
    assert len(fb.plot_prior_posterior(model, idata, "x")) == 1


def test_prior_and_posterior_are_about_the_same_quantity(line):
    model, idata = line
    axes = fb.plot_prior_posterior(model, idata)
    assert [one.get_title(loc="left") for one in axes] == ["Intercept", "x", "sigma"]
    assert entries(axes[0]) == ["posterior", "prior"]
    posterior, prior = axes[0].lines
    x, height = posterior.get_data()
    at_means = np.asarray(idata["posterior"]["Intercept"] + idata["posterior"]["x"] * FRAME.x.mean())
    assert np.average(x, weights=height) == pytest.approx(at_means.mean(), rel=1e-3)
    mu, sigma = (model.priors["Intercept"].params[name] for name in ("mu", "sigma"))
    np.testing.assert_allclose(
        prior.get_ydata(), np.exp(-0.5 * ((prior.get_xdata() - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    )
    assert posterior.get_linestyle() != prior.get_linestyle()
    check_legible(axes)


def test_a_prior_away_from_the_posterior_is_in_the_picture(line):
    model = fb.Model("y ~ x", FRAME, priors={"x": fb.Normal(-50, 1)})
    (axes,) = fb.plot_prior_posterior(model, line[1], "x")
    low, high = axes.get_xlim()
    assert low < -50
    assert high > 2


def test_bad_input_of_prior_pictures(line, rich):
    with pytest.raises(fb.SettingError, match="'w', which is no parameter"):
        line[0].plot_priors(["w"])
    with pytest.raises(fb.SettingError, match="1 axes, and this picture 3 panels"):
        line[0].plot_priors(ax=plt.subplots()[1])
    with pytest.raises(fb.SettingError, match="draws of another model: they are of"):
        fb.plot_prior_posterior(rich[0], line[1])
    with pytest.raises(fb.DataTypeError, match="model must be a model of filbert"):
        plot_priors(FRAME)
