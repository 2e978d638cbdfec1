"""What lme4 calls VarCorr: deviations between groups, correlations, the residual deviation, and shares of variance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..families.gaussian import Gaussian
from ..formula.groups import INTERCEPT_TERM
from ..regression.groups import Groups, column_labels
from ..regression.regression import Regression
from ..results.draws import Draws
from ..results.report import formatted_rows
from .group_effects import stated_groups
from .table import EffectTable
from .view import Intervals, Probabilities

__all__ = ["VarianceTable", "variance_components"]

FloatArray = npt.NDArray[np.float64]
Component = tuple[str, str, str, FloatArray]

DEVIATION, CORRELATION, SHARE = "deviation", "correlation", "share of variance"
RESIDUAL = "Residual"

# Variances of the standard distributions whose thresholds these links are.
_OF_LINKS = {"logit": math.pi**2 / 3, "probit": 1.0, "cloglog": math.pi**2 / 6}


class VarianceTable(EffectTable):
    """What `variance_components` returns: a DataFrame that prints itself rounded, a factor's name once."""

    @property
    def _constructor(self) -> Callable[..., VarianceTable]:
        return VarianceTable

    def __repr__(self) -> str:
        if not self._is_whole():
            return repr(pd.DataFrame(self))
        note = f"\n\n{self.attrs['note']}" if self.attrs.get("note") else ""
        return f"{self._shown().to_string(index=False)}{note}"

    def _repr_html_(self) -> str | None:
        if not (self._is_whole() and pd.get_option("display.notebook_repr_html")):
            html: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return html
        note = f"<p>{self.attrs['note']}</p>" if self.attrs.get("note") else ""
        return f"{self._shown().to_html(index=False)}{note}"

    def _shown(self) -> pd.DataFrame:
        numbers = pd.DataFrame(self).drop(columns=["factor", "name", "quantity"])
        written = pd.DataFrame(formatted_rows(numbers), columns=numbers.columns)
        repeated = [False, *(one == other for one, other in itertools.pairwise(self["factor"]))]
        factors = ["" if again else name for again, name in zip(repeated, self["factor"], strict=True)]
        return pd.concat(
            [pd.DataFrame({"factor": factors, "name": [*self["name"]], "quantity": [*self["quantity"]]}), written],
            axis=1,
        )

    def _is_whole(self) -> bool:
        return {"factor", "name", "quantity", "mean", "sd"} <= set(self.columns) and len(self) > 0


def variance_components(regression: Regression, idata: Any, prob: Probabilities, use_hdi: bool) -> VarianceTable:
    """Do what `Model.variance_components` says."""
    intervals, groups = Intervals.of(prob, use_hdi), stated_groups(regression, "variance_components")
    draws = Draws.read(idata, regression, with_effects=False)
    components = [*_between_groups(groups, draws), *_residual(regression, draws)]
    shares, note = _shares(regression, groups, draws)
    components += shares
    values = intervals.summarise(np.array([values for *_, values in components]))
    table = VarianceTable(
        {
            "factor": [factor for factor, *_ in components],
            "name": [name for _, name, *_ in components],
            "quantity": [quantity for _, _, quantity, _ in components],
            **dict(zip(intervals.columns, values, strict=True)),
        }
    )
    if note:
        table.attrs["note"] = note
    return table


def _between_groups(groups: Groups, draws: Draws) -> Iterator[Component]:
    """Yield deviations and correlations, factor by factor."""
    covariances = groups.covariances(draws.array)
    for factor in groups.grouping:
        for term, (deviations, matrices) in zip(groups.terms, covariances, strict=True):
            if term.factor != factor:
                continue
            labels = column_labels(term)
            for label, values in zip(labels, deviations, strict=True):
                yield factor, label, DEVIATION, values
            if matrices is not None:
                for i, j in itertools.combinations(range(len(labels)), 2):
                    yield factor, f"{labels[i]}, {labels[j]}", CORRELATION, matrices[:, i, j]


def _residual(regression: Regression, draws: Draws) -> Iterator[Component]:
    if isinstance(regression.family, Gaussian):  # or lognormal, whose sigma is that of logarithms
        yield RESIDUAL, "sigma", DEVIATION, draws.auxiliaries["sigma"]


def _shares(regression: Regression, groups: Groups, draws: Draws) -> tuple[list[Component], str]:
    """Return each factor's share of the variance, draw by draw, or a sentence that says why there is none."""
    if any(part.name != INTERCEPT_TERM for term in groups.terms for part in term.terms):
        return [], "No shares of variance: with slopes that vary by group they depend on the predictors."
    within = _within_groups(regression, draws)
    if within is None:
        return [], (
            f"No shares of variance: family={regression.family.name!r} with link={regression.link!r} has no one "
            "variance within groups on the scale of the predictor."
        )
    between = {
        term.factor: deviations[0] ** 2
        for term, (deviations, _) in zip(groups.terms, groups.covariances(draws.array), strict=True)
    }
    total = np.sum([*between.values()], axis=0) + within
    return [(factor, INTERCEPT_TERM, SHARE, variance / total) for factor, variance in between.items()], ""


def _within_groups(regression: Regression, draws: Draws) -> FloatArray | None:
    """Return the variance within groups on the scale of the linear predictor (Nakagawa, Johnson, Schielzeth 2017)."""
    family = regression.family
    if isinstance(family, Gaussian) and regression.link_function.is_identity:
        return draws.auxiliaries["sigma"] ** 2
    if (family.is_binary or family.name == "binomial") and regression.link in _OF_LINKS:
        return np.full(draws.array.shape[1], _OF_LINKS[regression.link])
    return None
