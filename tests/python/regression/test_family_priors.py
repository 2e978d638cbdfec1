"""Default priors of each family, as bambi 0.21 has them, and as `print(model)` states them."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest

DATA = pd.DataFrame(
    {
        "x": [1.0, 2, 4, 8, 3, 6, 2, 5],
        "g": list("abcabcab"),
        "b": [0, 1, 0, 1, 1, 0, 1, 0],
        "k": [1, 2, 3, 4, 2, 1, 0, 3],
        "u": [0.1, 0.3, 0.5, 0.9, 0.4, 0.6, 0.2, 0.7],
        "t": [0.5, 1.5, 2.5, 0.8, 1.1, 3.0, 2.2, 0.9],
    }
)
SD = {name: float(np.std(DATA[name])) for name in ("x", "t")}
RESPONSES = {
    "bernoulli": "b",
    "binomial": "p(k, 5)",
    "beta_binomial": "p(k, 5)",
    "beta": "u",
    "poisson": "k",
    "negativebinomial": "k",
}
# Scale of the intercept, of a slope times sd(x), and of a factor's column (None: that of a slope), by family and link.
SCALES = {
    ("bernoulli", "logit"): (1.5, 1.0, 1.0),
    ("bernoulli", "probit"): (1.5, 1.0, 1.0),
    ("bernoulli", "cloglog"): (2.5, 2.5, None),
    ("bernoulli", "identity"): (2.5, 2.5, None),
    ("binomial", "logit"): (1.5, 1.0, 1.0),
    ("binomial", "probit"): (1.5, 1.0, 1.0),
    ("binomial", "cloglog"): (2.5, 2.5, None),
    ("poisson", "log"): (2.5, 2.5, None),
    ("poisson", "identity"): (2.5, 2.5, None),
    ("negativebinomial", "log"): (2.5, 2.5, None),
    ("gamma", "log"): (2.5, 2.5, None),
    ("gamma", "inverse"): (2.5, 2.5, None),
    ("exponential", "log"): (2.5, 2.5, None),
    ("lognormal", "identity"): (2.5, 2.5, None),
    ("beta", "logit"): (2.5, 2.5, None),
    ("beta", "probit"): (2.5, 2.5, None),
    ("beta_binomial", "logit"): (2.5, 2.5, None),
    ("t", "identity"): (2.5 * SD["t"], 2.5 * SD["t"], None),
}
UNSCALED = {
    "gaussian": {"sigma": "HalfNormal(sigma: 1.0)"},
    "t": {"sigma": "HalfNormal(sigma: 1.0)", "nu": "Gamma(alpha: 2.0, beta: 0.1)"},
    "lognormal": {"sigma": "HalfNormal(sigma: 1.0)"},
    "negativebinomial": {"alpha": "HalfCauchy(beta: 1.0)"},
    "gamma": {"alpha": "HalfCauchy(beta: 1.0)"},
    "beta": {"kappa": "HalfCauchy(beta: 1.0)"},
    "beta_binomial": {"kappa": "HalfCauchy(beta: 1.0)"},
    "bernoulli": {},
    "binomial": {},
    "poisson": {},
    "exponential": {},
}


def model(family: str, link: str | None = None, **arguments: object) -> fb.Model:
    formula = f"{RESPONSES.get(family, 't')} ~ x + g"
    return fb.Model(formula, DATA, family=family, link=link, **arguments)


@pytest.mark.parametrize(("family", "link"), SCALES)
def test_scales_are_bambis(family: str, link: str) -> None:
    intercept, slope, factor = SCALES[family, link]
    priors = model(family, link).regression.priors
    location = float(DATA["t"].mean()) if family == "t" else 0.0
    assert priors["Intercept"].params["mu"] == pytest.approx(location)
    assert priors["Intercept"].params["sigma"] == pytest.approx(intercept)
    assert priors["x"].params["sigma"] == pytest.approx(slope / SD["x"])
    columns = np.array([DATA["g"] == "b", DATA["g"] == "c"]).std(axis=1)
    np.testing.assert_allclose(priors["g"].params["sigma"], slope / columns if factor is None else [factor, factor])


@pytest.mark.parametrize("family", ["bernoulli", "poisson", "beta"])
def test_without_centring_the_intercept_carries_the_slopes(family: str) -> None:
    link = "cloglog" if family == "bernoulli" else None
    prior = model(family, link, center_predictors=False).regression.priors["Intercept"]
    X = np.column_stack([DATA["x"], DATA["g"] == "b", DATA["g"] == "c"])
    expected = np.sqrt(2.5**2 + np.sum((2.5 / X.std(axis=0) * X.mean(axis=0)) ** 2))
    assert prior.params["sigma"] == pytest.approx(expected)


@pytest.mark.parametrize("family", UNSCALED)
def test_unscaled_auxiliaries_are_bambis(family: str) -> None:
    priors = model(family, auto_scale=False).regression.priors
    assert {name: str(prior) for name, prior in priors.items() if name not in ("Intercept", "x", "g")} == (
        UNSCALED[family]
    )
    assert {str(priors[name]) for name in ("Intercept", "x", "g")} == {"Flat()"}


def test_splines_and_polynomials_have_priors_under_logit() -> None:
    """bambi 0.21 raises ValueError: setting an array element with a sequence."""
    made = fb.Model("b ~ poly(x, 2)", DATA, family="bernoulli").regression
    np.testing.assert_allclose(made.priors["poly(x, 2)"].params["sigma"], np.sqrt(len(DATA)) * np.ones(2))


def test_models_print_their_priors() -> None:
    text = str(model("bernoulli"))
    assert "Family: bernoulli" in text
    assert "Normal(mu: 0, sigma: 1/sd(x))" in text
    assert "kappa ~ HalfCauchy(beta: 1.0)" in str(model("beta"))
