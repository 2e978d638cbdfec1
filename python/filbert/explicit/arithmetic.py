"""``pm.math``: what means may be computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FormulaError
from .affine import Affine


class Arithmetic:
    """What means may be computed with; other functions work on numbers, and refuse parameters."""

    @staticmethod
    def dot(left: Any, right: Any) -> Any:
        """Matrix product."""
        if isinstance(left, Affine):
            return left @ right
        return right.__rmatmul__(left) if isinstance(right, Affine) else np.dot(left, right)

    matmul = dot

    @staticmethod
    def sum(values: Any, axis: int | None = None) -> Any:
        """Sum, of all elements or along an axis."""
        return values.sum(axis)

    @staticmethod
    def mean(values: Any, axis: int | None = None) -> Any:
        """Mean, of all elements or along an axis."""
        return values.mean(axis)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(np, name, None)
        if name.startswith("_") or not callable(function):
            raise AttributeError(f"pm.math has no {name!r}. For parameters there are dot, matmul, sum and mean.")

        def of_numbers(*arguments: Any) -> Any:
            for argument in arguments:
                if isinstance(argument, Affine):
                    raise FormulaError(
                        f"pm.math.{name}({argument}) is not affine in the parameters. filbert samples linear "
                        "regressions: apply the function to the data instead, such as np.log(x) * slope."
                    )
            return function(*arguments)

        return of_numbers
