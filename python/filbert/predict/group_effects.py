"""Adds the effects of groups to draws of linear predictors, and draws those of groups that no fitted row had."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.blocks import Block
from ..errors import DataError, DataTypeError, SettingError, quote_names
from ..regression.groups import Groups, correlation_roots
from ..regression.regression import Regression
from ..results.draws import Draws

FloatArray = NDArray[np.float64]

NEW_GROUPS = ("error", "sample", "observed", "zero")

_CHUNK_VALUES = 1 << 18  # rows times draws that are worked on at a time: 2 MB, which a cache holds


def checked_new_groups(new_groups: Any, sample_new_groups: Any) -> str:
    """Return what is done about new groups, by its name; bambi's ``sample_new_groups=True`` is ``"observed"``."""
    if sample_new_groups not in (None, True, False):
        raise DataTypeError(f"sample_new_groups must be True or False, not {sample_new_groups!r}.")
    if not isinstance(new_groups, str):
        raise DataTypeError(f"new_groups must be one of {quote_names(NEW_GROUPS)}, not {new_groups!r}.")
    if new_groups not in NEW_GROUPS:
        raise SettingError(f"new_groups must be one of {quote_names(NEW_GROUPS)}, not {new_groups!r}.")
    if not sample_new_groups or new_groups == "observed":
        return new_groups
    if new_groups != "error":
        raise SettingError(f"sample_new_groups=True means new_groups='observed', and new_groups is {new_groups!r}.")
    return "observed"


def without_groups(draws: Draws) -> Draws:
    """Return the draws without the effects of groups, so that predictions are those of the coefficients alone."""
    return replace(draws, effects=())


def with_new_groups(
    draws: Draws, regression: Regression, unseen: Mapping[str, Sequence[str]], new_groups: str, seed: int
) -> Draws:
    """Return the draws with effects for groups that no fitted row had, the first of them last.

    Parameters
    ----------
    draws : Draws
    regression : Regression
    unseen : mapping of str to sequence of str
        Labels of the new groups, by grouping factor; rows without any group of a factor get no effect of it.
    new_groups : str
        ``"error"``; ``"sample"``: from the normal distribution of the effects, with each draw's deviations and
        correlations, independently for each label; ``"observed"``: in each draw the effects of some group of the fitted
        rows, the same one for all effects of a factor; ``"zero"``.
    seed : int
        What is drawn for a group depends on it and the group's label alone.

    Raises
    ------
    DataError
        If there are new groups and `new_groups` is ``"error"``.
    """
    groups = regression.groups
    if groups is None or not unseen or not draws.effects:
        return draws
    if new_groups == "error" and any(unseen.values()):
        raise _refused(unseen)
    effects = []
    scales = groups.covariances(draws.array) if new_groups == "sample" else [None] * len(groups.terms)
    for term, own, scale in zip(groups.terms, draws.effects, scales, strict=True):
        labels = unseen.get(term.factor, ())
        more = np.zeros((len(own), max(1, len(labels)), own.shape[2]))
        for place, label in enumerate(labels):
            stream = np.random.default_rng([seed, _key(term.factor), _key(label)])
            if new_groups == "observed":
                chosen = stream.integers(own.shape[1], size=own.shape[2])
                more[:, -1 - place] = own[:, chosen, np.arange(own.shape[2])]
            elif scale is not None:
                more[:, -1 - place] = correlated_normals(stream, term.text, *scale)
        effects.append(np.concatenate([own, more], axis=1))
    return replace(draws, effects=tuple(effects))


def correlated_normals(
    stream: np.random.Generator, term: str, deviations: FloatArray, correlations: FloatArray | None
) -> FloatArray:
    """Draw the effects of one group, (columns, draws), from deviations (columns, draws) and correlation matrices."""
    # Terms of one factor share the stream, and are independent of each other.
    own = np.random.default_rng([int(stream.integers(2**63)), _key(term)])
    standard = own.standard_normal(deviations.shape)
    if correlations is not None:
        standard = np.einsum("dij,jd->id", correlation_roots(correlations), standard)
    return deviations * standard


def add_group_effects(block: Block, groups: Groups, effects: Sequence[FloatArray], predictor: FloatArray) -> None:
    """Add to draws of linear predictors, (rows, draws), the effects of each row's groups.

    Parameters
    ----------
    block : Block
    groups : Groups
    effects : sequence of array, (columns, groups, draws)
        One a term. Negative groups of the block count from the end.
    predictor : array, (rows, draws)
        Changed.
    """
    numbers = groups.factor_numbers
    step = max(1, _CHUNK_VALUES // predictor.shape[1])
    for start in range(0, len(predictor), step):
        where = slice(start, start + step)
        part = predictor[where]
        for term, Z, own in zip(groups.terms, block.Z, effects, strict=True):
            codes = block.groups[numbers[term.factor]][where]
            for column in range(len(own)):
                drawn = own[column][codes]
                if Z is not None:
                    drawn *= Z[where, column, None]
                part += drawn


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _refused(unseen: Mapping[str, Sequence[str]]) -> DataError:
    new = {name: labels for name, labels in unseen.items() if labels}
    listed = "; ".join(f"of {name!r}: {quote_names(labels)}" for name, labels in new.items())
    return DataError(
        f"There are new groups for the factors {tuple(new)!r} and 'sample_new_groups' is False: {listed}. Pass "
        "new_groups='sample' to draw their effects from the distribution of the groups, 'observed' to take those of "
        "fitted groups, or 'zero' to leave them out."
    )
