"""Builds the notebooks from their scripts, runs them, and writes their pictures.

``python examples/build.py`` does it in place, ``python examples/build.py FOLDER`` leaves the repository as it is.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent
PICTURES = EXAMPLES.parent / "docs" / "pictures"
INLINE = "module://matplotlib_inline.backend_inline"
SCRIPTS = ("glm_linear_regression.py", "kidiq.py", "wells.py", "counts.py")


def notebook_of(script: Path) -> nbformat.NotebookNode:
    """Return a script as a notebook, not run, with cells numbered in order."""
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def run(notebook: nbformat.NotebookNode) -> None:
    """Execute all cells in place, in the folder of the examples."""
    environment = {**os.environ, "MPLBACKEND": INLINE}
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(EXAMPLES)}}).execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day, which would change at each run


def pictures(notebook: nbformat.NotebookNode) -> dict[str, bytes]:
    """Return the picture of each cell that names one, as PNG."""
    named = {}
    for cell in notebook.cells:
        if "picture" in cell.metadata:
            (data,) = (o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
            named[cell.metadata["picture"]] = base64.b64decode(data)
    return named


def main(notebooks: Path, picture_folder: Path) -> None:
    """Build every notebook."""
    picture_folder.mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        notebook = notebook_of(EXAMPLES / name)
        run(notebook)
        for title, png in pictures(notebook).items():
            (picture_folder / f"{title}.png").write_bytes(png)
        nbformat.write(notebook, (notebooks / name).with_suffix(".ipynb"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), Path(sys.argv[1]))
    else:
        main(EXAMPLES, PICTURES)
