"""The table of a posterior: equal to ArviZ's, and printed without cutting a number."""

from __future__ import annotations

import io

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from containers import ARVIZ_MAJOR, container
from filbert.errors import DataTypeError, SettingError
from filbert.results.report import formatted_rows, print_summary
from filbert.results.summary import hdi, summary

COLUMNS = ["mean", "sd", "hdi_3%", "hdi_97%", "mcse_mean", "ess_bulk", "ess_tail", "r_hat"]


def autocorrelated(rng, *shape):
    """Draws that are not independent, so that diagnostics differ from what independent ones would give."""
    draws = rng.normal(size=shape)
    for i in range(1, shape[1]):
        draws[:, i] += 0.6 * draws[:, i - 1]
    return draws


@pytest.fixture(scope="module")
def idata():
    rng = np.random.default_rng(1)
    return container(
        {
            "Intercept": 1000 + autocorrelated(rng, 4, 500),
            "g": autocorrelated(rng, 4, 500, 2) * [1, 1e-3],
            "sigma": rng.gamma(2, size=(4, 500)),
            "mu": rng.normal(size=(4, 500, 7)),
        },
        levels={"g": ["b", "c"]},
    )


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=60), "g": ["a", "b", "c"] * 20})
    data["y"] = 1 + data.x + rng.normal(size=60)
    model = fb.Model("y ~ x + g", data)
    return model, model.fit(random_seed=1)


def test_summary_equals_arviz(idata):
    import arviz

    names = ["Intercept", "g", "sigma"]
    if ARVIZ_MAJOR >= 1:
        theirs = arviz.summary(idata, var_names=names, ci_kind="hdi", ci_prob=0.94, round_to="none")
        theirs = theirs.rename(columns={"hdi94_lb": "hdi_3%", "hdi94_ub": "hdi_97%"})
        # ArviZ 1 takes the tails of its interval; 5% and 95% are the paper's.
        tail = arviz.ess(idata, var_names=names, method="tail", prob=(0.05, 0.95))
        tail = tail["posterior"] if "posterior" in getattr(tail, "children", {}) else tail
        theirs["ess_tail"] = np.concatenate([np.atleast_1d(tail[name]) for name in names])
    else:
        theirs = arviz.summary(idata, var_names=names, hdi_prob=0.94, round_to="none")
    ours = summary(idata)
    assert list(ours.columns) == COLUMNS
    assert list(ours.index) == list(theirs.index) == ["Intercept", "g[b]", "g[c]", "sigma"]
    np.testing.assert_allclose(ours, theirs[COLUMNS].astype(float), rtol=1e-8)


@pytest.mark.parametrize("unit", [2.0**665, 2.0**-665, 2.0**1020])
def test_draws_in_units_whose_squares_are_no_doubles(unit):
    draws = autocorrelated(np.random.default_rng(7), 4, 500)
    plain, scaled = (summary(container({"b": values})).loc["b"] for values in (draws, draws * unit))
    for name in ("mean", "sd", "mcse_mean", "hdi_3%"):
        assert scaled[name] / unit == plain[name]


def test_predictions_in_the_posterior_are_left_out(idata):
    assert not any(label.startswith("mu") for label in summary(idata).index)


def test_interval_columns_carry_their_probability(idata):
    assert list(summary(idata, hdi_prob=0.9).columns[2:4]) == ["hdi_5%", "hdi_95%"]


@pytest.mark.parametrize("prob", [0, 1, -0.1, 1.5, np.nan])
def test_impossible_probability_is_refused(idata, prob):
    with pytest.raises(SettingError, match="between 0 and 1"):
        summary(idata, hdi_prob=prob)


def test_probability_of_the_wrong_kind_is_refused(idata):
    with pytest.raises(DataTypeError, match="hdi_prob must be a number between 0 and 1, not '94%'"):
        summary(idata, hdi_prob="94%")


def test_dimension_without_coordinates_counts_from_zero():
    table = summary(container({"b": np.random.default_rng(0).normal(size=(2, 50, 3))}))
    assert list(table.index) == ["b[0]", "b[1]", "b[2]"]


