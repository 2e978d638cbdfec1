"""Log likelihoods of groups are those of dense multivariate normals, for every structure that is nested."""

from __future__ import annotations

import importlib.metadata
import re

import arviz as az
import filbert as fb
import numpy as np
import pytest
from filbert.errors import SettingError
from filbert.predict import group_likelihood
from group_models import FRAME, fitted, values

SOME = (0, 5, 333, 799)  # draws that are looked at


def dense(idata, terms, columns=("x",), weights=None, offset=0.0, by="g"):
    """Return log N(y_g; X_g b, V_g), (draws, groups), of some draws; terms are (columns, effects, correlated)."""
    found = []
    keys = sorted(FRAME[by].unique())
    for draw in SOME:
        sigma = values(idata, "sigma")[draw]
        mean = values(idata, "Intercept")[draw] + offset
        mean = mean + sum(values(idata, name)[draw] * FRAME[name].to_numpy() for name in columns)
        w = np.ones(len(FRAME)) if weights is None else weights
        V = np.diag(sigma**2 / w)
        for factor, names, corr in terms:
            labels = FRAME[list(factor)].astype(str).agg(":".join, axis=1).to_numpy()
            name = ":".join(factor)
            Z = np.column_stack([np.ones(len(FRAME)) if n == "1" else FRAME[n] for n in names])
            d = np.array([values(idata, f"{n}|{name}_sigma")[draw] for n in names])
            R = np.eye(len(names))
            if corr:
                R[0, 1] = R[1, 0] = values(idata, f"{name}_corr")[draw, 0]
            V += (labels[:, None] == labels) * (Z @ (R * np.outer(d, d)) @ Z.T)
        row = []
        for key in keys:
            own = (FRAME[by] == key).to_numpy()
            left = FRAME["y"].to_numpy()[own] - mean[own]
            part = V[np.ix_(own, own)]
            quadratic = left @ np.linalg.solve(part, left)
            row.append(-0.5 * (own.sum() * np.log(2 * np.pi) + np.linalg.slogdet(part)[1] + quadratic))
        found.append(row)
    return np.array(found)


def found_of(model, idata):
    stored = model.loo_groups(idata)["log_likelihood"]["y"]
    return np.asarray(stored).reshape(-1, stored.shape[-1])[list(SOME)], stored


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ x + (1 | g)", [(("g",), ["1"], False)]),
        ("y ~ x + (x | g)", [(("g",), ["1", "x"], True)]),
        ("y ~ x + (x || g)", [(("g",), ["1"], False), (("g",), ["x"], False)]),
        ("y ~ x + (1 | g/h)", [(("g",), ["1"], False), (("g", "h"), ["1"], False)]),
        ("y ~ x + (x | g) + (x | g:h)", [(("g",), ["1", "x"], True), (("g", "h"), ["1", "x"], True)]),
    ],
)
def test_log_densities_are_the_dense_ones(formula, terms, monkeypatch):
    model, idata = fitted(formula)
    found, stored = found_of(model, idata)
    assert stored.dims == ("chain", "draw", "g__factor_dim")
    assert list(np.asarray(stored["g__factor_dim"])) == list("abcdefgh")
    np.testing.assert_allclose(found, dense(idata, terms), rtol=1e-9)
    monkeypatch.setattr(group_likelihood, "_CHUNK_EFFECTS", 300)
    monkeypatch.setattr(group_likelihood, "_CHUNK_VALUES", 50)
    np.testing.assert_allclose(found_of(model, idata)[0], found, rtol=1e-11)


def test_groups_may_have_different_numbers_of_rows_and_of_groups_within():
    uneven = FRAME[(FRAME.g != "b") | (FRAME.h == "p")].iloc[7:]
    model = fb.Model("y ~ x + (1 | g/h)", uneven)
    idata = model.fit(draws=200, random_seed=1, progressbar=False, compute_convergence_checks=False)
    found, _ = found_of(model, idata)
    terms = [(("g",), ["1"], False), (("g", "h"), ["1"], False)]
    whole = dense(idata, terms)
    kept = [place for place, g in enumerate("abcdefgh") if (uneven.g == g).sum() == (FRAME.g == g).sum()]
    assert 0 < len(kept) < 8
    np.testing.assert_allclose(found[:, kept], whole[:, kept], rtol=1e-9)
    assert np.abs(found - whole)[:, 1].min() > 1


