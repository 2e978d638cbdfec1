"""Bayesian regression with one button: ``fb.Model("y ~ x", data).fit()``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .messages import show_messages

if TYPE_CHECKING:
    from . import interpret
    from ._core import LeastSquares, __version__
    from .data.readers import stream
    from .errors import (
        ConvergenceWarning,
        DataError,
        DataTypeError,
        DataWarning,
        FilbertError,
        FormulaError,
        ModelFileError,
        PriorError,
        SettingError,
    )
    from .families.custom import CustomFamily
    from .interpret.comparison import comparisons
    from .interpret.prediction import predictions
    from .interpret.slope import slopes
    from .interpret.written import write_predictions
    from .model import Model, load
    from .plots import (
        plot_calibration,
        plot_comparisons,
        plot_forest,
        plot_group_effects,
        plot_groups,
        plot_lm,
        plot_predictions,
        plot_prior_posterior,
        plot_rootogram,
        plot_slopes,
        plot_trace,
    )
    from .predict.written_log_likelihood import write_log_likelihood
    from .priors.named import (
        Cauchy,
        Exponential,
        Flat,
        Gamma,
        HalfCauchy,
        HalfFlat,
        HalfNormal,
        HalfStudentT,
        InverseGamma,
        Laplace,
        LKJCorr,
        Normal,
        StudentT,
        Uniform,
    )
    from .priors.prior import Prior
    from .results.summary import summary
    from .storage.netcdf import to_netcdf
    from .storage.summaries import SufficientStatistics

__all__ = [
    "Cauchy",
    "ConvergenceWarning",
    "CustomFamily",
    "DataError",
    "DataTypeError",
    "DataWarning",
    "Exponential",
    "FilbertError",
    "Flat",
    "FormulaError",
    "Gamma",
    "HalfCauchy",
    "HalfFlat",
    "HalfNormal",
    "HalfStudentT",
    "InverseGamma",
    "LKJCorr",
    "Laplace",
    "LeastSquares",
    "Model",
    "ModelFileError",
    "Normal",
    "Prior",
    "PriorError",
    "SettingError",
    "StudentT",
    "SufficientStatistics",
    "Uniform",
    "__version__",
    "comparisons",
    "interpret",
    "load",
    "plot_calibration",
    "plot_comparisons",
    "plot_forest",
    "plot_group_effects",
    "plot_groups",
    "plot_lm",
    "plot_predictions",
    "plot_prior_posterior",
    "plot_rootogram",
    "plot_slopes",
    "plot_trace",
    "predictions",
    "slopes",
    "stream",
    "summary",
    "to_netcdf",
    "write_log_likelihood",
    "write_predictions",
]

# Loaded when first used: importing filbert costs next to nothing.
_HOMES = {
    **dict.fromkeys(("LeastSquares", "__version__"), "_core"),
    **dict.fromkeys(
        (
            "ConvergenceWarning",
            "DataError",
            "DataTypeError",
            "DataWarning",
            "FilbertError",
            "FormulaError",
            "ModelFileError",
            "PriorError",
            "SettingError",
        ),
        "errors",
    ),
    **dict.fromkeys(("comparisons", "predictions", "slopes"), "interpret"),
    **dict.fromkeys(
        (
            "plot_calibration",
            "plot_comparisons",
            "plot_forest",
            "plot_group_effects",
            "plot_groups",
            "plot_lm",
            "plot_predictions",
            "plot_prior_posterior",
            "plot_rootogram",
            "plot_slopes",
            "plot_trace",
        ),
        "plots",
    ),
    "CustomFamily": "families.custom",
    "load": "model",
    "Model": "model",
    "Prior": "priors.prior",
    "stream": "data.readers",
    "summary": "results.summary",
    "SufficientStatistics": "storage.summaries",
    "to_netcdf": "storage.netcdf",
    "write_log_likelihood": "predict.written_log_likelihood",
    "write_predictions": "interpret.written",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        from .foreign import NAMES_OF_BAMBI

        foreign = f" of bambi's: {NAMES_OF_BAMBI[name]}" if name in NAMES_OF_BAMBI else ""
        raise AttributeError(f"module 'filbert' has no attribute {name!r}{foreign}")
    if name == "interpret":  # bambi's module
        return importlib.import_module(".interpret", __name__)
    module = importlib.import_module(f".{_HOMES.get(name, 'priors.named')}", __name__)
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, which completion offers, without the modules that happen to be loaded."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


show_messages(__name__)
