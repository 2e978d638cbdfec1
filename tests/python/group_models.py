"""Mixed models that several tests fit, and their draws as arrays (chains * draws, ...)."""

from __future__ import annotations

import functools

import filbert as fb
import numpy as np
import pandas as pd

RNG = np.random.default_rng(11)
N = 96
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(2, 1, N),
        "f": RNG.choice(["u", "v", "w"], N),
        "g": np.repeat(list("abcdefgh"), N // 8),
        "h": np.tile(list("ppqqrr"), N // 6),
        "k": np.tile(list("stuv"), N // 4),
        "w": RNG.uniform(0.5, 2, N),
        "o": RNG.normal(size=N),
    }
).sample(frac=1, random_state=0)
_EFFECTS = dict(zip("abcdefgh", RNG.normal(0, 1.5, (8, 2)), strict=True))
FRAME["y"] = 3 + FRAME.x + [_EFFECTS[g][0] + _EFFECTS[g][1] * x for g, x in zip(FRAME.g, FRAME.x, strict=True)]
FRAME["y"] += RNG.normal(0, 0.8, N)


@functools.cache
def fitted(formula, draws=200, **arguments):
    """Return a model and its draws."""
    model = fb.Model(formula, FRAME, **arguments)
    idata = model.fit(draws=draws, random_seed=1, progressbar=False, compute_convergence_checks=False)
    return model, idata


def values(idata, name):
    """Return draws (chains * draws, ...) of a variable."""
    stored = np.asarray(idata["posterior"][name])
    return stored.reshape(-1, *stored.shape[2:])
