"""Writes what a model states, with each prior as asked for and as scaled, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..regression.names import INTERCEPT
from ..regression.parameters import Parameter
from ..regression.regression import Regression
from .text import printable, shortened

MOST_PRIORS = 40  # of coefficients: a screen of them
MOST_FACTORS = 20
_MOST_LETTERS = 320  # of a formula


@dataclass(frozen=True)
class StatedPrior:
    """A parameter with its prior, and the rule that a default prior was scaled by."""

    name: str
    prior: str
    rule: str | None

    @classmethod
    def of(cls, parameter: Parameter) -> StatedPrior:
        """Take what is shown of a parameter."""
        chosen = parameter.chosen
        scaled = chosen.is_default and chosen.rule != repr(chosen.prior)
        return cls(printable(parameter.name), printable(chosen.prior), printable(chosen.rule) if scaled else None)


@dataclass(frozen=True)
class Statement:
    """What is shown of a model, as text and in notebooks: every text in it is fit to be printed.

    Attributes
    ----------
    facts : list of (str, str)
        Formula, family, link and number of rows.
    parent : str
        The parameter of the response's distribution that the formula is about.
    coefficients, auxiliaries : list of StatedPrior
        Of many coefficients the first 40.
    hidden : str or None
        What is left out of them, and where it is.
    notes : list of str
    """

    facts: list[tuple[str, str]]
    parent: str
    coefficients: list[StatedPrior]
    auxiliaries: list[StatedPrior]
    hidden: str | None
    notes: list[str]

    @classmethod
    def of(cls, regression: Regression) -> Statement:
        """Take what is shown of a model."""
        parent = regression.family.parent
        formula = re.sub(r"\s*[\r\n]\s*", " ", regression.description)
        facts = [
            ("Formula", shortened(printable(formula), _MOST_LETTERS)),
            ("Family", printable(regression.family.name)),
            ("Link", f"{parent} = {regression.link}"),
            ("Observations", str(regression.n_rows)),
        ]
        left_out = len(regression.coefficients) - MOST_PRIORS
        return cls(
            facts,
            parent,
            [StatedPrior.of(parameter) for parameter in regression.coefficients[:MOST_PRIORS]],
            [StatedPrior.of(parameter) for parameter in regression.auxiliaries.values()],
            f"... and {left_out} more; model.priors has all of them" if left_out > 0 else None,
            _notes(regression),
        )


def statement_text(regression: Regression) -> str:
    """Return what ``print(model)`` shows of a model of a formula."""
    statement = Statement.of(regression)
    lines = [f"{name:>14}: {value}" for name, value in statement.facts]
    lines += ["        Priors:", f"    target = {statement.parent}", "        Common-level effects"]
    lines += _prior_lines(statement.coefficients)
    if statement.hidden:
        lines.append(f"            {statement.hidden}")
    if statement.auxiliaries:
        lines += ["        Auxiliary parameters", *_prior_lines(statement.auxiliaries)]
    if statement.notes:
        lines += ["------", *(f"* {note}" for note in statement.notes)]
    return "\n".join(lines)


def _prior_lines(priors: Sequence[StatedPrior]) -> list[str]:
    return [
        f"            {stated.name} ~ {stated.prior}" + (f"    <- {stated.rule}" if stated.rule else "")
        for stated in priors
    ]


def _notes(regression: Regression) -> list[str]:
    notes = []
    if regression.has_intercept and regression.columns:
        quantity = "mean response" if regression.link_function.is_identity else "linear predictor"
        place = "at the predictor means" if regression.intercept_at_means else "where every predictor is 0"
        notes.append(f"The prior of {INTERCEPT} is about the {quantity} {place}.")
    notes += [f"{printable(name)} is fixed at {value:g}." for name, value in regression.fixed.items()]
    if regression.design is not None:
        baseline = list(regression.design.baseline.items())
        for factor, level in baseline[:MOST_FACTORS]:
            notes.append(f"The reference level of {printable(factor)} is {printable(level)}.")
        if len(baseline) > MOST_FACTORS:
            notes.append(f"{len(baseline) - MOST_FACTORS} more factors: model.design.baseline has their levels.")
    return notes
