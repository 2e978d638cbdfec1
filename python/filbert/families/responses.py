"""Checks of responses that families share: each names the response, the row, the value and the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.blocks import Floats
from ..errors import DataError, count, quote_rows


def check_whole(response: str, values: Floats, index: Any, family: str) -> None:
    """Refuse counts that are negative or not whole."""
    wrong = (values < 0) | (values != np.rint(values))
    if wrong.any():
        raise DataError(
            f"{_offending(response, values, index, wrong)}, and {family} needs whole numbers of 0 or more. For a rate "
            "keep the count as the response and put the exposure into offset(log(exposure))."
        )


def check_positive(response: str, values: Floats, index: Any, family: str) -> None:
    """Refuse values of 0 or less."""
    wrong = values <= 0
    if wrong.any():
        raise DataError(
            f"{_offending(response, values, index, wrong)}, and {family} needs positive numbers. Leave those rows out, "
            "or model them by another family."
        )


def check_open_unit(response: str, values: Floats, index: Any, family: str) -> None:
    """Refuse values outside of (0, 1), the ends included."""
    wrong = (values <= 0) | (values >= 1)
    if wrong.any():
        raise DataError(
            f"{_offending(response, values, index, wrong)}, and {family} needs numbers between 0 and 1, both excluded. "
            "For shares of a count use family='binomial' with p(successes, trials); else move the ends inwards, for "
            "example (y * (n - 1) + 0.5) / n, and say so."
        )


def check_zero_or_one(response: str, values: Floats, index: Any, family: str) -> None:
    """Refuse values other than 0 and 1."""
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        raise DataError(
            f"{_offending(response, values, index, wrong)}, and {family} needs 0 or 1. For counts of successes write "
            f"'p({response}, trials) ~ ...' with family='binomial'."
        )


def check_successes(response: str, values: Floats, trials: Floats | None, index: Any, family: str) -> None:
    """Refuse successes and trials that are not counts, and more successes than trials."""
    if trials is None:
        raise DataError(
            f"family={family!r} needs the number of trials beside the successes: write 'p({response}, trials) ~ ...', "
            f"or 'p({response}, 10) ~ ...' if it is the same in every row. For 0 and 1 use family='bernoulli'."
        )
    check_trials(response, trials, index)
    check_whole(response, values, index, family)
    wrong = values > trials
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"Response {response!r} has more successes than trials in {count(int(wrong.sum()), 'row')} "
            f"({quote_rows(index[wrong])}): {values[first]:g} of {trials[first]:g}. Write p(successes, trials)."
        )


def check_trials(response: str, trials: Floats, index: Any) -> None:
    """Refuse numbers of trials that are not 1, 2, ..."""
    wrong = (trials < 1) | (trials != np.rint(trials))
    if wrong.any():
        raise DataError(
            f"{_offending(response, trials, index, wrong, trials=True)}, and they must be whole numbers of 1 or more. "
            "Leave rows without trials out; weights that are no counts belong into weights=."
        )


def _offending(response: str, values: Floats, index: Any, wrong: NDArray[np.bool_], *, trials: bool = False) -> str:
    shown = ", ".join(f"{value:g}" for value in np.unique(values[wrong])[:3])
    more = ", ..." if len(np.unique(values[wrong])) > 3 else ""
    number = count(int(wrong.sum()), "value")
    subject = f"The trials of {response!r} have" if trials else f"Response {response!r} has"
    return f"{subject} {number} such as {shown}{more} ({quote_rows(index[wrong])})"
