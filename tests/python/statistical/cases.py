"""The real regressions in tests/data/cases: what they are, and their posteriors from quadrature."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filbert as fb
import pandas as pd

FOLDER = Path(__file__).parents[2] / "data" / "cases"


@dataclass(frozen=True)
class Case:
    """A regression whose posterior is known; `exact` has the statistics of each parameter, in the columns' order."""

    name: str
    formula: str
    data: pd.DataFrame
    columns: list[str]
    priors: dict[str, fb.Prior]  # of each column, and of sigma
    exact: list[dict[str, float]]
    intercept_at_means: bool

    def model(self) -> fb.Model:
        by_term = {re.sub(r"\[[^\]]*\]$", "", column): prior for column, prior in self.priors.items()}
        return fb.Model(self.formula, self.data, priors=by_term, center_predictors=self.intercept_at_means)


def read_case(name: str) -> Case:
    meta = json.loads((FOLDER / name / "meta.json").read_text(encoding="utf-8"))
    exact = json.loads((FOLDER / name / "exact_summary.json").read_text(encoding="utf-8"))["params"]
    return Case(
        name,
        meta["formula"],
        pd.read_csv(FOLDER / name / "data.csv"),
        list(meta["parameter_map"].values()),
        {column: _prior(spec) for column, spec in meta["priors"].items()},
        [exact[parameter] for parameter in meta["parameter_map"]],
        bool(meta.get("intercept_centered")),
    )


def case_names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/exact_summary.json"))


def _prior(spec: dict[str, Any]) -> fb.Prior:
    if spec["dist"] == "flat":
        return fb.HalfFlat() if spec.get("support") == [0, None] else fb.Flat()
    return fb.Prior(spec["dist"], **{key: value for key, value in spec.items() if key not in ("dist", "support")})
