"""Draws read back from a container, once: an array by row of the draws, checked to be those of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import SettingError, quote_names
from ..families.gaussian import Gaussian
from ..regression.fingerprint import fingerprint
from ..regression.groups import Groups
from ..regression.names import SAMPLES, stored_name
from ..regression.parameters import Parameter
from ..regression.regression import Regression
from .container import posterior_group

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """Draws of a model's parameters, those of one chain after those of the other.

    Attributes
    ----------
    array : array, (rows of the draws, chains * draws)
        Coefficients, the intercept first, and then the family's auxiliary parameters.
    shape : (int, int)
        Number of chains, and of draws of each.
    coefficients : array, (coefficients, chains * draws)
    auxiliaries : dict of str to array, (chains * draws,)
        By the family's names.
    effects : tuple of array, (columns, groups, chains * draws)
        One a group-specific term.
    levels : array, (coefficients, chains * draws), or None
        The coefficients of the levels of a factor that has no columns.
    """

    array: FloatArray
    shape: tuple[int, int]
    coefficients: FloatArray
    auxiliaries: dict[str, FloatArray]
    effects: tuple[FloatArray, ...] = ()
    levels: FloatArray | None = None

    @classmethod
    def of(cls, regression: Regression, values: FloatArray, shape: tuple[int, int]) -> Draws:
        """Take an array of draws apart."""
        known = {name: np.full(values.shape[1], value) for name, value in regression.fixed.items()}
        drawn = {name: values[p.rows.item()] for name, p in regression.auxiliaries.items()}
        auxiliaries = {**known, **drawn}
        groups = regression.groups
        effects = _effects(values, groups) if groups is not None and len(values) > groups.first_effect else ()
        levels = None if regression.of_levels is None else values[regression.of_levels.rows.min() :]
        return cls(values, shape, values[: regression.n_coefficients], auxiliaries, effects, levels)

    @classmethod
    def read(cls, idata: Any, regression: Regression, with_effects: bool = True) -> Draws:
        """Read what `fit` returned, or a selection of its draws, unless asked otherwise with the effects of groups.

        Raises
        ------
        SettingError
            If the draws are of another model: by its fingerprint, or because parameters are missing or have other
            levels.
        DataTypeError
            If `idata` is no container of draws.
        """
        posterior = posterior_group(idata)
        check_same_model(posterior, regression)
        sizes = posterior.sizes
        shape = sizes["chain"], sizes["draw"]
        parameters = regression.parameters
        later = [parameter for parameter in parameters if parameter.is_drawn_later]
        were_left_out = bool(later) and not any(stored_name(parameter.name) in posterior for parameter in later)
        if were_left_out or (regression.effects and not with_effects):
            parameters = tuple(parameter for parameter in parameters if not parameter.is_drawn_later)
        if were_left_out and (with_effects or regression.by_level is not None):
            values = _values(posterior, parameters, shape[0] * shape[1])
            values = np.concatenate([values, _drawn_effects(values, regression, posterior)])
            return cls.of(regression, values, shape)
        return cls.of(regression, _values(posterior, parameters, shape[0] * shape[1]), shape)


def _effects(values: FloatArray, groups: Groups) -> tuple[FloatArray, ...]:
    """Return views of the effects of each term."""
    sizes = [len(term.columns) * groups.grouping[term.factor].n_groups for term in groups.terms]
    start, found = groups.first_effect, []
    for term, size in zip(groups.terms, sizes, strict=True):
        found.append(values[start : start + size].reshape(len(term.columns), -1, values.shape[1]))
        start += size
    return tuple(found)


def _drawn_effects(values: FloatArray, regression: Regression, posterior: Any) -> FloatArray:
    """Draw effects of groups, or levels, given the other parameters: the same ones as the fit would have."""
    groups = regression.groups
    seed = np.random.SeedSequence(int(posterior.attrs.get("random_seed", 0))).generate_state(1, np.uint64)[0]
    if groups is None:
        assert isinstance(regression.family, Gaussian)
        return np.asarray(regression.family.levelled_frame(regression, int(seed), False).draw_effects(values))
    density = regression.family.grouped_frame(regression, int(seed), False)
    if not isinstance(density, _core.FramedGroupedGaussian):  # effects that are sampled cannot be drawn afterwards
        raise SettingError("The posterior lacks the effects of groups: fit with include_group_effects=True.")
    whole = np.empty((groups.first + len(groups.is_drawn), values.shape[1]))
    is_drawn = np.concatenate([np.ones(groups.first, dtype=bool), groups.is_drawn])
    whole[is_drawn] = values
    if groups.fixed:
        whole[~is_drawn] = np.concatenate(list(groups.fixed_in_order))[:, None]
    return np.asarray(density.draw_effects(whole))


def check_same_model(posterior: Any, regression: Regression) -> None:
    """Refuse draws that say they are of another model; those without a fingerprint are judged by their names."""
    theirs = posterior.attrs.get("model_fingerprint")
    if theirs is None or theirs == fingerprint(regression):
        return
    formula, family = posterior.attrs.get("formula", "?"), posterior.attrs.get("family", "?")
    link = posterior.attrs.get("link", regression.link)
    same = formula == regression.description and family == regression.family.name and link == regression.link
    detail = (
        " Their transforms, levels or columns have learnt from other data, or parameters are fixed at other numbers, "
        "or constants of the formula are others."
        if same
        else ""
    )
    raise SettingError(
        f"idata has draws of another model: they are of {formula!r} (family {family!r}, link {link!r}), and the model "
        f"is {regression.description!r} (family {regression.family.name!r}, link {regression.link!r}).{detail} Use the "
        "model that was fitted."
    )


def _values(posterior: Any, parameters: Sequence[Parameter], n_draws: int) -> FloatArray:
    missing = [parameter.name for parameter in parameters if stored_name(parameter.name) not in posterior]
    if missing:
        raise SettingError(
            f"The posterior lacks {quote_names(missing)}, which the model has: was it fitted by another model? It has "
            f"{quote_names(posterior.data_vars)}."
        )
    values = np.empty((sum(parameter.rows.size for parameter in parameters), n_draws))
    for parameter in parameters:
        draws = _in_order(posterior[stored_name(parameter.name)], parameter)
        values[parameter.rows.ravel()] = draws.reshape(n_draws, -1).T
    return values


def _in_order(stored: Any, parameter: Parameter) -> FloatArray:
    """Return a parameter's draws, (chains, draws, ...), with its levels in the order of the model."""
    dims = [stored_name(dim) for dim in parameter.dims]
    if set(stored.dims) != {*SAMPLES, *dims}:
        raise SettingError(
            f"The posterior's {parameter.name!r} has the dimensions {quote_names(stored.dims)}, and the model expects "
            f"{quote_names([*SAMPLES, *dims])}: was it fitted by another model?"
        )
    values = stored.transpose(*SAMPLES, *dims)
    for axis, (dim, length) in enumerate(zip(parameter.dims, parameter.rows.shape, strict=True)):
        expected = parameter.coordinates.get(dim, range(length))
        found = stored.coords[dims[axis]].to_numpy() if dims[axis] in stored.coords else range(stored.sizes[dims[axis]])
        # As text, because netCDF does not keep every type.
        places = {str(level): place for place, level in enumerate(found)}
        if set(places) != {str(level) for level in expected}:
            raise SettingError(
                f"The posterior's {parameter.name!r} is about {quote_names(found)}, and the model's about "
                f"{quote_names(expected)}: was it fitted by another model?"
            )
        values = values.isel({dims[axis]: [places[str(level)] for level in expected]})
    return np.asarray(values, dtype=np.float64)
