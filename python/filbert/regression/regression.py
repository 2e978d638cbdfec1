"""What any model states, by a formula or written out, as one frozen value, which all rooms below take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _core
from ..data.blocks import Source
from ..errors import DataTypeError
from ..families.family import Family, PriorSpec, no_rows
from ..families.links import LINKS, Link
from ..formula.design import Design
from ..formula.levels import ByLevel
from ..formula.rows import Rows
from ..priors.prior import Prior
from .levels import LevelSquares, empty_summary, fold_block, specs
from .parameters import Parameter, Role, in_row_order

if TYPE_CHECKING:
    from .groups import Groups


class Choices(NamedTuple):
    """What a user chose about priors, from which those of the parameters follow.

    Attributes
    ----------
    given : mapping of str to Prior, or to the number that fixes an auxiliary parameter
        By the names they were given for: terms, auxiliaries, ``"Intercept"``, ``"common"``.
    auto_scale : bool
        Whether default priors are scaled by the data.
    """

    given: Mapping[str, Prior | float] = {}
    auto_scale: bool = True


@dataclass(frozen=True, eq=False)
class Regression:
    """A response whose distribution has one parameter that is a function of columns times coefficients.

    Attributes
    ----------
    description : str
        The formula, or what stands for it.
    response : str
        Its name.
    family : Family
    link : str
        Name of the link between the family's parent parameter and the linear predictor.
    columns : tuple of str
        A label for each column, without the intercept.
    has_intercept : bool
    intercept_at_means : bool
        Whether the intercept's prior is about the linear predictor at the column means.
    parameters : tuple of Parameter
        In the order in which results have them.
    summary : SufficientStatistics
        Of the columns and the response less the offset.
    rows : Source or None
        The fitted rows; None in a model that was loaded from a file.
    design : Design or None
        What the formula's terms have learnt; None of a model that was written out.
    choices : Choices
    fixed : mapping of str to float
        The auxiliary parameters that are known, by the family's names.
    groups : Groups or None
        The group-specific terms.
    folded : GroupedSummary or None
        What a Gaussian likelihood sees of the rows of each group, or level, where it is known without reading them.
    """

    description: str
    response: str
    family: Family
    link: str
    columns: tuple[str, ...]
    has_intercept: bool
    intercept_at_means: bool
    parameters: tuple[Parameter, ...]
    summary: _core.SufficientStatistics
    rows: Source | None = None
    design: Design | None = None
    choices: Choices = field(default_factory=Choices)
    fixed: Mapping[str, float] = field(default_factory=dict)
    groups: Groups | None = None
    folded: _core.GroupedSummary | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Without what was computed from the fields, which the core's objects among it would not allow.
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def n_rows(self) -> int:
        """Number of rows summarised."""
        return self.summary.n_rows

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients, the intercept among them."""
        return len(self.columns) + self.has_intercept

    @property
    def link_function(self) -> Link:
        """The link itself."""
        return LINKS[self.link]

    @cached_property
    def coefficients(self) -> list[Parameter]:
        """The parameters that are coefficients, in their order."""
        return self._with_role(Role.COEFFICIENT)

    @cached_property
    def auxiliaries(self) -> dict[str, Parameter]:
        """The family's auxiliary parameters, by its names for them."""
        return {
            parameter.auxiliary: parameter
            for parameter in self._with_role(Role.AUXILIARY)
            if parameter.auxiliary is not None
        }

    @cached_property
    def coefficient_names(self) -> list[str]:
        """The name of the parameter that each coefficient belongs to."""
        return [parameter.name for parameter in self.coefficients for _ in range(parameter.rows.size)]

    @property
    def priors(self) -> dict[str, Prior]:
        """The prior of each parameter, on the scale of the data."""
        return {parameter.name: parameter.prior for parameter in self.parameters}

    @property
    def coefficient_priors(self) -> list[PriorSpec]:
        """One prior a coefficient, as the C++ core takes them."""
        return [spec for parameter in self.coefficients for spec in parameter.specs]

    @property
    def auxiliary_priors(self) -> dict[str, PriorSpec]:
        """One prior an auxiliary parameter, by the family's name for it."""
        return {name: parameter.specs[0] for name, parameter in self.auxiliaries.items()}

    @cached_property
    def effects(self) -> list[Parameter]:
        """The parameters that are effects of groups, in the order of the draws."""
        return self._with_role(Role.EFFECT)

    @property
    def by_level(self) -> ByLevel | None:
        """The term that is kept as the level of each row."""
        return None if self.design is None else self.design.by_level

    @property
    def has_predictors(self) -> bool:
        """Whether there are coefficients beside an intercept."""
        return bool(self.columns) or self.by_level is not None

    @property
    def sums_groups(self) -> bool:
        """Whether there are groups, or a factor by level."""
        return self.groups is not None or self.by_level is not None

    @property
    def level_specs(self) -> tuple[Any, Any, int]:
        """The priors of its levels, as the C++ core takes them."""
        return specs(self)

    @cached_property
    def of_levels(self) -> Parameter | None:
        """The parameter that has the coefficients of its levels."""
        return next(iter(self._with_role(Role.LEVEL)), None)

    def _with_role(self, role: Role) -> list[Parameter]:
        return in_row_order(parameter for parameter in self.parameters if parameter.role is role)

    @cached_property
    def grouped_summary(self) -> _core.GroupedSummary:
        """What a Gaussian likelihood sees of the rows where there are groups, or a factor by level.

        Raises
        ------
        DataError
            If the model was loaded from a file that does not have it.
        """
        if self.folded is not None:
            return self.folded
        if self.rows is None:
            raise no_rows(self.family.name)
        return fold_groups(self, self.rows)

    @property
    def grouped_summary_at_hand(self) -> _core.GroupedSummary | None:
        """The same where no rows need be read for it, else None."""
        found: _core.GroupedSummary | None = self.__dict__.get("grouped_summary", self.folded)
        return found

    @cached_property
    def least_squares(self) -> _core.LeastSquares | LevelSquares:
        """The classical fit of the columns to the response."""
        if self.by_level is not None:
            return LevelSquares(self)
        return self.summary.least_squares(intercept=self.has_intercept)


def fold_groups(regression: Regression, rows: Source) -> _core.GroupedSummary:
    """Return the summary by group of some rows."""
    if regression.by_level is not None and regression.design is not None:
        levels = empty_summary(regression.design)
        for block in rows.blocks():
            fold_block(levels, block, regression.family.summarised(block))
        return levels
    assert regression.groups is not None
    summary = _core.GroupedSummary(len(regression.columns), regression.groups.n_groups, regression.groups.structure)
    for block in rows.blocks():
        summary.update(block.X, regression.family.summarised(block), list(block.Z), list(block.groups), block.weights)
    return summary


def rows_of(regression: Regression) -> Rows | None:
    """Return the fitted rows of a formula, None of a model without them."""
    return regression.rows if isinstance(regression.rows, Rows) else None


def stated(model: Any) -> Regression:
    """Return what a model states, or refuse what is no model."""
    regression = getattr(model, "regression", None)
    if not isinstance(regression, Regression):
        raise DataTypeError(f"model must be a model of filbert, not {type(model).__module__}.{type(model).__name__}.")
    return regression


def stated_by_formula(model: Any) -> tuple[Regression, Design]:
    """Return what a model of a formula states, with its design, or refuse other models."""
    regression = getattr(model, "regression", None)
    if not isinstance(regression, Regression) or regression.design is None:
        raise DataTypeError(
            f"model must be a filbert.Model, which has a formula, not {type(model).__module__}.{type(model).__name__}."
        )
    return regression, regression.design
