"""The posterior of a linear regression as a value, which formulas and explicit models both become; sampled here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import _core
from ..priors.prior import columns
from ..sampling import run as sampling_run
from ..sampling.problems import log_run, warn_about
from ..sampling.settings import Settings
from . import identifiability

if TYPE_CHECKING:
    import xarray as xr

    from ..results.container import Variable
    from .default_priors import ResolvedPrior


@dataclass(frozen=True)
class Regression:
    """``y ~ Normal(Xβ, sigma)`` with independent priors, after its rows have been read.

    Attributes
    ----------
    summary : SufficientStatistics
        Of the columns and the response less the offset.
    has_intercept : bool
    intercept_at_means : bool
        Whether the intercept's prior is about the mean response at the column means.
    response : str
        Its name.
    columns : tuple of str
        A label for each column, without the intercept.
    widths : dict of str to int
        The number of coefficients of each parameter, in the order of the coefficients, the intercept first.
    priors : dict of str to ResolvedPrior
        By parameter; the last is sigma's.
    description : str
        The formula, or what stands for it.
    """

    summary: _core.SufficientStatistics
    has_intercept: bool
    intercept_at_means: bool
    response: str
    columns: tuple[str, ...]
    widths: dict[str, int]
    priors: dict[str, ResolvedPrior]
    description: str

    @property
    def n_rows(self) -> int:
        """Number of rows summarised."""
        return self.summary.n_rows

    @cached_property
    def least_squares(self) -> _core.LeastSquares:
        """The classical fit."""
        return self.summary.least_squares(intercept=self.has_intercept)

    @property
    def sigma_name(self) -> str:
        """The parameter that is the residual standard deviation."""
        return list(self.priors)[-1]

    def posterior(self) -> _core.LinearGaussian:
        """Return the posterior over (β, log σ)."""
        return _core.LinearGaussian(
            self.summary,
            intercept=self.has_intercept,
            intercept_at_means=self.intercept_at_means,
            coefficient_priors=[
                spec for name, width in self.widths.items() for spec in columns(self.priors[name].prior, width)
            ],
            sigma_prior=columns(self.priors[self.sigma_name].prior, 1)[0],
        )

    def framed_posterior(self) -> _core.FramedLinearGaussian:
        """Return the posterior in its standard frame, and warn where the data do not settle the answer.

        Raises
        ------
        DataError
            If there is no posterior: a response fitted exactly, or coefficients that nothing bounds.
        PriorError
            If a prior is too narrow for doubles, or lies too far from the data.
        """
        fit = self.least_squares
        identifiability.check_residual(self)
        posterior = self.posterior()
        try:
            density = _core.FramedLinearGaussian(posterior)
        except _core.ImproperPosteriorError as error:
            raise identifiability.improper_posterior(self, str(error)) from None
        except _core.UncomputablePosteriorError as error:
            raise identifiability.uncomputable_posterior(self, error.args[1]) from None
        identifiability.warn_collinear(self)
        if not fit.dependent and fit.degrees_of_freedom > 0:
            shifts = density.prior_shifts(posterior, fit.sigma)
            identifiability.warn_overruled(self, shifts, density.prior_shares())
        return density

    def fit(
        self,
        settings: Settings,
        variables: Sequence[Variable],
        data: Mapping[str, xr.Dataset],
        attributes: Mapping[str, Any],
    ) -> Any:
        """Sample the posterior.

        Parameters
        ----------
        settings : Settings
        variables : sequence of Variable
            What the rows of the draws are called.
        data : mapping of str to Dataset
            Groups that hold data, such as ``observed_data``.
        attributes : mapping
            What the group ``posterior`` records beside the settings.

        Returns
        -------
        xarray.DataTree or arviz.InferenceData
        """
        start = time.perf_counter()
        from ..results import container as inference_data

        run = sampling_run.run(self.framed_posterior(), settings)
        warn_about(run, inference_data.parameter_labels(variables), settings)
        recorded = {
            **attributes,
            "tuning_steps": settings.tune,
            "random_seed": str(settings.random_seed),  # netCDF has no integers of any size
            "target_accept": settings.target_accept,
            "max_treedepth": settings.max_treedepth,
        }
        idata = inference_data.posterior_container(run, variables, data, recorded)
        idata["posterior"].attrs["fit_time"] = time.perf_counter() - start
        log_run(run, settings)
        return idata
