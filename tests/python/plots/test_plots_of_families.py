"""Pictures of every family: curves and data on the scale of the response, rootograms, calibration, ArviZ's checks."""

from __future__ import annotations

import arviz as az
import filbert as fb
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from filbert.families import FAMILIES
from filbert.interpret.checks import calibration_of, counts_of
from picture_checks import band, check_legible, entries

mpl.use("agg")
import matplotlib.pyplot as plt

RNG = np.random.default_rng(11)
N = 120
FRAME = pd.DataFrame({"x": RNG.uniform(0, 2, N), "g": RNG.choice(["a", "b"], N), "n": RNG.integers(1, 30, N)})
MEAN = np.exp(0.3 + 0.6 * FRAME.x)
CHANCE = 1 / (1 + np.exp(1 - 1.5 * FRAME.x))
FRAME["metric"] = FRAME.x + RNG.normal(size=N)
FRAME["heavy"] = FRAME.x + 0.4 * RNG.standard_t(3, N)
FRAME["one"] = RNG.binomial(1, CHANCE)
FRAME["won"] = RNG.binomial(FRAME.n, CHANCE)
FRAME["clustered"] = RNG.binomial(FRAME.n, RNG.beta(4 * CHANCE, 4 * (1 - CHANCE)))
FRAME["count"] = RNG.poisson(MEAN)
FRAME["scattered"] = RNG.negative_binomial(1.2, 1.2 / (1.2 + 4 * MEAN))
FRAME["positive"] = RNG.gamma(3, MEAN / 3)
FRAME["part"] = RNG.beta(5 * CHANCE, 5 * (1 - CHANCE))
FRAME["months"] = RNG.uniform(1, 50, N)
FRAME["rate_count"] = RNG.poisson(MEAN * FRAME.months)
RESPONSES = {
    "gaussian": "metric", "bernoulli": "one", "binomial": "p(won, n)", "poisson": "count",
    "negativebinomial": "scattered", "t": "heavy", "gamma": "positive", "exponential": "positive",
    "lognormal": "positive", "beta": "part", "beta_binomial": "p(clustered, n)",
}  # fmt: skip
LABELS = {"bernoulli": "probability of one", "lognormal": "mu of positive"}


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def fitted(formula, family, **arguments):
    model = fb.Model(formula, FRAME, family=family, **arguments)
    return model, model.fit(draws=500, tune=500, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def fits():
    return {family: fitted(f"{response} ~ x + g", family) for family, response in RESPONSES.items()}


def pooled(idata, name):
    return np.asarray(idata["posterior"][name]).ravel()


def successes(family):
    return FRAME.won if family == "binomial" else FRAME.clustered


def test_every_family_is_tested():
    assert set(RESPONSES) == set(FAMILIES)


# Curves and data


@pytest.mark.parametrize("family", FAMILIES)
def test_curves_are_means_on_the_scale_of_the_response(fits, family):
    model, idata = fits[family]
    axes = fb.plot_lm(model, idata, x="x", num_samples=7)
    at, height = next(one for one in axes.lines if one.get_label() == "posterior mean").get_data()
    predictor = pooled(idata, "Intercept") + np.multiply.outer(at, pooled(idata, "x"))
    if dict(fb.predictions(model, idata, "x").iloc[0])["g"] == "b":
        predictor = predictor + pooled(idata, "g")
    if family == "lognormal":
        draws = np.exp(predictor + 0.5 * pooled(idata, "sigma") ** 2)
    else:
        draws = model.regression.link_function.inverse(predictor)
    np.testing.assert_allclose(height, draws.mean(axis=1), rtol=1e-9)
    ends = np.sort(band(axes)[:, 1])
    lower, upper = np.quantile(draws, [0.03, 0.97], axis=1)
    np.testing.assert_allclose([ends[0], ends[-1]], [lower.min(), upper.max()], rtol=1e-6)
    values = np.asarray(axes.collections[0].get_offsets())
    expected = successes(family) / FRAME.n if FAMILIES[family].has_trials else FRAME[RESPONSES[family]]
    if family == "bernoulli":
        np.testing.assert_array_equal(np.rint(values[:, 1]), expected)
        assert 0 < np.abs(values[:, 1] - expected).max() <= 0.03
    else:
        np.testing.assert_allclose(values, np.column_stack([FRAME.x, expected]))
    assert axes.get_ylabel() == ("probability of one" if family == "bernoulli" else RESPONSES[family])
    check_legible(axes)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_picture_says_what_it_draws(fits, family):
    model, idata = fits[family]
    response = RESPONSES[family]
    mean = LABELS.get(family, f"mean {response}")
    change = LABELS.get(family, response)
    assert flat(fb.plot_predictions(model, idata, ["x", "g"])) == mean
    assert flat(fb.plot_predictions(model, idata, "g", scale="link")) == f"linear predictor of {response}"
    assert flat(fb.plot_comparisons(model, idata, "g")) == f"average difference of {change}"
    assert flat(fb.plot_comparisons(model, idata, "g", "x")) == f"difference of {change} g: a to b"
    assert flat(fb.plot_slopes(model, idata, "x", "g")) == f"slope of {change} along x"
    link = fb.plot_slopes(model, idata, "x", "g", scale="link")
    assert flat(link) == f"slope of linear predictor of {response} along x"
    for name in model.regression.auxiliaries:
        assert fb.plot_predictions(model, idata, "x", target=name)[0].get_ylabel() == name
    about = "mean response" if family in ("gaussian", "t") else "linear predictor"
    priors = model.plot_priors()
    assert priors[0].get_xlabel() == f"{about} at the predictor means"
    names = ["Intercept", "x", "g", *model.regression.auxiliaries]
    assert [axes.get_title(loc="left") for axes in priors] == names
    assert len(fb.plot_prior_posterior(model, idata)) == len(names)
    assert [left.get_title(loc="left") for left in fb.plot_trace(idata)[:, 0]] == names
    for standardize in (None, model):
        forest = fb.plot_forest(idata, standardize=standardize)
        assert [tick.get_text() for tick in forest.get_yticklabels()] == ["x", "g[b]"]


def flat(axes):
    return axes[0].get_ylabel().replace("\n", " ")


@pytest.mark.parametrize("family", ["bernoulli", "binomial", "poisson"])
def test_points_beside_predictions_are_on_their_scale(fits, family):
    model, idata = fits[family]
    (axes,) = fb.plot_predictions(model, idata, ["x", "g"], points=True)
    expected = FRAME.won / FRAME.n if family == "binomial" else FRAME[RESPONSES[family]]
    first, second = (one for one in axes.collections if isinstance(one, mpl.collections.PathCollection))
    for level, drawn in (("a", first), ("b", second)):
        here = FRAME.g == level
        offsets = np.asarray(drawn.get_offsets())
        np.testing.assert_array_equal(offsets[:, 0], FRAME.x[here])
        np.testing.assert_allclose(offsets[:, 1], expected[here], atol=0.03 if family == "bernoulli" else 0)
        if family == "binomial":
            np.testing.assert_allclose(drawn.get_sizes(), 70 * np.sqrt(FRAME.n[here] / FRAME.n.max()))
    check_legible(axes)


def test_points_are_refused_on_another_scale(fits):
    for family, arguments in (
        ("bernoulli", {"scale": "link"}),
        ("negativebinomial", {"target": "alpha"}),
        ("lognormal", {}),
    ):
        with pytest.raises(fb.SettingError, match=r"points=True draws responses, and .* has another scale"):
            fb.plot_predictions(*fits[family], "x", points=True, **arguments)
    assert fb.plot_predictions(*fits["gaussian"], "x", points=True, scale="link")[0].collections
    with pytest.raises(fb.SettingError, match=r"conditional makes rows without the trials"):
        fb.plot_predictions(*fits["binomial"], "x", pps=True)


def test_shares_are_those_of_bins_of_rows(fits):
    axes = fb.plot_lm(*fits["bernoulli"], x="x")
    shares = next(one for one in axes.lines if one.get_label() == "shares in 6 bins")
    in_order = FRAME.sort_values("x")
    at, height = (in_order[name].to_numpy().reshape(6, 20).mean(axis=1) for name in ("x", "one"))
    np.testing.assert_allclose(shares.get_data(), [at, height])
    assert "data, larger for more trials" in entries(fb.plot_lm(*fits["binomial"], x="x"))


def test_an_offset_of_a_log_link_divides_the_data():
    model, idata = fitted("rate_count ~ x + offset(log(months))", "poisson")
    axes = fb.plot_lm(model, idata)
    assert axes.get_ylabel() == "rate_count / months"
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], FRAME.rate_count / FRAME.months)
    at, height = next(one for one in axes.lines if one.get_label() == "posterior mean").get_data()
    draws = np.exp(pooled(idata, "Intercept") + np.multiply.outer(at, pooled(idata, "x")))
    np.testing.assert_allclose(height, draws.mean(axis=1))


