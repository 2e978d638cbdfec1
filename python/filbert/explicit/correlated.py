"""Matrices of the correlations between the effects of a group, and what their draws become."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import FormulaError
from ..priors.prior import Prior
from ..regression.groups import correlation_roots
from .affine import FloatArray, Function

if TYPE_CHECKING:
    from .model import Model

_USE = "pm.MvNormal(name, mu, chol=chol, dims=('g', 'effect')), which is sampled without a funnel in this spelling"


@dataclass(frozen=True)
class Undistributed:
    """A distribution without a name, ``pm.HalfNormal.dist(1)``: that of the deviations of `LKJCholeskyCov`."""

    prior: Prior
    shape: tuple[int, ...]


class Cholesky(Function):
    """The factor of a covariance matrix, or its correlations, which are no expressions to compute with.

    Attributes
    ----------
    name : str
    n : int
        Rows of the matrix.
    eta : float
        Of the prior of the correlations, LKJCorr.
    owner : Model
    """

    def __init__(self, name: str, n: int, eta: float, owner: Model) -> None:
        self.name = name
        self.n = n
        self.eta = eta
        self.owner = owner

    def __repr__(self) -> str:
        return self.name

    def _refuse_use(self, *_: Any, **__: Any) -> NoReturn:
        raise FormulaError(f"{self.name!r} belongs to a covariance matrix and cannot be computed with. Use {_USE}.")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse_use
    __matmul__ = __rmatmul__ = __neg__ = __getitem__ = __array_ufunc__ = dot = _refuse_use

    @property
    def T(self) -> NoReturn:  # noqa: N802 (NumPy's)
        """Refuse the transpose, of ``z @ chol.T``."""
        self._refuse_use()

    @property
    def deviations(self) -> str:
        """The name of the parameter that has the deviations, which is PyMC's."""
        return f"{self.name}_stds"

    @property
    def correlations(self) -> str:
        """The name of the matrix of correlations, which is PyMC's."""
        return f"{self.name}_corr"

    @property
    def pairs(self) -> str:
        """The name of the correlations where each stands once."""
        return f"{self.name}|pairs"


def matrices(pairs: FloatArray, n: int) -> FloatArray:
    """Return matrices of correlations, (draws, n, n), from draws of each pair, (draws, pairs)."""
    found = np.tile(np.eye(n), (len(pairs), 1, 1))
    for place, (i, j) in enumerate(itertools.combinations(range(n), 2)):
        found[:, i, j] = found[:, j, i] = pairs[:, place]
    return found


def packed_factors(correlations: FloatArray, deviations: FloatArray) -> FloatArray:
    """Return the lower triangles of Cholesky factors of covariance matrices, row by row, as PyMC keeps them."""
    n = correlations.shape[-1]
    factors = deviations[..., None] * correlation_roots(correlations)
    return factors[..., *np.tril_indices(n)]
