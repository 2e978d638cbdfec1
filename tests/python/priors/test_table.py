"""Python's table of priors is that of the C++ core: the same names, and their parameters in the same order."""

from __future__ import annotations

import inspect

import filbert as fb
from filbert import _core
from filbert.priors import named
from filbert.priors.table import CORRELATIONS, TABLE


def test_the_tables_of_python_and_of_the_core_are_one() -> None:
    core = {name: tuple(parameters) for name, parameters in _core.prior_table().items()}
    assert {name: tuple(p.name for p in row.parameters) for name, row in TABLE.items()} == core


def test_every_prior_is_a_function_with_its_parameters_and_defaults() -> None:
    rows = {**TABLE, **CORRELATIONS}  # the core has correlations as a whole, and no density of one
    assert set(named.__all__) == set(rows)
    for name, row in rows.items():
        signature = inspect.signature(getattr(fb, name)).parameters
        known = [key for key, parameter in signature.items() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
        assert known == [rule.name for rule in row.parameters]
        for rule in row.parameters:
            default = signature[rule.name].default
            assert rule.default is None if default is inspect.Parameter.empty else default == rule.default
