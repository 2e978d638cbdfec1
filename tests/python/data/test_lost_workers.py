"""A worker that dies in the middle of a pass costs time and not the answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("distributed")

# A program of its own: workers import it, and should the cluster hang, it ends at the timeout.
PROGRAM = """
import json, os, pathlib, signal, sys

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

import filbert as fb


def deadly_once(frame, mark):
    try:
        pathlib.Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return frame
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    rng = np.random.default_rng(20261125)
    data = pd.DataFrame({"x": rng.normal(5, 2, 4000), "g": rng.choice(list("abc"), 4000)})
    data["y"] = data.x + (data.g == "b") + rng.normal(size=4000)
    rows = dd.from_pandas(data, npartitions=8)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        first = rows.partitions[:5]
        last = rows.partitions[5:].map_partitions(deadly_once, sys.argv[1], meta=data.iloc[:0])
        model = fb.Model("y ~ scale(x) + g", dd.concat([first, last]))
    check = fb.Model("y ~ scale(x) + g", data)
    apart = model.regression.least_squares.estimate - check.regression.least_squares.estimate
    found = {"died": os.path.exists(sys.argv[1]), "rows": model.regression.n_rows, "apart": float(np.abs(apart).max())}
    print(json.dumps(found))
"""


def test_a_worker_killed_in_a_pass_costs_time_and_not_the_answer(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-W", "ignore", str(program), str(tmp_path / "mark")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["died"]
    assert found["rows"] == 4000
    assert found["apart"] < 1e-12
