"""The same mixed model stated in two ways has the same posterior, and posteriors known in closed form are met."""

from __future__ import annotations

from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.regression.identifiability import centring_advice
from scipy import stats
from statistical.marginals import Array
from statistical.scores import Z_LIMIT, coverage_score, differences, effective_sample_size
from statistical.test_group_cases import FOLDER, labelled

pytestmark = pytest.mark.statistical

G, H, N = 8, 3, 120


def simulated(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, h = rng.integers(0, G, N), rng.integers(0, H, N)
    x, o = rng.normal(1, 1, N), rng.normal(size=N)
    u = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 0.7]], G)
    y = 2 + u[g, 0] + (1 + u[g, 1]) * x + rng.normal(0, 0.5, G * H)[g * H + h] + rng.normal(0, 0.7, N)
    labels = {"g": [f"g{i}" for i in g], "h": [f"h{i}" for i in h]}
    return pd.DataFrame({"y": y, "x": x, "o": o, "w": rng.integers(1, 4, N), **labels, "row": np.arange(N)})


FRAME = simulated()
PRIORS = {
    "Intercept": fb.Normal(1, 3),
    "x": fb.Normal(0, 2),
    "sigma": fb.HalfNormal(1.5),
    "group_specific": fb.Prior("Normal", mu=0, sigma=fb.HalfNormal(1.2)),
}


def fit(
    formula: str, frame: pd.DataFrame = FRAME, seed: int = 1, draws: int = 1500, **options: Any
) -> dict[str, Array]:
    options = {"priors": PRIORS, "center_predictors": False} | options
    idata = fb.Model(formula, frame, **options).fit(draws=draws, random_seed=seed, progressbar=False)
    assert not np.asarray(idata["sample_stats"]["diverging"]).any()
    return labelled(idata)


def worst_difference(first: dict[str, Array], second: dict[str, Array]) -> float:
    names = sorted(set(first) & set(second))
    assert names
    with np.errstate(invalid="ignore", divide="ignore"):  # shares of draws that are 0 or 1
        scores = differences(*(np.array([draws[name] for name in names]) for draws in (first, second)))
    return float(np.abs(np.nan_to_num(scores, nan=np.inf)).max())


def agree(first: dict[str, Array], second: dict[str, Array]) -> bool:
    return worst_difference(first, second) < Z_LIMIT


def test_two_bars_are_two_terms_and_not_a_correlated_one() -> None:
    two_bars = fit("y ~ x + (x || g)")
    two_terms = fit("y ~ x + (1 | g) + (0 + x | g)", seed=2)
    assert set(two_bars) == set(two_terms)
    assert agree(two_bars, two_terms)
    assert agree(two_bars, fit("y ~ x + (x | g)", seed=3, correlated=False))
    assert not agree(two_bars, fit("y ~ x + (x | g)"))


def test_nested_is_its_interaction_spelling() -> None:
    nested = fit("y ~ x + (1 | g/h)")
    assert agree(nested, fit("y ~ x + (1 | g) + (1 | g:h)", seed=2))
    own = FRAME.assign(cell=FRAME.g + ":" + FRAME.h)
    by_cell = fit("y ~ x + (1 | g) + (1 | cell)", own, seed=3)
    renamed = {label.replace("1|cell", "1|g:h"): draws for label, draws in by_cell.items()}
    assert set(renamed) == set(nested)
    assert agree(nested, renamed)
    assert not agree(nested, fit("y ~ x + (1 | g)"))


def test_weights_are_repeated_rows() -> None:
    repeated = FRAME.loc[FRAME.index.repeat(FRAME.w)]
    assert agree(fit("y ~ x + (x | g)", weights="w"), fit("y ~ x + (x | g)", repeated, seed=2))
    assert not agree(fit("y ~ x + (x | g)", weights="w"), fit("y ~ x + (x | g)", seed=2))


def test_an_offset_shifts_the_response() -> None:
    shifted = FRAME.assign(y=FRAME.y - FRAME.o)
    by_offset = fit("y ~ x + offset(o) + (x | g)")
    assert agree(by_offset, fit("y ~ x + (x | g)", shifted, seed=2))
    assert not agree(by_offset, fit("y ~ x + (x | g)", seed=2))


