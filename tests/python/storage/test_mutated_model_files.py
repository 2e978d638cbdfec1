"""Model files with any of their values changed are refused, soon and with ModelFileError, or give models that work."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import math
import random
import time
import warnings

import filbert as fb
import numpy as np
import pytest
from design_checks import make_frame
from filbert.errors import FilbertError, ModelFileError
from model_files import GROUPED, OTHERS_GROUPED, inner, made_up_draws, places, signed, some_contents


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def contents(frame, tmp_path_factory):
    return some_contents(frame, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def grouped(frame, tmp_path_factory):
    return some_contents(frame, tmp_path_factory.mktemp("models"), (GROUPED, *OTHERS_GROUPED))


OTHERS = (
    *(None, True, "text", "", "g", -1, 0, 1, 2, 10**30, 2**63, 0.5, 1e308, -1e308, 1e-308, [], {}, [1, "a"], [0]),
    *(
        {"a": 1},
        {"list": []},
        {"number": "inf"},
        {"number": "nan"},
        {"dict": [[{"list": []}, 1]]},
        [[]],
        "\x00",
        "\ud800",
    ),
)


def alike(content, value, rng):
    """Return another value of the same type that the content has somewhere."""
    found = [other for place in places(content) if type(other := inner(content, place)) is type(value)]
    return copy.deepcopy(rng.choice(found))


def changed_number(value, rng):
    return rng.choice((value + 1, value - 1, -value, 10 * value, 0 * value, value * 1e200, value * 1e-200, -1e308))


def changed_array(text, rng):
    """Change one number of an array."""
    data = bytearray(base64.b64decode(text))
    if data:
        values = np.frombuffer(data, dtype="<f8")
        place = rng.randrange(len(values))
        number = rng.choice((math.nan, math.inf, changed_number(float(values[place]), rng)))
        data[8 * place : 8 * place + 8] = np.float64(number).tobytes()
    return base64.b64encode(data).decode()


def mutated(content, rng, within=()):
    """Return a copy with one to three of its values changed, exchanged, doubled or left out."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        inside = [place for place in places(content) if len(place) > len(within) and place[: len(within)] == within]
        if not inside:
            break
        *outer, last = rng.choice(inside)
        holder = inner(content, outer)
        value = holder[last]
        kind = rng.random()
        if kind < 0.1:
            holder[last] = copy.deepcopy(rng.choice(OTHERS))
        elif kind < 0.15:
            del holder[last]
        elif isinstance(value, str) and last == "float64":
            holder[last] = changed_array(value, rng)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and kind < 0.6:
            holder[last] = changed_number(value, rng)
        elif isinstance(holder, list) and kind < 0.4:
            holder.insert(rng.randrange(len(holder)), copy.deepcopy(value))
        elif isinstance(holder, list) and kind < 0.6:
            rng.shuffle(holder)
        else:
            holder[last] = alike(content, value, rng)
    return content


def use(model, frame):
    """Do with a model what is done with models; every number must be finite."""
    for block in model.design.new_rows(frame).blocks():
        assert all(np.isfinite(part).all() for part in (block.X, *block.Z) if part is not None)
        assert block.offset is None or np.isfinite(block.offset).all()
    with contextlib.suppress(FilbertError):  # columns that are collinear
        assert np.isfinite(model.least_squares()["estimate"]).all()
    if model.design.group_terms:
        idata = made_up_draws(model)
        if model.regression.folded is not None:
            drawn = model.fit(draws=4, tune=20, chains=1, random_seed=1, progressbar=False)
            assert all(np.isfinite(values).all() for values in drawn["posterior"].values())
    else:
        idata = model.fit(draws=4, tune=20, chains=1, random_seed=1, progressbar=False)
    predicted = fb.predictions(model, idata, data=frame.iloc[:5])
    assert np.isfinite(predicted["mean"]).all()


def outcomes(contents, frame, path, rng, within=(), versions=(3, 4)):
    """Load and use 150 mutated files; return how many were refused, and how many worked."""
    refusals = works = 0
    for _ in range(150):
        content = mutated(rng.choice(list(contents.values())), rng, within)
        path.write_bytes(signed(content, rng.choice(versions)))
        start = time.process_time()
        try:
            model = fb.load(path)
        except ModelFileError:
            refusals += 1
            continue
        finally:
            assert time.process_time() - start < 1
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.suppress(FilbertError):
                use(model, frame)
                works += 1
            print(model)
    return refusals, works


@pytest.mark.parametrize("seed", range(6))
def test_mutated_content_is_refused_or_works(seed, frame, contents, tmp_path):
    refusals, works = outcomes(contents, frame, tmp_path / "m", random.Random(seed), versions=(1, 2, 3))
    assert refusals > 60
    assert works > 15


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "within",
    [(), ("groups",), ("groups", "factors"), ("groups", "summary")],
    ids=["anywhere", "groups", "factors", "summary"],
)
def test_mutated_groups_are_refused_or_work(seed, within, frame, grouped, tmp_path):
    refusals, works = outcomes(grouped, frame, tmp_path / "m", random.Random(seed), within)
    assert refusals > 60
    assert works > (1 if "summary" in within else 5)  # of whose numbers hardly any may be another
