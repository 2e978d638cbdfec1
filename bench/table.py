"""Results of one section of the benchmark: a table, the targets it decides, and both as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Cell = str | float | int | None


@dataclass
class Target:
    """Something to reach: at least `goal`, or at most."""

    claim: str
    measured: float
    goal: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


@dataclass
class Table:
    title: str
    note: str
    columns: Sequence[str]
    rows: list[list[Cell]]
    targets: list[Target] = field(default_factory=list)
    raw: Any = None  # every single measurement
    circumstances: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.content(), indent=1) + "\n", encoding="utf-8")

    def content(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, path: Path) -> Table:
        return cls.of(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of(cls, content: dict[str, Any]) -> Table:
        return cls(**{**content, "targets": [Target(**target) for target in content["targets"]]})

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.note, "", _row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row([_text(cell) for cell in row]) for row in self.rows]
        made = self.circumstances
        lines += ["", f"`{made['command']}` on {made['date']}, load before it {made['load']:.1f}."]
        return "\n".join(lines)


def report(
    tables: Sequence[Table], title: str = "filbert and its peers, measured", script: str = "bench/peers.py"
) -> str:
    """One document of all tables, the targets first."""
    made = tables[-1].circumstances
    lines = [
        f"# {title}",
        "",
        f"{made['cpu']}, {made['cores']} cores. Python {made['python']}, ",
    ]
    lines[-1] += ", ".join(f"{name} {version}" for name, version in made["versions"].items()) + "."
    lines += [
        "",
        f"Medians; ratios are within one run. Written by `{script}`, every measurement is in the JSON files.",
        "",
    ]
    lines += [_row(["target", "goal", "measured", ""]), _row(["---"] * 4)]
    for target in (target for table in tables for target in table.targets):
        goal = f"{'≥' if target.at_least else '≤'} {_text(target.goal)}"
        lines.append(_row([target.claim, goal, _text(target.measured), "reached" if target.reached else "**missed**"]))
    for table in tables:
        lines += ["", table.markdown()]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(cell: Cell) -> str:
    """Three significant digits, and no exponent where it can be read without."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}".replace(",", " ")
    return f"{cell:.3g}" if abs(cell) >= 1e-3 or cell == 0 else f"{cell:.1e}"
