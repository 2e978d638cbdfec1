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


def family_of(family: Any) -> Family:
    """Return the family that was asked for: one of the table by its name, or an object that is one."""
    if isinstance(family, Family):
        return family
    if not isinstance(family, str):
        raise DataTypeError(
            f"family must be the name of a family, or an object of a subclass of fb.CustomFamily, not {family!r} "
            f"({type(family).__name__})."
        )
    if family not in FAMILIES:
        raise SettingError(
            f"family={family!r} is not available.{suggest(family, FAMILIES)} The families are {quote_names(FAMILIES)}."
        )
    return FAMILIES[family]
