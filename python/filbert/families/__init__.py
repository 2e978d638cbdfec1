"""Families of responses as values, one a file; a family is added by its file and a line of the table here."""

from __future__ import annotations

from typing import Any

from ..errors import DataTypeError, SettingError, quote_names, suggest
from .bernoulli import Bernoulli
from .beta import Beta
from .beta_binomial import BetaBinomial
from .binomial import Binomial
from .exponential import Exponential
from .family import Family
from .gamma import Gamma
from .gaussian import Gaussian
from .lognormal import LogNormal
from .negativebinomial import NegativeBinomial
from .poisson import Poisson
from .t import StudentT

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Gaussian(),
        Bernoulli(),
        Binomial(),
        Poisson(),
        NegativeBinomial(),
        StudentT(),
        Gamma(),
        Exponential(),
        LogNormal(),
        Beta(),
        BetaBinomial(),
    )
}

# Names of other packages, in lower case, with filbert's.
ELSEWHERE = {
    "normal": "gaussian",
    "linear": "gaussian",
    "logistic": "bernoulli",
    "logit": "bernoulli",
    "negbinomial": "negativebinomial",
    "negbinomial2": "negativebinomial",
    "negbinom": "negativebinomial",
    "nb": "negativebinomial",
    "student": "t",
    "studentt": "t",
    "betabinomial": "beta_binomial",
}


def family_of(family: Any) -> Family:
    """Return the family that was asked for: one of the table by its name, or an object that is one."""
    if isinstance(family, Family):
        if family.name in FAMILIES and type(family) is not type(FAMILIES[family.name]):
            raise SettingError(
                f"The family {type(family).__name__} has the name {family.name!r}, which is filbert's: draws "
                "and files could not tell them apart. Give it another name."
            )
        return family
    if not isinstance(family, str):
        raise DataTypeError(
            f"family must be the name of a family, or an object of a subclass of fb.CustomFamily, not {family!r} "
            f"({type(family).__name__})."
        )
    if family not in FAMILIES:
        here = ELSEWHERE.get(family.lower().replace("_", "").replace(" ", ""))
        meant = suggest(family, FAMILIES) if here is None else f" It is called {here!r} here."
        raise SettingError(f"family={family!r} is not available.{meant} The families are {quote_names(FAMILIES)}.")
    return FAMILIES[family]
