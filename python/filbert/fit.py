"""Fits what a model states, whichever face stated it: checks, frames, samples, labels."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from .errors import DataError
from .families.gaussian import Gaussian
from .regression import identifiability
from .regression.fingerprint import fingerprint
from .regression.parameters import Parameter, row_labels, sorted_rows
from .regression.regression import Regression
from .sampling import run as sampling
from .sampling.memory import available_memory
from .sampling.problems import diagnosed, log_run, warn_about
from .sampling.settings import Settings

if TYPE_CHECKING:
    import xarray as xr

    from .regression.groups import Groups


def fit(
    regression: Regression,
    settings: Settings,
    data: Callable[[], Mapping[str, xr.Dataset]],
    attributes: Mapping[str, Any],
    group_effects: bool = True,
) -> Any:
    """Sample the posterior of a regression.

    Parameters
    ----------
    regression : Regression
    settings : Settings
    data : callable
        Returns groups that hold data, such as ``observed_data``, by their names.
    attributes : mapping
        What the group ``posterior`` records beside the model and the settings.
    group_effects : bool, default True
        Whether the result has the effects of groups, and the coefficients of a factor by level.

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

    by_passes = settings.sampler not in ("nuts", "hmc")  # take too many looks at the rows for each to be a pass
    if not by_passes:
        regression = with_rows_at_hand(regression, f"sampler='{settings.sampler}' was asked for")
    with _shown_passes(regression, settings):
        try:
            run = sampling.run(framed(regression, settings.seed, group_effects, by_passes), settings)
        except sampling.ProposalsRefusedError as refusal:
            because = f"independence Metropolis does not suit this posterior: {refusal}"
            at_hand = with_rows_at_hand(regression, because)
            run = sampling.run(framed(at_hand, settings.seed, group_effects, by_passes=False), settings)
            left = "independence Metropolis was left" if at_hand is regression else "the rows were brought into memory"
            run = run._replace(note=f"{left}; {run.note or refusal}")
            regression = at_hand
        except _core.UncomputablePosteriorError as error:
            raise identifiability.uncomputable_posterior(regression, error.args[1]) from None
    parameters = list(regression.parameters)
    if regression.groups is not None:
        run = _without_fixed_deviations(run, regression.groups)
    if not group_effects:
        parameters = [parameter for parameter in parameters if not parameter.is_drawn_later]
    judged = _judged(regression, parameters)
    rows = None if judged is parameters else sorted_rows(judged)
    diagnostics = diagnosed(run, settings, rows) if settings.check_convergence else None
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
    idata = container.posterior_container(run, parameters, data(), recorded)
    if settings.check_convergence:
        advice = identifiability.centring_advice(regression) or identifiability.edge_advice(regression)
        warn_about(run, diagnostics, lambda: row_labels(judged), settings, advice)
    idata["posterior"].attrs["fit_time"] = time.perf_counter() - start
    log_run(run, settings)
    return idata


def _judged(regression: Regression, parameters: list[Parameter]) -> list[Parameter]:
    """Return the parameters whose draws may depend on those before.

    Effects that the core integrates out are drawn given the others, independently from draw to draw: they have
    converged where the others have, and there may be thousands.
    """
    sums_groups = regression.groups is not None and regression.family.sees_groups(regression)
    if not sums_groups and regression.by_level is None:
        return parameters
    return [parameter for parameter in parameters if not parameter.is_drawn_later]


def _shown_passes(regression: Regression, settings: Settings) -> contextlib.AbstractContextManager[None]:
    """Show how far passes over rows have come."""
    rows = regression.rows
    in_passes = rows is not None and (
        rows.are_read_in_parts or (regression.groups is not None and regression.family.suits_reweighting(regression))
    )
    if not in_passes:
        return contextlib.nullcontext()
    from .sampling.reading import shown_passes  # with what only streams need

    return shown_passes(settings)


