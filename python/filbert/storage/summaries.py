"""The summary of rows as a value: named, merged, and kept in files; the format is described in docs/summaries.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .. import _core
from ..errors import DataError, DataTypeError, ModelFileError
from ..regression.labels import Labels, checked_names
from .atomic import replacing
from .signed import Kind, inconsistent, parsed, shown_path
from .values import (
    read_array,
    read_dict,
    read_finite,
    read_flag,
    read_list,
    read_text,
    read_texts,
    read_whole,
    write_array,
)

VERSION = 1
_SUMMARY = Kind("summary", VERSION, "Summaries are written by summary.save(path).", "Save the summary again.")


class SufficientStatistics(_core.SufficientStatistics):
    """What a Gaussian likelihood sees of the rows of a regression.

    Total weight, means, and the triangular factor of the centred ``[X y]``, by Householder QR in blocks of rows: some
    (p + 1)² numbers however many rows there are. Blocks can be folded in one after the other (`update`), summaries of
    parts of the rows can be merged in any order (`merge`), kept in files (`save`, `load`) and made into models
    (`filbert.Model.from_summary`). `filbert.Model.sufficient_statistics` and `filbert.Model.summarise` give those of a
    formula's columns. docs/summaries.md says what a summary discloses.

    Parameters
    ----------
    columns : int or list of str
        Number of predictors, the columns of X, or their names. Every column has a coefficient; an intercept is no
        column.
    response : str, optional
        The response's name.
    """

    def __init__(self, columns: int | Sequence[str], response: str | None = None) -> None:
        if isinstance(columns, (int, np.integer)) and not isinstance(columns, bool):
            try:
                super().__init__(int(columns))
            except (MemoryError, TypeError):  # more than there is, or than a machine can count
                raise DataError(
                    f"columns={columns}: the summary of p columns is a triangle of p²/2 numbers, which do not fit into "
                    "memory. Use fewer."
                ) from None
            self._labels: Labels | None = None
            return
        names = checked_names(columns)
        super().__init__(len(names))
        self._labels = Labels(names, _checked_response(response))

    @classmethod
    def _of(cls, state: Any, labels: Labels | None) -> Self:
        """Make a summary of its state, to the last bit."""
        made = cls.__new__(cls)
        _core.SufficientStatistics.__setstate__(made, state)
        made._labels = labels
        return made

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        weights: Any = None,
        columns: Sequence[str] | None = None,
        response: str | None = None,
    ) -> Self:
        """Summarise all rows at once.

        Parameters
        ----------
        X : array, (rows, columns)
            Predictors; the columns of a pandas.DataFrame are named by it.
        y : array, (rows,)
            Response.
        weights : array, (rows,), optional
            A row of weight w counts as w rows.
        columns : list of str, optional
            Names of the columns.
        response : str, optional
            The response's name, which ``y.name`` of a pandas.Series is.

        Raises
        ------
        ValueError
            For sizes that do not match, values that are not finite, and negative weights.
        """
        if columns is None and hasattr(X, "columns"):
            columns = list(X.columns)
        if response is None and isinstance(getattr(y, "name", None), str):
            response = y.name
        summary = _core.SufficientStatistics.from_arrays(X, y, weights)
        labels = (
            None if columns is None else Labels(checked_names(columns, summary.columns), _checked_response(response))
        )
        return cls._of(summary.state(), labels)

    @classmethod
    def from_state(cls, state: Any) -> Self:
        """Restore a summary to the last bit from what `state` returned; names are not among it.

        Raises
        ------
        ValueError
            For a state that no rows can give.
        """
        return cls._of(_core.SufficientStatistics.from_state(state).state(), None)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the columns, if they have any."""
        return None if self._labels is None else self._labels.names

    @property
    def response(self) -> str | None:
        """The name of the response, if it is known: ``"log(y)"`` of a model of the family lognormal."""
        return None if self._labels is None else self._labels.response

    @property
    def labels(self) -> Labels | None:
        """Names, response, and what the columns follow from beside their names; None of a summary without names."""
        return self._labels

    def merge(self, other: _core.SufficientStatistics) -> Self:
        """Fold in the rows of another summary of the same columns, and return the summary itself.

        Parameters
        ----------
        other : SufficientStatistics
            Where both have names, these must be the same, and so must be what they mean: the levels of factors, what
            transforms have learnt, the offset. What only one says of its columns holds for both.

        Raises
        ------
        DataError
            If they are of other columns, or of another response; the message says of which.
        """
        labels = self._labels
        theirs = getattr(other, "labels", None)
        if labels is not None and theirs is not None:
            labels.check_same(theirs)
            labels = labels.joined(theirs)
        super().merge(other)
        self._labels = theirs if labels is None else labels
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the summary to a file, which `load` reads in any process and on any supported Python.

        The format is plain text with a version and a checksum, and safe to load from strangers. The file is whole or
        not there: an older one of that name stays as it is until the new one is complete.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        content = self.to_bytes()
        with replacing(path) as file:
            file.write(content)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a summary that `save` has written; files of strangers are safe.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        ModelFileError
            If the file is truncated, corrupt, too large, of another kind or of a newer version, or holds numbers that
            no rows can give.
        OSError
            If the file cannot be read.
        """
        shown = shown_path(path)
        return cls._read(shown, _SUMMARY.read_file(shown)[1])

    def to_bytes(self) -> bytes:
        """Return what `save` writes."""
        labels = self._labels
        content = {"filbert": _core.__version__, "labels": labels and _written_labels(labels)}
        return _SUMMARY.signed({**content, **write_summary(self)}, VERSION, "Use fewer columns.")

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` returned, as `load` does."""
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise DataTypeError(f"content must be bytes, not {type(content).__name__}.")
        return cls._read("What was given", _SUMMARY.read_bytes(bytes(content))[1])

    @classmethod
    def _read(cls, shown: str, payload: bytes) -> Self:
        try:
            content = read_dict(parsed(payload))
            summary = read_summary(content)
            if not np.isfinite(summary.sd).all():
                raise ModelFileError("it has standard deviations that are not finite.")
            labels = None if content["labels"] is None else _labels(content["labels"], summary.columns)
        except ModelFileError as error:
            raise ModelFileError(f"{shown}: {error}") from None
        except Exception as error:  # nothing in the file is trusted, whatever it makes a library raise
            raise inconsistent(shown, "summary", error) from error
        return cls._of(summary.state(), labels)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.state(), self._labels)

    def __copy__(self) -> Self:
        return self._of(self.state(), self._labels)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        text = super().__repr__()
        if self._labels is None:
            return text
        names = ", ".join(self._labels.names)
        return f"{text[:-1]}, names={names if len(names) <= 80 else f'{names[:77]}...'!r}, response={self.response!r})"


