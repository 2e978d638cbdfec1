"""Made-up results of a fit, in the container of this Python's ArviZ, for tests of what reads them."""

from __future__ import annotations

import importlib.metadata

import numpy as np
import xarray as xr

ARVIZ_MAJOR = int(importlib.metadata.version("arviz").partition(".")[0])


def container(variables, levels=None, diverging=None):
    """Wrap arrays (chains, draws) or (chains, draws, levels); `levels` has the coordinates of the latter by name."""
    levels = levels or {}
    data, coordinates = {}, {}
    for name, values in variables.items():
        inner = [] if np.ndim(values) == 2 else ["__obs__" if name == "mu" else f"{name}_dim"]
        data[name] = (("chain", "draw", *inner), values)
        if name in levels:
            coordinates[f"{name}_dim"] = np.asarray(levels[name])
    groups = {"posterior": xr.Dataset(data, coordinates)}
    if diverging is not None:
        groups["sample_stats"] = xr.Dataset({"diverging": (("chain", "draw"), diverging)})
    if ARVIZ_MAJOR >= 1:
        return xr.DataTree.from_dict(groups)
    import arviz

    return arviz.InferenceData(**groups)