def with_rows_at_hand(regression: Regression, because: str) -> Regression:
    """Return a regression that brings the columns of rows that are read in parts into memory, where they fit.

    Raises
    ------
    DataError
        If they do not fit.
    """
    rows, family = regression.rows, regression.family
    if rows is None or not rows.are_read_in_parts:
        return regression
    from .families import passes  # with what only streams need
    from .formula.streamed_rows import StreamedRows

    assert isinstance(rows, StreamedRows)
    sees_sums = family.sees_summary(regression) if regression.groups is None else family.sees_groups(regression)
    if sees_sums or not passes.are_of_many(regression):
        return regression
    needed, available = 2 * passes.column_bytes(regression), available_memory()
    if available is not None and needed > available:
        other = "" if regression.groups else ", or give priors that hold coefficients which the data hardly inform"
        raise DataError(
            f"The rows are read in parts, and {because}, so that their columns have to be brought into memory. They "
            f"take {needed / 1e9:.2g} GB, and {available / 1e9:.2g} GB are free. Fit a part of the rows{other}."
        )
    return replace(regression, rows=rows.brought())


def warm_up(regression: Regression) -> int:
    """Return the iterations of NUTS's warm-up where `tune` is not given: few in a frame made for the posterior."""
    if regression.sums_groups:
        return 200
    return 1000 if regression.family.sees_summary(regression) else 150


def framed(regression: Regression, seed: int = 0, group_effects: bool = True, by_passes: bool = True) -> Any:
    """Return the posterior in its frame, and warn where the data do not settle the answer.

    Unless `by_passes`, rows that are at hand are not visited in passes.
    """
    sees_summary = regression.family.sees_summary(regression)
    if sees_summary:
        identifiability.check_residual(regression)
    try:
        if regression.by_level is not None:
            assert isinstance(regression.family, Gaussian)
            density = regression.family.levelled_frame(regression, seed, group_effects)
        elif regression.groups is None:
            density = regression.family.frame(regression)
        else:
            density = _grouped_frame(regression, seed, group_effects, by_passes)
    except _core.GroupsTooLargeError as error:
        raise identifiability.groups_too_large(regression, str(error)) from None
    except _core.ImproperPosteriorError as error:
        raise identifiability.improper_posterior(regression, str(error)) from None
    except _core.NoModeError as error:
        at_hand = with_rows_at_hand(regression, "no mode was found by passes over them")
        if at_hand is not regression or (by_passes and regression.groups is not None):
            return framed(at_hand, seed, group_effects, by_passes=False)
        raise identifiability.no_mode(regression, *error.args) from None
    except _core.UncomputablePosteriorError as error:
        raise identifiability.uncomputable_posterior(regression, error.args[1]) from None
    identifiability.warn_collinear(regression)
    if regression.groups is not None:
        return density
    if isinstance(density, _core.FramedLinearGaussian):
        identifiability.warn_overruled(regression, density)
    identifiability.warn_auxiliary_overruled(regression)
    if isinstance(density, _core.FramedGlm):
        from .regression import conflicts

        conflicts.warn_prior_conflicts(regression, density)
    return density


def _grouped_frame(regression: Regression, seed: int, group_effects: bool, by_passes: bool) -> Any:
    """Return the posterior of a model with group-specific terms in its frame."""
    if by_passes and regression.family.suits_reweighting(regression):
        return regression.family.reweighted_frame(regression, seed, group_effects)
    at_hand = with_rows_at_hand(regression, "group-specific terms of this model look at each of them at every draw")
    return regression.family.grouped_frame(at_hand, seed, group_effects)


def _without_fixed_deviations(run: sampling.Run, groups: Groups) -> sampling.Run:
    """Leave out what the core draws of deviations that are known."""
    if not groups.fixed:
        return run

    def kept(arrays: dict[str, Any]) -> dict[str, Any]:
        drawn = np.ones(len(arrays["values"]), dtype=bool)
        drawn[groups.first : groups.first + len(groups.is_drawn)] = groups.is_drawn
        return {**arrays, "values": arrays["values"][drawn]}

    return run._replace(sampling=kept(run.sampling), warmup=run.warmup and kept(run.warmup))
