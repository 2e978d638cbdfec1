"""The exact posterior of a linear regression, from plain arrays and by other algebra than the package's.

The coefficients given sigma are Gaussian in closed form; sigma, and the one coefficient that may have a prior of
another shape, are integrated by Gauss-Legendre quadrature. Priors are SciPy's distributions; None is flat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import interpolate, optimize, special, stats
from statistical.marginals import Array, Density, Marginal, Mixture, gauss_legendre, panels

NEGLIGIBLE = 45.0  # nats below the peak where a density, times σ⁴ for its moments, no longer counts
SCAN = np.linspace(-30, 30, 241)  # of log σ around the response's standard deviation


@dataclass(frozen=True)
class Regression:
    """A regression as its user sees it.

    X (n, p) has no intercept column. `priors` has one a coefficient, the intercept's first where `intercept` is true;
    that one is about the mean response at the (weighted) predictor means if `intercept_at_means`.
    """

    X: Array
    y: Array
    priors: Sequence[Any]
    sigma_prior: Any
    intercept: bool = True
    intercept_at_means: bool = True
    weights: Array | None = None
    offset: Array | float = 0.0

    def row_weights(self) -> Array:
        return np.ones(len(self.y)) if self.weights is None else self.weights

    def predictor_means(self) -> Array:
        if not self.intercept:
            return np.zeros(self.X.shape[1])
        return np.asarray(np.average(self.X, axis=0, weights=self.row_weights()))


@dataclass(frozen=True)
class Conditional:
    """The coefficients given each of several log σ, with all but the Gaussian priors left out."""

    log_density: Array  # (sigmas,) of log σ, coefficients integrated out
    mean: Array  # (sigmas, k) of the internal coefficients
    factor: Array  # (sigmas, k, k), F with FF' their covariance


class HalfT(stats.rv_continuous):  # type: ignore[misc]
    """Student's t of its positive half, which SciPy lacks."""

    def _logpdf(self, x: Array, df: Array) -> Array:
        return np.asarray(np.log(2) + stats.t.logpdf(x, df))

    def _ppf(self, q: Array, df: Array) -> Array:
        return np.asarray(stats.t.ppf((1 + q) / 2, df))


HALF_T = HalfT(a=0, name="half_t", shapes="df")


def as_scipy(prior: Any) -> Any:
    """SciPy's distribution of a prior of the package, by PyMC's definitions; None for a flat one."""
    makers: dict[str, Callable[..., Any]] = {
        "Flat": lambda: None,
        "HalfFlat": lambda: None,
        "Normal": lambda mu, sigma: stats.norm(loc=mu, scale=sigma),
        "StudentT": lambda nu, mu, sigma: stats.t(df=nu, loc=mu, scale=sigma),
        "Cauchy": lambda alpha, beta: stats.cauchy(loc=alpha, scale=beta),
        "Laplace": lambda mu, b: stats.laplace(loc=mu, scale=b),
        "Uniform": lambda lower, upper: stats.uniform(loc=lower, scale=upper - lower),
        "HalfNormal": lambda sigma: stats.halfnorm(scale=sigma),
        "HalfCauchy": lambda beta: stats.halfcauchy(scale=beta),
        "HalfStudentT": lambda nu, sigma: HALF_T(df=nu, scale=sigma),
        "Exponential": lambda lam: stats.expon(scale=1 / lam),
        "Gamma": lambda alpha, beta: stats.gamma(alpha, scale=1 / beta),
        "InverseGamma": lambda alpha, beta: stats.invgamma(alpha, scale=beta),
    }
    return makers[prior.name](**prior.params)


def is_gaussian(prior: Any) -> bool:
    return prior is not None and prior.dist.name == "norm"


