"""Tables take the arguments of bambi 0.21, in its order, and mean by them what it means or something that is said."""

from __future__ import annotations

import dataclasses
import inspect

import filbert as fb
import numpy as np
import pandas as pd
import pytest

RNG = np.random.default_rng(11)
N = 90
DATA = pd.DataFrame(
    {
        "x": RNG.normal(3, 1, N),
        "g": list("abc") * 30,
        "region": list("uv") * 45,
    }
)
DATA["y"] = 4 + 2 * DATA.x + (DATA.g == "b") + RNG.normal(size=N)

# bambi 0.21.0: positional arguments of bambi.interpret, in their order.
COMMON = ["use_hdi", "prob", "transforms", "sample_new_groups"]
OF_BAMBI = {
    "predictions": ["model", "idata", "conditional", "average_by", "target", *COMMON],
    "comparisons": ["model", "idata", "contrast", "conditional", "average_by", "target", "comparison", *COMMON],
    "slopes": ["model", "idata", "wrt", "conditional", "average_by", "eps", "slope", "target", *COMMON],
}
OF_BAMBI |= {f"plot_{name}": [*parameters, "fig_kwargs", "subplot_kwargs"] for name, parameters in OF_BAMBI.items()}


@pytest.fixture(scope="module")
def fit():
    model = fb.Model("y ~ x + g", DATA)
    return model, model.fit(random_seed=1)


def draws(idata, name):
    values = idata["posterior"][name].values
    return values.reshape(values.shape[0] * values.shape[1], -1).squeeze()


@pytest.mark.parametrize("name", OF_BAMBI)
def test_positional_arguments_are_bambis(name):
    parameters = inspect.signature(getattr(fb.interpret, name)).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == OF_BAMBI[name]


def test_pictures_take_what_tables_take(fit):
    (axes,) = fb.interpret.plot_predictions(
        *fit, "x", None, "y", False, [0.5, 0.9], None, None, {"figsize": (5, 4)}, {"main": "x"}
    )
    assert axes.get_ylabel() == "y"
    assert axes.figure.get_size_inches().tolist() == [5, 4]
    assert len(axes.collections) == 2  # a band for each interval
    (axes,) = fb.interpret.plot_predictions(*fit, "g", target="sigma")
    assert axes.get_ylabel() == "sigma"
    (axes,) = fb.interpret.plot_predictions(*fit, "x", scale="link")
    assert axes.get_ylabel() == "linear predictor of y"
    (axes,) = fb.interpret.plot_comparisons(*fit, {"g": ["a", "b"]}, "x", comparison="lift")
    assert axes.get_ylabel().startswith("lift of y")
    assert len(fb.interpret.plot_slopes(*fit, "x", "g", transforms={"y": np.exp}, prob=0.5)) == 1
    for given, message in (({"title": "t"}, r"fig_kwargs has 'title'.*axes\.set_title"), ("wide", "must be a dict")):
        with pytest.raises((fb.SettingError, fb.DataTypeError), match=message):
            fb.interpret.plot_predictions(*fit, "x", fig_kwargs=given)


def test_interpret_is_a_module_of_tables_and_pictures():
    assert fb.interpret.predictions is fb.predictions
    assert fb.interpret.plot_slopes is fb.plot_slopes
    assert dir(fb.interpret) == sorted(fb.interpret.__all__)
    with pytest.raises(AttributeError, match="no attribute 'prediction_s'"):
        fb.interpret.prediction_s  # noqa: B018


def test_summary_has_bambis_columns(fit):
    table = fb.predictions(*fit, "g", prob=[0.5, 0.89])
    assert list(table.columns) == ["g", "x", "mean", "sd", "hdi_5.5%", "hdi_94.5%", "hdi_25%", "hdi_75%"]
    summary = table.summary
    assert type(summary) is pd.DataFrame
    # As bambi 0.21.0 names them.
    assert list(summary.columns)[2:] == ["estimate", "lower_5.5%", "upper_94.5%", "lower_25.0%", "upper_75.0%"]
    np.testing.assert_array_equal(summary["estimate"], table["mean"])
    np.testing.assert_array_equal(summary["upper_75.0%"], table["hdi_75%"])
    pairs = fb.comparisons(*fit, "g", average_by="all").summary
    assert list(pairs["value"]) == ["a_vs_b", "a_vs_c", "b_vs_c"]
    assert list(fb.slopes(*fit, "x", "g").summary.columns[:3]) == ["term", "estimate_type", "value"]
    with pytest.raises(AttributeError, match=r"keeps no draws.*model\.predict"):
        table.draws  # noqa: B018


