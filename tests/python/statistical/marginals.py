"""One-dimensional distributions known to quadrature precision: moments, probabilities and quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]

NODES = 8  # a panel of Gauss-Legendre nodes; panels are much narrower than anything that happens in them


class Marginal(Protocol):
    """What a parameter's posterior is compared with."""

    @property
    def mean(self) -> float: ...
    @property
    def sd(self) -> float: ...
    @property
    def kurtosis(self) -> float:
        """Fourth central moment over the squared variance, 3 for a normal."""
        ...

    def cdf(self, x: float) -> float: ...
    def quantile(self, probability: float) -> float: ...


def gauss_legendre(edges: Sequence[float] | Array) -> tuple[Array, Array]:
    """Nodes and weights of a quadrature over consecutive panels."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    edges = np.asarray(edges, dtype=float)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()


def panels(low: float, high: float, breaks: Sequence[float] = (), count: int = 30) -> Array:
    """Edges of `count` equal panels, and of more where a break lies inside of one."""
    inside = [b for b in breaks if low < b < high]
    return np.unique(np.concatenate([np.linspace(low, high, count + 1), inside]))


class Mixture:
    """A mixture of normals, what a coefficient is once everything else is integrated out by quadrature."""

    def __init__(self, log_weights: Array, means: Array, sds: Array) -> None:
        weights = np.exp(log_weights - np.max(log_weights))
        keep = weights > 1e-16 * weights.sum()
        self._weights = weights[keep] / weights[keep].sum()
        self._means, self._sds = means[keep], sds[keep]
        self.mean = float(self._weights @ self._means)
        shift, variance = self._means - self.mean, self._sds**2
        self.sd = float(np.sqrt(self._weights @ (variance + shift**2)))
        fourth = self._weights @ (shift**4 + 6 * shift**2 * variance + 3 * variance**2)
        self.kurtosis = float(fourth / self.sd**4)

    def cdf(self, x: float) -> float:
        return float(self._weights @ special.ndtr((x - self._means) / self._sds))

    def quantile(self, probability: float) -> float:
        spread = self._sds.max() * 12
        low, high = self._means.min() - spread, self._means.max() + spread
        return float(optimize.brentq(lambda x: self.cdf(x) - probability, low, high, xtol=1e-10 * self.sd, rtol=1e-14))


class Density:
    """A density given by its unnormalised logarithm over panels, within which it is smooth.

    `transform` (increasing) and its `inverse` say what the parameter is of the density's own variable.
    """

    def __init__(
        self,
        log_density: Callable[[Array], Array],
        edges: Array,
        transform: Callable[[Array], Array] = lambda x: x,
        inverse: Callable[[float], float] = lambda x: x,
    ) -> None:
        self._log_density, self._edges, self._transform, self._inverse = log_density, edges, transform, inverse
        self._nodes, weights = gauss_legendre(edges)
        log_values = log_density(self._nodes)
        self._peak = float(log_values.max())
        self._masses = weights * np.exp(log_values - self._peak)
        self._total = float(self._masses.sum())

    def _moment(self, centre: float, power: int) -> float:
        return float(self._masses @ (self._transform(self._nodes) - centre) ** power) / self._total

    @cached_property
    def mean(self) -> float:
        return self._moment(0.0, 1)

    @cached_property
    def sd(self) -> float:
        return float(np.sqrt(self._moment(self.mean, 2)))

    @cached_property
    def kurtosis(self) -> float:
        return self._moment(self.mean, 4) / self.sd**4

    def _below(self, x: float) -> float:
        """Probability below x, in the density's own variable."""
        panel = int(np.clip(np.searchsorted(self._edges, x) - 1, 0, len(self._edges) - 2))
        nodes, weights = gauss_legendre([self._edges[panel], min(x, self._edges[-1])])
        inside = weights @ np.exp(self._log_density(nodes) - self._peak)
        return float(self._masses[: panel * NODES].sum() + inside) / self._total

    def cdf(self, x: float) -> float:
        return self._below(self._inverse(x))

    def quantile(self, probability: float) -> float:
        low, high = self._edges[0], self._edges[-1]
        root = optimize.brentq(lambda x: self._below(x) - probability, low, high, xtol=1e-14, rtol=1e-14)
        return float(self._transform(np.asarray(root)))
