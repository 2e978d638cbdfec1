"""Frames and checks that the tests of designs share."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from filbert.errors import FilbertError
from filbert.formula import reading


class Read:
    """A design with the rows that it was read from beside it."""

    def __init__(self, design, rows):
        self.design = design
        self.rows = rows

    def __getattr__(self, name):
        return getattr(self.design, name)


def read(*arguments, **options):
    return Read(*reading.read(*arguments, **options))


def make_frame(n=60):
    """Return a frame with columns of each common kind, whose rows are labelled from 100."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": rng.normal(3, 1, n) ** 2 + 0.1,
            "x": rng.random(n) + 0.5,
            "z": rng.normal(size=n),
            "k": rng.integers(1, 4, n),
            "flag": rng.random(n) > 0.5,
            "g": rng.permutation(list("abc") * (n // 3)),
            "h": rng.permutation(["u", "v"] * (n // 2)),
            "w": rng.random(n),
        },
        index=pd.Index(range(100, 100 + n)),
    )


N = 30  # rows of a labelled frame


def make_labelled_frame(n):
    """Return a small frame whose rows are labelled r0, r1, ..., as messages show them."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": rng.random(n) + 1,
            "x": rng.random(n) + 0.5,
            "income": rng.random(n),
            "g": list("abc") * (n // 3),
            "flag": [True, False] * (n // 2),
        },
        index=[f"r{i}" for i in range(n)],
    )


def whole(design):
    blocks = list(design.rows.blocks())
    X = np.concatenate([block.X for block in blocks])
    y = np.concatenate([block.target for block in blocks])
    weights = None if blocks[0].weights is None else np.concatenate([block.weights for block in blocks])
    return X, y, weights


def summary(design):
    return {term.name: term.levels for term in design.terms}


def refused(error, *parts, **arguments):
    """Check that the design is refused with all parts in the message, without warnings or other errors on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as caught:
            list(read(**arguments).rows.blocks())
    message = str(caught.value)
    assert isinstance(caught.value, FilbertError)
    for part in parts:
        assert part in message, message
    assert "\x1b" not in message
    assert "formulaic" not in message.lower()
    return message