def test_several_probabilities_are_the_intervals_of_each(fit):
    both = fb.predictions(*fit, "x", prob=[0.5, 0.9], use_hdi=False)
    for prob, names in ((0.5, ["eti_25%", "eti_75%"]), (0.9, ["eti_5%", "eti_95%"])):
        alone = fb.predictions(*fit, "x", prob=prob, use_hdi=False)
        pd.testing.assert_frame_equal(both[["mean", "sd", *names]], alone[["mean", "sd", *names]])


def test_the_average_over_all_rows_is_called_all_too(fit):
    for table in (
        fb.predictions,
        lambda *a, **k: fb.comparisons(*a, "g", **k),
        lambda *a, **k: fb.slopes(*a, "x", **k),
    ):
        pd.testing.assert_frame_equal(table(*fit, average_by="all"), table(*fit, average_by=True))
    data = DATA.rename(columns={"region": "all"})
    model = fb.Model("y ~ x + all", data)  # a column of that name is that column
    assert list(fb.predictions(model, model.fit(random_seed=1), average_by="all")["all"]) == ["u", "v"]


def test_target_is_the_mean_the_response_or_a_parameter(fit):
    _, idata = fit
    mean = fb.predictions(*fit, "g")
    pd.testing.assert_frame_equal(fb.predictions(*fit, "g", target="mu"), mean)
    noisy = fb.predictions(*fit, "g", target="y", random_seed=5)
    pd.testing.assert_frame_equal(noisy, fb.predictions(*fit, "g", pps=True, random_seed=5))
    sigma = draws(idata, "sigma")
    assert (noisy["sd"] > 0.9 * sigma.mean()).all()
    of_sigma = fb.predictions(*fit, target="sigma")
    assert len(of_sigma) == N
    np.testing.assert_allclose(of_sigma["mean"], sigma.mean(), rtol=1e-12)
    squared = fb.predictions(*fit, "g", target="sigma", transforms={"sigma": np.square})
    np.testing.assert_allclose(squared["mean"], np.square(sigma).mean(), rtol=1e-12)
    averaged = fb.predictions(*fit, target="sigma", average_by="g")
    np.testing.assert_allclose(averaged["mean"], sigma.mean(), rtol=1e-12)


def test_two_responses_have_noise_of_their_own(fit):
    """With the same noise in both, the deviation of their difference would be that of the coefficient alone."""
    table = fb.comparisons(*fit, "x", {"g": ["a", "b"]}, target="y", random_seed=3)
    sigma, slope = draws(fit[1], "sigma"), draws(fit[1], "x")
    expected = np.sqrt(slope.var() + 2 * np.square(sigma).mean())
    # Four thousand draws know a deviation to 1.1 %.
    np.testing.assert_allclose(table["sd"], expected, rtol=5 * 0.0112)
    pd.testing.assert_frame_equal(table, fb.comparisons(*fit, "x", {"g": ["a", "b"]}, target="y", random_seed=3))


def test_comparisons_by_name_or_function(fit):
    _, idata = fit
    at = {"x": [3.0], "g": ["a"]}
    low = draws(idata, "Intercept") + 3 * draws(idata, "x")
    b = draws(idata, "g")[:, 0]
    contrast = {"g": ["a", "b"]}
    for comparison, expected in {
        "diff": b,
        "ratio": (low + b) / low,
        "lift": b / low,
        np.hypot: np.hypot(low, low + b),
    }.items():
        (row,) = fb.comparisons(*fit, contrast, {"x": at["x"]}, comparison=comparison).iloc
        assert row["mean"] == pytest.approx(expected.mean(), rel=1e-9)
        assert row["estimate_type"] == getattr(comparison, "__name__", comparison)
    old = fb.comparisons(*fit, contrast, comparison_type="ratio")
    pd.testing.assert_frame_equal(old, fb.comparisons(*fit, contrast, comparison="ratio"))


def test_slopes_by_name_or_function(fit):
    named = fb.slopes(*fit, "x", "g", slope="eyex")
    by_hand = fb.slopes(*fit, "x", "g", slope=lambda derivative, x, y: derivative * x / y)
    assert set(by_hand["estimate_type"]) == {"<lambda>"}
    pd.testing.assert_frame_equal(by_hand.drop(columns="estimate_type"), named.drop(columns="estimate_type"))


def test_slopes_of_a_transformed_response(fit):
    """The slope of exp(f) is exp(f) f'."""
    _, idata = fit
    (row,) = fb.slopes(*fit, {"x": 3.0}, {"g": ["a"]}, transforms={"y": lambda y: np.exp(y / 10)}).iloc
    slope = draws(idata, "x") / 10
    mean = (draws(idata, "Intercept") + 3 * draws(idata, "x")) / 10
    assert row["mean"] == pytest.approx((np.exp(mean) * slope).mean(), rel=1e-7)
    moved = fb.slopes(*fit, "x", "g", transforms={"g": lambda column: column.astype(str) + "!"})
    assert list(moved["g"]) == ["a!", "b!", "c!"]