def test_lognormal_is_gaussian_on_logarithms() -> None:
    positive = FRAME.assign(y=np.exp(FRAME.y))
    assert agree(fit("y ~ x + (x | g)", positive, family="lognormal"), fit("y ~ x + (x | g)", seed=2))


def test_parameters_do_not_depend_on_whether_effects_are_kept() -> None:
    model = fb.Model("y ~ x + (x | g) + (1 | h)", FRAME)
    options: dict[str, Any] = {"draws": 600, "random_seed": 3, "progressbar": False}
    whole, without = (model.fit(include_group_effects=keep, **options) for keep in (True, False))
    kept = labelled(without)
    assert {label for label in labelled(whole) if label not in kept} == {
        f"{effect}[{level}]"
        for effect, factor in (("1|g", "g"), ("x|g", "g"), ("1|h", "h"))
        for level in sorted(FRAME[factor].unique())
    }
    for label, draws in kept.items():
        np.testing.assert_array_equal(draws, labelled(whole)[label])
    predictions = [np.asarray(model.predict(idata, inplace=False)["posterior"]["mu"]) for idata in (whole, without)]
    np.testing.assert_array_equal(*predictions)


def standardised(draws: dict[str, Array], labels: list[str], X: Array, y: Array, mean: Array, sd: Array) -> Array:
    """Coefficients less their mean given the draw's sigma, over their deviation: standard normal if they are right."""
    inverse = np.linalg.inv(X.T @ X / draws["sigma"][..., None, None] ** 2 + np.diag(sd**-2.0))
    means = (inverse @ (X.T @ y / draws["sigma"][..., None] ** 2 + mean / sd**2)[..., None])[..., 0]
    values = np.stack([draws[label] for label in labels], axis=-1)
    scores: Array = (values - means) / np.sqrt(np.diagonal(inverse, axis1=-2, axis2=-1))
    return np.moveaxis(scores, -1, 0)


def normal_scores(standard: Array) -> Array:
    """Scores of means and tails of draws, (coefficients, chains, draws), that should be standard normal."""
    found = []
    for draws in standard:
        found.append(draws.mean() * np.sqrt(effective_sample_size(draws)))
        found += [coverage_score(draws, stats.norm.ppf(p), p) for p in (0.05, 0.5, 0.95)]
    return np.abs(found)


def dummies(values: pd.Series) -> tuple[Array, list[str]]:
    levels = sorted(values.unique())
    return (values.to_numpy()[:, None] == np.array(levels)).astype(float), [str(level) for level in levels]


SIGMA, TAU, TAU_X = 0.9, 0.8, 0.5
Y, LINE = FRAME.y.to_numpy(), np.column_stack([np.ones(N), FRAME.x])


def known(**deviations: float) -> dict[str, Any]:
    """The priors with deviations that are known: ``x_by_g=0.5`` of ``"x|g"``."""
    names = {name.replace("_by_", "|").replace("one", "1"): value for name, value in deviations.items()}
    return {name: PRIORS[name] for name in ("Intercept", "x", "sigma")} | names


def test_known_deviations_are_a_regression_on_dummies_with_normal_priors() -> None:
    D, levels = dummies(FRAME.g)
    X = np.hstack([LINE, D, D * LINE[:, 1:]])
    labels = ["Intercept", "x", *(f"{part}|g[{level}]" for part in "1x" for level in levels)]
    mean = np.r_[1, np.zeros(1 + 2 * G)]
    draws = fit("y ~ x + (x || g)", priors=known(one_by_g=TAU, x_by_g=TAU_X))
    assert "1|g_sigma" not in draws

    def worst(intercepts: float, slopes: float) -> float:
        sd = np.r_[3, 2, np.full(G, intercepts), np.full(G, slopes)]
        return float(normal_scores(standardised(draws, labels, X, Y, mean, sd)).max())

    assert worst(TAU, TAU_X) < Z_LIMIT
    assert worst(TAU**2, TAU_X**2) > Z_LIMIT  # a deviation read as a variance
    assert worst(TAU_X, TAU) > Z_LIMIT  # taken for one another


