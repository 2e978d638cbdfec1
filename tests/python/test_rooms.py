"""A room imports only rooms nearer the ground, for type checkers as well, which import-linter leaves out."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "filbert"


def layers() -> list[list[str]]:
    """The rooms as pyproject.toml has them for import-linter, ground last."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [[room.strip() for room in layer.split(":")] for layer in contracts[0]["layers"]]


def imported_rooms(file: Path) -> set[str]:
    """The rooms that a file imports anywhere in its text."""
    inside = file.relative_to(PACKAGE).parts[:-1]
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = inside[: len(inside) - node.level + 1]
        for name in node.names:
            path = [*base, *(node.module or "").split("."), name.name]
            rooms.add(next(part for part in path if part))
    return rooms


def test_rooms_import_towards_the_ground_only() -> None:
    place = {room: number for number, layer in enumerate(layers()) for room in layer}
    wrong = []
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).with_suffix("").parts[0]
        if room.startswith("__"):
            continue
        above = {other for other in imported_rooms(file) & set(place) if place[other] < place[room]}
        wrong.extend(f"{file.relative_to(PACKAGE)} imports {other}" for other in sorted(above))
    assert not wrong


def test_every_room_has_its_layer() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py") and path.stem[:1] != "_"}
    assert rooms == {room for layer in layers() for room in layer}
