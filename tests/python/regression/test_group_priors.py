"""Priors of group-specific terms: the default ones are bambi's numbers, others are given by bambi's names."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.errors import DataTypeError, PriorError

N = 60
FRAME = pd.DataFrame(
    {
        "y": np.round(3 + 2 * np.sin(np.arange(N) * 1.7), 3),
        "x": np.round(1 + np.cos(np.arange(N) * 0.9), 3),
        "z": np.round(5 * np.sin(np.arange(N) * 2.3) - 2, 3),
        "g": [("dbca" * 20)[(i * 7) % 11] for i in range(N)],
        "h": [("pqr" * 20)[(i * 5) % 7] for i in range(N)],
        "f": ["uvw"[i * 11 % 13 % 3] for i in range(N)],
    }
)

# The scales of HalfNormal that bambi 0.21.0 builds of these rows, whatever center_predictors is.
BAMBI: dict[str, dict[str, list[float]]] = {
    "y ~ x + (x | g)": {"1|g": [6.07368919605257], "x|g": [4.931499507448206]},
    "y ~ x + z + (f | g)": {"1|g": [6.387637435819593], "f|g": [7.652223422327976, 7.652223422327976]},
    "y ~ f + (0 + f | g) + (1 | h)": {
        "f|g": [7.15799957334951, 7.652223422327976, 7.652223422327976],
        "1|h": [4.778811995573554],
    },
    "y ~ 0 + f + (1 | g)": {"1|g": [5.570902741187391]},
    "y ~ 1 + (z | g:h)": {"1|g:h": [3.5066893067531977], "z|g:h": [0.9939435664810177]},
    "y ~ x * z + (x * z | g)": {
        "1|g": [6.572229864829345],
        "x|g": [4.931499507448206],
        "z|g": [0.9939435664810177],
        "x:z|g": [0.7856270294475108],
    },
    "y ~ x + (poly(x, 2) | g)": {"1|g": [6.07368919605257], "poly(x, 2)|g": [27.16269857075754, 27.16269857075754]},
    "y ~ 0 + x + (1 | g)": {"1|g": [6.07368919605257]},
    "y ~ f * x + (1 | g/h)": {"1|g": [7.3238794936670235], "1|g:h": [7.3238794936670235]},
}


def scales(model):
    """Scales of the default priors of deviations, by effect."""
    found = {}
    for name, prior in model.priors.items():
        if name.endswith("_sigma"):
            assert prior.name == "HalfNormal"
            found[name.removesuffix("_sigma")] = np.atleast_1d(prior.params["sigma"])
    return found


@pytest.mark.parametrize("formula", BAMBI)
@pytest.mark.parametrize("center_predictors", [True, False])
def test_default_scales_are_bambis(formula, center_predictors):
    found = scales(fb.Model(formula, FRAME, center_predictors=center_predictors))
    assert list(found) == list(BAMBI[formula])
    for effect, expected in BAMBI[formula].items():
        np.testing.assert_allclose(found[effect], expected, rtol=1e-12)


def test_unscaled_default_priors():
    model = fb.Model("y ~ x + (f | g)", FRAME, auto_scale=False)
    assert all((scale == 1).all() for scale in scales(model).values())


def test_correlations_are_lkj_2_by_default():
    assert fb.Model("y ~ (x | g)", FRAME).priors["g_corr"] == fb.Prior("LKJCorr", eta=2)


def normal(sigma):
    return fb.Prior("Normal", mu=0, sigma=sigma)


def test_priors_are_given_by_effect_or_by_deviation():
    half = fb.Prior("HalfCauchy", beta=2)
    for given in ({"x|g": normal(half)}, {"x | g": normal(half)}, {"x|g_sigma": half}, {"x|g": half}):
        model = fb.Model("y ~ x + (x | g)", FRAME, priors=given)
        assert model.priors["x|g_sigma"] == half
        assert model.priors["x|g"] == normal(half)
        assert model.priors["1|g_sigma"].name == "HalfNormal"


@pytest.mark.parametrize("given", [normal(0.5), 0.5])
def test_a_number_is_a_deviation_that_is_known(given):
    model = fb.Model("y ~ x + (x | g)", FRAME, priors={"x|g": given})
    assert "x|g_sigma" not in model.priors
    assert model.priors["x|g"] == normal(0.5)
    posterior = model.fit(random_seed=1, progressbar=False)["posterior"]
    assert "x|g_sigma" not in posterior
    assert np.abs(posterior["x|g"]).max() > 0


def test_set_priors_merges():
    model = fb.Model("y ~ x + (x | g) + (1 | h)", FRAME, priors={"1|g": normal(fb.HalfNormal(3))})
    model.set_priors({"g_corr": fb.Prior("LKJCorr", eta=5)})
    model.set_priors({"x|g": normal(fb.HalfNormal(7))})
    assert model.priors["g_corr"].params["eta"] == 5
    assert scales(model)["1|g"] == 3
    assert scales(model)["x|g"] == 7
    model.set_priors(group_specific=normal(fb.HalfNormal(1)))  # as "common": in the place of what was given before
    assert {effect: float(scale[0]) for effect, scale in scales(model).items()} == {"1|g": 1, "x|g": 1, "1|h": 1}
    model.set_priors({"1|h": normal(fb.HalfNormal(2))})
    assert scales(model)["1|h"] == 2
    assert model.priors["g_corr"].params["eta"] == 5


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x|h": normal(fb.HalfNormal(1))}, PriorError, "no such effect. Did you mean 'x|g'"),
        ({"1|g": fb.Prior("StudentT", nu=3, mu=0, sigma=1)}, PriorError, "'1|g' must be Normal about 0"),
        ({"1|g": fb.Normal(1, 2)}, PriorError, "'1|g' must be Normal about 0"),
        ({"1|g_sigma": fb.Normal(0, fb.Prior("Exponential", lam=1)), "1|g": 1.0}, PriorError, "two entries for '1|g'"),
        ({"1|g": -1.0}, PriorError, "fixed at -1"),
        ({"1|g": 0.0}, PriorError, "fixed at 0"),
        ({"1|g": np.nan}, PriorError, "fixed at nan"),
        ({"1|g": "wide"}, DataTypeError, "'1|g' must be a prior"),
        ({"1|g": True}, DataTypeError, "'1|g' must be a prior"),
        ({"f|h": normal(fb.HalfNormal([1, 2, 3]))}, PriorError, "'f|h' has 3 values, and 'f' has 2 columns"),
        ({"g_corr": 2}, DataTypeError, "'g_corr', a matrix of correlations, must be LKJCorr(eta=2)"),
        ({"g_corr": fb.HalfNormal(1)}, DataTypeError, "'g_corr', a matrix of correlations"),
        ({"1|g": fb.Prior("LKJCorr", eta=1)}, PriorError, "'1|g' must allow positive values"),
        ({"x": fb.Normal(0, fb.HalfNormal(1))}, PriorError, "'x'"),
    ],
)
def test_priors_that_do_not_fit_are_refused_by_name(given, error, message):
    with pytest.raises(error) as caught:
        fb.Model("y ~ x + (x | g) + (f | h)", FRAME, priors=given)
    assert message in str(caught.value)


def test_priors_of_groups_need_groups():
    with pytest.raises(PriorError, match="'group_specific', but the formula has no group-specific terms"):
        fb.Model("y ~ x", FRAME, priors={"group_specific": normal(fb.HalfNormal(1))})
    for formula in ("y ~ x + (1 | g)", "y ~ x + (x || g)"):
        with pytest.raises(PriorError, match="'g_corr'"):
            fb.Model(formula, FRAME, priors={"g_corr": fb.Prior("LKJCorr", eta=1)})


def test_the_priors_of_a_model_may_be_given_to_another():
    model = fb.Model(
        "y ~ x + (x | g)", FRAME, priors={"1|g": fb.Normal(0, fb.Exponential(2)), "x|g": fb.Normal(0, 0.5)}
    )
    assert fb.Model("y ~ x + (x | g)", FRAME, priors=model.priors).priors == model.priors
