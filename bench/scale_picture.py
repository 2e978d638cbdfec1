"""Draws what bench/scale.py measured of 10 predictors, into results/scale.png."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results" / "scale.json"
PREDICTORS = 10

# What each line is called, and its colour; filbert's are blue.
LINES = {
    "filbert": ("filbert: posterior, frame", "#1f5fa8"),
    "filbert in parts": ("filbert: posterior, Parquet in parts", "#5b9bd5"),
    "statsmodels": ("statsmodels: least squares, frame", "#8c8c8c"),
    "pyfixest": ("pyfixest: least squares, frame", "#b8a07e"),
    "bambi and nutpie": ("bambi with nutpie: posterior, frame", "#c8553d"),
    "pyarrow: read and sum": ("pyarrow: reads the Parquet file", "#c8c8c8"),
}


def main() -> None:
    rows = [row for row in json.loads(RESULTS.read_text()) if row["columns"] == PREDICTORS]
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
    for peer, (label, color) in LINES.items():
        of_peer = sorted((row for row in rows if row["peer"] == peer), key=lambda row: row["rows"])
        if not of_peer:
            continue
        done = [row for row in of_peer if not row.get("unfinished")]
        for panel, key in zip(panels, ("seconds", "peak_mb"), strict=True):
            panel.plot([row["rows"] for row in done], [row[key] for row in done], "o-", ms=4, color=color, label=label)
        unfinished = [row for row in of_peer if row.get("unfinished")]
        panels[0].plot([row["rows"] for row in unfinished], [row["seconds"] for row in unfinished], "^", color=color)
        for row in unfinished[:1]:
            at = row["rows"], row["seconds"]
            panels[0].annotate(f"not done after {at[1]:.0f} s", at, (8, -3), textcoords="offset points", color=color)
    for panel, title in zip(panels, ("Seconds", "Peak memory of the process (MB)"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel=f"rows, of {PREDICTORS} predictors")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.set_title(title, loc="left", fontsize=11)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(True, which="major", color="#eeeeee")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(RESULTS.with_suffix(".png"), dpi=150)


if __name__ == "__main__":
    main()
