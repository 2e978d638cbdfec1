"""Builds and checks everything: C++ tests, sanitizers, the wheel on each Python, the sdist, linters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# Those that a change of C++ alone can break, and that take minutes, run when they are named.
nox.options.sessions = ["lint", "cpp", "sanitize", "sdist", "tests"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
MAX_WHEEL_BYTES = 3_000_000  # what is built in by accident shows here


def starts(*command: str) -> bool:
    """Whether this command runs; a shim of a version manager may be on PATH and still fail."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


# CI must have both; elsewhere the tests run on what there is.
PYTHONS = [v for v in ("3.11", "3.13") if "CI" in os.environ or v == RUNNING or starts(f"python{v}", "-c", "")] or [
    RUNNING
]


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


JOBS = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def configure(session: nox.Session, preset: str, *options: str) -> None:
    session.run("cmake", "--preset", preset, f"-DPython_EXECUTABLE={Path(session.bin) / 'python'}", *options)


def ctest(session: nox.Session, preset: str, *launcher: str) -> None:
    session.install(*group("build"))
    configure(session, preset)
    session.run("cmake", "--build", "--preset", preset, "--parallel", JOBS)
    command = [*launcher, "ctest", "--preset", preset, "--parallel", JOBS]
    session.run(*command, *session.posargs, external=bool(launcher))


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff, mypy, import-linter, clang-format and codespell."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports", env={"PYTHONPATH": "python"})
    cpp = (str(p) for d in ("cpp", "tests/cpp", "bench") for p in sorted(Path(d).rglob("*.[ch]pp")))
    session.run("clang-format", "--dry-run", "-Werror", *cpp)
    session.run("codespell")


@nox.session
def cpp(session: nox.Session) -> None:
    """Build the C++ tests with warnings as errors, and run them."""
    ctest(session, "ci")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Build and run the C++ tests under the address and undefined-behaviour sanitizers."""
    ctest(session, "asan-ubsan")


@nox.session
def tsan(session: nox.Session) -> None:
    """Build and run the C++ tests that start threads under the thread sanitizer."""
    # It cannot start on kernels that scatter addresses more than it expects; some containers forbid to ask for less.
    fixed_addresses = ("setarch", "-R")
    ctest(session, "tsan", *(fixed_addresses if starts(*fixed_addresses, "true") else ()))


@nox.session
def tidy(session: nox.Session) -> None:
    """Run clang-tidy over the library, the bindings and the benchmark."""
    session.install(*group("tidy"), *group("build"), "pybind11>=3")
    cmake_dir = session.run("python", "-m", "pybind11", "--cmakedir", silent=True, log=False)
    options = ("-DFILBERT_BUILD_PYTHON=ON", "-DFILBERT_BUILD_BENCH=ON", "-DFILBERT_BUILD_TESTS=OFF")
    configure(session, "tidy", *options, f"-Dpybind11_DIR={(cmake_dir or '').strip()}")
    sources = [str(p) for d in ("cpp", "bench") for p in sorted(Path(d).rglob("*.cpp"))]
    session.run("run-clang-tidy.py", "-quiet", "-p", "build/tidy", "-j", JOBS, *(session.posargs or sources))


@nox.session
def sdist(session: nox.Session) -> None:
    """Build the source distribution."""
    session.install("build")
    for old in DIST.glob("filbert-*.tar.gz"):
        old.unlink()
    session.run("python", "-m", "build", "--sdist", "--outdir", str(DIST))


@nox.session(python=PYTHONS, requires=["sdist"], reuse_venv=False)
def tests(session: nox.Session) -> None:
    """Build the wheel from the sdist, install it in a clean environment and run pytest against it."""
    (source,) = DIST.glob("filbert-*.tar.gz")
    wheels = DIST / str(session.python)
    shutil.rmtree(wheels, ignore_errors=True)
    session.install("pip")
    session.run("python", "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", str(wheels), str(source))
    (wheel,) = wheels.glob("filbert-*.whl")
    if wheel.stat().st_size > MAX_WHEEL_BYTES:
        session.error(f"{wheel.name} has {wheel.stat().st_size} bytes, more than {MAX_WHEEL_BYTES}")
    # Byte-compiling all of SciPy, pandas and ArviZ costs more than what the tests import of them.
    session.install("--no-compile", str(wheel), *group("test"))
    if starts("java", "-version"):  # without it there is no Spark
        session.install("--no-compile", *PROJECT["project"]["optional-dependencies"]["spark"])
    # The package lies in python/, which is not on the path: what pytest imports is the installed wheel.
    session.run("pytest", *session.posargs, env={"MPLBACKEND": "agg"})
