"""Models written out parameter by parameter, as in PyMC: ``import filbert.explicit as pm``.

Priors are independent, but for parameters that vary by group, and there is one likelihood, of which one parameter is
affine in the model's parameters, or a function of that which a link undoes; so a model is the same `Regression` that a
formula becomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import foreign
from ..errors import DataTypeError, FormulaError, SettingError, suggest
from ..fit import fit, warm_up
from ..priors.table import TABLE
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..sampling.settings import Settings
from .affine import Affine, Function, numbers
from .distributions import distribution
from .functions import math
from .likelihoods import LIKELIHOODS
from .linked import Linked
from .model import Dims, FloatArray, Model, Named, dimension_names, modelcontext
from .multivariate import LKJCholeskyCov, MvNormal

if TYPE_CHECKING:
    import xarray as xr

__all__ = [  # noqa: PLE0604 (the distributions' names are strings)
    *dict.fromkeys([*TABLE, *LIKELIHOODS]),
    "ConstantData",
    "LKJCholeskyCov",
    "MvNormal",
    "Data",
    "Deterministic",
    "Model",
    "MutableData",
    "compute_log_likelihood",
    "math",
    "modelcontext",
    "sample",
    "sample_posterior_predictive",
    "sample_prior_predictive",
]


def Data(  # noqa: N802
    name: str, value: Any, *, dims: Dims = None, coords: Mapping[str, Iterable[Any]] | None = None
) -> FloatArray:
    """Name an array of numbers; it is kept in the group ``constant_data``.

    Returns
    -------
    array
        The values, which may be used as any array.
    """
    model = modelcontext()
    model.check_name(name)
    for dim, labels in (coords or {}).items():
        model.add_coord(dim, labels)
    values = numbers(value, f"pm.Data {name!r}")
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        values = value  # group indices stay indices
    elif hasattr(value, "to_numpy") and value.to_numpy().dtype.kind in "iu":
        values = value.to_numpy()
    shape = model.shape_of(name, None, dims)
    if shape is not None and shape != values.shape:
        raise SettingError(f"{name!r} has shape {values.shape}, and its dims {dims!r} have the lengths {shape}.")
    model.data[name] = Named(values, dimension_names(dims, name, values.shape))
    return values


MutableData = Data
ConstantData = Data


def Deterministic(name: str, var: Any, *, dims: Dims = None) -> Any:  # noqa: N802
    """Name an affine quantity, or a function of one such as ``pm.math.exp(eta)``; its draws are kept as well."""
    model = modelcontext()
    model.check_name(name)
    if not isinstance(var, Affine) and not (isinstance(var, Linked) and var.link is not None):
        given = f"{var}, which no link undoes" if isinstance(var, Function) else type(var).__name__
        raise DataTypeError(f"pm.Deterministic {name!r} needs an expression of parameters, not {given}.")
    if var.owner is not model:
        raise FormulaError(f"pm.Deterministic {name!r} has parameters of another model.")
    shape = model.shape_of(name, None, dims)
    if shape is not None and shape != var.shape:
        raise SettingError(f"{name!r} has shape {var.shape}, and its dims {dims!r} have the lengths {shape}.")
    named: Affine | Linked
    if isinstance(var, Linked):
        named = Linked(var.form, var.inner, name, var.complement)
    else:
        named = Affine(model, var.shape, var.constant, var.parts, name)
    model.deterministics[name] = Named(named, dimension_names(dims, name, var.shape))
    return named


def sample(
    draws: int = 1000,
    *,
    tune: int | None = None,
    chains: int | None = 4,
    cores: int | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    discard_tuned_samples: bool = True,
    init: str = "jitter",
    sampler: str = "auto",
    model: Model | None = None,
    **other: Any,
) -> Any:
    """Sample the posterior of a model; the arguments are those of `filbert.Model.fit`.

    Parameters
    ----------
    tune : int, optional
        By default 200 where parameters vary by group; else 1000 for a Gaussian response with the identity link, and
        150 for others, as in `filbert.Model.fit`.
    sampler : str, default "auto"
        ``"nuts"``, ``"hmc"`` or ``"independence"``; by default what suits the model.
    model : Model, optional
        By default that of the ``with`` block.
    **other
        Arguments of PyMC, as in `filbert.Model.fit`: those without a meaning here change nothing, the rest is refused.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        Groups ``posterior`` (parameters and deterministics), ``sample_stats``, ``observed_data``, ``constant_data``.

    Raises
    ------
    FormulaError
        If the model has no likelihood.
    DataError
        If the posterior is improper: a flat prior, and data that say nothing about the parameter.

    Warns
    -----
    DataWarning
        About parameters that no row uses, which have the draws of their prior.
    """
    model = modelcontext(model)
    regression = model.regression
    asked = foreign.sampler_arguments(sample, other)
    if asked.log_likelihood or asked.response_parameters:
        raise SettingError("Log likelihoods and means of rows are there for models from formulas only, filbert.Model.")
    chosen = {"target_accept": target_accept, "max_treedepth": max_treedepth, "progressbar": progressbar}
    settings = Settings.checked(
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        random_seed=random_seed,
        discard_tuned_samples=discard_tuned_samples,
        init=init,
        sampler=sampler,
        default_tune=warm_up(regression),
        **{**chosen, **asked.settings},
    )
    data = _data_groups(model)
    idata = fit(regression, settings, lambda: data, {})
    for group in ("posterior", "warmup_posterior"):
        _add_deterministics(model, idata, group)
    return idata


def sample_prior_predictive(
    draws: int = 500,
    *,
    random_seed: int | np.random.Generator | None = None,
    model: Model | None = None,
    **other: Any,
) -> Any:
    """Draw parameters from their priors, and observations from the parameters; see `sample` for other arguments.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        Groups ``prior``, ``prior_predictive``, ``observed_data``, ``constant_data``.
    """
    from ..predict.prior_predictive import prior_predictive
    from ..results import container

    foreign.check_predictive_arguments(sample_prior_predictive, other)
    model = modelcontext(model)
    idata = prior_predictive(
        model.regression, _data_groups(model), keep_mean=False, draws=draws, random_seed=random_seed
    )
    if model.likelihood.spread is not None:
        drawn = container.group(idata, "prior_predictive")
        assert drawn is not None
        container.set_group(idata, "prior_predictive", drawn * model.likelihood.spread)
    _rename_rows(idata, "prior_predictive", model)
    _add_deterministics(model, idata, "prior")
    return idata


def sample_posterior_predictive(
    trace: Any,
    *,
    extend_inferencedata: bool = False,
    random_seed: int | np.random.Generator | None = None,
    model: Model | None = None,
    **other: Any,
) -> Any:
    """Draw new observations for the observed rows, one for each draw of the posterior.

    Parameters
    ----------
    trace : xarray.DataTree or arviz.InferenceData
        What `sample` returned.
    extend_inferencedata : bool, default False
        Add the group to `trace` and return it, instead of returning a new container.
    **other
        Arguments of PyMC: those without a meaning here change nothing, the rest is refused.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        With the group ``posterior_predictive``.
    """
    import xarray as xr

    from ..predict.posterior_predictive import row_draws
    from ..predict.rowwise import noise_seed
    from ..results import container
    from ..results.draws import Draws

    foreign.check_predictive_arguments(sample_posterior_predictive, other)
    model = modelcontext(model)
    regression = model.regression
    assert regression.rows is not None
    draws = Draws.read(_read_back(model, trace), regression)
    _, response = row_draws(regression.rows, regression, draws, noise_seed(random_seed))
    if model.likelihood.spread is not None:
        response = response * model.likelihood.spread
    posterior = container.group(trace, "posterior")
    assert posterior is not None
    drawn = {stored_name(regression.response): ((*SAMPLES, OBSERVATIONS), response)}
    group = xr.Dataset(drawn, container.sample_labels(posterior), container.common_attributes())
    if extend_inferencedata:
        container.set_group(trace, "posterior_predictive", group)
    else:
        trace = container.container({"posterior_predictive": group, **_data_groups(model)})
    _rename_rows(trace, "posterior_predictive", model)
    return trace


def compute_log_likelihood(
    idata: Any, *, extend_inferencedata: bool = True, model: Model | None = None, **other: Any
) -> Any:
    """Add the log likelihood of each row at each draw, which ``az.loo`` and ``az.compare`` need.

    Parameters
    ----------
    idata : xarray.DataTree or arviz.InferenceData
        What `sample` returned.
    extend_inferencedata : bool, default True
        Add the group to `idata` and return it; if False return a new container.
    **other
        Arguments of PyMC: those without a meaning here change nothing, the rest is refused.

    Returns
    -------
    xarray.DataTree or arviz.InferenceData
        With the group ``log_likelihood``.
    """
    from ..predict.log_likelihood import log_likelihood
    from ..predict.posterior_predictive import with_groups
    from ..results import container

    foreign.check_predictive_arguments(compute_log_likelihood, other)
    model = modelcontext(model)
    read = _read_back(model, idata)
    log_likelihood(model.regression, read, True)
    group = container.group(read, "log_likelihood")
    assert group is not None
    if model.likelihood.spread is not None:
        group = group - np.log(model.likelihood.spread)  # the density of rows that are divided by it is larger
    result = with_groups(idata, {"log_likelihood": group}, extend_inferencedata)
    result = idata if extend_inferencedata else result
    _rename_rows(result, "log_likelihood", model)
    return result


def _read_back(model: Model, idata: Any) -> Any:
    """Return a container of the posterior alone, as the regression has it."""
    from ..results import container
    from .centring import as_drawn

    return container.container({"posterior": as_drawn(model, container.posterior_group(idata))})


def _data_groups(model: Model) -> dict[str, xr.Dataset]:
    import xarray as xr

    from ..results.container import as_observed, common_attributes

    seen, common = model.likelihood, common_attributes()
    observed = as_observed(model.regression.family, seen.observed)
    rows = {stored_name(seen.dim): model.coords.get(seen.dim, np.arange(len(seen.observed)))}
    constants = {stored_name(name): (_stored_dims(entry), entry.value) for name, entry in model.data.items()}
    labels = {name: values for entry in model.data.values() for name, values in _labels(model, entry).items()}
    return {
        "observed_data": xr.Dataset({stored_name(seen.name): (tuple(rows), observed)}, rows, common),
        "constant_data": xr.Dataset(constants, labels, common),
    }


def _stored_dims(entry: Named) -> tuple[str, ...]:
    return tuple(map(stored_name, entry.dims))


def _labels(model: Model, entry: Named) -> dict[str, Any]:
    """Return the labels along the dimensions of a named quantity, where the model has some."""
    return {stored_name(dim): model.coords[dim] for dim in entry.dims if dim in model.coords}


def _add_deterministics(model: Model, idata: Any, group: str) -> None:
    """Put parameters into a group as they were written, and the named expressions at each draw beside them."""
    from ..results import container as inference_data
    from .centring import as_written

    posterior = inference_data.group(idata, group)
    if posterior is None or not (model.deterministics or model.regression.groups):
        return
    posterior = as_written(model, posterior)
    sizes = (posterior.sizes["chain"], posterior.sizes["draw"])
    draws = {
        name: np.asarray(posterior[stored_name(name)]).reshape(-1, *entry.value.shape)
        for name, entry in model.parameters.items()
    }
    for name, entry in model.deterministics.items():
        values = entry.value.values(draws).reshape(*sizes, *entry.value.shape)
        posterior[stored_name(name)] = ((*SAMPLES, *_stored_dims(entry)), values)
        posterior = posterior.assign_coords(_labels(model, entry))
    if model.deterministics:
        posterior.attrs["deterministics"] = ", ".join(map(stored_name, model.deterministics))
    inference_data.set_group(idata, group, posterior)


def _rename_rows(idata: Any, name: str, model: Model) -> None:
    """Give the dimension of rows the name, and the labels, that it has in the model."""
    from ..results import container as inference_data

    group = inference_data.group(idata, name)
    assert group is not None
    dim = model.likelihood.dim
    renamed = group.rename({OBSERVATIONS: stored_name(dim)})
    if dim in model.coords:
        renamed = renamed.assign_coords({stored_name(dim): model.coords[dim]})
    inference_data.set_group(idata, name, renamed)


for _kind in (*TABLE, *LIKELIHOODS):
    globals()[_kind] = distribution(_kind)


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"filbert.explicit has no {name!r}.{suggest(name, __all__)} The priors are {', '.join(TABLE)}; the "
        f"likelihoods, with observed=, are {', '.join(LIKELIHOODS)}."
    )