def named(summary: _core.SufficientStatistics, labels: Labels) -> SufficientStatistics:
    """Return a named copy of a summary."""
    return SufficientStatistics._of(summary.state(), labels)


def write_summary(summary: _core.SufficientStatistics) -> dict[str, Any]:
    """Write a summary as JSON holds it."""
    factor, mean, exponents, total_weight, n_rows = summary.state()
    return {
        "factor": write_array(factor),
        "mean": write_array(mean),
        "exponents": exponents.tolist(),
        "total_weight": total_weight,
        "n_rows": n_rows,
    }


def read_summary(entry: Any) -> _core.SufficientStatistics:
    """Read a summary, which must be one that rows can give."""
    exponents = np.array([read_whole(value) for value in read_list(entry["exponents"])], dtype=np.int32)
    parts = read_array(entry["factor"]), read_array(entry["mean"]), exponents
    total_weight, n_rows = read_finite(entry["total_weight"]), read_whole(entry["n_rows"])
    return _core.SufficientStatistics.from_state((*parts, total_weight, n_rows))


def _restored(state: Any, labels: Labels | None) -> SufficientStatistics:
    return SufficientStatistics._of(state, labels)


def _checked_response(response: Any) -> str | None:
    if response is None or (isinstance(response, str) and response):
        return response
    raise DataTypeError(f"response must be the name of the response, such as 'y', not {response!r}.")


def _written_labels(labels: Labels) -> dict[str, Any]:
    return {
        "names": list(labels.names),
        "response": labels.response,
        "has_intercept": labels.has_intercept,
        "coding": dict(labels.coding),
    }


def _labels(entry: Any, columns: int) -> Labels:
    response, has_intercept = entry["response"], entry["has_intercept"]
    try:
        names = checked_names(read_texts(entry["names"]), columns)
    except DataError as error:
        raise ModelFileError(f"its names do not fit: {error}") from None
    return Labels(
        names,
        None if response is None else read_text(response),
        None if has_intercept is None else read_flag(has_intercept),
        {read_text(part): read_text(meaning) for part, meaning in read_dict(entry["coding"]).items()},
    )
