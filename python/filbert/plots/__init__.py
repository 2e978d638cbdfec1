"""Pictures of models and fits, with matplotlib. Each returns the axes it drew in, and takes ``ax=``."""

from __future__ import annotations

from .checks import plot_calibration, plot_rootogram
from .effects import plot_comparisons, plot_predictions, plot_slopes
from .fit import plot_fit
from .forest import plot_forest
from .groups import plot_group_effects, plot_groups
from .priors import plot_prior_posterior, plot_priors
from .regression import plot_lm
from .traces import plot_trace

__all__ = [
    "plot_calibration",
    "plot_comparisons",
    "plot_fit",
    "plot_forest",
    "plot_group_effects",
    "plot_groups",
    "plot_lm",
    "plot_predictions",
    "plot_prior_posterior",
    "plot_priors",
    "plot_rootogram",
    "plot_slopes",
    "plot_trace",
]
