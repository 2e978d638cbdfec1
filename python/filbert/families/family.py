"""What a family states: the parameter that the formula models, those beside it, the likelihood and the noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.blocks import Block, Floats, Source
from ..errors import DataError, DataTypeError, SettingError, quote_names, suggest
from ..priors.prior import Prior
from .links import LINKS, Link

PriorSpec = tuple[str, tuple[float, ...]]
ScaleSpec = PriorSpec | float  # a prior, or the number that a deviation is known to be
Keys = NDArray[np.uint64]


class DefaultPrior(NamedTuple):
    """A prior that nobody asked for, and the rule that it follows from: ``"HalfStudentT(nu: 4, sigma: sd(y))"``."""

    prior: Prior
    rule: str


class CoefficientScales(NamedTuple):
    """What the default priors of coefficients are scaled by, in units of the linear predictor.

    Attributes
    ----------
    location : float
        Centre of the intercept's prior.
    intercept : float
        Its standard deviation.
    slope : float
        That of a slope times the standard deviation of its column.
    location_rule, scale_rule : str
        How location and slope are printed: ``"mean(y)"`` and ``"2.5 sd(y)"``.
    intercept_rule : str
        How `intercept` is printed, where that is not `scale_rule`.
    factor : float or None
        Standard deviation of the prior of a factor's column, where that does not depend on the column's.
    deviation : float or None
        Scale of the deviation between groups of a slope, times the standard deviation of its column, where that is not
        `slope`.
    """

    location: float
    intercept: float
    slope: float
    location_rule: str
    scale_rule: str
    intercept_rule: str = ""
    factor: float | None = None
    deviation: float | None = None


class MaximumLikelihood(NamedTuple):
    """The top of a likelihood.

    Attributes
    ----------
    estimate : array, (coefficients + auxiliaries,)
        Auxiliary parameters that are fixed are left out.
    covariance : array, square
        Of the coefficients and the logarithms of the auxiliary parameters, from the observed information.
    expected_covariance : array, (coefficients, coefficients)
        From the expected information.
    log_likelihood : float
    iterations : int
    """

    estimate: Floats
    covariance: Floats
    expected_covariance: Floats
    log_likelihood: float
    iterations: int


def no_rows(family: str) -> DataError:
    """Return the error of what needs the rows of a model that was loaded without them."""
    return DataError(
        f"The model was loaded from a file, which has no rows, and the likelihood of family={family!r} needs them. "
        "Make the model again from its formula and data."
    )


class Posed(Protocol):
    """A regression as its family sees it: what a density is made of."""

    @property
    def summary(self) -> Any:
        """The `SufficientStatistics` of columns and response less offset."""
        ...

    @property
    def rows(self) -> Source | None:
        """The fitted rows."""
        ...

    @property
    def link(self) -> str:
        """Name of the link."""
        ...

    @property
    def has_intercept(self) -> bool:
        """Whether the first coefficient is an intercept."""
        ...

    @property
    def intercept_at_means(self) -> bool:
        """Whether its prior is about the linear predictor at the column means."""
        ...

    @property
    def coefficient_priors(self) -> Sequence[PriorSpec]:
        """One prior a coefficient, in the order of the draws."""
        ...

    @property
    def auxiliary_priors(self) -> Mapping[str, PriorSpec]:
        """One prior an auxiliary parameter, by the family's name for it; those that are fixed have none."""
        ...

    @property
    def fixed(self) -> Mapping[str, float]:
        """The auxiliary parameters that are known, by the family's name."""
        ...

    @property
    def groups(self) -> Any:
        """The group-specific terms, a `regression.groups.Groups`; None if there are none."""
        ...

    @property
    def grouped_summary(self) -> Any:
        """The `GroupedSummary` of columns and response less offset, of a model with groups or a factor by level."""
        ...

    @property
    def sums_groups(self) -> bool:
        """Whether there are groups, or a factor by level."""
        ...

    @property
    def level_specs(self) -> Any:
        """The priors of the levels of a factor by level: means, deviations and the place of the reference."""
        ...


