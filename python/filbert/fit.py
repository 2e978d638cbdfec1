"""Fits what a model states, whichever face stated it: checks, frames, samples, labels."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import _core
from .regression import conflicts, identifiability
from .regression.fingerprint import fingerprint
from .regression.parameters import row_labels
from .regression.regression import Regression
from .sampling import run as sampling
from .sampling.problems import log_run, warn_about
from .sampling.settings import Settings

if TYPE_CHECKING:
    import xarray as xr


def fit(
    regression: Regression, settings: Settings, data: Mapping[str, xr.Dataset], attributes: Mapping[str, Any]
) -> Any:
    """Sample the posterior of a regression.

    Parameters
    ----------
    regression : Regression
    settings : Settings
    data : mapping of str to Dataset
        Groups that hold data, such as ``observed_data``.
    attributes : mapping
        What the group ``posterior`` records beside the model and the settings.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData

    Raises
    ------
    DataError
        If there is no posterior: a response fitted exactly, or coefficients that nothing bounds.
    PriorError
        If a prior is too narrow for doubles, or lies too far from the data.
    """
    start = time.perf_counter()
    from .results import container

    run = sampling.run(framed(regression), settings)
    if settings.check_convergence:
        warn_about(run, row_labels(regression.parameters), settings)
    recorded = {
        "formula": regression.description,
        "family": regression.family.name,
        "link": regression.link,
        "model_fingerprint": fingerprint(regression),
        "auxiliaries": ", ".join(parameter.name for parameter in regression.auxiliaries.values()),
        **attributes,
        "sampler": run.sampler,
        "sampler_note": run.note,
        "subsampling": "" if run.rows_a_move is None else f"{run.rows_a_move:.2g} of {regression.n_rows} rows a draw",
        "instruction_set": _core.instruction_set(),
        "tuning_steps": settings.tune,
        "random_seed": str(settings.random_seed),  # netCDF has no integers of any size
        "target_accept": settings.target_accept,
        "max_treedepth": settings.max_treedepth,
    }
    idata = container.posterior_container(run, regression.parameters, data, recorded)
    idata["posterior"].attrs["fit_time"] = time.perf_counter() - start
    log_run(run, settings)
    return idata


def warm_up(regression: Regression) -> int:
    """Return the iterations of NUTS's warm-up where `tune` is not given: few in a frame made for the posterior."""
    return 1000 if regression.family.sees_summary(regression) else 150


def framed(regression: Regression) -> Any:
    """Return the posterior in its frame, and warn where the data do not settle the answer."""
    sees_summary = regression.family.sees_summary(regression)
    if sees_summary:
        identifiability.check_residual(regression)
    try:
        density = regression.family.frame(regression)
    except _core.ImproperPosteriorError as error:
        raise identifiability.improper_posterior(regression, str(error)) from None
    except _core.NoModeError as error:
        raise identifiability.no_mode(regression, *error.args) from None
    except _core.UncomputablePosteriorError as error:
        raise identifiability.uncomputable_posterior(regression, error.args[1]) from None
    identifiability.warn_collinear(regression)
    if sees_summary:
        identifiability.warn_overruled(regression, density)
    identifiability.warn_auxiliary_overruled(regression)
    if isinstance(density, _core.FramedGlm):
        conflicts.warn_prior_conflicts(regression, density)
    return density
