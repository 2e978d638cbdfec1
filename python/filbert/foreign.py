"""Arguments of bambi and PyMC: which mean the same here, which change nothing, and why the others are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from .errors import DataTypeError, SettingError, quote_names, suggest

# Names of samplers and methods that stand for NUTS, which is what this package runs.
NUTS = ("pymc", "nuts", "mcmc", "nutpie", "numpyro", "blackjax", "nuts_numpyro", "nuts_blackjax")

_NO_EFFECT_OF_MODEL = frozenset({"noncentered"})
_REFUSED_OF_MODEL = {
    "potentials": "Terms cannot be added to the log density: bounds and other knowledge go into priors",
}

_NO_EFFECT_OF_FIT = frozenset(
    {
        "backend",
        "blas_cores",
        "compile_kwargs",
        "jitter_max_retries",
        "keep_warning_stat",
        "mp_ctx",
        "n_init",
        "omit_offsets",
        "progressbar_theme",
    }
)
_REFUSED_OF_FIT = {
    "callback": "Python is not called during sampling",
    "initvals": "Every chain starts at a random point around the mode",
    "step": "There is one sampler, NUTS",
    "trace": "Draws are kept in memory; idata.to_netcdf(path) writes them to a file",
    "var_names": "Every parameter is kept; select some of the result: idata['posterior'][['x', 'sigma']]",
    "model": "Call fit of the model itself",
}

_NO_EFFECT_OF_PREDICTIVE = frozenset({"progressbar", "progressbar_theme", "compile_kwargs"})
_REFUSED_OF_PREDICTIVE = {
    "predictions": "The rows are the observed ones: new rows are for models from formulas, filbert.predictions",
    "sample_dims": "Chains and draws stay apart",
    "var_names": "Every group has all that it can have; select some of the result",
}

_NO_EFFECT_OF_PLOT = frozenset(
    {"draws", "random_seed", "kind", "bins", "omit_offsets", "omit_group_specific", "round_to", "stats"}
)
_REFUSED_OF_PLOT = {
    "filter_vars": "Name the parameters in var_names",
    **dict.fromkeys(
        (
            "ci_kind",
            "ci_prob",
            "hdi_prob",
            "point_estimate",
            "plot_collection",
            "backend",
            "labeller",
            "aes_by_visuals",
            "visuals",
            "figure_kwargs",
        ),
        "The exact densities are drawn by Matplotlib; figsize= and ax= are what can be chosen",
    ),
}

# Of its module, and what there is instead.
NAMES_OF_BAMBI = {
    "Formula": "a formula is a text, fb.Model('y ~ x', data), and other parameters have none of their own.",
    **dict.fromkeys(("Family", "Likelihood"), "a family of your own is an object of a subclass of fb.CustomFamily."),
    "Link": "links go by name, fb.Model(..., link='log').",
    **dict.fromkeys(("load_data", "clear_data_home"), "read the table with pandas; examples/ has some."),
    "config": "there is nothing to set.",
    "math": "formulas know NumPy's functions, and filbert.explicit has `math`.",
}

_METHODS = {
    "graph": "print(model) shows the model as text",
    "set_alias": "Rename the columns of the data, or of the result: idata['posterior'].rename(...)",
    "compute_log_prior": "model.priors has the prior of each parameter",
    "backend": "There is no PyMC model behind this one",
    "components": "model.regression has what the model states",
    "response_component": "model.regression has what the model states",
}


class SamplerArguments(NamedTuple):
    """What further arguments of `fit` ask for, under the names of bambi and PyMC."""

    settings: Mapping[str, Any]
    log_likelihood: bool
    response_parameters: bool


def check_model_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Accept or refuse further arguments of `Model`."""
    check(function, given, _NO_EFFECT_OF_MODEL, _REFUSED_OF_MODEL)


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse further arguments of a method that takes none of bambi's but by name."""
    check(function, given, frozenset(), {})


def check_plot_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Accept or refuse further arguments of `Model.plot_priors`."""
    check(function, given, _NO_EFFECT_OF_PLOT, _REFUSED_OF_PLOT)


def check_predictive_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Accept or refuse further arguments of PyMC's predictive sampling."""
    rest = {name: value for name, value in given.items() if not (name == "return_inferencedata" and value is True)}
    refused = {**_REFUSED_OF_PREDICTIVE, "return_inferencedata": "The result is what ArviZ of this Python reads"}
    check(function, rest, _NO_EFFECT_OF_PREDICTIVE, refused)


