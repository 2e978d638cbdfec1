"""Model files of strangers whose groups do not fit are refused, soon and with ModelFileError."""

from __future__ import annotations

import copy
import math
import time

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import make_frame
from model_files import GROUPED, OTHERS_GROUPED, array, content_of, refused, set_at, signed, some_contents


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    return some_contents(make_frame(), tmp_path_factory.mktemp("models"), (GROUPED, *OTHERS_GROUPED))


def part_of_groups(*path):
    return set_at("groups", *path)


def swap_factors(content, _):
    terms = content["groups"]["terms"]
    terms[0]["factor"], terms[1]["factor"] = "g:C(k)", "g"


def set_cells(change):
    """Change the combinations of levels of g and C(k), which are all nine."""

    def changed(content, value):
        cells = np.stack(np.unravel_index(np.arange(9), (3, 3)), axis=1).astype(float)
        assert content["groups"]["factors"][1]["cells"] == array(cells)
        content["groups"]["factors"][1]["cells"] = array(change(cells, value))

    return changed


def put_cell(cells, value):
    cells[4] = value
    return cells


def many_correlated_columns(content, _):
    """One term whose 2000 columns have two million correlations."""
    numbers = {"factor": "scale(x)", "chosen": list(range(2000)), "contrasts": None}
    labels = [str(number) for number in range(2000)]
    term = {"name": "scale(x)", "columns": labels, "levels": labels, "is_categorical": False}
    content["groups"]["terms"][0] |= {
        "terms": [term],
        "products": [{"scale": 1.0, "kept": None, "codings": [numbers]}],
        "mean": array(np.zeros(2000)),
        "sd": array(np.ones(2000)),
    }


HALF = ["HalfNormal", {"sigma": 1.0}]
MISFITS_OF_GROUPS = [
    (set_at("groups"), None, "columns"),
    (set_at("groups"), [], "object"),
    (part_of_groups("factors"), [], "grouping factors"),
    (part_of_groups("factors", 0, "parts"), [], "parts"),
    (part_of_groups("factors", 0, "parts"), [["g", True]] * 33, "parts"),
    (part_of_groups("factors", 0, "parts"), [["g", True], ["h", True]], ""),
    (part_of_groups("factors", 0, "parts"), [["zz", True]], "'zz'"),
    (part_of_groups("factors", 0, "parts"), [["1", False]], "no column"),
    (part_of_groups("factors", 0, "parts"), [["g.to_pickle('file')", False]], "to_pickle"),
    (part_of_groups("factors", 1, "parts", 1), ["__import__('os').getcwd()", False], ""),
    (part_of_groups("factors", 0, "parts"), [["h", True]], "grouping factors are not"),
    (part_of_groups("factors", 0, "levels"), [["a", "b"]], "levels"),
    (part_of_groups("factors", 0, "levels"), [["a", "b", "b"]], "twice"),
    (part_of_groups("factors", 0, "levels"), [], ""),
    (part_of_groups("factors", 0, "cells"), array([[0.0], [1.0], [2.0]]), "not combinations"),
    (part_of_groups("factors", 1, "levels", 1), None, "levels"),
    (part_of_groups("factors", 1, "levels", 1), [1, 2], "combinations"),
    (part_of_groups("factors", 1, "levels", 1), [1, 2, 3, 4], "in no group"),
    (part_of_groups("factors", 1, "levels", 1), [1, 2, "2"], "same label"),
    (part_of_groups("factors", 2, "levels", 0), [True], "fewer than two groups"),
    (part_of_groups("factors", 1, "cells"), None, ""),
    (set_cells(put_cell), [1, 3], "not combinations"),
    (set_cells(put_cell), [1, -1], "not combinations"),
    (set_cells(put_cell), [1, 0.5], "not combinations"),
    (set_cells(put_cell), [1, math.nan], "not combinations"),
    (set_cells(put_cell), [1, 2], "in their order"),
    (set_cells(lambda cells, _: cells[::-1]), None, "in their order"),
    (set_cells(lambda cells, _: cells[:, :1]), None, "shape"),
    (set_cells(lambda cells, _: cells[:, 0]), None, "shape"),
    (set_cells(lambda cells, _: cells[:1]), None, "in no group"),
    (set_cells(lambda cells, _: cells[:0]), None, ""),
    (part_of_groups("terms"), [], "grouping factors are not"),
    (part_of_groups("terms", 0, "factor"), "nothing", "grouping factors are not"),
    (part_of_groups("terms", 0, "text"), 3, "text"),
    (swap_factors, None, ""),
    (part_of_groups("terms", 0, "has_intercept"), "yes", "true nor false"),
    (part_of_groups("terms", 1, "has_intercept"), False, "nothing that varies"),
    (part_of_groups("terms", 1, "is_correlated"), True, "no correlations"),
    (part_of_groups("terms", 0, "terms", 0, "name"), "1", "name of the intercept"),
    (part_of_groups("terms", 0, "terms", 0, "name"), "h", "same name"),
    (part_of_groups("terms", 0, "terms"), [], "columns"),
    (part_of_groups("terms", 0, "products"), [], "columns of the term"),
    (part_of_groups("terms", 0, "products", 0, "codings", 0, "factor"), "nothing", ""),
    (part_of_groups("terms", 0, "products", 0, "codings", 0, "chosen"), [3], "columns"),
    (many_correlated_columns, None, "correlations"),
    (part_of_groups("terms", 0, "mean"), array([0.0]), "standard deviations"),
    (part_of_groups("terms", 0, "mean"), array([0.0, math.nan]), "not those of numbers"),
    (part_of_groups("terms", 0, "sd"), array([1.0, math.inf]), "not those of numbers"),
    (part_of_groups("terms", 0, "sd"), array([1.0, -1.0]), "not those of numbers"),
    (part_of_groups("terms", 0, "sd"), array([1.0, 0.0]), "constant in all rows"),
    (part_of_groups("terms", 0, "sd"), array([1.0, 1e-310]), ""),
    (set_at("columns", "x", "kind"), "datetime", ""),
    (set_at("predictors", "g"), None, ""),
    (set_at("priors", "1|g"), ["Normal", {"mu": 0.0, "sigma": {"prior": 3.0}}], "number stands"),
    (set_at("priors", "1|g"), ["Normal", {"mu": 0.0, "sigma": {"prior": ["Normal", {}]}}], "positive"),
    (set_at("priors", "1|g"), ["Normal", {"mu": {"prior": HALF}, "sigma": 1.0}], "sigma of Normal"),
    (set_at("priors", "1|g"), ["Normal", {"mu": 0.0, "sigma": {"prior": HALF, "more": 1}}], ""),
    (set_at("priors", "1|h"), ["Normal", {"mu": 0.0, "sigma": {"prior": HALF}}], "1|h"),
    (set_at("priors", "common"), ["Normal", {"mu": 0.0, "sigma": {"prior": HALF}}], "group-specific"),
    (set_at("priors", "scale(x)|g_sigma"), -2.0, "positive"),
    (set_at("priors", "g_corr"), HALF, "LKJCorr"),
    (set_at("priors", "g_corr"), ["LKJCorr", {"eta": -1.0}], "positive"),
    (set_at("priors", "g_corr"), ["LKJCorr", {"eta": {"array": array([1.0, 2.0])}}], "LKJCorr"),
]