def test_an_offset_of_another_link_has_its_mean():
    model, idata = fitted("one ~ x + offset(metric)", "bernoulli")
    axes = fb.plot_lm(model, idata, x="x")
    at, height = next(one for one in axes.lines if one.get_label() == "posterior mean").get_data()
    predictor = pooled(idata, "Intercept") + np.multiply.outer(at, pooled(idata, "x")) + FRAME.metric.mean()
    np.testing.assert_allclose(height, (1 / (1 + np.exp(-predictor))).mean(axis=1))
    assert axes.get_title(loc="right") == f"lines at offset = {FRAME.metric.mean():.3g}"


# Rootograms


def means(model, idata):
    """Draws of the parent parameter of each row, (rows, draws)."""
    predictor = pooled(idata, "Intercept") + np.multiply.outer(FRAME.x.to_numpy(), pooled(idata, "x"))
    predictor = predictor + np.multiply.outer((FRAME.g == "b").to_numpy(), pooled(idata, "g"))
    return model.regression.link_function.inverse(predictor)


def exact_distribution(family, idata, mean):
    """The distribution of each row at each draw, by SciPy."""
    from scipy.stats import binom, nbinom, poisson

    if family == "negativebinomial":
        alpha = pooled(idata, "alpha")
        return nbinom(alpha, alpha / (alpha + mean))
    return poisson(mean) if family == "poisson" else binom(FRAME.n.to_numpy()[:, None], mean)