class Oracle:
    """Exact marginals of every coefficient (the user's intercept first) and of sigma, the last.

    At most one coefficient's prior may be neither Gaussian nor flat, and the other priors with the data must make that
    coefficient's posterior proper without it.
    """

    def __init__(self, regression: Regression) -> None:
        self._regression = regression
        self._reduce()
        self._prior_rows()
        edges = self._sigma_panels()
        self._log_sigma, quadrature = gauss_legendre(edges)
        self._given = self.conditional(self._log_sigma)
        self._log_weights = self._given.log_density + np.log(quadrature)
        self._sigma_edges = edges

    def _reduce(self) -> None:
        """Centre and scale the columns; β = `user` γ, and ‖`R` γ - `q`‖² + `rss` is the sum of squares."""
        case = self._regression
        root = np.sqrt(case.row_weights())
        means = case.predictor_means()
        X = case.X - means
        scale = np.sqrt(np.mean(X**2, axis=0))
        columns = X / scale
        k = X.shape[1]
        if case.intercept:
            columns = np.column_stack([np.ones(len(X)), columns])
            self._user = np.block(
                [[np.ones((1, 1)), -(means / scale)[None, :]], [np.zeros((k, 1)), np.diag(1 / scale)]]
            )
        else:
            self._user = np.diag(1 / scale)
        target = root * (case.y - case.offset)
        Q, self._R = np.linalg.qr(root[:, None] * columns)
        self._q = Q.T @ target
        self._rss = float(np.sum((target - Q @ self._q) ** 2))
        self._total = float(np.sum(root**2))
        self._unit = float(np.log(np.std(case.y - case.offset)))

    def _prior_rows(self) -> None:
        """Each prior is about one row times γ."""
        case = self._regression
        rows = self._user.copy()
        if case.intercept and case.intercept_at_means:
            rows[0] = np.eye(len(rows))[0]
        gaussian = [k for k, prior in enumerate(case.priors) if is_gaussian(prior)]
        self._other = [k for k, prior in enumerate(case.priors) if prior is not None and k not in gaussian]
        if len(self._other) > 1:
            raise ValueError("more than one prior that is neither Gaussian nor flat")
        precision_root = np.array([1 / case.priors[k].std() for k in gaussian])
        self._prior_factor = precision_root[:, None] * rows[gaussian]
        self._prior_target = precision_root * np.array([case.priors[k].mean() for k in gaussian])
        self._rows = rows

    def conditional(self, log_sigma: Array) -> Conditional:
        case = self._regression
        inverse = np.exp(-log_sigma)
        shape = (len(inverse), *self._prior_factor.shape)
        stacked = np.concatenate([inverse[:, None, None] * self._R, np.broadcast_to(self._prior_factor, shape)], axis=1)
        target = np.concatenate([inverse[:, None] * self._q, np.broadcast_to(self._prior_target, shape[:2])], axis=1)
        Q, T = np.linalg.qr(stacked)
        projected = np.einsum("gij,gi->gj", Q, target)
        missed = target - np.einsum("gij,gj->gi", Q, projected)
        factor = np.linalg.inv(T)
        log_prior = 0.0 if case.sigma_prior is None else case.sigma_prior.logpdf(np.exp(log_sigma))
        log_density = (
            (1 - self._total) * log_sigma
            - 0.5 * (np.sum(missed**2, axis=1) + self._rss * inverse**2)
            - np.log(np.abs(np.diagonal(T, axis1=1, axis2=2))).sum(axis=1)
            + log_prior
        )
        return Conditional(log_density, np.einsum("gij,gj->gi", factor, projected), factor)

    def _sigma_panels(self) -> Array:
        """Panels over all log σ that count, cut at the ends of the prior's support."""
        prior = self._regression.sigma_prior
        low, high = (0.0, np.inf) if prior is None else prior.support()
        low = np.log(low) if low > 0 else self._unit + 2 * SCAN[0]
        high = np.log(high) if np.isfinite(high) else self._unit + 2 * SCAN[-1]

        def value(x: float | Array) -> Array:
            return self.conditional(np.atleast_1d(np.asarray(x, dtype=float))).log_density

        grid = SCAN + self._unit
        grid = grid[(grid > low) & (grid < high)]
        best = grid[np.argmax(value(grid))]
        bounds = (max(low, best - 0.25), min(high, best + 0.25))
        mode = float(optimize.minimize_scalar(lambda x: -value(x)[0], bounds=bounds, method="bounded").x)
        peak = float(value(mode)[0])

        def counts(x: float | Array) -> Any:
            return value(x) + np.maximum(4 * (x - mode), 0) > peak - NEGLIGIBLE

        ends = []
        for direction, limit in ((-1, low), (1, high)):
            steps = mode + direction * np.geomspace(1e-3, 60, 80)
            steps = np.append(steps[direction * steps < direction * limit], limit)
            outside = steps[~counts(np.clip(steps, low + 1e-9, high - 1e-9))]
            scanned = grid[counts(grid) & (direction * (grid - mode) > 0)]
            far = np.max(direction * scanned) if len(scanned) else -np.inf  # another mode, or none
            ends.append(next((x for x in outside if direction * x > far), steps[-1]))
        return panels(ends[0], ends[1])

    def marginals(self) -> list[Marginal]:
        if self._other:
            return self._with_other_prior(self._other[0])
        mean = self._given.mean @ self._user.T
        sd = np.linalg.norm(self._user @ self._given.factor, axis=2)
        coefficients = [Mixture(self._log_weights, mean[:, j], sd[:, j]) for j in range(mean.shape[1])]
        return [*coefficients, self._sigma(self._given.log_density)]

    def _sigma(self, log_density: Array) -> Density:
        spline = interpolate.CubicSpline(self._log_sigma, log_density - log_density.max())
        return Density(spline, self._sigma_edges, np.exp, lambda x: float(np.log(x)))

    def _with_other_prior(self, k: int) -> list[Marginal]:
        """Integrate over what prior k is about, b, too: given (σ, b) the other coefficients are Gaussian still."""
        prior = self._regression.priors[k]
        keep = self._log_weights > self._log_weights.max() - NEGLIGIBLE
        weights, mean, factor = self._log_weights[keep], self._given.mean[keep], self._given.factor[keep]
        b_factor = np.einsum("j,gji->gi", self._rows[k], factor)
        b_mean, b_sd = mean @ self._rows[k], np.linalg.norm(b_factor, axis=1)
        support = prior.support()
        low = max(float(np.min(b_mean - 9 * b_sd)), support[0])
        high = min(float(np.max(b_mean + 9 * b_sd)), support[1])
        edges = panels(low, high, breaks=[prior.median()])
        b, quadrature = gauss_legendre(edges)

        def log_joint(b: Array) -> Array:
            standard = (b - b_mean[:, None]) / b_sd[:, None]
            return np.asarray(weights[:, None] - np.log(b_sd[:, None]) - 0.5 * standard**2 + prior.logpdf(b))

        def log_b_density(b: Array) -> Array:
            return np.asarray(np.logaddexp.reduce(log_joint(b), axis=0))

        joint = log_joint(b) + np.log(quadrature)

        result: list[Marginal] = []
        for row in self._user:
            row_factor = np.einsum("j,gji->gi", row, factor)
            slope = np.einsum("gi,gi->g", row_factor, b_factor) / b_sd**2
            rest = np.linalg.norm(row_factor - slope[:, None] * b_factor, axis=1)
            if np.all(rest < 1e-6 * np.linalg.norm(row_factor, axis=1)):  # it is b itself
                result.append(Density(log_b_density, edges))
                continue
            means = (mean @ row)[:, None] + slope[:, None] * (b - b_mean[:, None])
            sds = np.broadcast_to(rest[:, None], means.shape)
            result.append(Mixture(joint.ravel(), means.ravel(), sds.ravel()))
        log_density = np.full(len(self._log_sigma), -np.inf)
        log_density[keep] = np.logaddexp.reduce(joint, axis=1) - weights + self._given.log_density[keep]
        log_density[~keep] = log_density[keep].min() - 2 * NEGLIGIBLE
        return [*result, self._sigma(log_density)]


