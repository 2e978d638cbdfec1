"""Measures filbert against its peers: `python bench/peers.py [SECTION ...] [--peers NAME ...]`."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runners import CORES, PEERS
from sections import SECTIONS, Plan
from table import Table, report

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("filbert", "bambi", "pymc", "pytensor", "nutpie", "statsmodels", "arviz", "numpy", "pandas", "formulaic")


def circumstances() -> dict[str, Any]:
    """Where, when and with what."""
    return {
        "command": "python bench/peers.py " + shlex.join(sys.argv[1:]) if sys.argv[1:] else "python bench/peers.py",
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_name(),
        "cores": CORES,
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "versions": {name: version for name in PACKAGES if (version := installed_version(name))},
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if package != "filbert":
            return None
    import filbert  # a build tree on the path has no metadata

    return filbert.__version__


def installed(names: list[str]) -> list[str]:
    """Leave out the peers that are not there, and say so."""
    for name in names:
        if missing := PEERS[name].missing():
            print(f"{name} is left out: {', '.join(missing)} not installed (pip install -r bench/requirements.txt)")
    return [name for name in names if not PEERS[name].missing()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="filbert is always measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often peers take turns")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    peers = installed(["filbert", *(name for name in arguments.peers if name != "filbert")])
    if "filbert" not in peers:
        parser.error("filbert itself is not installed: pip install .")
    plan = (
        Plan(peers, rounds=1, slow_fits=1, fast_fits=3, calls=20)
        if arguments.quick
        else Plan(peers, rounds=arguments.rounds)
    )

    for name in arguments.sections or SECTIONS:
        print(name, flush=True)
        made = circumstances()
        try:
            table = SECTIONS[name](plan)
        except LookupError as reason:
            print(f"   is left out: {reason}")
            continue
        table.circumstances = made
        table.write(arguments.results / f"{name}.json")
        print(table.markdown(), end="\n\n")
    paths = [path for name in SECTIONS if (path := arguments.results / f"{name}.json").exists()]
    if paths:
        text = report([Table.read(path) for path in paths])
        (arguments.results / "peers.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
