"""The command line in this process, rows for it, and the table that it prints."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from click.testing import CliRunner
from filbert import cli

SEED = ["--seed", "1"]


def run(*arguments, **settings):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments], **settings)


def write_rows(path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=80), "z": rng.normal(size=80), "g": list("abcd") * 20, "k": [1, 2] * 40})
    frame["y"] = 1 + 2 * frame.x + rng.normal(0, 0.5, 80)
    frame["w"] = 2.0
    frame["hole"] = frame.z.where(frame.index > 2)
    frame.to_csv(path, index=False)
    return path


def summary_of(result):
    """The last table that was printed, by parameter and column."""
    lines = result.stdout[result.stdout.rindex("parameter ") :].splitlines()
    columns = lines[0].split()[1:]
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[1:] if line.strip()]
    return pd.DataFrame([list(map(float, row[1:])) for row in rows], [row[0] for row in rows], columns)
