"""Tests that designs too wide for any memory are refused before their columns are made."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.regression import statement


def test_factors_of_too_many_levels_are_refused_by_name() -> None:
    row = np.arange(8004)
    levels = {name: [f"{name}{i}" for i in row * (k + 1) % 4001] for k, name in enumerate("fgh")}
    frame = pd.DataFrame({"y": row % 7.0, **levels})
    with pytest.raises(fb.errors.FormulaError) as caught:
        fb.Model("y ~ f + g + h", frame)
    message = str(caught.value)
    assert "The formula of 'y' has 12000 columns, and may have 10000" in message
    assert "4000 of them are those of 'f': as a group-specific term, (1 | f), a factor may have any number" in message


def test_the_widest_design_that_is_allowed_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "MOST_COLUMNS", 3)
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 5)), columns=list("abcdy"))
    fb.Model("y ~ a + b + c", frame)
    with pytest.raises(fb.errors.FormulaError, match=r"has 4 columns, and may have 3: .* Use fewer"):
        fb.Model("y ~ .", frame)