class Family(ABC):
    """A family of responses; `filbert.CustomFamily` is the class to extend for one of your own.

    Attributes
    ----------
    name : str
    parent : str
        The parameter of the response's distribution that the formula models, under bambi's name.
    links : tuple of str
        Links of the parent that the family accepts, the default one first.
    auxiliaries : mapping of str to str
        Names of the further parameters, which are one positive number each, with what they are.
    scales_with_response : bool
        Whether default priors are scaled by the response's spread, which there must be then.
    has_trials : bool
        Whether a response is a number of successes among trials, written ``p(y, n)``.
    limit : tuple of str
        The auxiliary parameter that has no estimate where the data scatter too little for the family, and the family
        to use then; or nothing.
    is_binary : bool
        Whether a response is 0 or 1, true or false, or one level of a column against the others.
    is_discrete : bool
        Whether responses are whole numbers of 0 or more, which containers hold as integers.
    """

    name: ClassVar[str]
    parent: ClassVar[str] = "mu"
    links: ClassVar[tuple[str, ...]] = ("identity",)
    auxiliaries: ClassVar[Mapping[str, str]] = {}
    scales_with_response: ClassVar[bool] = False
    has_trials: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False
    limit: ClassVar[tuple[str, ...]] = ()
    is_discrete: ClassVar[bool] = False

    def chosen_link(self, link: Any) -> Link:
        """Return the link that was asked for, by its name or as ``{"mu": name}``; the default one for None."""
        name = link.get(self.parent) if isinstance(link, Mapping) and set(link) == {self.parent} else link
        if name is None:
            name = self.links[0]
        if not isinstance(name, str):
            raise DataTypeError(
                f"link must be the name of a link, such as {self.links[0]!r}, or "
                f"{{{self.parent!r}: {self.links[0]!r}}}, not {link!r}."
            )
        if name not in self.links:
            raise SettingError(
                f"link={link!r} is not available for family {self.name!r}.{suggest(name, self.links)} "
                f"{'Its link is' if len(self.links) == 1 else 'Its links are'} {quote_names(self.links)}."
            )
        return LINKS[name]

    def check_response(  # noqa: B027
        self, response: str, values: Floats, trials: Floats | None, index: Any
    ) -> None:
        """Refuse values that the family cannot have, by name, row and value; by default none.

        Parameters
        ----------
        response : str
            Its name.
        values : array, (rows,)
            Finite numbers.
        trials : array, (rows,), or None
            Of a response written ``p(y, n)``.
        index : pandas.Index
            Labels of the rows.
        """

    def sees_summary(self, regression: Posed) -> bool:
        """Tell whether the likelihood sees rows only as least squares do, so that these say what the data say."""
        return False

    def sees_groups(self, regression: Posed) -> bool:
        """Tell the same of a model with group-specific terms: whether a summary by group is all that it needs."""
        return False

    def summarised(self, block: Block) -> Floats:
        """Return the response as the summary takes it, which is how a likelihood that `sees_summary` sees it."""
        return block.target

    def summarised_name(self, response: str) -> str:
        """Return what `summarised` gives, by the response's name: ``"log(y)"`` where it is the logarithm."""
        return response

    @abstractmethod
    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        """Return what default priors of coefficients are scaled by."""

    @abstractmethod
    def auxiliary_prior(self, name: str, response_sd: float) -> DefaultPrior:
        """Return the default prior of an auxiliary parameter."""

    def unscaled_auxiliary_prior(self, name: str) -> DefaultPrior:
        """Return that of ``auto_scale=False``: bambi's where it does not look at the response."""
        return self.auxiliary_prior(name, 1.0)

    @abstractmethod
    def frame(self, regression: Posed) -> Any:
        """Return the posterior in coordinates that suit NUTS: a density of `_core`, which `_core.sample` takes.

        Raises
        ------
        _core.ImproperPosteriorError, _core.UncomputablePosteriorError
            If there is no posterior, or doubles cannot hold it.
        """

    def suits_reweighting(self, regression: Posed) -> bool:
        """Tell whether a model with group-specific terms is likely to be sampled best by `reweighted_frame`."""
        return False

    def grouped_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        """Return the posterior of a model with group-specific terms in its frame.

        Parameters
        ----------
        regression : Posed
        seed : int
            Of what is drawn given the rest: coefficients and effects, where these are integrated out.
        with_effects : bool
            Whether draws hold the effects of groups.

        Raises
        ------
        SettingError
            If the family has none.
        """
        raise SettingError(
            f"family={self.name!r} has no group-specific terms such as {regression.groups.terms[0].text}. Leave them "
            "out, or use another family."
        )

    def reweighted_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        """Return that posterior as the one of a Gaussian mixed model times the ratio of likelihoods, found by passes.

        Parameters and errors are those of `grouped_frame`, which a family has that is never reweighted.
        """
        return self.grouped_frame(regression, seed, with_effects)

    @abstractmethod
    def maximum_likelihood(self, regression: Posed) -> MaximumLikelihood:
        """Return the top of the likelihood, priors aside.

        Raises
        ------
        _core.NoModeError
            If it has none.
        """

    @abstractmethod
    def log_likelihood(self, link: str, block: Block, predictor: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        """Return the log likelihood of each row at each draw, with its constants and without weights.

        Parameters
        ----------
        link : str
        block : Block
            The rows.
        predictor : array, (rows, draws)
            The linear predictor, which may be overwritten.
        auxiliaries : mapping of str to array, (draws,)

        Returns
        -------
        array, (rows, draws)
        """

    @abstractmethod
    def draw_responses(
        self,
        block: Block,
        mean: Floats,
        auxiliaries: Mapping[str, Floats],
        keys: Keys,
        seed: int,
        out: Floats,
        threads: int,
    ) -> None:
        """Draw responses, whose noise in draw k of a row depends on `seed`, the row's key and k alone.

        Parameters
        ----------
        block : Block
            The rows, whose responses may be missing.
        mean : array, (rows, draws)
            The parent parameter.
        auxiliaries : mapping of str to array, (draws,)
        keys : uint64 array, (rows,)
        seed : int
        out : array, (rows, draws)
            Filled; may be `mean`.
        threads : int
        """

    @property
    def parent_is_mean(self) -> bool:
        """Whether the parent parameter is the expected response, of one trial where there are trials."""
        return type(self).expectation is Family.expectation

    def expectation(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        """Return the expected response, (rows, draws): the parent parameter, of all trials."""
        return mean if block.trials is None else block.trials[:, None] * mean

    @abstractmethod
    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        """Return the variance of the response about its mean, (rows, draws) or (draws,), for R²."""
