"""The likelihoods of explicit models: PyMC's parameters of a distribution, read as a family, a link and its parameters.

A likelihood is one row of the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from ..errors import DataError, DataTypeError, FormulaError, PriorError, quote_names, suggest
from ..families import FAMILIES
from ..families.family import Family
from .affine import Affine, FloatArray, numbers
from .linked import WRITTEN, Linked, Scaled


@dataclass(frozen=True)
class Stated:
    """What the arguments of a likelihood say.

    Attributes
    ----------
    distribution : str
        PyMC's name.
    family : Family
    link : str
        Its name.
    argument : str
        The argument that has the linear predictor.
    predictor : Affine or array
    auxiliaries : mapping of str to (str, value)
        By the family's names: the argument, and the parameter or number that was given for it.
    trials : number or array, or None
    """

    distribution: str
    family: Family
    link: str
    argument: str
    predictor: Affine | FloatArray
    auxiliaries: Mapping[str, tuple[str, Any]]
    trials: Any = None


@dataclass(frozen=True)
class Call:
    """A likelihood as it was called: ``pm.<kind>(name, **given)``."""

    kind: str
    name: str
    given: Mapping[str, Any]

    @property
    def family(self) -> Family:
        """The family that the distribution is of."""
        return FAMILIES[LIKELIHOODS[self.kind].family]

    def refuse(self, what: str) -> NoReturn:
        """Refuse the call, and show one that is allowed."""
        raise FormulaError(f"{self.name!r}: {what} Write {LIKELIHOODS[self.kind].example}.")

    def need(self, argument: str, remedy: str = "") -> Any:
        """Return an argument that there must be."""
        if self.given.get(argument) is None:
            remedy = remedy or f"Write {LIKELIHOODS[self.kind].example}."
            raise FormulaError(f"{self.name!r}: {argument} is missing. {remedy}")
        return self.given[argument]

    def refuse_others(self, *arguments: str) -> None:
        """Refuse arguments that do not go together with those that are read."""
        others = [key for key, value in self.given.items() if key not in arguments and value is not None]
        if others:
            used = [key for key in arguments if self.given.get(key) is not None]
            self.refuse(f"{quote_names(others)} cannot stand beside {quote_names(used)} here.")

    def auxiliaries(self, arguments: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
        """Return what was given for the auxiliary parameters; the mapping is from argument to family's name."""
        return {name: (argument, self.need(argument, remedy_of(argument))) for argument, name in arguments.items()}

    def stated(
        self, argument: str, value: Any, auxiliaries: Mapping[str, tuple[str, Any]], trials: Any = None
    ) -> Stated:
        """Read the parent parameter: an affine expression, a function of one that a link undoes, or numbers."""
        predictor: Affine | FloatArray
        if isinstance(value, Linked) and value.link is not None:
            link, predictor = value.link, value.inner
        elif isinstance(value, Affine):
            link, predictor = "identity", value
        elif isinstance(value, Linked | Scaled):
            self.refuse(f"{argument} is {value}, which is no function of an affine expression that a link undoes.")
        else:
            link, predictor = "identity", numbers(value, f"{self.name!r}: {argument}")
        if link not in self.family.links:
            if isinstance(value, Affine):
                shown = f"is affine in the parameters ({value})"
            else:
                shown = f"is {value}" if isinstance(value, Linked) else "has numbers only"
            allowed = [WRITTEN[link].format("eta") if link in WRITTEN else "eta" for link in self.family.links]
            self.refuse(
                f"{argument} {shown}, and family {self.family.name!r} has it as {' or '.join(allowed)}, with eta "
                "affine in the parameters."
            )
        return Stated(self.kind, self.family, link, argument, predictor, auxiliaries, trials)


def remedy_of(argument: str) -> str:
    """Say how an auxiliary parameter is given a prior."""
    prior = {"sigma": "HalfNormal('sigma', sigma=1)", "nu": "Gamma('nu', alpha=2, beta=0.1)"}.get(argument)
    return f"Give it a prior: {argument} = pm.{prior or f'HalfCauchy({argument!r}, beta=1)'}."


def _location(**auxiliaries: str) -> Callable[[Call], Stated]:
    """Read ``mu`` (0 by default) and the auxiliary parameters."""
    return lambda call: call.stated("mu", call.given.get("mu", 0.0), call.auxiliaries(auxiliaries))


def _mean(**auxiliaries: str) -> Callable[[Call], Stated]:
    """Read ``mu``, which there must be, and the auxiliary parameters."""
    return lambda call: call.stated("mu", call.need("mu"), call.auxiliaries(auxiliaries))