@pytest.mark.parametrize(
    ("change", "value", "part"), MISFITS_OF_GROUPS, ids=[str(n) for n in range(len(MISFITS_OF_GROUPS))]
)
def test_groups_that_do_not_fit(change, value, part, grouped, tmp_path):
    content = copy.deepcopy(grouped[GROUPED])
    change(content, value)
    assert content != grouped[GROUPED]
    (tmp_path / "m").write_bytes(signed(content))
    start = time.process_time()
    refused(tmp_path / "m", part)
    assert time.process_time() - start < 1


def test_huge_numbers_of_groups_are_refused_before_they_get_labels(grouped, tmp_path):
    content = copy.deepcopy(grouped[GROUPED])
    factor = content["groups"]["factors"][1]
    factor["parts"] = [["C(k)", False]] * 20
    factor["levels"] = [list(range(200))] * 20  # 200^20 combinations, which no integer counts
    factor["cells"] = array(np.zeros((2, 20)))
    (tmp_path / "m").write_bytes(signed(content))
    refused(tmp_path / "m", "too many groups")
    factor["parts"], factor["levels"] = factor["parts"][:2], [list(range(2000))] * 2
    factor["cells"] = array(np.stack(np.unravel_index(np.arange(2_100_000), (2000, 2000)), axis=1))
    (tmp_path / "m").write_bytes(signed(content))
    start = time.process_time()
    refused(tmp_path / "m", "too many groups")
    assert time.process_time() - start < 2


def test_the_files_that_are_changed_above_load_as_they_were(grouped, tmp_path):
    for content in grouped.values():
        (tmp_path / "m").write_bytes(signed(content))
        fb.load(tmp_path / "m")


def test_models_of_many_groups_are_small_and_load_in_time(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=200_000), "k": np.arange(200_000) % 100_000})
    frame["g"], frame["y"] = frame.k // 10, rng.normal(size=200_000)
    path = tmp_path / "m"
    start = time.process_time()
    fb.Model("y ~ x + (x | g/k)", frame).save(path)
    assert time.process_time() - start < 6
    summary = content_of(path)["groups"]["summary"]
    without = path.stat().st_size - sum(len(part["float64"]) for part in summary.values())
    assert without < 4_000_000
    assert path.stat().st_size < 250 * 100_000  # what a fit needs of each group
    start = time.process_time()
    assert fb.load(path).design.new_rows(frame.iloc[:5]).n_rows == 5
    assert time.process_time() - start < 5