@pytest.mark.filterwarnings("ignore:Each group of 'row' has one row")
def test_groups_of_one_row_with_a_known_deviation_are_a_ridge() -> None:
    frame = FRAME.iloc[:40]
    labels = ["Intercept", "x", *(f"1|row[{i}]" for i in frame.row)]
    X, y = np.hstack([LINE[:40], np.eye(40)]), Y[:40]
    prior = np.r_[1, np.zeros(41)], np.r_[3, 2, np.full(40, TAU)]
    draws = fit("y ~ x + (1 | row)", frame, priors=known(one_by_row=TAU))
    assert normal_scores(standardised(draws, labels, X, y, *prior)).max() < Z_LIMIT
    swapped = labels[:2] + labels[3:] + labels[2:3]
    assert normal_scores(standardised(draws, swapped, X, y, *prior)).max() > Z_LIMIT


def test_crossed_groups_with_known_deviations() -> None:
    (D, g), (E, h) = dummies(FRAME.g), dummies(FRAME.h)
    labels = ["Intercept", "x", *(f"1|g[{level}]" for level in g), *(f"1|h[{level}]" for level in h)]
    mean, sd = np.r_[1, np.zeros(1 + G + H)], np.r_[3, 2, np.full(G, TAU), np.full(H, TAU_X)]
    draws = fit("y ~ x + (1 | g) + (1 | h)", priors=known(one_by_g=TAU, one_by_h=TAU_X))
    X = np.hstack([LINE, D, E])
    assert normal_scores(standardised(draws, labels, X, Y, mean, sd)).max() < Z_LIMIT
    assert normal_scores(standardised(draws, labels, np.hstack([LINE, D, E[:, ::-1]]), Y, mean, sd)).max() > Z_LIMIT


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ 0 + (1 | g)"])
def test_draws_differ_where_sigma_and_all_deviations_are_known(formula: str) -> None:
    draws = fit(formula, priors={"1|g": fb.Normal(0, TAU), "sigma": SIGMA})
    effects = next(values for name, values in draws.items() if name.startswith("1|g"))
    assert len(np.unique(effects)) > 1000
    if "x" in draws:
        assert len(np.unique(draws["x"])) > 1000


def test_a_deviation_that_is_sampled_against_quadrature() -> None:
    """The deviation of the only grouping factor, with everything else known but the effects: one dimension."""
    frame = FRAME.assign(y=FRAME.y - FRAME.x)
    D, _ = dummies(frame.g)
    prior = fb.Prior("HalfNormal", sigma=1.2)
    draws = fit("y ~ 0 + (1 | g)", frame, draws=4000, priors={"sigma": SIGMA, "1|g_sigma": prior})["1|g_sigma"]
    sizes, sums = D.sum(axis=0), D.T @ frame.y.to_numpy()
    tau = np.linspace(1e-4, 8, 20_001)[:, None]
    precision = sizes / SIGMA**2 + tau**-2
    log_density = (-np.log(tau) - np.log(precision) / 2 + (sums / SIGMA**2) ** 2 / precision / 2).sum(axis=1)
    log_density -= tau[:, 0] ** 2 / (2 * 1.2**2)
    cumulated = np.cumsum(np.exp(log_density - log_density.max()))
    for probability in (0.05, 0.25, 0.5, 0.75, 0.95):
        quantile = float(tau[np.searchsorted(cumulated, probability * cumulated[-1]), 0])
        assert abs(coverage_score(draws, quantile, probability)) < Z_LIMIT
        assert abs(coverage_score(draws, quantile * 1.3, probability)) > Z_LIMIT


