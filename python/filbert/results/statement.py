"""Writes what a model states, with each prior as asked for and as scaled, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import count
from ..regression.names import INTERCEPT
from ..regression.parameters import Parameter, Role
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
    sections : list of (str, list of StatedPrior)
        Coefficients (of many the first 40), effects of groups and auxiliary parameters under their headings.
    hidden : str or None
        What is left out of these, and where it is.
    notes : list of str
    """

    facts: list[tuple[str, str]]
    parent: str
    sections: list[tuple[str, list[StatedPrior]]]
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
        fixed = [one for one in regression.parameters if one.role in (Role.COEFFICIENT, Role.LEVEL)]
        left_out = len(fixed) - MOST_PRIORS
        correlations = [parameter for parameter in regression.parameters if parameter.role is Role.CORRELATION]
        sections = {
            "Common-level effects": fixed[:MOST_PRIORS],
            "Group-level effects": [*regression.effects, *correlations],
            "Auxiliary parameters": list(regression.auxiliaries.values()),
        }
        return cls(
            facts,
            parent,
            [(heading, [StatedPrior.of(one) for one in parameters]) for heading, parameters in sections.items()],
            f"... and {left_out} more; model.priors has all of them" if left_out > 0 else None,
            _notes(regression),
        )


def statement_text(regression: Regression) -> str:
    """Return what ``print(model)`` shows of a model of a formula."""
    statement = Statement.of(regression)
    lines = [f"{name:>14}: {value}" for name, value in statement.facts]
    lines += ["        Priors:", f"    target = {statement.parent}"]
    hidden = statement.hidden
    for heading, priors in statement.sections:
        if priors or hidden:
            lines += [f"        {heading}", *_prior_lines(priors)]
        if hidden:
            lines.append(f"            {hidden}")
        hidden = None
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
    if regression.has_intercept and regression.has_predictors:
        quantity = "mean response" if regression.link_function.is_identity else "linear predictor"
        place = "at the predictor means" if regression.intercept_at_means else "where every predictor is 0"
        notes.append(f"The prior of {INTERCEPT} is about the {quantity} {place}.")
    if regression.groups is not None:
        groups = (
            f"{count(factor.n_groups, 'group')} of {printable(name)}"
            for name, factor in regression.groups.grouping.items()
        )
        notes.append(f"There are {', '.join(groups)}.")
    notes += [f"{printable(name)} is fixed at {value:g}." for name, value in regression.fixed.items()]
    if regression.design is not None:
        baseline = list(regression.design.baseline.items())
        for factor, level in baseline[:MOST_FACTORS]:
            notes.append(f"The reference level of {printable(factor)} is {printable(level)}.")
        if len(baseline) > MOST_FACTORS:
            notes.append(f"{len(baseline) - MOST_FACTORS} more factors: model.design.baseline has their levels.")
    return notes
