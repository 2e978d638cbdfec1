"""Adds the effects of groups to draws of linear predictors, and finds those of groups that no fitted row had."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.blocks import Block
from ..regression.groups import Groups

FloatArray = NDArray[np.float64]

_CHUNK_VALUES = 1 << 18  # rows times draws that are worked on at a time: 2 MB, which a cache holds


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
