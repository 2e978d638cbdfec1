"""Names of columns that users give: the columns they mean, or what to do about names that are none."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ..errors import DataError, DataTypeError, quote_names, suggest


def check_names(labels: Sequence[Any], argument: str, names: object) -> tuple[str, ...]:
    """Return the columns that an argument names, as a tuple; a single name may stand for a list of one."""
    if names is None:
        return ()
    listed: list[Any] = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [None]
    if not all(isinstance(name, str) for name in listed):
        raise DataTypeError(f"{argument} must be a column name or a list of column names, not {names!r}.")
    unknown = [name for name in listed if name not in labels]
    if unknown:
        raise unknown_columns(unknown, labels, f"Argument {argument}")
    return tuple(dict.fromkeys(listed))


def unknown_columns(
    names: Sequence[str],
    labels: Sequence[Hashable],
    subject: str,
    functions: Mapping[str, Any] | None = None,
    within: Collection[str] = (),
) -> DataError:
    """Return the error for names that are not columns: near matches, the columns there are, and what else they may be.

    Parameters
    ----------
    names, labels : sequence
        The unknown names, and the columns there are.
    subject : str
        What uses them.
    functions : mapping, optional
        The namespace of the formula that uses them.
    within : collection of str
        Those that stand within expressions, where constants may stand too.
    """
    message = f"{subject} uses {quote_names(names)}, not {'a column' if len(names) == 1 else 'columns'} of the data."
    guesses = ""
    for name in names:
        if functions is not None and name in functions:
            message += f" ({name!r} only has a meaning within an expression, such as {name}(x) or I(x * {name}).)"
        guesses += suggest(name, labels)
    message += guesses
    message += f" The columns are: {quote_names(labels)}." if len(labels) else " The data have no columns."
    if functions is not None and not guesses:
        message += _variable_hint(names, within)
    if not all(isinstance(label, str) for label in labels):
        message += f" {rename_hint(labels)}"
    return DataError(message)


def _variable_hint(names: Sequence[str], within: Collection[str]) -> str:
    """Say how a formula gets at a variable of the calling program, of which it sees none."""
    variables = [name for name in names if name.isidentifier()]
    if not variables:
        return ""
    name = next((name for name in variables if name in within), variables[0])
    column = f"add it to the data, data.assign({name}={name})"
    if name in within:
        return (
            f" If {name!r} is a variable of yours, pass extra_namespace={{{name!r}: {name}}}; if it has one value "
            f"a row, {column}."
        )
    return (
        f" If {name!r} is a variable of yours, {column}; a number or a function goes into extra_namespace="
        f"{{{name!r}: {name}}}, for expressions such as I(x * {name})."
    )


def rename_hint(labels: Sequence[Hashable]) -> str:
    """Say what to do about column names that are no strings."""
    label = next(label for label in labels if not isinstance(label, str))
    return (
        f"Column names must be strings, and {label!r} is of type {type(label).__name__}: rename them, for example "
        "with data.columns = [f'x{i}' for i in range(data.shape[1])]."
    )
