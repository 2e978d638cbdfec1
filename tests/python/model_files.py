"""Takes model files apart and puts them together again, with a right checksum whatever is in them."""

from __future__ import annotations

import base64
import hashlib
import json

import filbert as fb
import numpy as np
import pytest
import xarray as xr
from filbert.errors import ModelFileError
from filbert.regression.names import stored_name
from filbert.results.container import container

FORMULA = "y ~ scale(x) * g + poly(z, 2) + C(k) + bs(w, df=4) + offset(I(z / 2)) + flag"
OTHERS = ("y ~ x", "y ~ 0 + g:x + h", "y ~ C(g, Sum)", "y ~ 1", "log(y) ~ np.log(x) + bs(z, df=4)")


GROUPED = "y ~ scale(x) + (scale(x) + h | g) + (1 | g:C(k)) + (poly(z, 2) || flag)"
OTHERS_GROUPED = ("y ~ x + (x | g/h)", "y ~ 0 + (0 + h:z | k)", "y ~ g + (1 | C(k, levels=[1, 2, 3]):h:flag)")


def some_contents(frame, folder, formulas=(FORMULA, *OTHERS)):
    """Return the contents of files of some models, by formula."""
    contents = {}
    for formula in formulas:
        priors = {"common": fb.Normal(0, 3), "sigma": fb.HalfCauchy(3)}
        if formula == GROUPED:
            priors |= {"1|g": fb.Normal(0, sigma=fb.HalfNormal(3)), "scale(x)|g_sigma": 2, "g_corr": fb.LKJCorr(3)}
            priors["h|g"] = fb.Normal(0, sigma=fb.HalfStudentT(4, [2]))
        if "|" in formula and "~ 0" in formula:
            del priors["common"]
        if formula == FORMULA:
            priors["poly(z, 2)"] = fb.Normal([0, 1], [2, 3])
        fb.Model(formula, frame, priors=priors).save(folder / "m")
        contents[formula] = content_of(folder / "m")
    return contents


def content_of(path):
    return json.loads(path.read_bytes().partition(b"\n")[2])


def signed(content, version=4):
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


def made_up_draws(model):
    """Return a container of draws such as a fit of the model would have, with any numbers."""
    rng = np.random.default_rng(1)
    values = {}
    for parameter in model.regression.parameters:
        dims = [stored_name(dim) for dim in parameter.dims]
        coordinates = {stored_name(dim): labels for dim, labels in parameter.coordinates.items()}
        shape = (1, 4, *parameter.rows.shape)
        drawn = xr.DataArray(rng.uniform(0.1, 1, shape), coordinates, ("chain", "draw", *dims))
        values[stored_name(parameter.name)] = drawn
    return container({"posterior": xr.Dataset(values)})


def refused(path, *parts, **options):
    """Assert that a file is refused with a message that names it and has some parts."""
    with pytest.raises(ModelFileError) as caught:
        fb.load(path, **options)
    for part in (path.name, *parts):
        assert part in str(caught.value), str(caught.value)
    assert len(str(caught.value)) < 1500


def array(values):
    data = np.ascontiguousarray(values, dtype="<f8")
    return {"shape": list(np.shape(values)), "float64": base64.b64encode(data.tobytes()).decode()}


def set_at(*path):
    """Return a change of the value at a path, for the table below."""

    def change(content, value):
        *outer, last = path
        inner(content, outer)[last] = value

    return change


def double(x):
    return 2 * x


def make(formula, frame, **options):
    extra = {"double": double} if "double" in formula else None
    return fb.Model(formula, frame, extra_namespace=extra, **options)


def round_trip(model, path, **options):
    model.save(path)
    return fb.load(path, **options)


def draws(model):
    posterior = model.fit(draws=150, tune=300, random_seed=4, progressbar=False)["posterior"]
    return {str(name): posterior[name].values for name in posterior.data_vars}