def _probability(call: Call) -> Stated:
    """Read ``p`` or ``logit_p``."""
    call.refuse_others("n", "logit_p" if call.given.get("logit_p") is not None else "p")
    trials = call.need("n") if call.family.has_trials else None
    logit = call.given.get("logit_p")
    if logit is None:
        return call.stated("p", call.need("p"), {}, trials)
    if isinstance(logit, Linked | Scaled):
        call.refuse(f"logit_p is {logit}, and must be affine in the parameters; a probability is p=.")
    predictor = logit if isinstance(logit, Affine) else numbers(logit, f"{call.name!r}: logit_p")
    return Stated(call.kind, call.family, "logit", "logit_p", predictor, {}, trials)


def _exponential(call: Call) -> Stated:
    """Read ``lam``, 1 over the mean, or ``scale``, the mean."""
    if call.given.get("scale") is not None:
        call.refuse_others("scale")
        return call.stated("scale", call.given["scale"], {})
    rate = call.need("lam")
    if not isinstance(rate, Linked) or rate.form != "exp":
        call.refuse(
            f"lam is {rate}, and the mean, 1 / lam, must be pm.math.exp(eta), with eta affine in the parameters."
        )
    return call.stated("lam", 1.0 / rate, {})


def _gamma(call: Call) -> Stated:
    """Read ``alpha`` with ``mu``, or with ``beta = alpha / mu``."""
    if call.given.get("mu") is not None:
        call.refuse_others("alpha", "mu")
        return call.stated("mu", call.given["mu"], call.auxiliaries({"alpha": "alpha"}))
    call.refuse_others("alpha", "beta")
    auxiliaries = call.auxiliaries({"alpha": "alpha"})
    shape, rate = auxiliaries["alpha"][1], call.need("beta")
    mean: Any = None
    if isinstance(rate, Scaled) and _is_same(rate.factor, shape):
        if rate.divided:
            mean = rate.linked
        elif rate.linked.form == "exp":
            mean = 1.0 / rate.linked
    elif isinstance(rate, Linked) and rate.form == "exp" and isinstance(shape, int | float | np.number):
        mean = float(shape) / rate
    if mean is None:
        call.refuse(f"beta is {rate}, and must be alpha / mu, so that the mean is mu.")
    return call.stated("beta", mean, auxiliaries)