def sampler_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> SamplerArguments:
    """Read further arguments of `Model.fit` or of `filbert.explicit.sample`.

    Parameters
    ----------
    function : callable
        Which of them.
    given : mapping of str to object

    Raises
    ------
    SettingError
        For what this sampler does not do.
    DataTypeError
        For a name that nobody knows.
    """
    rest, settings = dict(given), dict[str, Any]()
    for name in ("inference_method", "method", "nuts_sampler"):
        _check_method(name, rest.pop(name, None))
    for name in ("nuts_sampler_kwargs", "nuts"):
        settings.update(_nuts_settings(name, rest.pop(name, None)))
    response_parameters = bool(rest.pop("include_response_params", False) or rest.pop("include_mean", None))
    log_likelihood = _wants_log_likelihood(rest.pop("idata_kwargs", None))
    if not rest.pop("compute_convergence_checks", True):
        settings["check_convergence"] = False
    if rest.pop("quiet", False):
        settings["progressbar"] = False
    if not rest.pop("return_inferencedata", True):
        raise SettingError("return_inferencedata=False asks for a MultiTrace of PyMC, which filbert does not have.")
    check(function, rest, _NO_EFFECT_OF_FIT, _REFUSED_OF_FIT)
    return SamplerArguments(settings, log_likelihood, response_parameters)


def check(
    function: Callable[..., Any],
    given: Mapping[str, Any],
    no_effect: Collection[str],
    refused: Mapping[str, str],
) -> None:
    """Refuse arguments that are not without effect, each with a sentence.

    Parameters
    ----------
    function : callable
        Who was given them, with arguments of its own.
    given : mapping of str to object
    no_effect : collection of str
        Arguments that may have any value.
    refused : mapping of str to str
        Arguments that may only be None, and why.
    """
    called = function.__qualname__.removesuffix(".__init__")
    for name, value in given.items():
        if name in no_effect or (name in refused and value is None):
            continue
        if name in refused:
            raise SettingError(f"{called}: {name}= is not available. {refused[name]}.")
        known = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
        ]
        raise DataTypeError(
            f"{called} has no argument {name!r}.{suggest(name, known)} Its arguments are {quote_names(known)}."
        )


def missing_attribute(kind: str, name: str) -> str:
    """Return the message for an attribute that a model does not have, in bambi's case with what to use instead."""
    instead = f" of bambi's: {_METHODS[name]}." if _METHODS.get(name) else "."
    return f"{kind!r} object has no attribute {name!r}{instead}"


def _check_method(name: str, value: Any) -> None:
    if value is None or (isinstance(value, str) and value.lower() in NUTS):
        return
    if not isinstance(value, str):
        raise DataTypeError(f"{name} must be a name, such as 'pymc', not {value!r}.")
    raise SettingError(
        f"{name}={value!r} is not available: filbert samples by its own NUTS, which {quote_names(NUTS[:6])} stand for. "
        "Its draws cost about what an approximation costs, so leave the argument out."
    )


def _nuts_settings(argument: str, given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DataTypeError(f"{argument} must be a dict such as {{'target_accept': 0.9}}, not {given!r}.")
    allowed = ("target_accept", "max_treedepth")
    for name in given:
        if name not in allowed:
            raise SettingError(
                f"{argument} has {name!r}.{suggest(str(name), allowed)} What can be set is {quote_names(allowed)}."
            )
    return dict(given)


def _wants_log_likelihood(given: Any) -> bool:
    if given is None:
        return False
    if not isinstance(given, Mapping):
        raise DataTypeError(f"idata_kwargs must be a dict such as {{'log_likelihood': True}}, not {given!r}.")
    for name, value in given.items():
        if name != "log_likelihood" and value not in (None, False):
            raise SettingError(f"idata_kwargs has {name!r}. What can be asked for is 'log_likelihood'.")
    wanted = given.get("log_likelihood", False)
    if not isinstance(wanted, bool):
        raise DataTypeError(f"idata_kwargs['log_likelihood'] must be True or False, not {wanted!r}.")
    return wanted
