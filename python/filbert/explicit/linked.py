"""Functions of an affine expression that links undo, such as ``exp``: what parameters other than a mean are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..errors import DataError, FormulaError
from ..families.links import LINKS
from .affine import Affine, FloatArray, Function, numbers


@dataclass(frozen=True)
class Form:
    """A function: how it is written, the link that undoes it, and what is left of it after ``-f`` and ``1 - f``.

    The forms without a link are steps on the way to one: ``exp(-exp(eta))`` on that to ``1 - exp(-exp(eta))``.
    """

    text: str
    link: str | None
    negative: str = ""
    complement: str = ""


FORMS = {
    "exp": Form("pm.math.exp({})", "log", negative="-exp"),
    "sigmoid": Form("pm.math.sigmoid({})", "logit", complement="sigmoid"),
    "invprobit": Form("pm.math.invprobit({})", "probit", complement="invprobit"),
    "sqr": Form("pm.math.sqr({})", "sqrt"),
    "reciprocal": Form("pm.math.reciprocal({})", "inverse"),
    "cloglog": Form("1 - pm.math.exp(-pm.math.exp({}))", "cloglog", negative="-cloglog", complement="survival"),
    "survival": Form("pm.math.exp(-pm.math.exp({}))", None, complement="cloglog"),
    "-exp": Form("-pm.math.exp({})", None, negative="exp"),
    "-cloglog": Form("pm.math.expm1(-pm.math.exp({}))", None, negative="cloglog"),
}
WRITTEN = {form.link: form.text for form in FORMS.values() if form.link}  # how the inverse of a link is written
FORM_OF = {form.link: name for name, form in FORMS.items() if form.link}
_SYMMETRIC = ("sigmoid", "invprobit")  # 1 - f(eta) is f(-eta)


class Linked(Function):
    """A function of an affine expression.

    Attributes
    ----------
    form : str
        Among `FORMS`.
    inner : Affine
    name : str or None
        Of a named expression.
    complement : Linked or None
        What this is 1 less of.
    """

    def __init__(self, form: str, inner: Affine, name: str | None = None, complement: Linked | None = None) -> None:
        self.form = form
        self.inner = inner
        self.name = name
        self.complement = complement

    @property
    def link(self) -> str | None:
        """Name of the link that undoes the function, None if there is none."""
        return FORMS[self.form].link

    @property
    def owner(self) -> object:
        """The model whose parameters these are."""
        return self.inner.owner

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self.inner.shape

    def __len__(self) -> int:
        return len(self.inner)

    def __repr__(self) -> str:
        return self.name or FORMS[self.form].text.format(self.inner)

    def __getitem__(self, where: Any) -> Linked:
        return Linked(self.form, self.inner[where])

    def values(self, draws: dict[str, FloatArray]) -> FloatArray:
        """Return the values at draws of the parameters, as `Affine.values` does."""
        assert self.link is not None
        return LINKS[self.link].inverse(self.inner.values(draws))

    def __pos__(self) -> Linked:
        return self

    def __neg__(self) -> Linked:
        form = FORMS[self.form].negative
        return Linked(form, self.inner) if form else _refuse(f"-{self}")

    def __rsub__(self, other: Any) -> Linked:
        form = FORMS[self.form].complement
        if isinstance(other, Function | Affine) or not form or np.any(numbers(other, f"... - {self}") != 1):
            _refuse(f"... - {self}")
        return Linked(form, -self.inner if form in _SYMMETRIC else self.inner, complement=self)

    def __mul__(self, other: Any) -> Linked | Scaled:
        if isinstance(other, Linked) and self.form == other.form == "exp":
            return Linked("exp", self.inner + other.inner)
        if isinstance(other, Function):
            _refuse(f"{self} * {other}")
        if isinstance(other, Affine):
            return Scaled(other, self, divided=False)
        array = numbers(other, f"{self} * ...")
        if self.form == "exp":
            return Linked("exp", self.inner + _logarithm(array, self))
        return Scaled(float(array), self, divided=False) if array.ndim == 0 else _refuse(f"{self} * ...")

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Linked:
        if isinstance(other, Linked) and self.form == other.form == "exp":
            return Linked("exp", self.inner - other.inner)
        if isinstance(other, Function | Affine) or self.form != "exp":
            _refuse(f"{self} / ...")
        return Linked("exp", self.inner - _logarithm(numbers(other, f"{self} / ..."), self))

    def __rtruediv__(self, other: Any) -> Linked | Scaled:
        if isinstance(other, Function):
            _refuse(f"{other} / {self}")
        if isinstance(other, Affine):
            return Scaled(other, self, divided=True)
        array = numbers(other, f"... / {self}")
        if self.form == "exp":
            return Linked("exp", -self.inner + _logarithm(array, self) if np.any(array != 1) else -self.inner)
        return Scaled(float(array), self, divided=True) if array.ndim == 0 else _refuse(f"... / {self}")

    def __add__(self, other: Any) -> NoReturn:
        _refuse(f"{self} + ...")

    __radd__ = __add__

    def __sub__(self, other: Any) -> NoReturn:
        _refuse(f"{self} - ...")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        operators: dict[str, Callable[..., Any]] = {
            "multiply": lambda a, b: b * a if isinstance(b, Linked) else a * b,
            "divide": lambda a, b: b.__rtruediv__(a) if isinstance(b, Linked) else a / b,
            "subtract": lambda a, b: b.__rsub__(a) if isinstance(b, Linked) else a - b,
            "negative": lambda a: -a,
        }
        if method != "__call__" or options or ufunc.__name__ not in operators:
            _refuse(f"np.{ufunc.__name__} of {self}")
        return operators[ufunc.__name__](*inputs)


class Scaled(Function):
    """A parameter, or a number, times a function of an affine expression, or divided by it."""

    __array_ufunc__ = None
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = Function._refused
    __neg__ = __getitem__ = Function._refused

    def __init__(self, factor: Affine | float, linked: Linked, divided: bool) -> None:
        self.factor = factor
        self.linked = linked
        self.divided = divided

    def __repr__(self) -> str:
        return f"{self.factor} {'/' if self.divided else '*'} {self.linked}"


def applied(form: str, value: Affine | Linked) -> Linked:
    """Return a function of an affine expression, or of ``-exp(eta)`` where that leads to a link."""
    if isinstance(value, Affine):
        return Linked(form, value)
    after = {"exp": "survival", "expm1": "-cloglog"}.get(form)
    if value.form != "-exp" or after is None:
        _refuse(f"pm.math.{form}({value})")
    return Linked(after, value.inner)


def _logarithm(array: FloatArray, linked: Linked) -> FloatArray:
    if np.any(array <= 0):
        raise DataError(
            f"{linked} is multiplied or divided by {array[array <= 0].ravel()[0]:g}. Only positive numbers keep it "
            "positive: leave such rows out."
        )
    return np.log(array)


def _refuse(what: str) -> NoReturn:
    raise FormulaError(
        f"{what} is not a function of an affine expression that a link undoes. What may be written are eta itself, "
        f"{', '.join(text.format('eta') for text in WRITTEN.values())}, where eta is affine in the parameters, and "
        "pm.math.exp(eta) times or divided by positive numbers: put sums inside of the function."
    )