def _beta(call: Call) -> Stated:
    """Read ``mu`` with ``nu``, or ``alpha = mu * nu`` with ``beta = (1 - mu) * nu``; `nu` is the family's kappa."""
    trials = call.need("n") if call.family.has_trials else None
    if "mu" in LIKELIHOODS[call.kind].names and call.given.get("mu") is not None:
        call.refuse_others("mu", "nu")
        return call.stated("mu", call.given["mu"], call.auxiliaries({"nu": "kappa"}))
    call.refuse_others("alpha", "beta", "n")
    first, second = call.need("alpha"), call.need("beta")
    if (
        not (isinstance(first, Scaled) and isinstance(second, Scaled))
        or first.divided
        or second.divided
        or not _is_same(first.factor, second.factor)
        or not (second.linked.complement is first.linked or first.linked.complement is second.linked)
    ):
        call.refuse(
            f"alpha is {first} and beta is {second}, and they must be mu * nu and (1 - mu) * nu of the same mu."
        )
    return call.stated("alpha", first.linked, {"kappa": ("nu", first.factor)}, trials)


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two factors are the same parameter, or the same number."""
    if isinstance(one, Affine) or isinstance(other, Affine):
        return (
            isinstance(one, Affine)
            and isinstance(other, Affine)
            and one.owner is other.owner
            and one.name is not None
            and one.name == other.name
        )
    return isinstance(other, int | float | np.number) and float(one) == float(other)


@dataclass(frozen=True)
class Likelihood:
    """One row of the table.

    Attributes
    ----------
    family : str
    names : tuple of str
        The parameters in PyMC's positional order.
    read : function
        From a call to what it states.
    example : str
        A call that is allowed.
    instead : mapping of str to str
        Other parameters that PyMC has, and what to write instead.
    remedy : str
        What to do about responses that the family cannot have, where that differs from models of formulas.
    """

    family: str
    names: tuple[str, ...]
    read: Callable[[Call], Stated]
    example: str
    instead: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""


_PRECISION = {"tau": "sigma, which is 1 / sqrt(tau)", "lam": "sigma, which is 1 / sqrt(lam)"}
_COUNT = "In an explicit model exposure belongs into mu: exposure * pm.math.exp(eta)."
_TRIALS = "In an explicit model the trials are n=."
_SHARE = "In an explicit model that is pm.Binomial('y', n=trials, logit_p=eta, observed=successes)."

LIKELIHOODS: dict[str, Likelihood] = {
    "Normal": Likelihood(
        "gaussian",
        ("mu", "sigma"),
        _location(sigma="sigma"),
        "pm.Normal('y', mu=eta, sigma=sigma, observed=y)",
        _PRECISION,
    ),
    "StudentT": Likelihood(
        "t",
        ("nu", "mu", "sigma"),
        _location(nu="nu", sigma="sigma"),
        "pm.StudentT('y', nu=4, mu=eta, sigma=sigma, observed=y)",
        _PRECISION,
    ),
    "LogNormal": Likelihood(
        "lognormal",
        ("mu", "sigma"),
        _location(sigma="sigma"),
        "pm.LogNormal('y', mu=eta, sigma=sigma, observed=y)",
        _PRECISION,
    ),
    "Bernoulli": Likelihood(
        "bernoulli", ("p", "logit_p"), _probability, "pm.Bernoulli('y', logit_p=eta, observed=y)", remedy=_SHARE
    ),
    "Binomial": Likelihood(
        "binomial",
        ("n", "p", "logit_p"),
        _probability,
        "pm.Binomial('y', n=trials, logit_p=eta, observed=y)",
        remedy=_TRIALS,
    ),
    "BetaBinomial": Likelihood(
        "beta_binomial",
        ("alpha", "beta", "n"),
        _beta,
        "pm.BetaBinomial('y', alpha=mu * nu, beta=(1 - mu) * nu, n=trials, observed=y) with mu = pm.math.sigmoid(eta)",
        remedy=_TRIALS,
    ),
    "Poisson": Likelihood(
        "poisson", ("mu",), _mean(), "pm.Poisson('y', mu=pm.math.exp(eta), observed=y)", remedy=_COUNT
    ),
    "NegativeBinomial": Likelihood(
        "negativebinomial",
        ("mu", "alpha"),
        _mean(alpha="alpha"),
        "pm.NegativeBinomial('y', mu=pm.math.exp(eta), alpha=alpha, observed=y)",
        {"p": "mu and alpha", "n": "alpha"},
        _COUNT,
    ),
    "Gamma": Likelihood(
        "gamma",
        ("alpha", "beta", "mu"),
        _gamma,
        "pm.Gamma('y', alpha=alpha, beta=alpha / mu, observed=y) with mu = pm.math.exp(eta)",
        {"sigma": "alpha, which is (mu / sigma)**2"},
    ),
    "Exponential": Likelihood(
        "exponential",
        ("lam", "scale"),
        _exponential,
        "pm.Exponential('y', scale=pm.math.exp(eta), observed=y)",
        {"mu": "scale"},
    ),
    "Beta": Likelihood(
        "beta",
        ("alpha", "beta", "mu", "nu"),
        _beta,
        "pm.Beta('y', mu=pm.math.sigmoid(eta), nu=nu, observed=y)",
        {"sigma": "nu, which is mu * (1 - mu) / sigma**2 - 1", "kappa": "nu"},
        _SHARE,
    ),
}


def read(kind: str, name: str, given: Mapping[str, Any]) -> Stated:
    """Read the arguments of a likelihood.

    Raises
    ------
    FormulaError, PriorError
        Arguments that are missing, unknown, or of a form that no family has.
    """
    rule = LIKELIHOODS[kind]
    for key in given:
        if key in rule.names:
            continue
        if key in rule.instead:
            raise PriorError(
                f"{name!r}: pm.{kind} does not take {key!r} here: give {rule.instead[key]}. Write {rule.example}."
            )
        raise PriorError(
            f"The likelihood {name!r} takes {quote_names(rule.names)}, not {key!r}.{suggest(key, rule.names)} Write "
            f"{rule.example}."
        )
    for key, value in given.items():
        if isinstance(value, str | bool | np.bool_):
            raise DataTypeError(f"{name!r}: {key} must be numbers or an expression of parameters, not {value!r}.")
    return rule.read(Call(kind, name, given))


def check_response(name: str, stated: Stated, y: FloatArray, trials: FloatArray | None) -> None:
    """Refuse values that the family cannot have, with the remedy in the words of an explicit model."""
    try:
        stated.family.check_response(name, y, trials, pd.RangeIndex(len(y)))
    except DataError as error:
        remedy = LIKELIHOODS[stated.distribution].remedy
        raise DataError(f"{error} {remedy}".strip()) from None
