"""Lists what a formula may call: functions and methods with their arguments, and whether they look at one row."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from .namespace import BASE


class Rule(NamedTuple):
    """What a function or method may be given, and what its value in a row follows from.

    Attributes
    ----------
    parameters : tuple of str
        Names of the arguments after the first one (of a method: after the column), in their order.
    rowwise : bool
        The value in a row follows from the arguments in that row, and from what a transform has learnt.
    constants : bool
        The arguments after the first have to be constants for that.
    logical : bool
        Booleans are taken as true and false, not as 1 and 0.
    """

    parameters: tuple[str, ...] = ()
    rowwise: bool = True
    constants: bool = False
    logical: bool = False


def _rules(names: str, parameters: str = "", **options: bool) -> dict[str, Rule]:
    return {name: Rule(tuple(parameters.split()), **options) for name in names.split()}


def _numpy_rule(function: np.ufunc) -> Rule | None:
    """Return the rule of an elementwise function: no keywords, of which `where` and `out` hand out foreign memory."""
    if function.signature is not None or function.nout != 1:
        return None
    logical = function.__name__ in _LOGICAL or function.__name__.startswith(("logical_", "bitwise_"))
    return Rule(("x2",) * (function.nin - 1), rowwise=True, logical=logical)


_LOGICAL = frozenset(
    ("invert", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isfinite", "isinf")
)
_SPLINE = "df knots lower_bound upper_bound constraints extrapolation"
_ANY_ROW = {"rowwise": False}
_SHARED = {
    **_rules("clip", "a_min a_max min max"),
    **_rules("where", "x y", logical=True),
}
NUMPY: dict[str, Rule] = {
    **{
        name: rule
        for name, function in vars(np).items()
        if isinstance(function, np.ufunc) and (rule := _numpy_rule(function)) is not None
    },
    **_SHARED,
    **_rules("round around", "decimals"),
    **_rules("nan_to_num", "nan posinf neginf", constants=True),
    **_rules("digitize", "bins right", constants=True),
    **_rules("interp", "xp fp left right", constants=True),
    **_rules("select", "choicelist default", logical=True),
    **_rules(
        "mean median std var min max amin amax sum prod ptp nanmean nanmedian nanstd nanmin nanmax", "", **_ANY_ROW
    ),
    **_rules("cumsum cumprod unique", "", **_ANY_ROW),
    **_rules("diff", "n", **_ANY_ROW),
    **_rules("quantile percentile nanquantile nanpercentile", "q", **_ANY_ROW),
    **_rules("average", "weights", **_ANY_ROW),
}
NUMPY_CONSTANTS = frozenset(("pi", "e", "inf", "nan"))
CONTRASTS: dict[str, Rule] = {
    **_rules("treatment SAS", "base drop"),
    **_rules("sum", "drop"),
    **_rules("helmert", "reverse scale"),
    **_rules("diff", "backward"),
    **_rules("poly", "scores"),
    **_rules("custom", "names"),
}
FUNCTIONS: dict[str, Rule] = {
    **{name: rule for name, value in BASE.items() if isinstance(value, np.ufunc) and (rule := _numpy_rule(value))},
    **_SHARED,
    **_rules("exp10 I"),
    **_rules("days_since", "date", constants=True),
    **_rules("scale", "center scale ddof", constants=True),
    **_rules("standardize", "center rescale ddof", constants=True),
    **_rules("center"),
    **_rules("poly", "degree raw", constants=True),
    **_rules("bs", "df knots degree include_intercept lower_bound upper_bound extrapolation", constants=True),
    **_rules("cr cs cc", _SPLINE, constants=True),
    **_rules("hashed", "levels contrasts spans_intercept", constants=True),
    **_rules("lag", "k offset", **_ANY_ROW),
    **_rules("C T", "contrasts levels spans_intercept", constants=True),
    **_rules("S Q"),
    **_rules("Treatment", "reference"),
    **_rules("Sum Helmert Diff Poly"),
}
CONTRAST_NAMES = frozenset(("Treatment", "Sum", "Helmert", "Diff", "Poly"))

METHODS: dict[str, Rule] = {
    **_rules("abs"),
    **_rules("round", "decimals"),
    **_rules("clip", "lower upper"),
    **_rules("fillna", "value", logical=True),
    **_rules("isin", "values", constants=True, logical=True),
    **_rules("between", "left right inclusive"),
    **_rules("astype", "dtype", constants=True, logical=True),
    **_rules("map", "arg", constants=True, logical=True),
    **_rules("replace", "to_replace value", constants=True, logical=True),
    **_rules("where mask", "cond other", logical=True),
    **_rules("isna isnull notna notnull", logical=True),
    **_rules("eq ne lt le gt ge", "other", logical=True),
    **_rules("add sub mul div truediv floordiv mod pow", "other"),
    **_rules("mean median std var sem min max sum prod count nunique skew kurt any all", "ddof", **_ANY_ROW),
    **_rules("size first last ngroup cumcount", "", **_ANY_ROW),
    **_rules("cumsum cumprod cummax cummin ffill bfill duplicated", "", **_ANY_ROW),
    **_rules("quantile", "q interpolation", **_ANY_ROW),
    **_rules("rank", "method ascending pct", **_ANY_ROW),
    **_rules("shift", "periods fill_value", **_ANY_ROW),
    **_rules("diff pct_change", "periods", **_ANY_ROW),
    **_rules("rolling", "window min_periods center", **_ANY_ROW),
    **_rules("expanding", "min_periods", **_ANY_ROW),
    **_rules("ewm", "com span halflife alpha", **_ANY_ROW),
    **_rules("groupby", "by observed", **_ANY_ROW),
    **_rules("transform", "func", **_ANY_ROW),
}
_DATE_FIELDS = (
    "year month day hour minute second microsecond nanosecond day_of_week dayofweek weekday day_of_year dayofyear "
    "quarter days seconds microseconds nanoseconds days_in_month daysinmonth is_leap_year is_month_start is_month_end "
    "is_quarter_start is_quarter_end is_year_start is_year_end qyear"
)
DATE_FIELDS = frozenset(_DATE_FIELDS.split())
DATE_METHODS: dict[str, Rule] = {
    **_rules("total_seconds normalize month_name day_name"),
    **_rules("floor ceil round", "freq", constants=True),
}
TEXT_METHODS: dict[str, Rule] = {
    **_rules("len lower upper title capitalize swapcase casefold isdigit isnumeric isdecimal isalpha isalnum isspace"),
    **_rules("islower isupper istitle"),
    **_rules("strip lstrip rstrip", "to_strip", constants=True),
    **_rules("startswith endswith", "pat na", constants=True),
    **_rules("contains match fullmatch", "pat case flags na regex", constants=True),
    **_rules("count", "pat flags", constants=True),
    **_rules("replace", "pat repl n case flags regex", constants=True),
    **_rules("slice", "start stop step", constants=True),
    **_rules("get", "i", constants=True),
    **_rules("find rfind", "sub start end", constants=True),
    **_rules("removeprefix", "prefix", constants=True),
    **_rules("removesuffix", "suffix", constants=True),
}
# What group means and the like are called in x.groupby(g).transform("mean").
_SUMMARIES = "mean median std var min max sum prod count nunique first last size rank cumsum cumcount"
SUMMARIES = frozenset(_SUMMARIES.split())
_DTYPES = "float float64 float32 int int64 int32 bool str string category"
DTYPES = frozenset(_DTYPES.split())

# A larger number is a slip, or an attack: each unit is a column of the design, a pass over the rows (`n`), or a
# multiplication (`decimals`); what is this far below zero is no better.
MOST = {"df": 1000, "degree": 100, "levels": 5000, "n": 1000, "decimals": 400}


def in_module(node: ast.Attribute, trusted: Container[str]) -> str | None:
    """Return ``"np"`` or ``"contr"`` where an attribute is taken of these; None where it is taken of a column."""
    if not isinstance(node.value, ast.Name) or node.value.id in trusted:
        return None
    owner = BASE.get(node.value.id)
    if isinstance(owner, ModuleType) or (node.value.id == "contr" and hasattr(owner, node.attr)):
        return node.value.id
    return None


def of_user(node: ast.expr, trusted: Container[str]) -> bool:
    """Tell whether a function is the user's: a name of his, or an attribute of one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in trusted


