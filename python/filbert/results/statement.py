"""Writes what a model states, with each prior as asked for and as scaled, as text."""

from __future__ import annotations

from ..regression.names import INTERCEPT
from ..regression.parameters import Parameter
from ..regression.regression import Regression


def statement_text(regression: Regression) -> str:
    """Return what ``print(model)`` shows of a model of a formula."""
    parent = regression.family.parent
    lines = [
        f"       Formula: {regression.description}",
        f"        Family: {regression.family.name}",
        f"          Link: {parent} = {regression.link}",
        f"  Observations: {regression.n_rows}",
        "        Priors:",
        f"    target = {parent}",
        "        Common-level effects",
        *(_prior_line(parameter) for parameter in regression.coefficients),
    ]
    if regression.auxiliaries:
        lines.append("        Auxiliary parameters")
        lines.extend(_prior_line(parameter) for parameter in regression.auxiliaries.values())
    notes = list(_notes(regression))
    if notes:
        lines.append("------")
        lines.extend(f"* {note}" for note in notes)
    return "\n".join(lines)


def _prior_line(parameter: Parameter) -> str:
    chosen = parameter.chosen
    scaled = f"    <- {chosen.rule}" if chosen.is_default and chosen.rule != repr(chosen.prior) else ""
    return f"            {parameter.name} ~ {chosen.prior}{scaled}"


def _notes(regression: Regression) -> list[str]:
    notes = []
    if regression.has_intercept and regression.columns:
        place = "at the predictor means" if regression.intercept_at_means else "where every predictor is 0"
        notes.append(f"The prior of {INTERCEPT} is about the mean response {place}.")
    if regression.design is not None:
        for factor, level in regression.design.baseline.items():
            notes.append(f"The reference level of {factor} is {level}.")
    return notes
