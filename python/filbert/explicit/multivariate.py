"""Effects of a group that have correlations: ``pm.LKJCholeskyCov`` and ``pm.MvNormal``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataTypeError, FormulaError, PriorError, SettingError, quote_names
from ..priors.prior import Prior
from .affine import Affine, Function, numbers
from .correlated import Cholesky, Undistributed
from .effects import Effects
from .model import Dims, Model, fits, modelcontext

_EXAMPLE = "chol, corr, stds = pm.LKJCholeskyCov('chol', n=2, eta=2, sd_dist=pm.HalfNormal.dist(1))"


def LKJCholeskyCov(  # noqa: N802
    name: str, eta: float, n: int, sd_dist: Any, *, compute_corr: bool = True, store_in_trace: bool = True
) -> tuple[Any, Any, Any]:
    """Give the effects of a group correlations: R ~ LKJ(eta), and each deviation its prior.

    Parameters
    ----------
    name : str
    eta : float
        1 for matrices of correlations that are equally likely, more for smaller correlations.
    n : int
        The number of effects of each group.
    sd_dist : distribution without a name
        The prior of the deviations, such as ``pm.HalfNormal.dist(2.5)``.
    compute_corr : bool, default True
        Must be True.
    store_in_trace : bool, default True
        Accepted for the sake of code written for PyMC; the three are always kept.

    Returns
    -------
    chol, corr, stds
        For `MvNormal`. Draws have the lower triangle of the factor of the covariance matrix under `name`, and
        ``<name>_corr`` and ``<name>_stds``.
    """
    del store_in_trace
    return _cholesky(modelcontext(), name, eta, n, sd_dist, compute_corr)


def MvNormal(  # noqa: N802
    name: str, mu: Any = 0.0, *, chol: Any = None, dims: Dims = None, shape: Any = None, **other: Any
) -> Affine:
    """Add effects of groups that have correlations, (groups, effects).

    Parameters
    ----------
    name : str
    mu : expression, number or array
        Their mean, such as a parameter with one value for each effect.
    chol : Cholesky
        The first result of `LKJCholeskyCov`.
    dims : tuple of str, optional
        Those of the groups and the effects.
    shape : tuple of int, optional

    Returns
    -------
    Affine
        The parameter, to compute with.
    """
    if other:
        raise FormulaError(
            f"pm.MvNormal {name!r} does not take {quote_names(other)}: effects of groups have mu= and chol=, and a "
            "response one of the likelihoods."
        )
    return _normal(modelcontext(), name, mu, chol, shape, dims)


def _cholesky(model: Model, name: str, eta: Any, n: Any, sd_dist: Any, compute_corr: Any) -> tuple[Any, ...]:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise SettingError(f"{name!r}: n must be the number of effects of a group, 2 or more, not {n!r}.")
    if isinstance(eta, Affine | Function):
        raise FormulaError(f"{name!r}: eta must be a positive number, not the parameter {eta}.")
    concentration = float(Prior("LKJCorr", eta=eta).params["eta"])
    if not isinstance(sd_dist, Undistributed):
        raise DataTypeError(
            f"{name!r}: sd_dist must be a distribution without a name, such as pm.HalfNormal.dist(1), not {sd_dist!r}."
        )
    if not compute_corr:
        raise SettingError(f"{name!r}: compute_corr=False is not available. Leave it out: write {_EXAMPLE}.")
    prior = sd_dist.prior
    if not prior.is_positive:
        raise PriorError(
            f"{name!r}: sd_dist, {prior}, must allow positive values only. Use pm.HalfNormal.dist or another such one."
        )
    if sd_dist.shape not in ((), (1,), (n,)) or prior.length not in (None, 1, n):
        raise PriorError(f"{name!r}: sd_dist must have one value, or {n}: it has {sd_dist.shape or prior.length}.")
    chol = Cholesky(name, int(n), concentration, model)
    for taken in (chol.name, chol.correlations):
        model.check_name(taken)
    stds = model.add_parameter(chol.deviations, prior, (int(n),), None)
    model.choleskies[name] = chol
    return chol, Cholesky(chol.correlations, chol.n, chol.eta, model), stds


def _normal(model: Model, name: str, mu: Any, chol: Any, shape: Any, dims: Dims) -> Affine:
    if not isinstance(chol, Cholesky) or chol.name not in model.choleskies:
        raise FormulaError(f"pm.MvNormal {name!r} needs chol=, the first result of {_EXAMPLE}, of this model.")
    if isinstance(mu, Function):
        raise FormulaError(f"pm.MvNormal {name!r}: mu must be affine in the parameters, not {mu}.")
    mean = mu if isinstance(mu, Affine) else Affine(model, (), np.zeros(()), ()) + numbers(mu, f"{name!r}: mu")
    if mean.owner is not model:
        raise FormulaError(f"pm.MvNormal {name!r}: mu has parameters of another model. Use those of this one.")
    given = np.broadcast_shapes(mean.shape, (chol.n,)) if mean.shape[-1:] in ((), (1,), (chol.n,)) else mean.shape
    wanted = model.shape_of(name, shape, dims) or given
    if len(wanted) != 2 or wanted[1] != chol.n or wanted[0] < 2 or not fits(given, wanted):
        raise SettingError(
            f"pm.MvNormal {name!r} has shape {wanted} and mu has shape {mean.shape}: write dims=(groups, effects), "
            f"with two groups or more, and the {chol.n} effects of {chol.name!r}."
        )
    places = np.broadcast_to(np.arange(chol.n), wanted)
    said = f"MvNormal(mu: {mu if isinstance(mu, Affine) else np.asarray(mu)}, chol: {chol})"
    effects = Effects(mean.broadcast_to(wanted), chol.deviations, places, None, said, chol.name)
    return model.add_effects(name, effects, wanted, dims)
