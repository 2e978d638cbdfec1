"""``pm.math``: functions of parameters where a regression has them, and of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FormulaError
from ..families.links import LINKS
from .affine import Affine, Function
from .linked import FORMS, WRITTEN, applied

_LINEAR = ("dot", "matmul", "sum", "mean")
# Functions that links undo, and what they are for numbers.
_FUNCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "exp": ("exp", np.exp),
    "expm1": ("expm1", np.expm1),
    "sigmoid": ("sigmoid", LINKS["logit"].inverse),
    "invlogit": ("sigmoid", LINKS["logit"].inverse),
    "invprobit": ("invprobit", LINKS["probit"].inverse),
    "sqr": ("sqr", np.square),
    "reciprocal": ("reciprocal", np.reciprocal),
}


class _Math:
    """What parameters may be computed with; other functions work on numbers, and refuse parameters."""

    @staticmethod
    def dot(left: Any, right: Any) -> Any:
        """Matrix product."""
        if isinstance(left, Affine | Function):
            return left @ right
        return right.__rmatmul__(left) if isinstance(right, Affine) else np.dot(left, right)

    matmul = dot

    @staticmethod
    def sum(values: Any, axis: int | None = None) -> Any:
        """Sum, of all elements or along an axis."""
        return _linear("sum", values).sum(axis)

    @staticmethod
    def mean(values: Any, axis: int | None = None) -> Any:
        """Mean, of all elements or along an axis."""
        return _linear("mean", values).mean(axis)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = _FUNCTIONS[name][1] if name in _FUNCTIONS else getattr(np, name, None)
        if name.startswith("_") or not callable(function):
            known = ", ".join([*_LINEAR, *_FUNCTIONS])
            raise AttributeError(f"pm.math has no {name!r}. For parameters there are {known}.")

        def of_numbers(*arguments: Any) -> Any:
            if len(arguments) == 1 and name in _FUNCTIONS and isinstance(arguments[0], Affine | Function):
                form = _FUNCTIONS[name][0]
                if form in FORMS or not isinstance(arguments[0], Affine):
                    return applied(form, arguments[0])  # type: ignore[arg-type]
            for argument in arguments:
                if isinstance(argument, Affine | Function):
                    raise FormulaError(
                        f"pm.math.{name}({argument}) is not affine in the parameters. Apply the function to the data "
                        "instead, such as np.log(x) * slope; the functions of an affine expression eta that links "
                        f"undo are {', '.join(text.format('eta') for text in WRITTEN.values())}."
                    )
            if name in ("sigmoid", "invlogit", "invprobit"):
                arguments = tuple(np.asarray(argument, dtype=np.float64) for argument in arguments)
            return function(*arguments)

        return of_numbers


def _linear(name: str, values: Any) -> Any:
    if isinstance(values, Function):
        raise FormulaError(f"pm.math.{name}({values}) is not affine in the parameters. Use it on eta instead.")
    return values


math = _Math()
