"""Models written out parameter by parameter, as in PyMC: ``import filbert.explicit as pm``.

Priors are independent, the mean is affine in the parameters, and there is one normal likelihood; so a model is the same
`Regression` that a formula becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import foreign
from ..errors import DataTypeError, FormulaError, PriorError, SettingError, count, quote_names, suggest
from ..fit import fit
from ..priors.prior import Prior, parameter_names
from ..priors.table import TABLE
from ..regression.names import OBSERVATIONS, SAMPLES, stored_name
from ..sampling.settings import Settings
from .affine import Affine, numbers
from .arithmetic import Arithmetic
from .model import Dims, FloatArray, Likelihood, Model, Named, dimension_names, fits, modelcontext

if TYPE_CHECKING:
    import xarray as xr

__all__ = [  # noqa: PLE0604 (the distributions' names are strings)
    *TABLE,
    "ConstantData",
    "Data",
    "Deterministic",
    "Model",
    "MutableData",
    "math",
    "modelcontext",
    "sample",
    "sample_posterior_predictive",
    "sample_prior_predictive",
]

_DISTRIBUTION_DOC = """Add a parameter with a {kind} prior to the model of the ``with`` block.

Parameters
----------
name : str
{parameters}dims : str or tuple of str, optional
    Names among the model's coords.
shape : int or tuple of int, optional
    By default that of the parameters above.
observed : array, (rows,), optional
    Only of Normal: makes it the likelihood, whose `mu` is affine in the parameters and whose `sigma` is one of them.

Returns
-------
Affine
    The parameter, to compute with.
"""


math = Arithmetic()


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


def Deterministic(name: str, var: Affine, *, dims: Dims = None) -> Affine:  # noqa: N802
    """Name an affine quantity; its draws are kept beside those of the parameters."""
    model = modelcontext()
    model.check_name(name)
    if not isinstance(var, Affine):
        raise DataTypeError(f"pm.Deterministic {name!r} needs an expression of parameters, not {type(var).__name__}.")
    if var.owner is not model:
        raise FormulaError(f"pm.Deterministic {name!r} has parameters of another model.")
    shape = model.shape_of(name, None, dims)
    if shape is not None and shape != var.shape:
        raise SettingError(f"{name!r} has shape {var.shape}, and its dims {dims!r} have the lengths {shape}.")
    named = Affine(model, var.shape, var.constant, var.parts, name)
    model.deterministics[name] = Named(named, dimension_names(dims, name, var.shape))
    return named


def sample(
    draws: int = 1000,
    *,
    tune: int = 1000,
    chains: int | None = 4,
    cores: int | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    discard_tuned_samples: bool = True,
    init: str = "jitter",
    model: Model | None = None,
    **other: Any,
) -> Any:
    """Sample the posterior of a model by NUTS; the arguments are those of `filbert.Model.fit`.

    Parameters
    ----------
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
        **{**chosen, **asked.settings},
    )
    idata = fit(model.regression, settings, _data_groups(model), {})
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

    foreign.check_predictive_arguments(sample_prior_predictive, other)
    model = modelcontext(model)
    idata = prior_predictive(
        model.regression, _data_groups(model), keep_mean=False, draws=draws, random_seed=random_seed
    )
    _rename_rows(idata, "prior_predictive", model.likelihood)
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
    draws = Draws.read(trace, regression)
    _, response = row_draws(regression.rows, regression, draws, noise_seed(random_seed))
    posterior = container.group(trace, "posterior")
    assert posterior is not None
    drawn = {stored_name(regression.response): ((*SAMPLES, OBSERVATIONS), response)}
    group = xr.Dataset(drawn, container.sample_labels(posterior), container.common_attributes())
    if extend_inferencedata:
        container.set_group(trace, "posterior_predictive", group)
    else:
        trace = container.container({"posterior_predictive": group, **_data_groups(model)})
    _rename_rows(trace, "posterior_predictive", model.likelihood)
    return trace


def _distribution(kind: str) -> Callable[..., Affine]:
    """Make the function that adds a parameter with a prior of this kind, or the likelihood, to the current model."""
    names = parameter_names(kind)

    def distribution(
        name: str,
        *values: Any,
        observed: Any = None,
        dims: Dims = None,
        shape: Any = None,
        model: Model | None = None,
        **parameters: Any,
    ) -> Affine:
        model = modelcontext(model)
        if len(values) > len(names):
            raise PriorError(
                f"{kind}({name!r}, ...) takes {quote_names(names)}, and {count(len(values), 'value')} follow."
            )
        for parameter, value in zip(names, values, strict=False):
            if parameter in parameters:
                raise PriorError(f"{kind}({name!r}, ...): {parameter} is given twice.")
            parameters[parameter] = value
        if observed is not None:
            if kind != "Normal":
                raise FormulaError(f"The likelihood must be pm.Normal, and {name!r} is pm.{kind}.")
            return _likelihood_of(model, name, parameters, observed, dims, shape)
        for parameter, value in parameters.items():
            if isinstance(value, Affine):
                raise FormulaError(
                    f"The prior of {name!r} depends on the parameter {value} ({parameter}=). Priors are independent "
                    "here: give a number; a likelihood needs observed=."
                )
        return _parameter_of(model, kind, name, parameters, shape, dims)

    distribution.__name__ = distribution.__qualname__ = kind
    listed = "".join(f"{parameter} : float or array\n" for parameter in names)
    distribution.__doc__ = _DISTRIBUTION_DOC.format(kind=kind, parameters=listed)
    return distribution