def accessor(node: ast.expr) -> str | None:
    """Return ``"dt"``, ``"str"`` or ``"cat"`` of ``t.dt``, ``g.str`` and ``g.cat``; None of any other node."""
    return node.attr if isinstance(node, ast.Attribute) and node.attr in ("dt", "str", "cat") else None


def rule_of(function: ast.expr, trusted: Container[str]) -> Rule | None:
    """Return the rule of a function that is called; None if it may not be called."""
    if isinstance(function, ast.Name):
        return FUNCTIONS.get(function.id)
    if not isinstance(function, ast.Attribute):
        return None
    module = in_module(function, trusted)
    if module is not None:
        return (CONTRASTS if module == "contr" else NUMPY).get(function.attr)
    methods: dict[str | None, dict[str, Rule]] = {"dt": DATE_METHODS, "str": TEXT_METHODS, "cat": {}}
    return methods.get(accessor(function.value), METHODS).get(function.attr)


def makes_contrasts(function: ast.expr) -> bool:
    """Tell whether a function is ``contr.sum``, ``Treatment`` or the like, which take no column."""
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "contr"
    return isinstance(function, ast.Name) and function.id in CONTRAST_NAMES


def given(call: ast.Call, rule: Rule, first: int) -> Iterable[tuple[str, ast.expr]]:
    """Yield the arguments of a call from the `first` on, by the name of their parameter."""
    yield from zip(rule.parameters, call.args[first:], strict=False)
    for keyword in call.keywords:
        yield keyword.arg or "", keyword.value
