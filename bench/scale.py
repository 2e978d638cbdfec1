"""Time and peak memory of a whole posterior by rows and by columns, in memory and in parts, beside least squares."""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PART = 500_000


def columns_of(p: int) -> list[str]:
    return [f"x{place}" for place in range(p)]


def chunk(start: int, n: int, p: int) -> dict:
    import numpy as np

    rng = np.random.default_rng([start, p])
    X = rng.standard_normal((n, p))
    mean = 1 + X @ np.linspace(-1, 1, p)
    y = mean + 2 * rng.standard_normal(n)
    event = rng.random(n) < 1 / (1 + np.exp(1.5 - mean / 2))
    return {**dict(zip(columns_of(p), X.T, strict=True)), "y": y, "event": event.astype(int)}


def written(folder: str, n: int, p: int) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / f"{n}x{p}.parquet"
    if not path.exists():
        writer = None
        for start in range(0, n, PART):
            table = pa.table(chunk(start, min(PART, n - start), p))
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        writer.close()
    return str(path)


def filbert(path: str, p: int) -> None:
    """Model and posterior of a frame."""
    import filbert as fb
    import pandas as pd

    data = pd.read_parquet(path, columns=[*columns_of(p), "y"])
    fb.Model("y ~ x0", data[:100]).fit(progressbar=False)  # imports are not what is measured
    start_clock()
    fb.Model(f"y ~ {' + '.join(columns_of(p))}", data).fit(progressbar=False, random_seed=1)


def statsmodels(path: str, p: int) -> None:
    """A point estimate of a frame."""
    import pandas as pd
    import statsmodels.formula.api as smf

    data = pd.read_parquet(path, columns=[*columns_of(p), "y"])
    smf.ols("y ~ x0", data[:100]).fit()
    start_clock()
    errors = smf.ols(f"y ~ {' + '.join(columns_of(p))}", data).fit().bse
    assert len(errors) == p + 1


def filbert_parts(path: str, p: int) -> None:
    """Model and posterior of a file that is read in parts."""
    import filbert as fb
    import pandas as pd

    fb.Model("y ~ x0", pd.DataFrame(chunk(0, 100, p))).fit(progressbar=False)
    start_clock()
    fb.Model(f"y ~ {' + '.join(columns_of(p))}", fb.stream(path)).fit(progressbar=False, random_seed=1)


def filbert_dask(path: str, p: int) -> None:
    """Model and posterior of a Dask frame of the file, by its threads."""
    import dask.dataframe as dd
    import filbert as fb
    import pandas as pd

    fb.Model("y ~ x0", dd.from_pandas(pd.DataFrame(chunk(0, 100, p)), npartitions=2)).fit(progressbar=False)
    start_clock()
    frame = dd.read_parquet(path, split_row_groups=1)
    fb.Model(f"y ~ {' + '.join(columns_of(p))}", frame).fit(progressbar=False, random_seed=1)


def filbert_spark(path: str, p: int) -> None:
    """Model and posterior of a Spark frame of the file, in a session that runs."""
    import filbert as fb
    import pandas as pd

    session = spark_session()
    few = session.createDataFrame(pd.DataFrame(chunk(0, 100, p)))
    fb.Model("y ~ x0", few).fit(progressbar=False)
    start_clock()
    frame = session.read.parquet(path)
    fb.Model(f"y ~ {' + '.join(columns_of(p))}", frame).fit(progressbar=False, random_seed=1)


def spark_alone(path: str, p: int) -> None:
    """What Spark takes to hand the same rows to Python, where they are counted."""
    import pyarrow as pa

    def counted(batches):
        yield pa.RecordBatch.from_pydict({"rows": [sum(batch.num_rows for batch in batches)]})

    session = spark_session()
    session.range(100).mapInArrow(counted, "rows long").collect()
    start_clock()
    session.read.parquet(path).select(*columns_of(p), "y").mapInArrow(counted, "rows long").collect()


def spark_session():
    from pyspark.sql import SparkSession

    return SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()


def bambi(path: str, p: int) -> None:
    """The posterior of a frame by nutpie, compilation aside."""
    import bambi as bmb
    import nutpie
    import pandas as pd

    data = pd.read_parquet(path)
    model = bmb.Model(f"y ~ {' + '.join(columns_of(p))}", data)
    model.build()
    compiled = nutpie.compile_pymc_model(model.backend.model)
    start_clock()
    nutpie.sample(compiled, seed=1, progress_bar=False)


def pyfixest(path: str, p: int) -> None:
    """A point estimate of a frame, from a formula too."""
    import pandas as pd
    import pyfixest as pf

    data = pd.read_parquet(path, columns=[*columns_of(p), "y"])
    pf.feols("y ~ x0", data[:100])
    start_clock()
    errors = pf.feols(f"y ~ {' + '.join(columns_of(p))}", data).se()
    assert len(errors) == p + 1


def logistic(path: str, p: int) -> None:
    """Model and posterior of a logistic regression of a frame."""
    import filbert as fb
    import pandas as pd

    data = pd.read_parquet(path, columns=[*columns_of(p), "event"])
    fb.Model("event ~ x0", data[:100], family="bernoulli").fit(progressbar=False)
    start_clock()
    fb.Model(f"event ~ {' + '.join(columns_of(p))}", data, family="bernoulli").fit(progressbar=False, random_seed=1)


