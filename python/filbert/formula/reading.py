"""Reads a formula and a table: into a design, which is what the terms learn from the rows, and the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..data.columns import kept_frame, read_columns
from ..data.streams import Stream, table_or_stream
from ..errors import DataError
from .design import Design
from .learning import Learning
from .question import Question
from .rows import Rows

if TYPE_CHECKING:
    from .streamed_rows import StreamedRows


def read(
    formula: str,
    data: Any,
    *,
    categorical: str | Sequence[str] | None = None,
    dropna: bool = False,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    extra_namespace: Mapping[str, Any] | None = None,
    is_binary: bool = False,
    correlated: bool = True,
    needs_columns: Mapping[str, str] | None = None,
) -> tuple[Design, Rows | StreamedRows]:
    """Read a formula and the data it is fitted to.

    Every value is checked before the first block: what cannot be used raises an error that names the column.

    Parameters
    ----------
    formula : str
        ``"response ~ predictors"`` in formulaic's language. Functions are formulaic's transforms, NumPy's common
        ones (``log`` and ``np.log``) and those of `extra_namespace`; the names of the calling program are not
        seen. ``offset(x)`` adds `x` with coefficient 1, ``weighted(y, w)`` on the left gives likelihood weights,
        ``C(g, "b")`` makes ``"b"`` the reference level.
    data : table
        See `filbert.data.streams.table_or_stream`; columns that are not used are not read. Text and categorical columns
        are factors, of which categories without rows are left out with a `DataWarning`. Booleans are 0 and 1; name them
        in `categorical` to make factors of them.
    categorical : str or list of str, optional
        Columns to treat as factors whatever their type.
    dropna : bool, default False
        Leave out the rows with a missing value in a column that is used, instead of raising.
    weights, offset : str or array-like of shape (n,), optional
        A column of `data`, or one number for each of its rows, in their order.
    extra_namespace : dict, optional
        More functions and constants for the formula. What they do is up to them: a formula of somebody else, with
        functions of yours, runs your code on its terms.
    is_binary : bool, default False
        Whether the response may be true and false, or one level of a column against the others.
    correlated : bool, default True
        Whether ``(x | g)`` has correlations, as in lme4; if False none has any, as in bambi.
    needs_columns : mapping of str to str, optional
        Why each level of a factor must have a column, see `filbert.formula.question.Question`; by default each must.

    Raises
    ------
    FormulaError, DataError, DataTypeError
        See the message for the column, the value and the remedy.
    """
    table = table_or_stream(data)
    try:
        question = Question.asked(
            formula,
            table.names,
            categorical=categorical,
            dropna=bool(dropna),
            weights=weights,
            offset=offset,
            extra_namespace=extra_namespace,
            is_binary=is_binary,
            correlated=correlated,
            needs_columns=needs_columns or {"": "columns were asked for"},
        )
    except DataError as error:  # about the columns that there are
        if len(table.files) < 2:
            raise
        raise DataError(f"{error} They are those of {table.files[0]}, the first of {len(table.files)} files.") from None
    if isinstance(table, Stream):
        from .streaming import read_stream  # with what only streams need

        return read_stream(question, table)
    frame = kept_frame(table.frame(question.use.names), question.use.names)
    columns = read_columns(frame, question.use, question.arrays, question.dropna)
    design, rows = Learning(question, columns).design_and_rows()
    return design, replace(rows, lender=frame)
