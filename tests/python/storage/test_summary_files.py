"""Summaries in files come back to the last bit; files of strangers are refused by name, whatever is in them."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import pickle
import random
import time
from pathlib import Path
from typing import Any

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from filbert.errors import DataError, DataTypeError, FilbertError, ModelFileError
from model_files import array, inner, places
from refusals import refused


@pytest.fixture
def summary() -> fb.SufficientStatistics:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(1e6, 1, 50), "z": rng.normal(0, 1e-20, 50)})
    return fb.SufficientStatistics.from_arrays(frame, rng.normal(size=50), rng.uniform(0, 2, 50), response="y")


def content_of(content: bytes) -> Any:
    return json.loads(content.partition(b"\n")[2])


def signed(content: Any, version: int = 1, kind: str = "summary") -> bytes:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return f"filbert {kind} {version} {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload


def same(one: fb.SufficientStatistics, other: fb.SufficientStatistics) -> None:
    assert type(one) is type(other) is fb.SufficientStatistics
    assert one.labels == other.labels
    assert pickle.dumps(one.state()) == pickle.dumps(other.state())


def test_round_trip_to_the_last_bit(summary: fb.SufficientStatistics, tmp_path: Path) -> None:
    summary.save(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == summary.to_bytes()
    assert (tmp_path / "s").read_bytes().startswith(b"filbert summary 1 ")
    for again in (
        fb.SufficientStatistics.load(tmp_path / "s"),
        fb.SufficientStatistics.load(str(tmp_path / "s")),
        fb.SufficientStatistics.from_bytes(bytearray(summary.to_bytes())),
        pickle.loads(pickle.dumps(summary)),
        copy.copy(summary),
        copy.deepcopy(summary),
    ):
        same(again, summary)
        assert again is not summary
        assert again.names == ("x", "z")
        assert again.response == "y"
        assert again.update(np.ones((1, 2)), np.ones(1)) is again
        assert summary.n_rows == 50
    empty = fb.SufficientStatistics(0)
    same(fb.SufficientStatistics.from_bytes(empty.to_bytes()), empty)
    same(fb.SufficientStatistics.from_state(summary.state()).merge(fb.SufficientStatistics(["x", "z"], "y")), summary)


def test_a_summary_that_is_replaced_is_whole_or_the_old_one(
    summary: fb.SufficientStatistics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary.save(tmp_path / "s")
    before = (tmp_path / "s").read_bytes()
    other = copy.copy(summary).update(np.ones((1, 2)), np.ones(1))
    with monkeypatch.context() as patched:
        patched.setattr("filbert.storage.atomic.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            other.save(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_names_of_columns() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(9, 2)), columns=["a", "b"])
    y = pd.Series(rng.normal(size=9), name="weight")
    taken = fb.SufficientStatistics.from_arrays(frame, y)
    assert (taken.names, taken.response) == (("a", "b"), "weight")
    assert "a, b" in repr(taken)
    plain = fb.SufficientStatistics.from_arrays(frame.to_numpy(), y.to_numpy())
    assert (plain.names, plain.response) == (None, None)
    assert "names" not in repr(plain)
    assert fb.SufficientStatistics(["a"]).columns == 1
    refused(DataError, lambda: fb.SufficientStatistics(["a", "a"]), "'a'")
    refused(DataError, lambda: fb.SufficientStatistics.from_arrays(frame, y, columns=["a"]), "1 name for 2 columns")
    refused(DataError, lambda: fb.SufficientStatistics.from_arrays(frame, y, columns="ab"), "1 name for 2 columns")
    for number in (10**9, 2**70):
        refused(DataError, lambda number=number: fb.SufficientStatistics(number), f"columns={number}", "memory")
    refused(DataError, lambda: fb.SufficientStatistics(["a", 3]), "'3'")  # type: ignore[list-item]
    refused(DataTypeError, lambda: fb.SufficientStatistics(["a"], response=3), "3")  # type: ignore[arg-type]


def test_summaries_of_other_columns_are_not_merged() -> None:
    def named(names: list[str], response: str | None = "y") -> fb.SufficientStatistics:
        return fb.SufficientStatistics(names, response)

    refused(DataError, lambda: named(["a", "b"]).merge(named(["a", "c"])), "only one has 'b'", "the other has 'c'")
    refused(DataError, lambda: named(["a", "b"]).merge(named(["b", "a"])), "differ in their order")
    refused(DataError, lambda: named(["a"]).merge(named(["a"], "z")), "'y' and 'z'")
    assert named(["a"], None).merge(named(["a"])).response == "y"
    assert named(["a"]).merge(_core.SufficientStatistics(1)).names == ("a",)
    assert fb.SufficientStatistics(1).merge(named(["a"])).names == ("a",)
    with pytest.raises(ValueError, match="same columns"):
        fb.SufficientStatistics(2).merge(named(["a"]))


def frame_of(levels: str, n: int = 40, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": np.resize(list(levels), n), "x": rng.normal(shift, 1, n), "z": rng.normal(size=n)})
    return frame.assign(y=frame.x + rng.normal(size=n))


@pytest.mark.parametrize(
    ("formula", "one", "other", "parts"),
    [
        ("y ~ g", frame_of("abc"), frame_of("abz"), ("only one has 'g[T.c]'", "'g[T.z]'")),
        ("y ~ g", frame_of("ac"), frame_of("bc"), ("the factor g", "'a', 'c'", "'b', 'c'")),  # of the same names
        ("y ~ scale(x)", frame_of("ab"), frame_of("ab", shift=2), ("scale(x)", "learnt")),
        ("y ~ x", frame_of("ab"), frame_of("ab").rename(columns={"x": "z", "z": "x"}), ()),
    ],
)
def test_models_of_other_columns_are_not_merged(formula: str, one: Any, other: Any, parts: tuple[str, ...]) -> None:
    first, second = (fb.Model(formula, data).sufficient_statistics for data in (one, other))
    if parts:
        refused(DataError, lambda: first.merge(second), *parts, "summarise")
    else:
        assert first.merge(second).n_rows == 80  # names are all that is known of columns


def test_intercepts_offsets_and_logarithms_are_told_apart() -> None:
    frame = frame_of("ab").assign(y=lambda data: np.exp(data.y))

    def of(formula: str, family: str = "gaussian") -> fb.SufficientStatistics:
        return fb.Model(formula, frame, family=family).sufficient_statistics

    refused(DataError, lambda: of("y ~ x").merge(of("y ~ 0 + x")), "intercept")
    refused(DataError, lambda: of("y ~ x").merge(of("y ~ x + offset(z)")), "the offset is nothing", "z")
    refused(DataError, lambda: of("y ~ x").merge(of("y ~ x", "lognormal")), "'y'", "'log(y)'")
    assert of("log(y) ~ x").merge(of("y ~ x", "lognormal")).n_rows == 80


def test_the_summary_of_a_model_is_a_copy() -> None:
    model = fb.Model("y ~ x", frame_of("ab"))
    model.sufficient_statistics.update(np.ones((1, 1)), np.ones(1))
    assert model.sufficient_statistics.n_rows == 40


# ---- Files of strangers


def load(content: bytes, path: Path) -> fb.SufficientStatistics:
    path.write_bytes(content)
    return fb.SufficientStatistics.load(path)


def test_every_truncation_and_every_changed_byte_is_refused(summary: fb.SufficientStatistics, tmp_path: Path) -> None:
    content = summary.to_bytes()
    for length in range(len(content)):
        refused(ModelFileError, lambda length=length: fb.SufficientStatistics.from_bytes(content[:length]))
    rng = random.Random(1)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        refused(ModelFileError, lambda changed=changed: fb.SufficientStatistics.from_bytes(bytes(changed)))
    refused(ModelFileError, lambda: load(content + b" ", tmp_path / "s"), str(tmp_path / "s"), "checksum")
    refused(ModelFileError, lambda: load(content[:-9], tmp_path / "s"), "truncated")


def test_other_files_are_refused_by_what_they_are(summary: fb.SufficientStatistics, tmp_path: Path) -> None:
    path = tmp_path / "s"
    fb.Model("y ~ x", frame_of("ab")).save(path)
    refused(ModelFileError, lambda: fb.SufficientStatistics.load(path), "seems to be a model file")
    summary.save(path)
    refused(ModelFileError, lambda: fb.load(path), "seems to be a summary file")
    for content, part in [
        (b"", "empty"),
        (pickle.dumps(1), "pickle"),
        (signed({}, 2), "format 2"),
        (signed({}), "inconsistent"),
        (signed([]), "not an object"),
        (signed(b"{"), "not JSON"),
        (signed(b"[" * 10_000), "nested"),
        (signed(b"[" + b"1," * 600_000 + b"1]"), "more than"),
        (signed(b'{"factor": NaN}'), "NaN"),
        (b"filbert summary 1 9999999999 abc\n", "at most"),
        (b"filbert summary x 1 abc\n", "header"),
    ]:
        refused(ModelFileError, lambda content=content: load(content, path), part)
    refused(ModelFileError, lambda: fb.SufficientStatistics.load(tmp_path), "directory")
    refused(ModelFileError, lambda: fb.SufficientStatistics.load("/dev/zero"), "not a regular file")
    refused(DataTypeError, lambda: fb.SufficientStatistics.load(3), "path")  # type: ignore[arg-type]
    refused(DataTypeError, lambda: fb.SufficientStatistics.from_bytes("text"), "bytes")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        fb.SufficientStatistics.load(tmp_path / "none")
    with path.open("wb") as file:
        file.write(b"filbert summary 1 2 abc\n")
        file.truncate(50_000_000_000)  # a hole, which takes no room
    start = time.process_time()
    refused(ModelFileError, lambda: fb.SufficientStatistics.load(path), "checksum")
    assert time.process_time() - start < 1


NUMBERS = (math.nan, math.inf, -1.0, 1e300)


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("total_weight", -1.0, "weight"),
        ("total_weight", 1e400, "finite"),
        ("total_weight", 1e-30, "factor"),
        ("n_rows", -1, "weight"),
        ("n_rows", 0, "rows"),
        ("n_rows", 2**62, "rows"),
        ("n_rows", 10**30, "whole number"),
        ("n_rows", 5.5, "whole number"),
        ("exponents", [0, 0], "sizes"),
        ("exponents", [0, 0, 5000], "exponents"),
        ("exponents", [0, 0, 2**40], "inconsistent"),
        ("mean", array([np.nan, 0, 0]), "finite"),
        ("mean", array([1e308, 0, 0]), "out of range"),
        ("mean", array(np.zeros((3, 3))), "inconsistent"),
        ("factor", array(np.full((3, 3), np.nan)), "finite"),
        ("factor", array(np.ones((3, 3))), "triangular"),
        ("factor", array(np.zeros((2, 2))), "sizes"),
        ("factor", array(np.triu(np.full((3, 3), 1e9))), "does not go with its weight"),
        ("factor", {"shape": [10**9, 10**9], "float64": ""}, "0 bytes"),
        ("factor", {"shape": [2**62, 2**62, 2**62], "float64": ""}, "0 bytes"),
        ("factor", {"shape": [-1, -1], "float64": base64.b64encode(bytes(8)).decode()}, "8 bytes"),
        ("factor", {"shape": [3, 3], "float64": "!"}, "inconsistent"),
        ("labels", {}, "inconsistent"),
        ("labels", [], "inconsistent"),
    ],
)
def test_states_that_no_rows_can_give_are_refused(
    key: str, value: Any, part: str, summary: fb.SufficientStatistics, tmp_path: Path
) -> None:
    content = content_of(summary.to_bytes())
    content[key] = value
    start = time.process_time()
    payload = json.dumps(content).replace("Infinity", "1e400").encode()
    refused(ModelFileError, lambda: load(signed(payload), tmp_path / "s"), "s", part)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ["x"]},
        {"names": ["x", "x"]},
        {"names": ["x", 3]},
        {"names": "xz"},
        {"names": ["x", "\ud800"]},
        {"response": 3},
        {"has_intercept": 1},
        {"coding": []},
        {"coding": {"a": 1}},
    ],
)
def test_labels_that_do_not_fit_are_refused(
    changes: dict[str, Any], summary: fb.SufficientStatistics, tmp_path: Path
) -> None:
    content = content_of(summary.to_bytes())
    content["labels"].update(changes)
    refused(ModelFileError, lambda: load(signed(content), tmp_path / "s"))


@pytest.mark.parametrize("seed", range(4))
def test_mutated_content_is_refused_or_can_be_used(seed: int, tmp_path: Path) -> None:
    original = content_of(fb.Model("y ~ g + x", frame_of("abc")).sufficient_statistics.to_bytes())
    rng = random.Random(seed)
    works = refusals = 0
    for _ in range(200):
        content = copy.deepcopy(original)
        *outer, last = rng.choice([place for place in places(content) if place])
        holder = inner(content, outer)
        if last == "float64":
            values = np.frombuffer(base64.b64decode(holder[last]), dtype="<f8").copy()
            place = rng.randrange(len(values))
            values[place] = rng.choice((*NUMBERS, values[place] * 1.5, values[place] * 1e200, -values[place], 0.0))
            holder[last] = base64.b64encode(values.tobytes()).decode()
        else:
            other = rng.choice((None, True, "", "g", -1, 0, 3, 2**63, 1e308, [], {}, [1], ["a"], {"a": "b"}))
            holder[last] = other
        try:
            loaded = load(signed(content), tmp_path / "s")
            model = fb.Model.from_summary(loaded, columns=None if loaded.names else ["a", "b", "c"])
            drawn = model.fit(draws=5, tune=20, chains=1, progressbar=False, compute_convergence_checks=False)
        except FilbertError:
            refusals += 1
            continue
        assert all(np.isfinite(values).all() for values in drawn["posterior"].values())
        works += 1
    assert refusals > 50
    assert works > 10
