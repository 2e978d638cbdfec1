"""Writes models to files without their rows, and reads them back; the format is described in docs/model-file.md."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from ..data.columns import ColumnKind
from ..errors import FilbertError, ModelFileError, quote_names
from ..families import FAMILIES, family_of
from ..families.family import Family
from ..formula.coding import Coding, Product
from ..formula.design import Design
from ..formula.guard import check_harmless
from ..formula.namespace import make_namespace
from ..formula.parsing import Expression, read_expression
from ..formula.predictor import Predictor
from ..formula.terms import Term
from ..priors.prior import Prior
from ..regression.regression import Choices, Regression
from ..regression.statement import state
from .values import (
    read_array,
    read_finite,
    read_flag,
    read_levels,
    read_number,
    read_text,
    read_texts,
    read_value,
    read_whole,
    write_array,
    write_levels,
    write_number,
    write_value,
)

MAGIC = "filbert model"
VERSION = 2
_LONGEST_HEADER = 200
_SIGNATURES = {
    b"\x89HDF": "netCDF or HDF5",
    b"CDF": "netCDF",
    b"\x80": "pickle",
    b"PK": "zip",
    b"PAR1": "Parquet",
    b"\x89PNG": "PNG",
}


def save(regression: Regression, path: str | os.PathLike[str]) -> None:
    """Do what `Model.save` says."""
    content = _content(regression)
    payload = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    header = f"{MAGIC} {VERSION} {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode("ascii")
    target = Path(path)
    # Beside the target and renamed, so that there is never half a file under its name.
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(header + payload)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(
    path: str | os.PathLike[str], extra_namespace: Mapping[str, Any] | None = None, family: Any = None
) -> Regression:
    """Do what `filbert.load` says."""
    namespace = make_namespace(extra_namespace)
    content = _checked_content(Path(path))
    try:
        return _restored(content, namespace, dict(extra_namespace or {}), family)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (FilbertError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise ModelFileError(f"{path} is not a usable model file: its content is inconsistent ({detail}).") from error


def _checked_content(path: Path) -> Any:
    """Return the content of a file whose checksum is right."""
    data = path.read_bytes()
    header, newline, payload = data.partition(b"\n")
    words = header[:_LONGEST_HEADER].decode("ascii", errors="replace").split(" ")
    if words[:2] != MAGIC.split(" ") or len(words) != 5 or not newline:
        kind = next((name for signature, name in _SIGNATURES.items() if data.startswith(signature)), None)
        seems = f" It seems to be a {kind} file." if kind else " It is empty." if not data else ""
        raise ModelFileError(f"{path} is not a model file of filbert.{seems} Models are written by model.save(path).")
    version, length, checksum = words[2:]
    if version.isdecimal() and int(version) > VERSION:
        raise ModelFileError(
            f"{path} has format {version}, and filbert {_core.__version__} reads up to {VERSION}. Update filbert."
        )
    if version != str(VERSION) or not length.isdecimal():
        raise ModelFileError(f"{path} is corrupt: its header is damaged. Save the model again.")
    if len(payload) < int(length):
        raise ModelFileError(f"{path} is truncated: {len(payload)} of {length} bytes are there. Save the model again.")
    if len(payload) > int(length) or hashlib.sha256(payload).hexdigest() != checksum:
        raise ModelFileError(f"{path} is corrupt: its checksum is wrong. Save the model again.")
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{path} is corrupt: its content is not JSON.") from None


def _content(regression: Regression) -> dict[str, Any]:
    """Return all of a model but its rows as what JSON can hold."""
    design = regression.design
    assert design is not None
    factor, mean, exponents, total_weight, n_rows = regression.summary.state()
    texts = [expression.text for expression in (*design.expressions.values(), *design.offsets)]
    return {
        "filbert": _core.__version__,
        "formula": design.formula,
        "family": regression.family.name,
        "link": regression.link,
        "response": design.response,
        "has_intercept": design.has_intercept,
        "terms": [
            {
                "name": term.name,
                "columns": list(term.columns),
                "levels": write_levels(term.levels, term.name),
                "is_categorical": term.is_categorical,
            }
            for term in design.terms
        ],
        "baseline": design.baseline,
        "products": [
            {
                "scale": product.scale,
                "kept": None if product.kept is None else list(product.kept),
                "codings": [
                    {
                        "factor": coding.factor,
                        "chosen": coding.chosen and list(coding.chosen),
                        "contrasts": None if coding.contrasts is None else write_array(coding.contrasts),
                    }
                    for coding in product.codings
                ],
            }
            for product in design.products
        ],
        "expressions": [[e.text, e.is_column] for e in design.expressions.values()],
        "levels": {text: write_levels(levels, text) for text, levels in design.levels.items()},
        "state": write_value(design.state, "the transforms"),
        "offsets": [[expression.text, expression.is_column] for expression in design.offsets],
        "columns": {
            name: {"kind": kind.kind, "levels": write_levels(kind.levels, name)} for name, kind in design.kinds.items()
        },
        "predictors": {
            name: [
                write_number(predictor.mean),
                write_number(predictor.sd),
                [write_number(q) for q in predictor.quantiles],
                write_levels(None if predictor.mode is None else (predictor.mode,), name),
                write_levels(None if predictor.dtype == "categorical" else predictor.levels, name),
            ]
            for name, predictor in design.predictors.items()
        },
        "entangled": list(design.entangled),
        "offset_is_array": design.offset_is_array,
        "dropna": design.dropna,
        "n_rows": design.n_rows,
        "extra_namespace": [name for name in design.extra_namespace if any(_mentions(text, name) for text in texts)],
        "center_predictors": regression.intercept_at_means,
        "auto_scale": regression.choices.auto_scale,
        "priors": {
            key: [prior.name, {name: write_value(value, key) for name, value in prior.params.items()}]
            for key, prior in regression.choices.given.items()
        },
        "summary": {
            "factor": write_array(factor),
            "mean": write_array(mean),
            "exponents": exponents.tolist(),
            "total_weight": total_weight,
            "n_rows": n_rows,
        },
    }


def _restored(content: Any, namespace: Mapping[str, Any], extra: dict[str, Any], family: Any) -> Regression:
    """Make the regression that `_content` describes; nothing in the file is trusted."""
    missing = [name for name in read_texts(content["extra_namespace"]) if name not in extra]
    if missing:
        raise ModelFileError(
            f"the formula {content['formula']!r} uses {quote_names(missing)}, which the file does not hold. Pass "
            f"extra_namespace={{{missing[0]!r}: ...}} to load()."
        )
    kinds = {name: _kind(entry) for name, entry in content["columns"].items()}
    expressions = {text: _expression(text, bare, kinds, namespace, extra) for text, bare in content["expressions"]}
    levels = {text: read_levels(content["levels"][text]) for text in expressions}
    products = tuple(_product(entry, levels) for entry in content["products"])
    terms = tuple(
        Term(
            read_text(t["name"]),
            tuple(read_texts(t["columns"])),
            read_levels(t["levels"]),
            read_flag(t["is_categorical"]),
        )
        for t in content["terms"]
    )
    columns = tuple(column for term in terms for column in term.columns)
    stored = content["summary"]
    exponents = np.array([read_whole(value) for value in stored["exponents"]], dtype=np.int32)
    summary = _core.SufficientStatistics.from_state(
        (
            read_array(stored["factor"]),
            read_array(stored["mean"]),
            exponents,
            read_finite(stored["total_weight"]),
            read_whole(stored["n_rows"]),
        )
    )
    widths = sum(product.width for product in products)
    if not len(columns) == widths == summary.columns or summary.n_rows != content["n_rows"]:
        raise ModelFileError("the terms, their columns and the summary of the data have different sizes.")
    design = Design(
        formula=read_text(content["formula"]),
        response=read_text(content["response"]),
        has_intercept=read_flag(content["has_intercept"]),
        terms=terms,
        columns=columns,
        baseline={read_text(key): read_text(value) for key, value in content["baseline"].items()},
        products=products,
        expressions=expressions,
        levels=levels,
        state=_state(content["state"]),
        offsets=tuple(_expression(text, bare, kinds, namespace, extra) for text, bare in content["offsets"]),
        kinds=kinds,
        entangled=tuple(read_texts(content["entangled"])),
        offset_is_array=read_flag(content["offset_is_array"]),
        dropna=read_flag(content["dropna"]),
        n_rows=summary.n_rows,
        extra_namespace=extra,
        rows=None,
    )
    predictors = {name: _predictor(name, kinds[name], entry) for name, entry in content["predictors"].items()}
    if list(predictors) != list(kinds):
        raise ModelFileError("the summaries of the predictors are not those of the columns.")
    design.__dict__["predictors"] = predictors  # what the cached property would compute from the rows
    priors = {
        read_text(key): Prior(read_text(name), **{read_text(k): read_value(v) for k, v in parameters.items()})
        for key, (name, parameters) in content["priors"].items()
    }
    chosen = _family(content, family)
    return state(
        design,
        chosen,
        chosen.chosen_link(read_text(content["link"])),
        read_flag(content["center_predictors"]),
        Choices(priors, read_flag(content["auto_scale"])),
        summary,
    )


def _family(content: Any, given: Any) -> Family:
    """Return the family of the model: one of filbert's own by its name, else the one that was given, of that name."""
    name = read_text(content["family"])
    if given is None:
        if name not in FAMILIES:
            raise ModelFileError(
                f"the model has the family {name!r}, which is not one of filbert's own. Pass its object as family= to "
                "load()."
            )
        return FAMILIES[name]
    family = family_of(given)
    if family.name != name:
        raise ModelFileError(f"the model has the family {name!r}, and family= is {family.name!r}.")
    return family