@pytest.mark.parametrize(
    ("family", "response"), [("poisson", "count"), ("negativebinomial", "scattered"), ("binomial", "won")]
)
def test_rootogram_hangs_from_expected_counts(fits, family, response):
    model, idata = fits[family][0], fits[family][1].isel(draw=slice(0, 100))
    axes = fb.plot_rootogram(model, idata, prob=0.8)
    values = FRAME[response].to_numpy()
    width = -(-(values.max() + 1) // 50)
    n_bars = -(-(values.max() + 1) // width)
    distribution = exact_distribution(family, idata, means(model, idata))
    expected = np.zeros((n_bars, 400))
    for count in range(values.max() + 1):
        expected[count // width] += distribution.pmf(count).sum(axis=0)
    (line,) = (one for one in axes.lines if one.get_label() == "expected")
    np.testing.assert_allclose(line.get_ydata() ** 2, expected.mean(axis=1), rtol=1e-7)
    np.testing.assert_allclose(line.get_xdata(), np.arange(n_bars) * width + (width - 1) / 2)
    observed = np.bincount(values // width, minlength=n_bars)
    np.testing.assert_allclose([one.get_height() ** 2 for one in axes.patches], observed, atol=1e-9)
    tops = [one.get_y() + one.get_height() for one in axes.patches]
    np.testing.assert_allclose(tops, line.get_ydata(), atol=1e-9)
    lower, upper = np.quantile(expected, [0.1, 0.9], axis=1)
    check = counts_of(model.regression, idata, 0.8)
    np.testing.assert_allclose([check.lower, check.upper], [lower, upper], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(band(axes)[:, 1].max() ** 2, upper.max(), rtol=1e-6)
    check_legible(axes)


def test_rootogram_of_counts_beyond_all_bars_is_refused():
    data = pd.DataFrame({"x": np.arange(60.0), "y": [*range(59), 10**6]})
    model = fb.Model("y ~ 1", data, family="negativebinomial")
    idata = model.fit(50, random_seed=1, progressbar=False, compute_convergence_checks=False)
    with pytest.raises(ValueError, match="'y' goes up to 1000000"):
        fb.plot_rootogram(model, idata)


def test_rootogram_tells_scatter_that_a_poisson_does_not_allow(fits):
    """Bars of a wrong family end beyond the warning limits, and those of the right one within."""
    wrong = fitted("scattered ~ x + g", "poisson")

    def beyond(model, idata):
        check = counts_of(model.regression, idata, 0.94)
        return np.abs(check.mean**0.5 - check.observed**0.5).max()

    assert beyond(*wrong) > 2.5
    assert beyond(*fits["negativebinomial"]) < 1.8
    assert beyond(*fits["poisson"]) < 1.8


def test_rootogram_of_weighted_rows_equals_that_of_repeated_ones():
    weighted = FRAME.assign(w=RNG.integers(0, 4, N))
    repeated = FRAME.loc[FRAME.index.repeat(weighted.w)]
    one = fb.Model("count ~ x", weighted, family="poisson", weights="w")
    idata = one.fit(draws=500, tune=500, random_seed=1, progressbar=False)
    two = fb.Model("count ~ x", repeated, family="poisson")
    idata["posterior"].attrs.pop("model_fingerprint")
    first, second = (counts_of(model.regression, idata, 0.94) for model in (one, two))
    n = len(second.observed)
    np.testing.assert_allclose(first.observed[:n], second.observed)
    np.testing.assert_allclose(first.mean[:n], second.mean)
    assert fb.plot_rootogram(one, idata).get_ylabel() == "root of the weight of rows"


# Calibration


def test_calibration_is_the_share_in_bins_of_probability(fits):
    for family, response in (("bernoulli", "one"), ("binomial", "won"), ("beta_binomial", "clustered")):
        model, idata = fits[family]
        trials = FRAME.n.to_numpy() if FAMILIES[family].has_trials else np.ones(N)
        chances = fb.predictions(model, idata)["mean"].to_numpy()
        order = np.argsort(chances).reshape(6, 20)
        axes = fb.plot_calibration(model, idata, bins=6)
        points = next(one for one in axes.lines if one.get_label() == "data")
        total = trials[order].sum(axis=1)
        predicted = (trials * chances)[order].sum(axis=1) / total
        observed = FRAME[response].to_numpy()[order].sum(axis=1) / total
        np.testing.assert_allclose(points.get_data(), [predicted, observed])
        model.predict(idata, kind="response", random_seed=0)
        replicated = np.asarray(idata["posterior_predictive"][model.regression.response]).reshape(-1, N)
        assert replicated.dtype == np.int64
        check = calibration_of(model.regression, idata, 6, 0.94, 3)
        shares = replicated.T[order].sum(axis=1) / total[:, None]
        spread = shares.std(axis=1)
        expected = np.quantile(shares, [0.03, 0.97], axis=1)
        # A quantile of 1000 draws is off by some 0.08 deviations; a share of few rows comes in steps.
        tolerance = 0.35 * spread + 1 / total
        assert (np.abs([check.lower, check.upper] - expected) <= tolerance).all()
        check_legible(axes)
        plt.close("all")


def test_calibration_tells_a_wrong_curve_from_a_right_one():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.uniform(-2, 2, 1500)})
    frame["y"] = rng.binomial(1, np.where(np.abs(frame.x) < 1, 0.8, 0.2))
    for formula, holds in (("y ~ x", False), ("y ~ C(abs(x) < 1)", True)):
        model = fb.Model(formula, frame, family="bernoulli", extra_namespace={"abs": np.abs})
        idata = model.fit(draws=500, tune=500, random_seed=1, progressbar=False)
        check = calibration_of(model.regression, idata, 10, 0.999, 1)
        inside = (check.lower <= check.observed) & (check.observed <= check.upper)
        assert inside.all() == holds
    assert len(check.rows) == 2  # equal probabilities share a bin
    assert check.rows.sum() == 1500


def test_checks_of_other_families_and_bad_input(fits, tmp_path):
    with pytest.raises(fb.SettingError, match=r"of counts, and family 'gamma' has other .*'poisson', .*plot_ppc_dist"):
        fb.plot_rootogram(*fits["gamma"])
    with pytest.raises(fb.SettingError, match=r"family 'bernoulli' has other responses"):
        fb.plot_rootogram(*fits["bernoulli"])
    with pytest.raises(fb.SettingError, match=r"of 0 and 1 or shares, and family 'poisson' .*'bernoulli', 'binomial'"):
        fb.plot_calibration(*fits["poisson"])
    with pytest.raises(fb.SettingError, match="prob must be between 0 and 1"):
        fb.plot_rootogram(*fits["poisson"], prob=94)
    with pytest.raises(fb.SettingError, match="bins"):
        fb.plot_calibration(*fits["bernoulli"], bins=0)
    with pytest.raises(fb.SettingError, match="draws of another model"):
        fb.plot_calibration(fits["bernoulli"][0], fits["poisson"][1])
    fits["poisson"][0].save(tmp_path / "a.filbert")
    with pytest.raises(fb.DataError, match="which has no rows"):
        fb.plot_rootogram(fb.load(tmp_path / "a.filbert"), fits["poisson"][1])


def test_pictures_of_families_fit_small_axes(fits):
    for draw in (
        lambda ax: fb.plot_rootogram(*fits["negativebinomial"], ax=ax),
        lambda ax: fb.plot_calibration(*fits["bernoulli"], ax=ax),
        lambda ax: fb.plot_lm(*fits["binomial"], x="x", ax=ax),
    ):
        _, ax = plt.subplots(figsize=(3.2, 3), layout="constrained")
        draw(ax)
        check_legible(ax)


# ArviZ's checks


CHECKS = {"bernoulli": ["plot_ppc_pava"], "poisson": ["plot_ppc_rootogram"], "negativebinomial": ["plot_ppc_rootogram"]}


@pytest.mark.filterwarnings("ignore:Variables .* look")  # ArviZ's advice on which check suits
@pytest.mark.parametrize("family", FAMILIES)
def test_predictive_checks_of_arviz_read_the_container(family):
    model, idata = fitted(f"{RESPONSES[family]} ~ x", family)
    model.predict(idata, kind="response", random_seed=1)
    kind = "i" if FAMILIES[family].is_discrete else "f"
    for group in ("observed_data", "posterior_predictive"):
        assert idata[group][RESPONSES[family]].dtype.kind == kind, group
    prior = model.prior_predictive(draws=20, random_seed=1)
    assert prior["prior_predictive"][RESPONSES[family]].dtype.kind == kind
    pictures = ["plot_ppc_dist", *CHECKS.get(family, [])] if hasattr(az, "plot_ppc_dist") else ["plot_ppc"]
    for name in pictures:
        assert getattr(az, name)(idata) is not None, name
