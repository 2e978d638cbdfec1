"""Tables of mixed models are what the draws of effects, coefficients and deviations say."""

from __future__ import annotations

from dataclasses import replace

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import SettingError
from filbert.families import family_of
from filbert.interpret.variance_components import variance_components
from filbert.results import container
from filbert.results.summary import hdi
from group_models import FRAME, fitted, values

SLOPES = "y ~ x + (x | g)"
NESTED = "y ~ x + (1 | g/h)"


def check(row, draws):
    assert row["mean"] == pytest.approx(draws.mean(), rel=1e-9, abs=1e-9)
    assert row["sd"] == pytest.approx(draws.std(ddof=1), rel=1e-6)
    np.testing.assert_allclose(row[["hdi_3%", "hdi_97%"]].astype(float), hdi(draws), rtol=1e-6, atol=1e-8)


def row_of(table, **where):
    (found,) = table.index[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    return table.loc[found]


def test_effects_are_rows_by_group():
    model, idata = fitted(SLOPES)
    table = model.group_effects(idata)
    assert list(table.columns) == ["factor", "group", "effect", "mean", "sd", "hdi_3%", "hdi_97%"]
    assert len(table) == 16
    for place, group in enumerate("abcdefgh"):
        for effect in ("1", "x"):
            check(row_of(table, factor="g", group=group, effect=effect), values(idata, f"{effect}|g")[:, place])


def test_effects_of_several_factors_and_levels():
    model, idata = fitted("y ~ x + (f | g) + (1 | k)")
    table = model.group_effects(idata, prob=[0.5, 0.9], use_hdi=False)
    assert list(dict.fromkeys(zip(table["factor"], table["effect"], strict=True))) == [
        ("g", "1"), ("g", "f[v]"), ("g", "f[w]"), ("k", "1"),
    ]  # fmt: skip
    row = row_of(table, factor="g", group="c", effect="f[w]")
    draws = values(idata, "f|g")[:, 1, 2]
    assert list(table.columns[-4:]) == ["eti_5%", "eti_95%", "eti_25%", "eti_75%"]
    np.testing.assert_allclose(row.iloc[-4:].astype(float), np.quantile(draws, [0.05, 0.95, 0.25, 0.75]), rtol=1e-9)


def test_effects_that_the_fit_left_out_are_drawn():
    model, idata = fitted(SLOPES)
    without = container.container({"posterior": container.posterior_group(idata).drop_vars(["1|g", "x|g"])})
    pd.testing.assert_frame_equal(model.group_effects(without), model.group_effects(idata))


def test_coefficients_by_group_are_sums_of_draws():
    model, idata = fitted(SLOPES)
    table = model.group_coefficients(idata)
    assert list(table.columns[:4]) == ["factor", "group", "coefficient", "mean"]
    for place, group in enumerate("abcdefgh"):
        for effect, name in (("1", "Intercept"), ("x", "x")):
            draws = values(idata, name) + values(idata, f"{effect}|g")[:, place]
            check(row_of(table, group=group, coefficient=name), draws)


def test_an_effect_without_a_common_term_stands_alone():
    model, idata = fitted("y ~ 1 + (0 + x | g)")
    table = model.group_coefficients(idata)
    assert set(table["coefficient"]) == {"x"}
    check(row_of(table, group="b", coefficient="x"), values(idata, "x|g")[:, 1])


def test_factors_add_up_only_where_they_are_coded_alike():
    model, idata = fitted("y ~ f + (f | g)")
    table = model.group_coefficients(idata)
    check(row_of(table, group="b", coefficient="f[w]"), values(idata, "f")[:, 1] + values(idata, "f|g")[:, 1, 1])
    model, idata = fitted("y ~ f + (0 + f | g)")  # contrasts and means: their sum is nothing
    table = model.group_coefficients(idata)
    assert set(table["coefficient"]) == {"f[u]", "f[v]", "f[w]"}
    check(row_of(table, group="b", coefficient="f[w]"), values(idata, "f|g")[:, 2, 1])


def test_variance_components_of_correlated_slopes():
    model, idata = fitted(SLOPES)
    table = model.variance_components(idata)
    assert [*zip(table["factor"], table["name"], table["quantity"], strict=True)] == [
        ("g", "1", "deviation"), ("g", "x", "deviation"), ("g", "1, x", "correlation"),
        ("Residual", "sigma", "deviation"),
    ]  # fmt: skip
    for place, name in enumerate(("1|g_sigma", "x|g_sigma")):
        check(table.iloc[place], values(idata, name))
    check(table.iloc[2], values(idata, "g_corr")[:, 0])
    check(table.iloc[3], values(idata, "sigma"))
    assert "with slopes that vary by group" in repr(table)


def test_shares_of_variance_are_of_draws():
    model, idata = fitted(NESTED)
    table = model.variance_components(idata)
    variances = {name: values(idata, name) ** 2 for name in ("1|g_sigma", "1|g:h_sigma", "sigma")}
    total = sum(variances.values())
    for factor in ("g", "g:h"):
        row = row_of(table, factor=factor, quantity="share of variance")
        check(row, variances[f"1|{factor}_sigma"] / total)
    assert "No shares" not in repr(table)


@pytest.mark.parametrize(
    ("family", "link", "within"),
    [("bernoulli", "logit", np.pi**2 / 3), ("bernoulli", "probit", 1), ("bernoulli", "cloglog", np.pi**2 / 6)],
)
def test_shares_of_binary_models_are_of_the_scale_of_the_link(family, link, within):
    model, idata = fitted("y ~ x + (1 | g)")
    binary = replace(model.regression, family=family_of(family), link=link)
    posterior = container.posterior_group(idata).copy()
    posterior.attrs = {}  # of the Gaussian model that was fitted
    unmarked = container.container({"posterior": posterior})
    table = variance_components(binary, unmarked, 0.94, True)
    between = values(idata, "1|g_sigma") ** 2
    check(row_of(table, quantity="share of variance"), between / (between + within))
    assert "Residual" not in set(table["factor"])
    other = variance_components(replace(binary, family=family_of("poisson"), link="log"), unmarked, 0.94, True)
    assert set(other["quantity"]) == {"deviation"}
    assert "family='poisson' with link='log' has no one variance within groups" in other.attrs["note"]


def test_a_deviation_that_is_known_is_a_row_too():
    known = fb.Prior("Normal", mu=0, sigma=1.5)
    model, idata = fitted_with({"1|g": known})
    row = model.variance_components(idata).iloc[0]
    assert (row["mean"], row["sd"], row["hdi_97%"]) == (1.5, 0, 1.5)


def fitted_with(priors):
    model = fb.Model("y ~ x + (1 | g)", FRAME, priors=priors)
    return model, model.fit(draws=100, random_seed=1, progressbar=False, compute_convergence_checks=False)


def test_components_show_themselves_rounded_and_name_a_factor_once():
    model, idata = fitted(SLOPES)
    table = model.variance_components(idata)
    shown = repr(table).split("\n")
    assert shown[0].split() == ["factor", "name", "quantity", "mean", "sd", "hdi_3%", "hdi_97%"]
    assert shown[2].split()[:2] == ["x", "deviation"]
    assert len(shown[1].split()[3]) <= 5
    assert table._repr_html_().count("<td>g</td>") == 1
    assert repr(table[["mean"]]) == repr(pd.DataFrame(table)[["mean"]])


@pytest.mark.parametrize("name", ["group_effects", "group_coefficients", "variance_components"])
def test_models_without_groups_are_refused(name):
    model, idata = fitted("y ~ x")
    with pytest.raises(SettingError, match=rf"{name} is for models with group-specific terms, and 'y ~ x' has none"):
        getattr(model, name)(idata)
    with pytest.raises(SettingError, match="draws of another model"):
        getattr(fitted(SLOPES)[0], name)(idata)
