"""What is made of the draws of a mixed model: labels, predictions by hand, log likelihoods, files, other models."""

from __future__ import annotations

import pickle
import warnings
from functools import cache

import arviz as az
import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import SettingError
from scipy import stats

FORMULA = "y ~ x + (f | g) + (poly(x, 2) || h) + (0 + z | g:h)"
G, H = list("abcd"), list("pqr")


def frame(n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    choices = {"g": rng.choice(G, n), "h": rng.choice(H, n), "f": rng.choice(list("uvw"), n)}
    data = pd.DataFrame({"x": rng.normal(1, 1, n), "z": rng.normal(size=n), **choices})
    return data.assign(y=data.x + (data.g == "a") * (1 + data.z) + rng.normal(0, 0.5, n))


DATA = frame()


@cache
def fitted():
    model = fb.Model(FORMULA, DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model, model.fit(draws=300, random_seed=4, progressbar=False)


def draws(name):
    values = fitted()[1]["posterior"][name].to_numpy()
    return values.reshape(-1, *values.shape[2:])


def by_hand():
    """Linear predictors of the fitted rows, (draws, rows), from the columns of the container."""
    g, h = (np.array([levels.index(value) for value in DATA[name]]) for name, levels in (("g", G), ("h", H)))
    eta = draws("Intercept")[:, None] + draws("x")[:, None] * DATA.x.to_numpy()
    eta = eta + draws("1|g")[:, g] + draws("1|h")[:, h] + draws("z|g:h")[:, 3 * g + h] * DATA.z.to_numpy()
    for place, level in enumerate("vw"):
        eta += draws("f|g")[:, place, g] * (DATA.f == level).to_numpy()
    centred = DATA.x.to_numpy() - DATA.x.mean()
    linear = centred / np.linalg.norm(centred)
    square = centred**2 - (centred**2).mean() - linear * (linear @ centred**2)
    for place, column in enumerate((linear, square / np.linalg.norm(square))):
        eta += draws("poly(x, 2)|h")[:, place, h] * column
    return eta


def test_predictions_are_coefficients_and_effects_times_columns():
    model, idata = fitted()
    found = model.predict(idata, inplace=False)["posterior"]["mu"].to_numpy().reshape(-1, len(DATA))
    np.testing.assert_allclose(found, by_hand(), rtol=1e-9, atol=1e-9)
    some = DATA.iloc[::-7].drop(columns="y")
    again = model.predict(idata, data=some, inplace=False)["predictions"]["mu"].to_numpy()
    np.testing.assert_allclose(again.reshape(-1, len(some)), by_hand()[:, ::-7], rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # of a row whose group is small
def test_log_likelihoods_are_of_rows_given_their_effects():
    model, idata = fitted()
    result = model.log_likelihood(idata, inplace=False)
    found = result["log_likelihood"]["y"].to_numpy().reshape(-1, len(DATA))
    expected = stats.norm.logpdf(DATA.y.to_numpy(), by_hand(), draws("sigma")[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    loo = az.loo(result)
    assert np.isfinite(loo.elpd_loo if hasattr(loo, "elpd_loo") else loo.elpd)


def test_summaries_have_bambis_labels():
    _, idata = fitted()
    labels = ["Intercept", "x", "sigma", "1|g_sigma", "f|g_sigma[v]", "f|g_sigma[w]", "1|h_sigma"]
    labels += ["poly(x, 2)|h_sigma[0]", "poly(x, 2)|h_sigma[1]", "z|g:h_sigma"]
    labels += ["g_corr[1, f[v]]", "g_corr[1, f[w]]", "g_corr[f[v], f[w]]", *(f"1|g[{g}]" for g in G)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for table in (fb.summary(idata), az.summary(idata)):
            assert list(table.index)[: len(labels)] == labels
            assert list(table.index)[-12:] == [f"z|g:h[{g}:{h}]" for g in G for h in H]


def test_files_keep_what_predictions_need(tmp_path):
    model, idata = fitted()
    fb.to_netcdf(idata, tmp_path / "draws.nc")
    read = az.from_netcdf(tmp_path / "draws.nc")
    copied = pickle.loads(pickle.dumps(model))
    rows = DATA.iloc[:9]
    expected = model.predict(idata, data=rows, inplace=False)["predictions"]["mu"].to_numpy()
    np.testing.assert_array_equal(copied.predict(read, data=rows, inplace=False)["predictions"]["mu"], expected)


@pytest.mark.parametrize(
    "other",
    [
        fb.Model(FORMULA.replace("g:h", "h:g"), DATA),
        fb.Model(FORMULA, DATA.assign(g=DATA.g.replace("a", "q"))),
        fb.Model(FORMULA, DATA, correlated=False),
        fb.Model("y ~ x", DATA),
    ],
)
def test_draws_of_another_model_are_refused(other):
    with pytest.raises(SettingError, match="another model"):
        other.predict(fitted()[1], inplace=False)