def grid_marginals(regression: Regression, log_posterior_points: int = 121) -> list[Marginal]:
    """Marginals of a model with two coefficients and any smooth priors, by brute force on a grid of (β₀, β₁, log σ).

    Evaluates the log posterior as it is written down, residual by residual, and integrates by the trapezoidal rule.
    """
    design = regression.X - regression.predictor_means() * regression.intercept_at_means
    if regression.intercept:
        design = np.column_stack([np.ones(len(design)), design])
    if design.shape[1] != 2 or (regression.intercept and regression.intercept_at_means):
        raise ValueError("the grid is for two coefficients, with the intercept's prior about the intercept itself")
    w, target = regression.row_weights(), regression.y - regression.offset
    fit, *_ = np.linalg.lstsq(np.sqrt(w)[:, None] * design, np.sqrt(w) * target, rcond=None)
    sigma = np.sqrt(w @ (target - design @ fit) ** 2 / (w.sum() - 2))
    sd = sigma * np.sqrt(np.diag(np.linalg.inv(design.T @ (w[:, None] * design))))
    reach = np.linspace(-11, 11, log_posterior_points)
    axes = [fit[0] + sd[0] * reach, fit[1] + sd[1] * reach, np.log(sigma) + reach * np.sqrt(0.6 / w.sum())]
    squares = np.zeros((log_posterior_points, log_posterior_points))
    for row, y, weight in zip(design, target, w, strict=True):
        squares += weight * (y - row[0] * axes[0][:, None] - row[1] * axes[1]) ** 2
    log_posterior = (
        (1 - w.sum()) * axes[2]
        - 0.5 * squares[:, :, None] * np.exp(-2 * axes[2])
        + regression.priors[0].logpdf(axes[0])[:, None, None]
        + regression.priors[1].logpdf(axes[1])[:, None]
        + regression.sigma_prior.logpdf(np.exp(axes[2]))
    )
    result: list[Marginal] = []
    for axis, points in enumerate(axes):
        others = tuple(i for i in range(3) if i != axis)
        log_density = special.logsumexp(log_posterior, axis=others)
        spline = interpolate.CubicSpline(points, log_density)
        edges = panels(points[0], points[-1])
        if axis == 2:
            result.append(Density(spline, edges, np.exp, lambda x: float(np.log(x))))
        else:
            result.append(Density(spline, edges))
    return result
