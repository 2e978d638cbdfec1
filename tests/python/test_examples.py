"""README's code and the examples run, and the notebooks kept are those of their scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = ["glm_linear_regression", "kidiq", "wells", "counts"]
ALONE = ["two_hospitals"]  # without a notebook
PNG = b"\x89PNG"


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start Python in the root of the repository, where warnings do not end it as they end tests."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def check(process: subprocess.Popen[str]) -> None:
    """Wait for a process to end well."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-4000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def processes(folder: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The builder of the notebooks, each script and README's code, all at once: they mostly import."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    readme = folder / "readme.py"
    readme.write_text(f"import os\nos.chdir({str(folder)!r})\n" + "\n".join(blocks), encoding="utf-8")
    running = {name: started(EXAMPLES / f"{name}.py") for name in [*SCRIPTS, *ALONE]}
    running |= {"build": started(EXAMPLES / "build.py", folder), "readme": started(readme)}
    yield running
    for process in running.values():
        process.kill()


@pytest.mark.parametrize("name", [*SCRIPTS, *ALONE, "readme"])
def test_script_runs(name: str, processes: dict[str, subprocess.Popen[str]]) -> None:
    check(processes[name])


@pytest.fixture(scope="module")
def built(processes: dict[str, subprocess.Popen[str]], folder: Path) -> Path:
    check(processes["build"])
    return folder


@pytest.mark.parametrize("name", SCRIPTS)
def test_notebook_is_its_script_and_runs(name: str, built: Path) -> None:
    import nbformat

    cells, kept = (nbformat.read(place / f"{name}.ipynb", as_version=4).cells for place in (built, EXAMPLES))
    assert [(cell.cell_type, cell.source) for cell in cells] == [(cell.cell_type, cell.source) for cell in kept]
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]


def test_pictures_of_the_documentation_are_those_of_the_notebooks(built: Path) -> None:
    drawn = sorted(path.name for path in built.glob("*.png"))
    assert drawn == sorted(path.name for path in (ROOT / "docs/pictures").glob("*.png"))
    for name in drawn:
        assert (built / name).read_bytes().startswith(PNG)
        assert (ROOT / "docs/pictures" / name).stat().st_size > 5000
    assert "python examples/build.py" in (ROOT / "README.md").read_text(encoding="utf-8")