@pytest.mark.parametrize("ratio", [10, 100, 3000])
def test_groups_that_lie_many_scales_of_a_t_apart_against_quadrature(ratio: float) -> None:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(6), 8)
    y = 0.1 * (ratio * rng.normal(size=6)[g] + rng.standard_t(4, len(g)))
    known = {"1|g": fb.Normal(0, 0.1 * ratio), "sigma": 0.1, "nu": 4}
    frame = pd.DataFrame({"y": y, "g": g})
    drawn = fit("y ~ 0 + (1 | g)", frame, family="t", priors=known, center_predictors=True)
    from_normal = 0.0
    for group in range(6):
        rows, draws = y[g == group], drawn[f"1|g[{group}]"]
        at = np.linspace(rows.min() - 1, rows.max() + 1, 4001)
        log_density = stats.t.logpdf(rows[:, None], 4, at, 0.1).sum(axis=0) + stats.norm.logpdf(at, 0, 0.1 * ratio)
        share = np.exp(log_density - log_density.max())
        share /= share.sum()
        error = np.sqrt(share @ (at - share @ at) ** 2 / effective_sample_size(draws))
        assert abs(draws.mean() - share @ at) < Z_LIMIT * error
        from_normal = max(from_normal, abs(draws.mean() - rows.mean()) / error)
    assert from_normal > Z_LIMIT  # residuals that are normal would be noticed


def years(slopes: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 20, 400)
    t = 4 * rng.normal(size=400)
    y = 10 + rng.normal(size=20)[g] + slopes * rng.normal(size=20)[g] * t + rng.normal(size=400)
    return pd.DataFrame({"g": g, "year": 2000 + t, "y": y})


def half_normal(sigma: float) -> fb.Prior:
    return fb.Prior("Normal", mu=0, sigma=fb.Prior("HalfNormal", sigma=sigma))


def test_slopes_of_years_are_those_of_centred_years_but_for_the_prior():
    """Seen from the year 0 intercepts and slopes are one, with a correlation of -1 to five digits.

    The model of centred years has the same likelihood, so that its draws are weighed by the ratio of the priors, in
    deviations at the mean and a correlation there; the covariances are linear in each other, with determinant 1.
    """
    data = years(0.5, seed=2)
    mean = data.year.mean()
    priors = {"1|g": half_normal(3000), "year|g": half_normal(2)}
    idata = fb.Model("y ~ year + (year | g)", data, priors=priors).fit(2000, random_seed=1, progressbar=False)
    assert not idata["sample_stats"]["diverging"].any()
    priors = {"1|g": half_normal(6), "center(year)|g": half_normal(2)}
    centred = fb.Model("y ~ year + (center(year) | g)", data, priors=priors)
    centred = centred.fit(5000, random_seed=2, progressbar=False)["posterior"]
    at_mean, slope, corr = (np.ravel(centred[name]) for name in ("1|g_sigma", "center(year)|g_sigma", "g_corr"))
    at_zero = np.sqrt(at_mean**2 - 2 * mean * corr * at_mean * slope + (mean * slope) ** 2)
    remainder = at_mean**2 * (1 - corr**2) / at_zero**2  # of the correlation at zero: 1 less its square
    log_weight = -((at_zero / 3000) ** 2) / 2 + np.log(remainder) + (at_mean / 6) ** 2 / 2 - np.log1p(-(corr**2))
    log_weight += 2 * np.log(at_mean / at_zero)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    found = idata["posterior"]
    pairs = [
        (np.log(found["1|g_sigma"]), np.log(at_zero)),
        (np.log(found["year|g_sigma"]), np.log(slope)),
        (np.log1p(-(found["g_corr"] ** 2)), np.log(remainder)),
        (np.log(found["sigma"]), np.log(np.ravel(centred["sigma"]))),
    ]
    scores, broken = [], []
    for draws, reference in pairs:
        expected = (weight * reference).sum()
        spread = np.sqrt((weight * (reference - expected) ** 2).sum())
        error = spread * np.sqrt((weight**2).sum() + 1 / 3000)  # of which filbert's draws are worth at least so many
        scores.append((float(draws.mean()) - expected) / error)
        broken.append((float(draws.mean()) - reference.mean()) / error)  # the priors of centred years
        assert 0.9 < float(draws.std()) / spread < 1.1
    assert np.abs(scores).max() < Z_LIMIT
    assert np.abs(broken).max() > Z_LIMIT


def test_slopes_of_years_that_may_not_be_there_come_with_advice():
    """Where chains would have to choose between no slopes and slopes that intercepts make up for."""
    with pytest.raises(fb.DataError, match=r"cannot be computed.*'year\|g' is far from 0 .*\(center\(year\) \| g\)"):
        fb.Model("y ~ year + (year | g)", years(0.1, seed=0)).fit(progressbar=False)