def logistic_parts(path: str, p: int) -> None:
    """The same over passes, of a file that is read in parts."""
    import filbert as fb
    import pandas as pd
    from filbert.data import streams

    fb.Model("event ~ x0", pd.DataFrame(chunk(0, 100, p)), family="bernoulli").fit(progressbar=False)
    streams.IN_MEMORY = 0
    start_clock()
    model = fb.Model(f"event ~ {' + '.join(columns_of(p))}", fb.stream(path), family="bernoulli")
    model.fit(progressbar=False, random_seed=1)


def sums(path: str, p: int) -> None:
    """Reading the same columns, and their sums."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    start_clock()
    file = pq.ParquetFile(path, pre_buffer=False)
    for batch in file.iter_batches(1 << 18, columns=[*columns_of(p), "y"]):
        for column in batch.columns:
            pc.sum(column)


PEERS = {
    "filbert": filbert,
    "statsmodels": statsmodels,
    "filbert in parts": filbert_parts,
    "filbert, Dask": filbert_dask,
    "filbert, Spark": filbert_spark,
    "Spark: rows to Python": spark_alone,
    "pyarrow: read and sum": sums,
    "bambi and nutpie": bambi,
    "pyfixest": pyfixest,
    "logistic": logistic,
    "logistic in parts": logistic_parts,
}
ELSEWHERE = ("bambi and nutpie", "pyfixest")  # may be installed for another interpreter
DEFAULT = ("filbert", "statsmodels", "filbert in parts", "pyarrow: read and sum")
_clock = 0.0
_memory = 0.0


def peak() -> float:
    """Return the most memory that this program took, in MB; what started it counts where the system says no more."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024


def start_clock() -> None:
    global _clock, _memory
    _clock, _memory = time.perf_counter(), peak()


def one(peer: str, path: str, p: int) -> None:
    PEERS[peer](path, p)
    print(json.dumps({"seconds": time.perf_counter() - _clock, "peak_mb": peak(), "before_mb": _memory}))


def key_of(row: dict) -> tuple[int, int, str]:
    return row["rows"], row["columns"], row["peer"]


def measured(python: str, peer: str, path: str, p: int, limit: float) -> dict | None:
    command = [python, __file__, "--one", peer, path, str(p)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        return {"seconds": limit, "unfinished": True}
    except subprocess.CalledProcessError as error:  # statsmodels' formulas of 500 terms exceed Python's recursion
        print(f"{peer}: {error.stderr.splitlines()[-1][:100]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def shown(row: dict) -> str:
    seconds = f"{'>' if row.get('unfinished') else ''}{row['seconds']:.3f} s"
    memory = f"{row.get('peak_mb', math.nan):.0f} MB"
    return f"{row['rows']:>9} {row['columns']:>5}  {row['peer']:22} {seconds:>12} {memory:>10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("PEER", "PATH", "P"))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=DEFAULT, help="the others need their packages")
    parser.add_argument(
        "--peers-python", default=sys.executable, help=f"an interpreter that has {', '.join(ELSEWHERE)}"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=float, nargs="*", default=[1e3, 1e4, 1e5, 1e6, 1e7])
    parser.add_argument("--columns", type=int, nargs="*", default=[10, 100, 500, 1000, 2000])
    parser.add_argument("--folder", help="where the files go that are measured; kept")
    parser.add_argument("--limit", type=float, default=300, help="seconds that a peer may take")
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one[0], arguments.one[1], int(arguments.one[2]))
        return
    problems = dict.fromkeys([(int(n), 10) for n in arguments.rows] + [(10_000, p) for p in arguments.columns])
    found, when = [], time.strftime("%Y-%m-%d %H:%M")  # ratios are within one run
    with tempfile.TemporaryDirectory() as temporary:
        for n, p in problems:
            path = written(arguments.folder or temporary, n, p)
            runs: dict[str, list[dict]] = {peer: [] for peer in arguments.peers}
            for _ in range(arguments.rounds):
                for peer in arguments.peers:
                    # A frame of 1e7 rows and what formulas make of it do not fit beside each other everywhere.
                    if (n > 3e6 and peer in ("filbert", "statsmodels", *ELSEWHERE)) or (n < 1e5 and "part" in peer):
                        continue
                    if any(run.get("unfinished") for run in runs[peer]):
                        continue
                    python = arguments.peers_python if peer in ELSEWHERE else sys.executable
                    run = measured(python, peer, path, p, arguments.limit)
                    runs[peer] += [run] if run else []
            for peer, each in runs.items():
                if each:
                    row = {key: statistics.median(run[key] for run in each) for key in each[0]}
                    found.append({"rows": n, "columns": p, "peer": peer, "run": when, **row})
                    print(shown(found[-1]), flush=True)
    results = RESULTS / "scale.json"
    measured_again = set(map(key_of, found))
    before = json.loads(results.read_text()) if results.exists() else []
    kept = [row for row in before if key_of(row) not in measured_again]
    results.write_text(json.dumps(sorted(kept + found, key=key_of), indent=1) + "\n")


if __name__ == "__main__":
    main()
