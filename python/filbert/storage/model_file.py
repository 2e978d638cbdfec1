"""Writes models to files without their rows, and reads them back; the format is described in docs/model-file.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import ModelFileError
from ..formula.namespace import make_namespace
from ..regression.regression import Regression
from .atomic import replacing
from .reading import restored
from .signed import Kind, inconsistent, parsed, shown_path
from .writing import content_of

VERSION = 5  # has a factor by level
_OF_SUMMARIES = 4  # by group
_OF_GROUPS = 3  # without group-specific terms a file has format 2, which earlier versions read
_MODEL = Kind("model", VERSION, "Models are written by model.save(path).", "Save the model again.")


def save(regression: Regression, path: str | os.PathLike[str]) -> None:
    """Do what `Model.save` says."""
    content = content_of(regression)
    version = _OF_GROUPS - 1
    if "groups" in content:
        version = _OF_GROUPS if content["groups"]["summary"] is None else _OF_SUMMARIES
    if "by_level" in content:
        version = VERSION
    signed = _MODEL.signed(content, version, "Use fewer levels or columns.")
    with replacing(path) as file:
        file.write(signed)


def read(
    path: str | os.PathLike[str], extra_namespace: Mapping[str, Any] | None = None, family: Any = None
) -> Regression:
    """Do what `filbert.load` says."""
    namespace = make_namespace(extra_namespace)
    shown = shown_path(path)
    version, payload = _MODEL.read_file(shown)
    try:
        content = parsed(payload)
        if version == 1 and isinstance(content, dict):
            content = {**content, "family": "gaussian", "link": "identity"}
        if version < _OF_GROUPS and isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "groups"}
        if version < VERSION and isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "by_level"}
        return restored(content, namespace, dict(extra_namespace or {}), family)
    except ModelFileError as error:
        raise ModelFileError(f"{shown}: {error}") from None
    except Exception as error:  # nothing in the file is trusted, whatever it makes a library raise
        raise inconsistent(shown, "model", error) from error