def test_a_model_whose_adapted_proposals_have_no_frame_is_left_to_nuts():
    """The core's ImproperPosteriorError came out: widths of profiles alone do not hold this posterior."""
    with pytest.warns(fb.ConvergenceWarning):
        idata = fb.Model("y ~ year + (year | g)", years(0.05, seed=3)).fit(random_seed=1, progressbar=False)
    assert idata["posterior"].attrs["sampler"] == "nuts"


def test_divergences_far_from_zero_come_with_advice():
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(12), 8)
    x = 50 + rng.normal(size=len(g))
    data = pd.DataFrame({"g": g, "x": x, "y": rng.normal(0, 0.2, 12)[g] + rng.normal(size=len(g))})
    regression = fb.Model("y ~ x + (x | g)", data).regression
    assert "(center(x) | g)" in centring_advice(regression)
    assert centring_advice(fb.Model("y ~ x + (center(x) | g)", data).regression) == ""
    assert centring_advice(fb.Model("y ~ x + (1 | g)", data).regression) == ""


def slopes_far_from_zero(seed: int) -> pd.DataFrame:
    """Groups of all sizes, whose predictor has its mean at six of its deviations: a curved ridge, but no narrow one."""
    rng = np.random.default_rng(seed)
    n = 60
    g = np.repeat(np.arange(n), 1 + rng.geometric(1 / 20, n))
    x = rng.normal(76, 13, len(g))
    cov = np.array([[329, -3.26], [-3.26, 0.04]])
    u = rng.normal(size=(n, 2)) @ np.linalg.cholesky(cov).T
    return pd.DataFrame({"g": g, "x": x, "y": 50 + 0.6 * x + u[g, 0] + u[g, 1] * x + rng.normal(0, 11.6, len(g))})


@pytest.mark.parametrize("seed", [2, 4, 5, 7])
def test_slopes_along_a_curved_ridge_have_a_posterior(seed: int) -> None:
    """The walk along a profile left the ridge, and a table that rose without end was refused.

    Given sigma, deviations and correlation at their means, the common slope has the mean and deviation that generalised
    least squares says, up to what their spread adds.
    """
    data = slopes_far_from_zero(seed)
    idata = fb.Model("y ~ x + (x | g)", data).fit(draws=1000, random_seed=1, progressbar=False)
    assert not idata["sample_stats"]["diverging"].any()
    draws = labelled(idata)
    sigma, one, slope, corr = (
        float(draws[name].mean()) for name in ("sigma", "1|g_sigma", "x|g_sigma", "g_corr[1, x]")
    )
    cov = np.array([[one**2, corr * one * slope], [corr * one * slope, slope**2]])
    information, score = np.zeros((2, 2)), np.zeros(2)
    for _, rows in data.groupby("g"):
        columns = np.column_stack([np.ones(len(rows)), rows.x])
        weighed = np.linalg.solve(columns @ cov @ columns.T + sigma**2 * np.eye(len(rows)), columns)
        information += columns.T @ weighed
        score += weighed.T @ rows.y.to_numpy()
    found = np.linalg.inv(information)
    assert abs(draws["x"].mean() - (found @ score)[1]) < 0.1 * np.sqrt(found[1, 1])
    assert np.isclose(draws["x"].std(), np.sqrt(found[1, 1]), rtol=0.1)


@pytest.mark.parametrize("seed", [1, 3])
def test_local_moves_beside_adapted_proposals_do_not_diverge(seed: int) -> None:
    """Their step was a standard normal's, where coordinates are none: a tenth of them diverged, and nothing said so."""
    data = pd.read_csv(FOLDER / "Machines-nested" / "data.csv")
    idata = fb.Model("score ~ Machine + (Machine | Worker)", data).fit(random_seed=seed, progressbar=False)
    assert idata["posterior"].attrs["sampler"] == "independence"
    assert not idata["sample_stats"]["diverging"].any()