def test_hdi_is_the_shortest_interval():
    draws = np.concatenate([np.linspace(0, 1, 95), np.linspace(10, 20, 5)])
    low, high = hdi(draws, 0.9)
    assert 0 <= low < high <= 1


def test_hdi_of_few_or_undefined_draws():
    assert hdi([3.0]) == (3.0, 3.0)
    assert np.isnan(hdi([1.0, np.nan])).all()
    assert np.isnan(hdi([])).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2)])
def test_a_handful_of_draws_still_gives_means(shape):
    table = summary(container({"x": np.ones(shape)}))
    assert table.loc["x", "mean"] == 1
    assert np.isnan(table.loc["x", "r_hat"])


# As text


TABLE = pd.DataFrame(
    [
        [25.8, 5.97, 14.51, 36.77, 0.071, 7106.4, 3573.2, 1.0002],
        [1e-12, 3e-13, 0, 2e-12, 1e-14, 90, 80, 1.2],
        [1e9, 2e8, 5e8, 1.5e9, 1e6, np.nan, np.nan, np.nan],
        [-1234.5, 0.0123456, -1236, -1233, 0.01, 4000, 4000, 1],
    ],
    columns=COLUMNS,
    index=["Intercept", "C(school, contr.treatment(base='b'))[Saint Mary's]", "[red]x[/red]", "sigma"],
)


def printed(table=TABLE, width=None):
    file = io.StringIO()
    print_summary(table, 4, file, width)
    return file.getvalue()


def test_numbers_have_the_digits_that_the_standard_deviation_resolves():
    rows = formatted_rows(TABLE)
    assert rows[0] == ["25.80", "5.97", "14.51", "36.77", "0.071", "7106", "3573", "1.000"]
    assert rows[1][:3] == ["1e-12", "3e-13", "0"]
    assert rows[2][-3:] == ["nan", "nan", "nan"]
    assert rows[3][:2] == ["-1234.5000", "0.0123"]


def test_piped_output_is_plain_text_with_a_line_a_parameter():
    lines = printed().splitlines()
    assert len(lines) == 1 + len(TABLE)
    assert "\x1b" not in printed()
    assert lines[0].split() == ["parameter", *COLUMNS]
    assert lines[2].startswith("C(school, contr.treatment(base='b'))[Saint Mary's]  ")
    assert lines[3].startswith("[red]x[/red]")


@pytest.mark.parametrize("width", [20, 30, 40, 60, 79, 80, 100, 120])
def test_no_number_is_cut_on_a_narrow_terminal(width):
    text = printed(width=width)
    words = text.split()
    for column in [COLUMNS, *formatted_rows(TABLE)]:
        assert all(words.count(number) >= column.count(number) for number in column)
    if width >= 40:
        assert max(map(len, text.splitlines())) <= width


def test_wide_terminal_gets_one_block():
    assert printed(width=150).count("parameter") == 1
    assert printed(width=80).count("parameter") == 2


def test_least_squares_stand_beside_the_posterior(fit):
    model, idata = fit
    table = fb.summary(model, idata, least_squares=True)
    classical = model.least_squares()
    np.testing.assert_array_equal(table["least_squares"].iloc[:-1], classical["estimate"])
    np.testing.assert_array_equal(table["standard_error"].iloc[:-1], classical["standard_error"])
    assert table.loc["sigma", "least_squares"] == classical.attrs["sigma"]
    assert np.isnan(table.loc["sigma", "standard_error"])
    np.testing.assert_allclose(table["mean"].iloc[:-1], table["least_squares"].iloc[:-1], atol=0.2)
    pd.testing.assert_frame_equal(table.iloc[:, :8], fb.summary(idata))


def test_least_squares_need_the_model_that_was_fitted(fit):
    model, idata = fit
    with pytest.raises(SettingError, match=r"summary\(model, idata, least_squares=True\)"):
        fb.summary(idata, least_squares=True)
    with pytest.raises(SettingError, match="as well as the model"):
        fb.summary(model)
    with pytest.raises(DataTypeError, match=r"filbert\.Model, not pandas"):
        fb.summary(pd.DataFrame(), idata)
    with pytest.raises(SettingError, match="of another model"):
        fb.summary(fb.Model("y ~ 1", pd.DataFrame({"y": [1.0, 2, 3, 5]})), idata, least_squares=True)
