"""What transforms such as ``scale`` and ``bs`` remember of a column, learnt from rows that come in parts."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..errors import FormulaError
from .order_statistics import OrderStatistics

Floats = NDArray[np.float64]
State = dict[str, Any]


class Learner(ABC):
    """Learns what one call of a transform remembers, in one pass over the rows or several."""

    @abstractmethod
    def fresh(self) -> Learner:
        """Return what takes in the same pass, without any rows."""

    @abstractmethod
    def fold(self, values: Floats) -> None:
        """Take in the first argument of the call on some rows."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Take in what another learner of the same call has of other rows in the same pass."""

    @abstractmethod
    def end_of_pass(self) -> State | None:
        """Return what the transform remembers, or None if another pass is needed."""


def learner_of(key: str, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Learner:
    """Return what learns the state of a call.

    Parameters
    ----------
    key : str
        The text of the call.
    name : str
        The transform's.
    function : callable
        The transform itself.
    options : mapping
        Its arguments after the first, by name.

    Raises
    ------
    FormulaError
        If the transform cannot be learnt from parts.
    """
    if name in ("scale", "standardize", "center"):
        return _Standardization(
            options.get("center", True),
            options.get("scale", options.get("rescale", True)) if name != "center" else False,
            options.get("ddof", 0 if name == "standardize" else 1),
        )
    if name == "poly" and not options.get("raw", False):
        return _OrthogonalPolynomial(int(options.get("degree", 1)))
    if name == "poly":
        return _Nothing()
    if name == "bs":
        return _Spline(function, dict(options))
    raise FormulaError(
        f"{key!r} cannot be learnt from rows that are read in parts. Use bs(), scale(), center() or poly(), compute "
        "the columns beforehand, or pass a data frame."
    )


class _Nothing(Learner):
    def fresh(self) -> _Nothing:
        return self

    def fold(self, values: Floats) -> None:
        pass

    def merge(self, other: Any) -> None:
        pass

    def end_of_pass(self) -> State:
        return {}


class Moments:
    """Means and sums of squares about them, merged over parts (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.mean: Any = np.float64(0)
        self.squares: Any = np.float64(0)

    def fold(self, values: Floats) -> None:
        """Take in some rows, (rows,) or (rows, columns)."""
        mean = np.mean(values, axis=0)
        self._add(len(values), mean, np.sum((values - mean) ** 2, axis=0))

    def merge(self, other: Moments) -> None:
        """Take in other rows."""
        if other.n_rows:
            self._add(other.n_rows, other.mean, other.squares)

    def _add(self, n_rows: int, mean: Any, squares: Any) -> None:
        total = self.n_rows + n_rows
        distance = mean - self.mean
        self.squares = self.squares + squares + distance**2 * (self.n_rows * n_rows / total)
        self.mean = self.mean + distance * (n_rows / total)
        self.n_rows = total


class _Standardization(Learner):
    """What is subtracted and divided by: mean and standard deviation, or what the call says."""

    def __init__(self, center: Any, scale: Any, ddof: float) -> None:
        self.center, self.scale, self.ddof = center, scale, ddof
        self.moments = Moments()

    def fresh(self) -> _Standardization:
        return _Standardization(self.center, self.scale, self.ddof)

    def fold(self, values: Floats) -> None:
        self.moments.fold(values)

    def merge(self, other: _Standardization) -> None:
        self.moments.merge(other.moments)

    def end_of_pass(self) -> State:
        rows, center, scale = self.moments, self.center, self.scale
        center = (rows.mean if center else None) if isinstance(center, bool) else np.array(center)
        if isinstance(scale, bool):
            about = rows.squares + rows.n_rows * (rows.mean - (0 if center is None else center)) ** 2
            scale = np.sqrt(about / (rows.n_rows - self.ddof)) if scale else None
        else:
            scale = np.array(scale)
        return {"ddof": self.ddof, "center": center, "scale": scale}


class _OrthogonalPolynomial(Learner):
    """The recurrence of polynomials that are orthogonal over the rows (Forsythe 1957).

    Sums over rows of products of polynomials follow from the triangular factor of Chebyshev's polynomials on the range
    of the column, which a first pass finds.
    """

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.least, self.most = np.inf, -np.inf
        self.factor: Floats | None = None

    def fresh(self) -> _OrthogonalPolynomial:
        fresh = _OrthogonalPolynomial(self.degree)
        if self.factor is not None:
            fresh.least, fresh.most, fresh.factor = self.least, self.most, np.zeros_like(self.factor)
        return fresh

    def fold(self, values: Floats) -> None:
        if self.factor is None:
            self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
            return
        basis = chebyshev.chebvander((values - self._middle) / self._half, self.degree)
        self._add(np.asarray(basis, dtype=np.float64))

    def merge(self, other: _OrthogonalPolynomial) -> None:
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        if self.factor is not None and other.factor is not None:
            self._add(other.factor)

    def _add(self, rows: Floats) -> None:
        assert self.factor is not None
        self.factor = np.asarray(np.linalg.qr(np.vstack([self.factor, rows]), mode="r"))

    def end_of_pass(self) -> State | None:
        if self.factor is None:
            self.factor = np.zeros((1, self.degree + 1))
            return None
        alpha, norms2 = dict[int, Any](), dict[int, Any]()
        before, polynomial = np.zeros(1), np.ones(1)  # coefficients of Chebyshev's polynomials
        for k in range(self.degree):
            norms2[k] = self._product(polynomial, polynomial)
            times_x = chebyshev.chebadd(chebyshev.chebmulx(polynomial) * self._half, polynomial * self._middle)
            alpha[k] = self._product(times_x, polynomial) / norms2[k]
            following = chebyshev.chebsub(times_x, alpha[k] * polynomial)
            if k:
                following = chebyshev.chebsub(following, norms2[k] / norms2[k - 1] * before)
            before, polynomial = polynomial, following
        norms2[self.degree] = self._product(polynomial, polynomial)
        return {"alpha": alpha, "norms2": norms2}

    @property
    def _middle(self) -> float:
        return (self.least + self.most) / 2

    @property
    def _half(self) -> float:
        return (self.most - self.least) / 2 or 1.0

    def _product(self, one: Floats, other: Floats) -> np.float64:
        assert self.factor is not None
        return np.float64((self.factor[:, : len(one)] @ one) @ (self.factor[:, : len(other)] @ other))


class _Spline(Learner):
    """Bounds and knots of a B-spline, from exact quantiles."""

    def __init__(self, function: Callable[..., Any], options: State) -> None:
        self.function, self.options = function, options
        self.degree = int(options.get("degree", 3))
        df = options.get("df")
        self.n_knots = int(df) - self.degree - bool(options.get("include_intercept", False)) if df else 0
        inside = options.get("extrapolation", "raise") in ("clip", "na", "zero")
        self.order = OrderStatistics(
            np.linspace(0, 1, self.n_knots + 2)[1:-1] if self.n_knots > 0 else np.zeros(0),
            options.get("lower_bound") if inside else None,
            options.get("upper_bound") if inside else None,
        )

    def fresh(self) -> _Spline:
        fresh = copy.copy(self)
        fresh.order = self.order.fresh()
        return fresh

    def fold(self, values: Floats) -> None:
        self.order.fold(values)

    def merge(self, other: _Spline) -> None:
        self.order.merge(other.order)

    def end_of_pass(self) -> State | None:
        quantiles = self.order.end_of_pass()
        if quantiles is None:
            return None
        low, high = self.options.get("lower_bound"), self.options.get("upper_bound")
        low = self.order.least if low is None else float(low)
        high = self.order.most if high is None else float(high)
        options = dict(self.options)
        if self.n_knots > 0:
            options.update(df=None, knots=quantiles.tolist())
        state: State = {}
        # Two points are enough for the transform to lay out its knots, and to say what is wrong with its options.
        self.function(np.array([low, high]), **{**options, "lower_bound": low, "upper_bound": high}, _state=state)
        return state


def as_numbers(values: Any) -> Floats:
    """Return a column, or columns, as a transform would take them."""
    return np.asarray(getattr(values, "__wrapped__", values), dtype=np.float64)