def test_averages_by_a_column_outside_of_the_model(fit):
    shuffled = DATA.sample(frac=1, random_state=2)
    by_region = fb.predictions(*fit, data=shuffled, average_by="region")
    assert list(by_region["region"]) == ["u", "v"]
    rows = fb.predictions(*fit, data=DATA)
    for region, part in DATA.groupby("region"):
        mean = rows.loc[part.index, "mean"].mean()
        assert by_region.set_index("region").loc[region, "mean"] == pytest.approx(mean, rel=1e-12)
    both = fb.comparisons(*fit, "g", average_by=["region", "g"], data=DATA)
    assert len(both) == 3 * 6


def test_averages_by_an_outside_column_where_rows_are_left_out():
    holed = pd.concat([DATA, DATA]).reset_index(drop=True)
    holed.index = [*range(N), *range(N)]  # labels occur twice
    holed.iloc[[0, 5, N + 3], 0] = np.nan
    model = fb.Model("y ~ x + g", holed, dropna=True)
    idata = model.fit(random_seed=1)
    table = fb.predictions(model, idata, data=holed, average_by="region").set_index("region")
    mean = fb.predictions(model, idata, data=holed)["mean"].to_numpy()
    regions = holed["region"].to_numpy()[holed["x"].notna()]
    for region in "uv":
        assert table.loc[region, "mean"] == pytest.approx(mean[regions == region].mean(), rel=1e-12)


def test_one_variable_in_two_roles():
    model = fb.Model("y ~ x + I(x ** 2) + g", DATA)
    idata = model.fit(random_seed=1)
    # Over its own values: half a unit below and above each, which is b + 2 c x.
    table = fb.comparisons(model, idata, "x", {"x": [2, 4]})
    b, c = draws(idata, "x"), draws(idata, "I(x ** 2)")
    for row, x in zip(table.iloc, (2, 4), strict=True):
        assert row["value"] == (x - 0.5, x + 0.5)
        assert row["mean"] == pytest.approx((b + 2 * c * x).mean(), rel=1e-8)
    # Averaged within the levels that rows have: the effect among those who have each.
    among = fb.comparisons(model, idata, {"g": ["a", "b"]}, average_by="g")
    assert list(among["g"]) == ["a", "b", "c"]
    np.testing.assert_allclose(among["mean"], draws(idata, "g")[:, 0].mean(), rtol=1e-9)
    assert len(fb.slopes(model, idata, "x", {"x": [2, 4]}, average_by="x")) == 2


def test_scale_of_the_linear_predictor():
    """With a log link the table on its scale is of the predictor, and the one of the response of its exponential."""
    model = fb.Model("y ~ x + g", DATA.assign(y=np.log(DATA.y.abs() + 1)))
    idata = model.fit(random_seed=1)
    identity = fb.predictions(model, idata, "x")
    logged = fb.Model._of(dataclasses.replace(model.regression, link="log"))
    del idata["posterior"].attrs["model_fingerprint"]
    columns = ["mean", "sd", "hdi_3%", "hdi_97%"]
    pd.testing.assert_frame_equal(fb.predictions(logged, idata, "x", scale="link"), identity)
    by_hand = fb.predictions(model, idata, "x", transforms={"y": np.exp})
    pd.testing.assert_frame_equal(fb.predictions(logged, idata, "x"), by_hand)
    for table in (
        lambda **k: fb.comparisons(logged, idata, "g", **k),
        lambda **k: fb.slopes(logged, idata, "x", average_by=True, **k),
    ):
        assert not np.allclose(table()[columns], table(scale="link")[columns], rtol=0.05)
    np.testing.assert_allclose(
        fb.slopes(logged, idata, "x", "g", scale="link")["mean"], draws(idata, "x").mean(), rtol=1e-8
    )


@pytest.mark.parametrize("value", [0.0, 2.0, -3e11])
def test_the_slope_along_a_constant_predictor_is_its_coefficient(value):
    model = fb.Model("y ~ I(x * (c + 1))", DATA.assign(c=value))
    idata = model.fit(random_seed=1)
    expected = draws(idata, "I(x * (c + 1))").mean() * DATA.x.mean()
    assert fb.slopes(model, idata, "c", average_by=True)["mean"].item() == pytest.approx(expected, rel=1e-4)


def test_the_slope_along_large_numbers_that_hardly_differ():
    """A step of 1e-4 deviations would be less than the distance between two doubles there."""
    data = DATA.assign(far=1e12 + DATA.x.round(2))
    model = fb.Model("y ~ far", data)
    idata = model.fit(random_seed=1)
    table = fb.slopes(model, idata, "far", average_by=True)
    assert table["mean"].item() == pytest.approx(draws(idata, "far").mean(), rel=1e-2)
