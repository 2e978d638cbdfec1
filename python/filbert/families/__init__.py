"""Families of responses as values, one a file; a family is added by its file and a line of the table here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import DataTypeError, SettingError, quote_names, suggest
from .family import Family

# The class of each family, in the module of its name.
_CLASSES = {
    "gaussian": "Gaussian",
    "bernoulli": "Bernoulli",
    "binomial": "Binomial",
    "poisson": "Poisson",
    "negativebinomial": "NegativeBinomial",
    "t": "StudentT",
    "gamma": "Gamma",
    "exponential": "Exponential",
    "lognormal": "LogNormal",
    "beta": "Beta",
    "beta_binomial": "BetaBinomial",
}


class _Families(Mapping[str, Family]):
    """The families by name, each loaded when it is first asked for: a model needs one."""

    def __init__(self) -> None:
        self._loaded: dict[str, Family] = {}

    def __getitem__(self, name: str) -> Family:
        if name not in self._loaded:
            made = _CLASSES[name]  # a KeyError says that there is no such family
            module = importlib.import_module(f".{name}", __name__)
            self._loaded[name] = getattr(module, made)()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in _CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


FAMILIES: Mapping[str, Family] = _Families()

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
