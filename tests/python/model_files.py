"""Takes model files apart and puts them together again, with a right checksum whatever is in them."""

from __future__ import annotations

import hashlib
import json

import filbert as fb
import pytest
from filbert.errors import ModelFileError

FORMULA = "y ~ scale(x) * g + poly(z, 2) + C(k) + bs(w, df=4) + offset(I(z / 2)) + flag"
OTHERS = ("y ~ x", "y ~ 0 + g:x + h", "y ~ C(g, Sum)", "y ~ 1", "log(y) ~ np.log(x) + bs(z, df=4)")


def some_contents(frame, folder):
    """Return the contents of files of some models, by formula."""
    contents = {}
    for formula in (FORMULA, *OTHERS):
        priors = {"common": fb.Normal(0, 3), "sigma": fb.HalfCauchy(3)}
        if formula == FORMULA:
            priors["poly(z, 2)"] = fb.Normal([0, 1], [2, 3])
        fb.Model(formula, frame, priors=priors).save(folder / "m")
        contents[formula] = content_of(folder / "m")
    return contents


def content_of(path):
    return json.loads(path.read_bytes().partition(b"\n")[2])


def signed(content, version=2):
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return f"filbert model {version} {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload


def places(value, path=()):
    """Yield the path to every value within JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def inner(content, path):
    """Return the value at a path."""
    for key in path:
        content = content[key]
    return content


def refused(path, *parts, **options):
    """Assert that a file is refused with a message that names it and has some parts."""
    with pytest.raises(ModelFileError) as caught:
        fb.load(path, **options)
    for part in (path.name, *parts):
        assert part in str(caught.value), str(caught.value)
    assert len(str(caught.value)) < 1500
