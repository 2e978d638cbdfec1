"""Tests that warnings name the line of the user's program, from however deep inside they come."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import filbert as fb
import filbert.explicit as pm
import numpy as np
import pandas as pd
import pytest

FEW = {"draws": 20, "tune": 50, "chains": 2, "random_seed": 1, "progressbar": False}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"x": rng.normal(size=40), "z": rng.normal(size=40), "y": rng.normal(size=40)})
    return data.assign(same=data["x"])


def make(frame: pd.DataFrame) -> Any:
    return fb.Model("y ~ I(x - x.mean())", frame)


def fit(frame: pd.DataFrame) -> Any:
    return fb.Model("y ~ x + same", frame).fit(**FEW)


def written_out(frame: pd.DataFrame) -> Any:
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 1)
        pm.Normal("y", mu=slope * frame["x"], sigma=pm.HalfNormal("sigma", 1), observed=frame["y"])
    return pm.sample(**FEW, model=model)


@pytest.mark.parametrize("program", [make, fit, written_out])
def test_warnings_name_the_line_of_the_program(program: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program(frame)
    lines, first = inspect.getsourcelines(program)
    assert caught
    for warning in caught:
        assert (warning.filename, warning.lineno) == (__file__, first + len(lines) - 1), str(warning.message)
