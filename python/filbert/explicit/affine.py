"""Expressions that are affine in named parameters: what the mean of an explicit model may be made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DataTypeError, FormulaError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_ALLOWED = (
    "The mean may add and subtract parameters, multiply and divide them by numbers and arrays, index them, and use "
    "X @ beta or pm.math.dot(X, beta)"
)


@dataclass(frozen=True)
class Part:
    """``weight * parameter.ravel()[index]``, element by element; the arrays broadcast to the expression's shape.

    With a `deviation`, another parameter, ``deviation.ravel()[place]`` is one more factor; see `effects`.
    """

    parameter: str
    index: IntArray
    weight: FloatArray
    deviation: str | None = None
    place: IntArray = field(default_factory=lambda: np.zeros((), dtype=np.intp))

    def times(self, weight: FloatArray) -> Part:
        """Return the product with numbers."""
        return replace(self, weight=np.asarray(self.weight * weight))


class Function:
    """What is no longer affine in the parameters, and may only be a parameter of the likelihood; see `linked`."""

    __array_priority__ = 1000
    __pandas_priority__ = 5000

    def _refused(self, *_: Any, **__: Any) -> NoReturn:
        raise FormulaError(
            f"{self} has no value before the model is sampled: it may only be a parameter of the likelihood, alone."
        )

    __array__ = __bool__ = __float__ = __abs__ = __pow__ = __rpow__ = _refused
    __lt__ = __le__ = __gt__ = __ge__ = __matmul__ = __rmatmul__ = _refused
    sum = mean = dot = _refused


class Affine:
    """``constant + Σ weight * parameter[index]``, an array whose elements are affine in the parameters.

    Sums, products with numbers and arrays, indexing and matrix products follow NumPy's rules for shapes; what is not
    affine raises a FormulaError on the line that writes it.

    Attributes
    ----------
    shape : tuple of int
    constant : float array that broadcasts to `shape`
    parts : tuple of Part
    owner : object
        The model whose parameters these are.
    name : str or None
        Of a parameter or a named expression.
    """

    __array_priority__ = 1000
    __pandas_priority__ = 5000  # above DataFrame's, so that Series * parameter comes to us
    __hash__ = object.__hash__

    def __init__(
        self, owner: object, shape: Sequence[int], constant: FloatArray, parts: Sequence[Part], name: str | None = None
    ) -> None:
        self.owner = owner
        self.shape = tuple(shape)
        self.constant = constant
        self.parts = tuple(parts)
        self.name = name

    @classmethod
    def parameter(cls, owner: object, name: str, shape: Sequence[int]) -> Affine:
        """Return a parameter itself."""
        index = np.arange(int(np.prod(shape, dtype=int))).reshape(tuple(shape))
        return cls(owner, shape, np.zeros(()), [Part(name, index, np.ones(()))], name)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters, a deviation before what it multiplies."""
        pairs = ((part.deviation, part.parameter) for part in self.parts)
        return list(dict.fromkeys(name for pair in pairs for name in pair if name is not None))

    @property
    def T(self) -> Affine:  # noqa: N802 (NumPy's name)
        """The transpose."""
        return self._map(lambda array: array.T)

    def __len__(self) -> int:
        if not self.shape:
            raise DataTypeError(f"{self} is a single number and has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Affine]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        names = ", ".join(self.parameters)
        return self.name or f"an expression of {names}" if names else "a constant"

    # Arithmetic

    def __neg__(self) -> Affine:
        return self * -1.0

    def __pos__(self) -> Affine:
        return self

    def __add__(self, other: Any) -> Affine:
        if isinstance(other, Function):
            return NotImplemented
        if isinstance(other, Affine):
            if other.owner is not self.owner:
                raise FormulaError(f"{self} and {other} belong to different models. Use the parameters of one model.")
            shape = self._broadcast(other.shape, "+")
            return Affine(self.owner, shape, np.asarray(self.constant + other.constant), [*self.parts, *other.parts])
        array = numbers(other, f"{self} + ...")
        return Affine(self.owner, self._broadcast(array.shape, "+"), np.asarray(self.constant + array), self.parts)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Affine:
        if isinstance(other, Function):
            return NotImplemented
        return self + (-other if isinstance(other, Affine) else -numbers(other, f"{self} - ..."))

    def __rsub__(self, other: Any) -> Affine:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Affine:
        if isinstance(other, Function):
            return NotImplemented
        if isinstance(other, Affine):
            from .effects import product  # which is made of these expressions

            scaled = product(self, other)
            return _refuse(f"{self} * {other} multiplies two parameters") if scaled is None else scaled
        array = numbers(other, f"{self} * ...")
        parts = [part.times(array) for part in self.parts]
        return Affine(self.owner, self._broadcast(array.shape, "*"), np.asarray(self.constant * array), parts)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Affine:
        if isinstance(other, Function):
            return NotImplemented
        if isinstance(other, Affine):
            _refuse(f"{self} / {other} divides by a parameter")
        array = numbers(other, f"{self} / ...")
        if np.any(array == 0):
            raise DataError(f"{self} is divided by zero.")
        return self * (1.0 / array)

    def __rtruediv__(self, other: Any) -> NoReturn:
        _refuse(f"a number is divided by {self} (pm.math.reciprocal({self}) is for inverse links)")

    def __pow__(self, other: Any) -> NoReturn:
        _refuse(f"{self} ** {other} is a power of a parameter (pm.math.sqr({self}) is for square root links)")

    def __rpow__(self, other: Any) -> NoReturn:
        _refuse(f"{self} is an exponent")

    def __abs__(self) -> NoReturn:
        _refuse(f"abs({self}) is not affine")

    def __bool__(self) -> bool:  # noqa: PLE0304 (it only raises)
        _refuse(f"{self} has no truth value before the model is sampled, so it cannot be compared or tested")

    def __float__(self) -> NoReturn:
        _refuse(f"{self} is not a number before the model is sampled")

    def _comparison(self, _: object) -> NoReturn:
        _refuse(f"{self} has no value before the model is sampled, so it cannot be compared")

    __lt__ = __le__ = __gt__ = __ge__ = _comparison

    def __matmul__(self, other: Any) -> Affine:
        if isinstance(other, Affine):
            _refuse(f"{self} @ {other} multiplies two parameters")
        matrix = numbers(other, f"{self} @ ...")
        return _dot(matrix.T, self.T).T

    def __rmatmul__(self, other: Any) -> Affine:
        return _dot(numbers(other, f"... @ {self}"), self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        operators: dict[str, Callable[..., Any]] = {
            "add": lambda a, b: b + a if isinstance(b, Affine) else a + b,
            "subtract": lambda a, b: b.__rsub__(a) if not isinstance(a, Affine) else a - b,
            "multiply": lambda a, b: b * a if isinstance(b, Affine) else a * b,
            "divide": lambda a, b: a / b if isinstance(a, Affine) else b.__rtruediv__(a),
            "matmul": lambda a, b: a @ b if isinstance(a, Affine) else b.__rmatmul__(a),
            "negative": lambda a: -a,
            "positive": lambda a: a,
        }
        if method != "__call__" or options or ufunc.__name__ not in operators:
            hint = " (pm.math.exp is for log links)" if ufunc.__name__ == "exp" else ""
            _refuse(f"np.{ufunc.__name__}({self}) is not affine{hint}")
        return operators[ufunc.__name__](*inputs)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        _refuse(f"{self} cannot become an array of numbers (for a DataFrame write X.to_numpy() @ beta)")

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is np.dot and not options:
            first, second = arguments
            return first @ second if isinstance(first, Affine) else second.__rmatmul__(first)
        if function is np.sum:
            return arguments[0].sum(*arguments[1:], **options)
        if function is np.mean:
            return arguments[0].mean(*arguments[1:], **options)
        return _refuse(f"np.{function.__name__} of {self} is not available")

    # Shapes

    def __getitem__(self, where: Any) -> Affine:
        if isinstance(where, Affine):
            _refuse(f"{self} is indexed by a parameter")
        where = tuple(map(_plain_index, where)) if isinstance(where, tuple) else _plain_index(where)
        try:
            return self._map(lambda array: array[where])
        except IndexError as error:
            raise DataError(f"{self} of shape {self.shape} cannot be indexed so: {error}.") from None

    def reshape(self, *shape: Any) -> Affine:
        """Return the same elements in another shape, as ``numpy.reshape`` does."""
        return self._map(lambda array: array.reshape(*shape))

    def ravel(self) -> Affine:
        """Return the elements in one dimension."""
        return self.reshape(-1)

    def sum(self, axis: int | None = None) -> Affine:
        """Add the elements up, all or along one axis."""
        if axis is None:
            return self.ravel().sum(0) if self.ndim != 1 else self.sum(0)
        if not -self.ndim <= axis < self.ndim:
            raise DataError(f"{self} of shape {self.shape} has no axis {axis}.")
        before = (slice(None),) * (axis % self.ndim)
        rows = [self[(*before, i)] for i in range(self.shape[axis])]
        constant = np.broadcast_to(self.constant, self.shape).sum(axis)
        shape = constant.shape
        return Affine(self.owner, shape, np.asarray(constant), [part for row in rows for part in row.parts])

    def mean(self, axis: int | None = None) -> Affine:
        """Return the mean of the elements, all or along one axis."""
        return self.sum(axis) / (self.size if axis is None else self.shape[axis])

    def broadcast_to(self, shape: Sequence[int]) -> Affine:
        """Return the expression repeated to a shape, as ``numpy.broadcast_to`` does."""
        self._broadcast(tuple(shape), "broadcast to")
        return self._map(lambda array: np.broadcast_to(array, tuple(shape)))

    # Values

    def matrix(self, columns: dict[str, int], n_columns: int, rows: slice) -> FloatArray:
        """Return the coefficients of some elements of a one-dimensional expression, (elements, parameters).

        Parameters
        ----------
        columns : dict of str to int
            The column of each parameter's first element.
        n_columns : int
        rows : slice
        """
        length = len(range(*rows.indices(self.shape[0])))
        X = np.zeros((length, n_columns), order="F")
        places = np.arange(length)
        for part in self.parts:
            first = columns[part.parameter]
            weight = _rows_of(part.weight, self.shape, rows)
            if part.index.ndim == 0 or part.index.size == 1:
                X[:, first + int(part.index.ravel()[0])] += weight
            else:
                X[places, first + _rows_of(part.index, self.shape, rows)] += weight
        return X

    def values(self, draws: dict[str, FloatArray]) -> FloatArray:
        """Return the expression at draws of the parameters, (..., *shape); each array is (..., *parameter's shape)."""
        lead = next(iter(draws.values())).shape[:1]
        total = np.broadcast_to(self.constant, (*lead, *self.shape)).copy()
        for part in self.parts:
            flat = draws[part.parameter].reshape(*lead, -1)
            picked = _aligned(flat[:, part.index], self.ndim)
            if part.deviation is not None:
                picked = picked * _aligned(draws[part.deviation].reshape(*lead, -1)[:, part.place], self.ndim)
            total += picked * part.weight
        return total

    def _broadcast(self, shape: tuple[int, ...], operation: str) -> tuple[int, ...]:
        try:
            return np.broadcast_shapes(self.shape, shape)
        except ValueError:
            raise DataError(
                f"The shapes {self.shape} and {shape} do not broadcast, in {self} {operation} ...: give both the same "
                "length, or index one to match the rows."
            ) from None

    def _map(self, function: Any) -> Affine:
        """Apply a function that rearranges elements."""
        constant = np.asarray(function(np.broadcast_to(self.constant, self.shape)))

        def moved(array: Any) -> Any:
            return np.asarray(function(np.broadcast_to(array, self.shape)))

        parts = [
            replace(part, index=moved(part.index), weight=moved(part.weight), place=moved(part.place))
            for part in self.parts
        ]
        return Affine(self.owner, constant.shape, constant, parts)


def numbers(value: Any, where: str) -> FloatArray:
    """Return finite numbers as an array, or refuse what is something else."""
    if type(value).__module__.split(".")[0] in ("pandas", "xarray"):
        value = value.to_numpy()
    array = np.asarray(value)
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            array = np.asarray("text")
    if array.dtype.kind not in "biuf":
        raise DataTypeError(f"{where} needs numbers, not {type(value).__name__} of dtype {array.dtype}.")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        bad = np.flatnonzero(~np.isfinite(array.ravel()))
        raise DataError(
            f"{where} has {len(bad)} missing or infinite value{'s' * (len(bad) != 1)} (first at {int(bad[0])}). Leave "
            "those rows out, or fill them."
        )
    return array


def _dot(matrix: FloatArray, expression: Affine) -> Affine:
    """Return ``matrix @ expression`` of a vector (or the columns of a matrix) of parameters."""
    if matrix.ndim == 0 or expression.ndim == 0:
        raise DataError(f"{expression} of shape {expression.shape} cannot stand in a matrix product: use *.")
    if matrix.ndim > 2 or expression.ndim > 2 or matrix.shape[-1] != expression.shape[0]:
        raise DataError(
            f"The shapes {matrix.shape} and {expression.shape} do not fit a matrix product with {expression}: the "
            "matrix needs one column for each element."
        )
    parts: list[Part] = []
    constant: Any = 0.0
    for j in range(expression.shape[0]):
        column = matrix[..., j]
        product = expression[j] * (column[..., None] if matrix.ndim == 2 and expression.ndim == 2 else column)
        parts.extend(product.parts)
        constant = constant + product.constant
    shape = (*matrix.shape[:-1], *expression.shape[1:])
    return Affine(expression.owner, shape, np.asarray(constant, dtype=np.float64), parts)


def _aligned(drawn: FloatArray, ndim: int) -> FloatArray:
    """Return draws (draws, ...) with axes of length 1 after the first, so that they broadcast to `ndim` dimensions."""
    return drawn.reshape(len(drawn), *(1,) * (ndim + 1 - drawn.ndim), *drawn.shape[1:])


def _rows_of(array: Any, shape: tuple[int, ...], rows: slice) -> Any:
    return np.broadcast_to(array, shape)[rows]


def _plain_index(where: Any) -> Any:
    if type(where).__module__.split(".")[0] in ("pandas", "xarray"):
        return where.to_numpy()
    return np.asarray(where) if isinstance(where, list) else where


def _refuse(what: str) -> NoReturn:
    raise FormulaError(f"{what}. {_ALLOWED}, so that the posterior is that of a linear regression.")
