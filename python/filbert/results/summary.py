"""A table of the posterior: mean, spread, interval and diagnostics of each parameter, without importing ArviZ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import DataTypeError, SettingError
from ..regression.names import OBSERVATIONS, SAMPLES

if TYPE_CHECKING:
    import pandas as pd

    from ..regression.regression import Regression
    from .frame import Summary

__all__ = ["draws_by_parameter", "hdi", "summary"]

FloatArray = npt.NDArray[np.float64]


# What the exponentials of coefficients are, by the link.
RATIOS = {"log": "ratios of means", "logit": "odds ratios", "cloglog": "hazard ratios"}


def summary(
    model: Any,
    idata: Any = None,
    *,
    hdi_prob: float = 0.94,
    least_squares: bool = False,
    exponentiate: bool = False,
) -> Summary:
    """Summarise the posterior, one row a parameter: ``summary(idata)`` or ``summary(model, idata)``.

    Parameters
    ----------
    model : Model
        May be left out unless `least_squares` is asked for.
    idata : xarray.DataTree or arviz.InferenceData
        What ``Model.fit`` returned. Variables with a value a row of data (predictions) are left out.
    hdi_prob : float, default 0.94
        Probability of the highest-density interval, between 0 and 1.
    least_squares : bool, default False
        Put the classical estimates beside the posterior, from the model's own summary of the data.
    exponentiate : bool, default False
        Summarise the exponentials of the draws of coefficients: odds ratios with a logit link, ratios of means (of
        rates, with an offset) with a log link, hazard ratios with cloglog, ratios of medians in a lognormal model. That
        of the intercept is the odds, mean or hazard where every predictor is 0. Auxiliary parameters stay as they are.

    Returns
    -------
    Summary
        A pandas.DataFrame that shows itself rounded, with its interval, where it is printed or ends a notebook's cell;
        ``attrs`` has the number of chains, and what was exponentiated. Columns ``mean``, ``sd``, the ends of the
        interval (``hdi_3%`` and ``hdi_97%`` by default), ``mcse_mean``, ``ess_bulk``, ``ess_tail`` (of the 5 % and
        95 % quantiles) and ``r_hat``, unrounded, as ``arviz.summary`` defines them; rows are labelled as ArviZ labels
        them, ``x`` or ``g[b]``. With `least_squares` also ``least_squares`` and ``standard_error``, of which sigma has
        none.

    Raises
    ------
    SettingError, DataTypeError
        If `hdi_prob` is not a number between 0 and 1, the model is missing, or coefficients are on no scale of
        logarithms.
    DataError
        If least squares has no unique answer.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and localization: an improved
    R-hat for assessing convergence of MCMC, Bayesian Analysis 16.
    """
    from .container import posterior_group
    from .frame import Summary

    if not hasattr(model, "regression"):
        if idata is not None:
            raise DataTypeError(
                f"summary(model, idata): model must be a filbert.Model, not {type(model).__module__}."
                f"{type(model).__name__}."
            )
        model, idata = None, model
    elif idata is None:
        raise SettingError("summary(model, idata) needs what fit() returned as well as the model.")
    else:
        from .draws import check_same_model

        check_same_model(posterior_group(idata), model.regression)
    interval = interval_names(hdi_prob, "hdi_prob")
    ratios = _ratios(model, idata, least_squares) if exponentiate else ""
    shown = _exponentials(idata) if exponentiate else draws_by_parameter(idata)
    rows = {label: _row(draws, hdi_prob) for label, draws in shown}
    names = ["mean", "sd", *interval, "mcse_mean", "ess_bulk", "ess_tail", "r_hat"]
    table = Summary(list(rows.values()), index=list(rows), columns=names, dtype=np.float64)
    table.attrs["chains"] = int(posterior_group(idata).sizes["chain"])
    if exponentiate:
        table.attrs["exponentiated"] = ratios
    if not least_squares:
        return table
    if model is None:
        raise SettingError("least_squares=True needs the model: write summary(model, idata, least_squares=True).")
    from .least_squares import least_squares_table

    return _with_least_squares(table, least_squares_table(model.regression), model.regression)


def posterior_variables(idata: Any) -> Iterator[tuple[str, Any, list[str], FloatArray]]:
    """Yield name, variable, dimensions and values (chains, draws, *dimensions) of each parameter of the posterior."""
    from .container import posterior_group

    posterior = posterior_group(idata)
    for name in posterior.data_vars:
        variable = posterior[name]
        inner = [dim for dim in variable.dims if dim not in SAMPLES]
        if OBSERVATIONS not in inner:  # predictions have a value a row
            values = np.asarray(variable.transpose(*SAMPLES, *inner), dtype=np.float64)
            yield str(name), variable, inner, values


def auxiliary_names(idata: Any) -> tuple[str, ...]:
    """Return the parameters of the posterior that are no coefficients, by what its attributes say; else sigma."""
    from .container import posterior_group

    names = str(posterior_group(idata).attrs.get("auxiliaries", "sigma"))
    return tuple(name.strip() for name in names.split(",") if name.strip())


def draws_by_parameter(idata: Any) -> Iterator[tuple[str, FloatArray]]:
    """Yield each scalar parameter of the posterior with its draws, an array (chains, draws)."""
    for variable in posterior_variables(idata):
        yield from parameters_of(variable)


def parameters_of(variable: tuple[str, Any, list[str], FloatArray]) -> Iterator[tuple[str, FloatArray]]:
    """Yield label and draws of each scalar in one of the `posterior_variables`."""
    name, stored, inner, values = variable
    levels = [np.asarray(stored.coords[dim]) if dim in stored.coords else range(stored.sizes[dim]) for dim in inner]
    for where in np.ndindex(values.shape[2:]):
        label = ", ".join(str(level[i]) for level, i in zip(levels, where, strict=True))
        yield (f"{name}[{label}]" if inner else name), np.ascontiguousarray(values[(..., *where)])


def _ratios(model: Any, idata: Any, least_squares: bool) -> str:
    """Return what exponentials of the coefficients are, or refuse where they are nothing."""
    from .container import posterior_group

    attributes = posterior_group(idata).attrs
    family = attributes.get("family") if model is None else model.regression.family.name
    link = attributes.get("link") if model is None else model.regression.link
    if link is None:
        raise SettingError(
            "exponentiate=True needs the link, which these draws do not record: write summary(model, idata, "
            "exponentiate=True)."
        )
    if family == "lognormal":
        link = "log"  # of the median
    if link not in RATIOS:
        raise SettingError(
            f"exponentiate=True is for coefficients on a log, logit or cloglog scale, and this model has link={link!r} "
            f"(family={family!r}). Leave it out; fb.comparisons(model, idata, contrast=..., comparison='ratio') gives "
            "ratios of means for any link."
        )
    if least_squares:
        raise SettingError("exponentiate=True and least_squares=True do not go together. Leave one of them out.")
    return "ratios of medians" if family == "lognormal" else RATIOS[link]


def _exponentials(idata: Any) -> Iterator[tuple[str, FloatArray]]:
    """Yield what `draws_by_parameter` does, with the exponentials of coefficients in place of them."""
    from .container import posterior_group

    computed = str(posterior_group(idata).attrs.get("deterministics", "")).split(", ")
    others = {*auxiliary_names(idata), *computed}
    for variable in posterior_variables(idata):
        for label, draws in parameters_of(variable):
            with np.errstate(over="ignore"):
                yield label, (draws if variable[0] in others else np.exp(draws))


def hdi(draws: npt.ArrayLike, prob: float = 0.94) -> tuple[float, float]:
    """Return the shortest interval between two draws that holds a share `prob` of all draws.

    Parameters
    ----------
    draws : array of any shape
        Its values are pooled.
    prob : float, default 0.94
        Between 0 and 1.

    Returns
    -------
    tuple of float
        Lower and upper end, (nan, nan) if a draw is not a number.
    """
    checked_probability(prob, "prob")
    values = np.ravel(np.asarray(draws, dtype=np.float64))
    if not len(values) or np.isnan(values).any():
        return math.nan, math.nan
    lower, upper = _core.shortest_interval(values, prob)
    return lower, upper


def interval_names(prob: float, argument: str, kind: str = "hdi") -> tuple[str, str]:
    """Return the names of the columns with the ends of an interval, such as ``hdi_3%`` and ``hdi_97%``."""
    tail = 100 * (1 - checked_probability(prob, argument)) / 2
    return f"{kind}_{tail:g}%", f"{kind}_{100 - tail:g}%"


def checked_probability(prob: float, argument: str) -> float:
    """Return the probability of an interval; refuse what is not a number between 0 and 1."""
    if isinstance(prob, (bool, np.bool_)) or not isinstance(prob, (int, float, np.number)):
        raise DataTypeError(f"{argument} must be a number between 0 and 1, not {prob!r} ({type(prob).__name__}).")
    if not 0 < prob < 1:
        raise SettingError(f"{argument} must be between 0 and 1, both excluded, not {prob}.")
    return float(prob)


def _row(draws: FloatArray, hdi_prob: float) -> list[float]:
    """Return the statistics of one parameter from its draws (chains, draws)."""
    largest = float(np.abs(draws).max())
    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1) if math.isfinite(largest) else 1.0
    parts = draws / unit  # whose squares are doubles
    sd = float(np.std(parts, ddof=1)) * unit if draws.size > 1 else math.nan
    return [
        float(np.mean(parts)) * unit,
        sd,
        *hdi(draws, hdi_prob),
        sd / math.sqrt(_core.ess_mean(parts)),
        _core.ess_bulk(draws),
        _core.ess_tail(draws),
        _core.split_rhat(draws),
    ]


def _with_least_squares(table: Summary, classical: pd.DataFrame, regression: Regression) -> Summary:
    """Put the classical fit beside the posterior, which may have another order, and computed parameters at its end."""
    rows = np.concatenate([parameter.rows.ravel() for parameter in regression.parameters])
    if len(table) < len(rows):
        raise SettingError(
            f"The draws have {len(table)} parameters and the model has {len(rows)}: they are of another model."
        )
    # What least squares estimate beside the coefficients is the residual deviation, which a family may call its sigma.
    beside = [classical.attrs.get(name, math.nan) for name in regression.auxiliaries]
    for column, kind, others in (
        ("least_squares", "estimate", beside),
        ("standard_error", "standard_error", [math.nan] * len(beside)),
    ):
        values = np.full(len(table), math.nan)
        values[: len(rows)] = np.array([*classical[kind], *others])[rows]
        table.insert(len(table.columns), column, values)
    return table
