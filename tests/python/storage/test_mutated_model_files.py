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
from model_files import inner, places, signed, some_contents


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def contents(frame, tmp_path_factory):
    return some_contents(frame, tmp_path_factory.mktemp("models"))


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


def mutated(content, rng):
    """Return a copy with one to three of its values changed, exchanged, doubled or left out."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        *outer, last = rng.choice([place for place in places(content) if place])
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
        assert np.isfinite(block.X).all()
        assert block.offset is None or np.isfinite(block.offset).all()
    with contextlib.suppress(FilbertError):  # columns that are collinear
        assert np.isfinite(model.least_squares()["estimate"]).all()
    idata = model.fit(draws=4, tune=20, chains=1, random_seed=1, progressbar=False)
    predicted = fb.predictions(model, idata, data=frame.iloc[:5])
    assert np.isfinite(predicted["mean"]).all()


@pytest.mark.parametrize("seed", range(6))
def test_mutated_content_is_refused_or_works(seed, frame, contents, tmp_path):
    rng = random.Random(seed)
    path = tmp_path / "m"
    refusals = works = 0
    for _ in range(150):
        content = mutated(rng.choice(list(contents.values())), rng)
        path.write_bytes(signed(content, rng.choice((1, 2, 2))))
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
    assert refusals > 60
    assert works > 15
