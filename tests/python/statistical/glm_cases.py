"""The real generalised regressions in tests/data/glm: what they are, and their posteriors from importance sampling."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filbert as fb
import pandas as pd

FOLDER = Path(__file__).parents[2] / "data" / "glm"
ARGUMENTS = ("mu", "sigma", "nu", "alpha", "beta", "lam")


@dataclass(frozen=True)
class GlmCase:
    """A regression whose posterior is known: statistics of each free parameter, with the errors that they have."""

    model: fb.Model
    reference: dict[str, dict[str, float]]


def glm_case_names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/meta.json"))


def read_glm_case(name: str) -> GlmCase:
    meta = json.loads((FOLDER / name / "meta.json").read_text(encoding="utf-8"))
    reference = json.loads((FOLDER / name / "reference_summary.json").read_text(encoding="utf-8"))["params"]
    model = fb.Model(
        meta["formula"],
        pd.read_csv(FOLDER / name / "data.csv"),
        family=meta["family"],
        link=meta["link"],
        priors={re.sub(r"\[[^\]]*\]$", "", label): _prior(spec) for label, spec in meta["priors"].items()},
        center_predictors=meta["intercept_centered"],
    )
    return GlmCase(model, {label: reference[label] for label in meta["parameter_order"] if label in reference})


def _prior(spec: dict[str, Any]) -> fb.Prior | float:
    if spec["dist"] == "constant":
        return float(spec["value"])
    return fb.Prior(spec["dist"], **{key: spec[key] for key in ARGUMENTS if key in spec})
