"""The tables of priors: a row a distribution, with PyMC's names of it and of its parameters, their order and defaults.

A new prior is a row here, a function in `named`, and its density in C++; a test compares the lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import PriorError, quote_names, suggest


class ParameterRule(NamedTuple):
    """One parameter of a distribution: its name, PyMC's default (None: required) and whether it must be positive."""

    name: str
    default: float | None = None
    positive: bool = False


class Distribution(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    parameters : tuple of ParameterRule
        In PyMC's positional order, which is also the order in which the C++ core takes them.
    draw : function or None
        Draws from a generator, a shape and the parameters' values; None of an improper distribution.
    is_positive : bool
        Whether its support is the positive numbers (that of Uniform depends on its parameters).
    half : str or None
        The distribution that is its positive half about 0.
    instead : mapping of str to str
        Parameters under other names, such as PyMC's alternative ones, and what to write instead of them.
    """

    parameters: tuple[ParameterRule, ...]
    draw: Callable[..., Any] | None
    is_positive: bool = False
    half: str | None = None
    instead: Mapping[str, str] = {}


_MU = ParameterRule("mu", 0.0)
_SIGMA = ParameterRule("sigma", 1.0, positive=True)
_NU = ParameterRule("nu", positive=True)
_BETA = ParameterRule("beta", positive=True)
_ALPHA = ParameterRule("alpha", positive=True)
# PyMC's other parameters, and the names of R, SciPy and TensorFlow.
_SPREADS = {name: f"sigma={name}" for name in ("sd", "std", "scale", "stddev")}
_CENTRES = {name: f"mu={name}" for name in ("mean", "loc")}
_OF_NORMAL = {"tau": "sigma=1/sqrt(tau)", **_SPREADS, **_CENTRES}
_OF_STUDENT = {"lam": "sigma=1/sqrt(lam)", "df": "nu=df", **_SPREADS, **_CENTRES}
_OF_GAMMA = "alpha=mu**2/sigma**2 and beta=mu/sigma**2"
_OF_INVERSE_GAMMA = "alpha=2 + mu**2/sigma**2 and beta=mu*(1 + mu**2/sigma**2)"

TABLE: dict[str, Distribution] = {
    "Normal": Distribution(
        (_MU, _SIGMA),
        lambda rng, shape, mu, sigma: rng.normal(mu, sigma, shape),
        half="HalfNormal",
        instead=_OF_NORMAL,
    ),
    "StudentT": Distribution(
        (_NU, _MU, _SIGMA),
        lambda rng, shape, nu, mu, sigma: mu + sigma * rng.standard_t(nu, shape),
        half="HalfStudentT",
        instead=_OF_STUDENT,
    ),
    "Cauchy": Distribution(
        (ParameterRule("alpha"), _BETA),
        lambda rng, shape, alpha, beta: alpha + beta * rng.standard_cauchy(shape),
        half="HalfCauchy",
    ),
    "Laplace": Distribution(
        (ParameterRule("mu"), ParameterRule("b", positive=True)),
        lambda rng, shape, mu, b: rng.laplace(mu, b, shape),
    ),
    "Uniform": Distribution(
        (ParameterRule("lower", 0.0), ParameterRule("upper", 1.0)),
        lambda rng, shape, lower, upper: rng.uniform(lower, upper, shape),
    ),
    "Flat": Distribution((), None, half="HalfFlat"),
    "HalfNormal": Distribution(
        (_SIGMA,),
        lambda rng, shape, sigma: np.abs(rng.normal(0.0, sigma, shape)),
        is_positive=True,
        instead=_OF_NORMAL,
    ),
    "HalfCauchy": Distribution(
        (_BETA,),
        lambda rng, shape, beta: np.abs(beta * rng.standard_cauchy(shape)),
        is_positive=True,
    ),
    "HalfStudentT": Distribution(
        (_NU, _SIGMA),
        lambda rng, shape, nu, sigma: np.abs(sigma * rng.standard_t(nu, shape)),
        is_positive=True,
        instead=_OF_STUDENT,
    ),
    "Exponential": Distribution(
        (ParameterRule("lam", 1.0, positive=True),),
        lambda rng, shape, lam: rng.exponential(1 / lam, shape),
        is_positive=True,
        instead={"scale": "lam=1/scale", "rate": "lam=rate"},
    ),
    "Gamma": Distribution(
        (_ALPHA, _BETA),
        lambda rng, shape, alpha, beta: rng.gamma(alpha, 1 / beta, shape),
        is_positive=True,
        instead={"mu": _OF_GAMMA, "sigma": _OF_GAMMA},
    ),
    "InverseGamma": Distribution(
        (_ALPHA, ParameterRule("beta", 1.0, positive=True)),
        lambda rng, shape, alpha, beta: beta / rng.gamma(alpha, 1.0, shape),
        is_positive=True,
        instead={"mu": _OF_INVERSE_GAMMA, "sigma": _OF_INVERSE_GAMMA},
    ),
    "HalfFlat": Distribution((), None, is_positive=True),
}

# Of the matrix of correlations between the effects of one group; not of a number.
CORRELATIONS: dict[str, Distribution] = {
    "LKJCorr": Distribution((ParameterRule("eta", 1.0, positive=True),), None, instead={"n": "eta alone"}),
}


def distribution(name: str) -> Distribution:
    """Return the row of a prior.

    Raises
    ------
    PriorError
        If there is none of that name.
    """
    row = TABLE.get(name) or CORRELATIONS.get(name)
    if row is None:
        raise no_such_prior(name)
    return row


# Distributions that bambi's users may ask for, so that no other one is suggested in their place.
MISSING = frozenset(
    {
        "AsymmetricLaplace",
        "Beta",
        "ChiSquared",
        "Deterministic",
        "ExGaussian",
        "Gumbel",
        "HalfLaplace",
        "Horseshoe",
        "InverseNormal",
        "Kumaraswamy",
        "LogNormal",
        "LogStudentT",
        "Logistic",
        "LogitNormal",
        "Lognormal",
        "Moyal",
        "MvNormal",
        "MvStudentT",
        "Pareto",
        "PolyaGamma",
        "R2D2",
        "Rice",
        "SkewNormal",
        "SkewStudentT",
        "Triangular",
        "TruncatedNormal",
        "VonMises",
        "Wald",
        "Weibull",
        "ZeroSumNormal",
    }
)


def no_such_prior(name: str) -> PriorError:
    """Say which priors there are, and suggest one unless the name is that of another distribution."""
    missing = name.lower() in {other.lower() for other in MISSING}
    near = " It is a distribution that filbert does not have." if missing else suggest(name, [*TABLE, *CORRELATIONS])
    return PriorError(f"There is no prior named {name!r}.{near} The priors are {quote_names([*TABLE, *CORRELATIONS])}.")