def _expression(
    text: Any, is_column: Any, kinds: Mapping[str, ColumnKind], namespace: Mapping[str, Any], extra: Mapping[str, Any]
) -> Expression:
    """Read an expression again from its text, as a formula's, and refuse what could do more than compute."""
    if read_flag(is_column):
        if text not in kinds:
            raise ModelFileError(f"the column {text!r} is not among those of the file.")
        return Expression(read_text(text), True, (text,))
    check_harmless(read_text(text), extra)
    return read_expression(text, list(kinds), namespace)


def _state(entry: Any) -> dict[str, Any]:
    state = read_value(entry)
    if not isinstance(state, dict) or not all(isinstance(learnt, dict) for learnt in state.values()):
        raise ModelFileError("what the transforms have learnt is not a table.")
    return state


def _kind(entry: Any) -> ColumnKind:
    kind, levels = read_text(entry["kind"]), read_levels(entry["levels"])
    if kind not in ("float", "int", "bool", "datetime", "categorical") or (kind == "categorical") != (
        levels is not None
    ):
        raise ModelFileError(f"{kind!r} is not a kind of column.")
    return ColumnKind(kind, levels)


def _product(entry: Any, levels: Mapping[str, tuple[Any, ...] | None]) -> Product:
    codings = []
    for coding in entry["codings"]:
        factor, chosen = read_text(coding["factor"]), coding["chosen"]
        known = levels[factor]
        contrasts = None if coding["contrasts"] is None else read_array(coding["contrasts"])
        if (known is None) != (contrasts is None) or (known is None) == (chosen is None):
            raise ModelFileError(f"the coding of {factor!r} does not fit its levels.")
        if known is not None and (contrasts is None or contrasts.ndim != 2 or len(contrasts) != len(known)):
            raise ModelFileError(f"the contrasts of {factor!r} do not fit its levels.")
        places = None if chosen is None else tuple(read_whole(place) for place in chosen)
        if places is not None and (not places or min(places) < 0):
            raise ModelFileError(f"the columns of {factor!r} are not numbers of columns.")
        codings.append(Coding(factor, places, contrasts))
    if not codings:
        raise ModelFileError("a product has no factors.")
    product = Product(read_finite(entry["scale"]), tuple(codings))
    if entry.get("kept") is None:
        return product
    kept = tuple(read_whole(place) for place in entry["kept"])
    if list(kept) != sorted(set(kept)) or not kept or kept[0] < 0 or kept[-1] >= product.width:
        raise ModelFileError(f"the columns kept of {' and '.join(c.factor for c in codings)} are not columns of it.")
    return Product(product.scale, product.codings, kept)


def _predictor(name: str, kind: ColumnKind, entry: Any) -> Predictor:
    mean, sd, quantiles, mode, numbers = entry
    values = tuple(read_number(q) for q in quantiles)
    if len(values) != 5:
        raise ModelFileError(f"the quantiles of {name!r} are not five.")
    levels, modes = kind.levels or read_levels(numbers), read_levels(mode)
    if (levels is None) != (modes is None) or (levels and modes and modes[0] not in levels):
        raise ModelFileError(f"the mode of {name!r} is not one of its levels.")
    return Predictor(name, kind.kind, levels, read_number(mean), read_number(sd), values, modes and modes[0])


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None