def test_weights_are_rows_and_offsets_are_added():
    model, idata = fitted("y ~ x + offset(o) + (x | g)", weights="w")
    w = FRAME["w"].to_numpy()
    found, _ = found_of(model, idata)
    # A row of weight w is w rows: N(y; m, sigma²/w) has sqrt(w) in the place of their (2 pi sigma²)^((1 - w)/2).
    expected = dense(idata, [(("g",), ["1", "x"], True)], weights=w, offset=FRAME["o"].to_numpy())
    sigma = values(idata, "sigma")[list(SOME)]
    for place, g in enumerate("abcdefgh"):
        own = w[(FRAME.g == g).to_numpy()]
        expected[:, place] += 0.5 * ((1 - own).sum() * np.log(2 * np.pi * sigma**2) - np.log(own).sum())
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_deviations_far_above_sigma_lose_no_digits():
    frame = FRAME.assign(y=FRAME.y + FRAME.g.map(dict(zip("abcdefgh", np.arange(8) * 1e7, strict=True))))
    model = fb.Model("y ~ x + (1 | g)", frame)
    idata = model.fit(draws=20, random_seed=1, progressbar=False, compute_convergence_checks=False)
    found = np.asarray(model.loo_groups(idata)["log_likelihood"]["y"]).reshape(-1, 8)
    tau, sigma = values(idata, "1|g_sigma"), values(idata, "sigma")
    for place, g in enumerate("abcdefgh"):
        own = frame[frame.g == g]
        left = own.y.to_numpy() - values(idata, "Intercept")[:, None] - values(idata, "x")[:, None] * own.x.to_numpy()
        n, mean = left.shape[1], left.mean(axis=1)
        within = ((left - mean[:, None]) ** 2).sum(axis=1) / sigma**2
        between = n * tau**2 + sigma**2
        expected = -0.5 * (
            n * np.log(2 * np.pi) + (n - 1) * np.log(sigma**2) + np.log(between) + within + n * mean**2 / between
        )
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-7)


def test_a_perfect_correlation_is_no_obstacle():
    root = group_likelihood._root(np.array([[1.0], [2.0]]), np.array([[[1.0, 1.0 + 1e-16], [1.0 + 1e-16, 1.0]]]))
    np.testing.assert_allclose(root[0] @ root[0].T, [[1, 2], [2, 4]], rtol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:The inplace keyword")  # of ArviZ 0, by pandas 3
def test_arviz_leaves_out_groups():
    model, idata = fitted("y ~ x + (x | g)")
    by_group = model.loo_groups(idata)
    loo = az.loo(by_group)
    assert loo.n_data_points == 8
    model_2, other = fitted("y ~ x + (1 | g)")
    compared = az.compare({"slopes": by_group, "intercepts": model_2.loo_groups(other)})
    assert list(compared.index) == ["slopes", "intercepts"]
    groups = idata.children if int(importlib.metadata.version("arviz").partition(".")[0]) >= 1 else idata.groups()
    assert "log_likelihood" not in groups


def test_refusals_say_what_to_do(monkeypatch):
    model, idata = fitted("y ~ x")
    with pytest.raises(SettingError, match=r"loo_groups leaves out groups, and 'y ~ x' has none"):
        model.loo_groups(idata)
    model, idata = fitted("y ~ x + (1 | g) + (1 | k)")
    with pytest.raises(SettingError, match=re.escape("groups of 'k' and 'g' are crossed")):
        model.loo_groups(idata)
    lognormal = fb.Model("exp(y / 10) ~ x + (1 | g)", FRAME, family="lognormal")
    with pytest.raises(SettingError, match=r"needs family='gaussian' with the identity link, .* family='lognormal'"):
        lognormal.loo_groups(idata)
    monkeypatch.setattr(group_likelihood, "MOST_EFFECTS", 3)
    model, idata = fitted("y ~ x + (1 | g/h)")
    with pytest.raises(
        SettingError, match=r"a matrix of 4 effects in each draw, for the groups within one group of 'g'"
    ):
        model.loo_groups(idata)