def _likelihood_of(
    model: Model, name: str, parameters: Mapping[str, Any], observed: Any, dims: Dims, shape: Any
) -> Affine:
    unknown = [key for key in parameters if key not in ("mu", "sigma")]
    if unknown:
        raise PriorError(f"The likelihood {name!r} takes mu and sigma, not {quote_names(unknown)}.")
    if shape is not None and np.shape(observed) != ((shape,) if isinstance(shape, int) else tuple(shape)):
        raise SettingError(f"{name!r} has shape {shape}, and observed has shape {np.shape(observed)}.")
    if "sigma" not in parameters:
        raise FormulaError(f"{name!r}: sigma is missing. Give it a prior: sigma = pm.HalfNormal('sigma', sigma=1).")
    return model.observe(name, parameters.get("mu", 0.0), parameters["sigma"], observed, dims)


def _parameter_of(model: Model, kind: str, name: str, parameters: Mapping[str, Any], shape: Any, dims: Dims) -> Affine:
    """Check the prior, whose arrays may have any shape that broadcasts to the parameter's."""
    values = {key: value.to_numpy() if hasattr(value, "to_numpy") else value for key, value in parameters.items()}
    arrays = {key: np.asarray(value) for key, value in values.items() if np.ndim(value) > 0}
    if not arrays:
        return model.add_parameter(name, Prior(kind, **values), shape, dims)
    given = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    wanted = model.shape_of(name, shape, dims) or given
    if not fits(given, wanted):
        raise PriorError(f"{kind}({name!r}, ...): parameters of shape {given} do not fit the shape {wanted}.")
    flat = {key: np.broadcast_to(array, wanted).ravel() for key, array in arrays.items()}
    return model.add_parameter(name, Prior(kind, **{**values, **flat}), wanted, dims)


def _data_groups(model: Model) -> dict[str, xr.Dataset]:
    import xarray as xr

    from ..results.container import common_attributes

    seen, common = model.likelihood, common_attributes()
    rows = {stored_name(seen.dim): model.coords.get(seen.dim, np.arange(len(seen.observed)))}
    constants = {stored_name(name): (_stored_dims(entry), entry.value) for name, entry in model.data.items()}
    labels = {name: values for entry in model.data.values() for name, values in _labels(model, entry).items()}
    return {
        "observed_data": xr.Dataset({stored_name(seen.name): (tuple(rows), seen.observed)}, rows, common),
        "constant_data": xr.Dataset(constants, labels, common),
    }


def _stored_dims(entry: Named) -> tuple[str, ...]:
    return tuple(map(stored_name, entry.dims))


def _labels(model: Model, entry: Named) -> dict[str, Any]:
    """Return the labels along the dimensions of a named quantity, where the model has some."""
    return {stored_name(dim): model.coords[dim] for dim in entry.dims if dim in model.coords}


def _add_deterministics(model: Model, idata: Any, group: str) -> None:
    """Compute the named expressions at each draw of a group, and keep them in it."""
    from ..results import container as inference_data

    posterior = inference_data.group(idata, group)
    if posterior is None or not model.deterministics:
        return
    sizes = (posterior.sizes["chain"], posterior.sizes["draw"])
    draws = {
        name: np.asarray(posterior[stored_name(name)]).reshape(-1, *entry.value.shape)
        for name, entry in model.parameters.items()
    }
    for name, entry in model.deterministics.items():
        values = entry.value.values(draws).reshape(*sizes, *entry.value.shape)
        posterior[stored_name(name)] = ((*SAMPLES, *_stored_dims(entry)), values)
        posterior = posterior.assign_coords(_labels(model, entry))
    inference_data.set_group(idata, group, posterior)


def _rename_rows(idata: Any, name: str, likelihood: Likelihood) -> None:
    """Give the dimension of rows the name that it has in the model."""
    from ..results import container as inference_data

    group = inference_data.group(idata, name)
    assert group is not None
    inference_data.set_group(idata, name, group.rename({OBSERVATIONS: stored_name(likelihood.dim)}))


for _kind in TABLE:
    globals()[_kind] = _distribution(_kind)


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"filbert.explicit has no {name!r}.{suggest(name, __all__)} The distributions are {', '.join(TABLE)}; "
        "the likelihood is Normal with observed=."
    )