def counts_far_from_zero(seed: int) -> pd.DataFrame:
    """Counts in groups, whose predictor has its mean at three of its deviations."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(18), 19)
    x = 3 + rng.normal(size=g.size)
    mean = np.exp(0.3 * (x - 3) + rng.normal(0, 0.2, 18)[g] + 0.05 * rng.normal(size=18)[g] * x)
    return pd.DataFrame({"y": rng.poisson(mean), "x": x, "g": g})


def stein_scores(draws: dict[str, Array], data: pd.DataFrame, width: float) -> Array:
    """Means of the log posterior's slopes in coefficients and effects, which are 0, in Monte Carlo errors."""
    effects = np.stack([draws["1|g"], draws["x|g"]], axis=-1)  # (chains, draws, groups, 2)
    one, slope, corr = draws["1|g_sigma"], draws["x|g_sigma"], draws["g_corr"]
    cov = np.stack([one**2, corr * one * slope, corr * one * slope, slope**2], axis=-1).reshape(*one.shape, 1, 2, 2)
    pull = np.linalg.solve(np.broadcast_to(cov, (*effects.shape, 2)), effects[..., None])[..., 0]
    columns = np.column_stack([np.ones(len(data)), data.x])
    coefficients = np.stack([draws["Intercept"], draws["x"]], axis=-1)
    predictor = ((coefficients[..., None, :] + effects[..., data.g.to_numpy(), :]) * columns).sum(axis=-1)
    residuals = (data.y.to_numpy() - np.exp(predictor))[..., None] * columns
    of_groups = np.stack([residuals[..., data.g == g, :].sum(axis=-2) for g in range(effects.shape[2])], axis=-2)
    slopes = np.concatenate(
        [(of_groups - pull).reshape(*one.shape, -1), of_groups.sum(axis=-2) - coefficients / width**2], -1
    )
    return np.array(
        [
            values.mean() / (values.std() / np.sqrt(effective_sample_size(values)))
            for values in np.moveaxis(slopes, -1, 0)
        ]
    )


@pytest.mark.parametrize("seed", [12, 17, 22])
def test_counts_along_a_curved_ridge_have_their_posterior(seed: int) -> None:
    """Profiles left the ridge, and two fifths of such models were refused; the check shares no code with samplers."""
    data, width = counts_far_from_zero(seed), 2.0
    priors = {
        "Intercept": fb.Normal(0, width),
        "x": fb.Normal(0, width),
        "group_specific": fb.Prior("Normal", mu=0, sigma=fb.HalfNormal(1)),
    }
    model = fb.Model("y ~ x + (x | g)", data, family="poisson", priors=priors, center_predictors=False)
    idata = model.fit(draws=2000, random_seed=1, progressbar=False)
    assert not idata["sample_stats"]["diverging"].any()
    draws = {str(name): np.asarray(values).squeeze() for name, values in idata["posterior"].data_vars.items()}
    assert np.abs(stein_scores(draws, data, width)).max() < Z_LIMIT
    narrow = draws | {"x|g": 0.7 * draws["x|g"]}
    assert np.abs(stein_scores(narrow, data, width)).max() > Z_LIMIT


@pytest.mark.parametrize("seed", [80, 372])
def test_crossed_factors_of_few_levels_have_a_posterior_under_a_t(seed: int) -> None:
    """A profile that rose behind a second maximum put the frame where there is no density; the model was refused."""
    rng = np.random.default_rng(seed)
    g, h = rng.integers(0, 4, 96), rng.integers(0, 3, 96)
    x = rng.normal(size=96)
    data = pd.DataFrame({"y": 0.3 * x + rng.standard_t(4, size=96), "x": x, "g": g, "h": h})
    model = fb.Model("y ~ x + (1 | g) + (1 | h)", data, family="t")
    ours = labelled(model.fit(draws=2000, random_seed=1, progressbar=False))
    nuts = labelled(model.fit(draws=2000, sampler="nuts", random_seed=2, progressbar=False))
    for name in ("sigma", "nu", "1|g_sigma", "1|h_sigma", "x"):
        one, other = (
            np.log(ours[name]) if name != "x" else ours[name],
            np.log(nuts[name]) if name != "x" else nuts[name],
        )
        error = np.hypot(*(each.std() / np.sqrt(effective_sample_size(each)) for each in (one, other)))
        assert abs(one.mean() - other.mean()) < Z_LIMIT * error, name
