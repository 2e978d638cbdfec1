"""Predictions, comparisons and slopes are what the coefficients say, in closed form."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.results.summary import hdi

RNG = np.random.default_rng(7)
N = 120
DATA = pd.DataFrame(
    {
        "x": RNG.normal(10, 2, N),
        "z": RNG.uniform(1, 3, N),
        "g": RNG.choice(["a", "b", "c"], N, p=[0.2, 0.5, 0.3]),
        "k": RNG.integers(0, 5, N),
        "w": RNG.uniform(0.5, 2, N),
    },
    index=[f"row{i}" for i in range(N)],
)
DATA["y"] = 5 + DATA.x - 2 * DATA.z + 0.5 * DATA.x * DATA.z + (DATA.g == "b") * 3 + RNG.normal(size=N)


def fitted(formula, **options):
    model = fb.Model(formula, DATA, **options)
    return model, model.fit(random_seed=1)


@pytest.fixture(scope="module")
def crossed():
    return fitted("y ~ x * z + g")


def coefficient(idata, name):
    values = idata["posterior"][name].values
    return values.reshape(values.shape[0] * values.shape[1], -1).squeeze()


def check(row, draws):
    assert row["mean"] == pytest.approx(draws.mean(), rel=1e-8, abs=1e-9)
    assert row["sd"] == pytest.approx(draws.std(ddof=1), rel=1e-6)
    low, high = hdi(draws)
    assert row["hdi_3%"] == pytest.approx(low, rel=1e-6, abs=1e-8)
    assert row["hdi_97%"] == pytest.approx(high, rel=1e-6, abs=1e-8)


def test_fitted_rows_are_predicted_in_their_order(crossed):
    model, idata = crossed
    table = fb.predictions(model, idata)
    assert list(table.columns) == ["x", "z", "g", "mean", "sd", "hdi_3%", "hdi_97%"]
    assert table.index.equals(DATA.index)
    b = {name: coefficient(idata, name) for name in ("Intercept", "x", "z", "x:z", "g")}
    for label in ("row0", "row17", "row119"):
        x, z, g = DATA.loc[label, ["x", "z", "g"]]
        shift = {"a": 0, "b": b["g"][:, 0], "c": b["g"][:, 1]}[g]
        check(table.loc[label], b["Intercept"] + b["x"] * x + b["z"] * z + b["x:z"] * x * z + shift)


def test_new_rows_in_any_order_or_number(crossed):
    model, idata = crossed
    whole = fb.predictions(model, idata, data=DATA)
    pd.testing.assert_frame_equal(whole, fb.predictions(model, idata), check_dtype=False, check_categorical=False)
    some = DATA.sample(20, random_state=1)
    pd.testing.assert_frame_equal(fb.predictions(model, idata, data=some), whole.loc[some.index])
    noisy = fb.predictions(model, idata, data=DATA, pps=True, random_seed=3)
    pd.testing.assert_frame_equal(
        fb.predictions(model, idata, data=some, pps=True, random_seed=3), noisy.loc[some.index]
    )
    assert (noisy["sd"] > whole["sd"]).all()
    sigma = coefficient(idata, "sigma")
    np.testing.assert_allclose(noisy["sd"] ** 2, whole["sd"] ** 2 + (sigma**2).mean(), rtol=0.1)


def test_grids(crossed):
    model, idata = crossed
    table = fb.predictions(model, idata, "x")
    assert len(table) == 50
    assert (table.x.min(), table.x.max()) == (DATA.x.min(), DATA.x.max())
    assert (table.z == DATA.z.mean()).all()
    assert (table.g == "b").all()  # the most frequent level
    table = fb.predictions(model, idata, ["g", "x"])
    assert len(table) == 3 * 5
    assert list(table.columns[:3]) == ["g", "x", "z"]
    assert sorted(set(table.x)) == pytest.approx(list(DATA.x.quantile([0, 0.25, 0.5, 0.75, 1])))
    table = fb.predictions(model, idata, {"z": [1, 2], "g": ["a", "c"], "x": 10})
    assert table[["z", "g", "x"]].to_numpy().tolist() == [[1, "a", 10], [1, "c", 10], [2, "a", 10], [2, "c", 10]]
    table = fb.predictions(model, idata, {"g": None, "z": 2.0})
    assert list(table.g) == ["a", "b", "c"]


def test_averages_are_of_draws(crossed):
    model, idata = crossed
    everything = fb.predictions(model, idata, average_by=True)
    assert everything.shape == (1, 4)
    x, z = DATA.x, DATA.z
    b = {name: coefficient(idata, name) for name in ("Intercept", "x", "z", "x:z", "g")}
    base = b["Intercept"] + b["x"] * x.mean() + b["z"] * z.mean() + b["x:z"] * (x * z).mean()
    check(everything.iloc[0], base + b["g"] @ [(DATA.g == "b").mean(), (DATA.g == "c").mean()])
    by_level = fb.predictions(model, idata, average_by="g")
    assert list(by_level.g) == ["a", "b", "c"]
    inside = DATA[DATA.g == "a"]
    check(
        by_level.iloc[0],
        b["Intercept"] + b["x"] * inside.x.mean() + b["z"] * inside.z.mean() + b["x:z"] * (inside.x * inside.z).mean(),
    )


def test_averages_count_weights():
    model, idata = fitted("y ~ x", weights="w")
    mean = np.average(DATA.x, weights=DATA.w)
    check(
        fb.predictions(model, idata, average_by=True).iloc[0],
        coefficient(idata, "Intercept") + coefficient(idata, "x") * mean,
    )


def test_comparisons_of_levels(crossed):
    model, idata = crossed
    table = fb.comparisons(model, idata, "g", {"x": 10})
    assert list(table.columns[:3]) == ["term", "estimate_type", "value"]
    assert list(table["value"]) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert set(table["estimate_type"]) == {"diff"}
    b = coefficient(idata, "g")
    for row, draws in zip(table.iloc, (b[:, 0], b[:, 1], b[:, 1] - b[:, 0]), strict=True):
        check(row, draws)
    one = fb.comparisons(model, idata, {"g": ["c", "a"]}, average_by=True)
    assert list(one["value"]) == [("c", "a")]
    check(one.iloc[0], -b[:, 1])


def test_comparisons_of_numbers(crossed):
    model, idata = crossed
    b, interaction = coefficient(idata, "x"), coefficient(idata, "x:z")
    table = fb.comparisons(model, idata, "x", {"z": [1, 3]})
    for row, z in zip(table.iloc, (1, 3), strict=True):
        assert row["value"] == pytest.approx((DATA.x.mean() - 0.5, DATA.x.mean() + 0.5))
        check(row, b + interaction * z)
    table = fb.comparisons(model, idata, {"x": [8, 12, 10]}, {"z": [2]})
    assert list(table["value"]) == [(8, 12), (8, 10), (12, 10)]
    check(table.iloc[0], 4 * (b + 2 * interaction))
    unit = fb.comparisons(model, idata, "x")
    assert unit.index.equals(DATA.index)
    check(unit.loc["row5"], b + interaction * DATA.z["row5"])
    ratio = fb.comparisons(model, idata, {"x": [8, 12]}, {"z": [2], "g": ["a"]}, comparison_type="ratio").iloc[0]
    base = coefficient(idata, "Intercept") + 2 * coefficient(idata, "z")
    check(ratio, (base + 12 * (b + 2 * interaction)) / (base + 8 * (b + 2 * interaction)))


def test_slopes(crossed):
    model, idata = crossed
    b, interaction = coefficient(idata, "x"), coefficient(idata, "x:z")
    unit = fb.slopes(model, idata, "x")
    check(unit.loc["row3"], b + interaction * DATA.z["row3"])
    assert unit.loc["row3", "value"] == DATA.x["row3"]
    check(fb.slopes(model, idata, "x", average_by=True).iloc[0], b + interaction * DATA.z.mean())
    for row, z in zip(fb.slopes(model, idata, "x", {"z": [1, 2]}).iloc, (1, 2), strict=True):
        check(row, b + interaction * z)
    mean = (
        coefficient(idata, "Intercept")
        + 10 * (b + 2 * interaction)
        + 2 * coefficient(idata, "z")
        + coefficient(idata, "g")[:, 0]
    )
    for kind, scale in {"dyex": 10, "eydx": 1 / mean, "eyex": 10 / mean}.items():
        check(fb.slopes(model, idata, {"x": 10}, {"z": [2]}, slope=kind).iloc[0], (b + 2 * interaction) * scale)


def test_the_slope_of_a_line_is_its_coefficient():
    model, idata = fitted("y ~ x")
    check(fb.slopes(model, idata, "x", average_by=True).iloc[0], coefficient(idata, "x"))


def test_slopes_of_curves():
    model, idata = fitted("y ~ k + I(k ** 2)")
    table = fb.slopes(model, idata, {"k": [0, 2, 4]})
    for k in (0, 2, 4):
        expected = coefficient(idata, "k") + 2 * k * coefficient(idata, "I(k ** 2)")
        # One-sided at the ends of the data.
        assert table[table["value"] == k]["mean"].iloc[0] == pytest.approx(expected.mean(), abs=2e-3)
    model, idata = fitted("y ~ bs(x, df=5)")
    table = fb.slopes(model, idata, "x", "x")
    curve = fb.predictions(model, idata, "x")
    slope = np.gradient(curve["mean"], curve["x"])
    assert np.corrcoef(table["mean"].iloc[2:-2], slope[2:-2])[0, 1] > 0.99


def test_intervals(crossed):
    model, idata = crossed
    table = fb.predictions(model, idata, "g", use_hdi=False, prob=0.5)
    assert list(table.columns[-2:]) == ["eti_25%", "eti_75%"]


def test_transforms():
    model, idata = fitted("log(y) ~ x")
    plain, back = fb.predictions(model, idata), fb.predictions(model, idata, transforms={"log(y)": np.exp})
    check(back.iloc[0], np.exp(coefficient(idata, "Intercept") + coefficient(idata, "x") * DATA.x.iloc[0]))
    assert (back["mean"] > np.exp(plain["mean"])).all()  # Jensen
    assert np.allclose(fb.predictions(model, idata, transforms={"x": np.sqrt})["x"], np.sqrt(DATA.x))


def test_covariates_of_comparisons_are_transformed_too(crossed):
    plain = fb.comparisons(*crossed, "g", "x")
    table = fb.comparisons(*crossed, "g", "x", transforms={"x": np.sqrt})
    pd.testing.assert_frame_equal(table, plain.assign(x=np.sqrt(plain.x)))


def test_a_loaded_model(crossed, tmp_path):
    model, idata = crossed
    model.save(tmp_path / "m")
    again = fb.load(tmp_path / "m")
    for make in (
        lambda m: fb.predictions(m, idata, ["x", "g"]),
        lambda m: fb.comparisons(m, idata, "g", "x"),
        lambda m: fb.slopes(m, idata, "x", "z"),
        lambda m: fb.predictions(m, idata, data=DATA.iloc[:5]),
    ):
        pd.testing.assert_frame_equal(make(model), make(again))


def test_numbers_that_the_formula_takes_for_levels_are_levels(tmp_path):
    frame = DATA.assign(k=(np.arange(N) % 4).clip(max=2) + 1)
    model = fb.Model("y ~ C(k) + x", frame)
    idata = model.fit(random_seed=1)
    assert fb.predictions(model, idata, "k")["k"].tolist() == [1, 2, 3]
    pairs = fb.comparisons(model, idata, "k", average_by=True)
    assert pairs["value"].tolist() == [(1, 2), (1, 3), (2, 3)]
    posterior = coefficient(idata, "C(k)").mean(axis=0)
    np.testing.assert_allclose(pairs["mean"], [posterior[0], posterior[1], posterior[1] - posterior[0]], rtol=1e-9)
    at_typical = fb.predictions(model, idata, "x")
    assert set(at_typical["k"]) == {3}
    with pytest.raises(fb.SettingError, match="holds categories, which have no slope"):
        fb.slopes(model, idata, "k")
    with pytest.raises(fb.DataError, match="4 is not a level of 'k'"):
        fb.predictions(model, idata, {"k": [4]})
    model.save(tmp_path / "model.filbert")
    pd.testing.assert_frame_equal(fb.predictions(fb.load(tmp_path / "model.filbert"), idata, "x"), at_typical)


def test_numbers_in_a_condition_stay_numbers():
    model = fb.Model("y ~ C(x > 10)", DATA)
    idata = model.fit(random_seed=1)
    assert len(fb.predictions(model, idata, "x")) == 50
