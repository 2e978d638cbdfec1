"""The model: formula, data and priors in; posterior out."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import DataTypeError, FormulaError, SettingError
from .formula.design import Design
from .priors.prior import Prior
from .regression import identifiability
from .regression.default_priors import ResolvedPrior, default_priors, resolve_priors
from .regression.regression import Regression
from .sampling.settings import Settings

if TYPE_CHECKING:
    import os

    import numpy as np
    import pandas as pd

FAMILIES = ("gaussian",)


class Model:
    """A Bayesian linear regression, specified by a formula.

    ``y_i ~ Normal(offset_i + x_i'β, sigma)``, with independent priors on each coefficient and on sigma. Making the
    model checks the data and folds its rows into a summary; nothing is sampled before `fit`.

    Parameters
    ----------
    formula : str
        A Wilkinson formula, such as ``"y ~ x + C(g)"``. Everything formulaic parses: transforms (``log(x)``,
        ``scale(x)``, ``poly(x, 2)``, ``bs(x, df=4)``), ``I()``, ``C()`` with contrasts and reference level,
        interactions (``*``, ``:``), ``offset(x)``, no intercept (``0 +``). Names are columns of `data`, functions that
        formulas know, and those of `extra_namespace`; variables of the caller are not seen.
    data : pandas.DataFrame
        One row an observation.
    family : str, default "gaussian"
        Only ``"gaussian"`` so far.
    priors : mapping of str to Prior, optional
        Priors by term, as formulas print it, by ``"Intercept"`` and ``"sigma"``; ``"common"`` is for all slopes. What
        is not given gets a default prior, scaled by the data; ``print(model)`` shows them.
    link : str, optional
        Only ``"identity"``.
    categorical : str or list of str, optional
        Columns to treat as factors although they hold numbers.
    dropna : bool, default False
        Leave out rows with missing values, and say how many. Otherwise missing values are an error.
    auto_scale : bool, default True
        Scale the default priors by the data. If False they are Normal(0, 1), and HalfNormal(1) for sigma.
    center_predictors : bool, default True
        Whether the prior of the intercept is about the mean response at the predictor means. If False it is about the
        response where every predictor is 0. ``posterior["Intercept"]`` is the latter in both cases.
    weights : str or array, (rows,), optional
        A row of weight w counts as w rows: its log likelihood is multiplied by w. A column's name or an array.
    offset : str or array, (rows,), optional
        Added to the mean with coefficient one. A column's name or an array.
    extra_namespace : mapping, optional
        Further functions and values that the formula may use.

    Raises
    ------
    FormulaError, DataError, PriorError, SettingError
        Subclasses of ``ValueError``: what is wrong, where, and what to do.
    DataTypeError
        A subclass of ``TypeError``: a column or an argument of the wrong kind.

    Examples
    --------
    >>> import filbert as fb
    >>> model = fb.Model("kid_score ~ mom_iq + mom_hs", data, priors={"mom_iq": fb.Normal(0, 2)})
    >>> idata = model.fit(random_seed=1)
    """

    def __init__(
        self,
        formula: str,
        data: pd.DataFrame,
        family: str = "gaussian",
        priors: Mapping[str, Prior] | None = None,
        link: str | Mapping[str, str] | None = None,
        categorical: str | list[str] | None = None,
        dropna: bool = False,
        auto_scale: bool = True,
        center_predictors: bool = True,
        weights: Any = None,
        offset: Any = None,
        extra_namespace: Mapping[str, Any] | None = None,
    ) -> None:
        _check_family(family, link)
        design = Design.read(
            formula,
            data,
            categorical=categorical,
            dropna=dropna,
            weights=weights,
            offset=offset,
            extra_namespace=extra_namespace,
        )
        self._assemble(design, _summarised(design), bool(center_predictors), bool(auto_scale), priors)

    @classmethod
    def assembled(
        cls,
        design: Design,
        summary: _core.SufficientStatistics,
        center_predictors: bool,
        auto_scale: bool,
        priors: Mapping[str, Prior],
    ) -> Model:
        """Make a model from its parts, such as those in a file."""
        model = cls.__new__(cls)
        model._assemble(design, summary, center_predictors, auto_scale, priors)
        return model

    def _assemble(
        self,
        design: Design,
        summary: _core.SufficientStatistics,
        center_predictors: bool,
        auto_scale: bool,
        priors: Mapping[str, Prior] | None,
    ) -> None:
        self._design = design
        self._summary = summary
        self.center_predictors = center_predictors
        self.auto_scale = auto_scale
        self._default_priors = self._scaled_defaults()
        self._given_priors: dict[str, Prior] = {}
        self._priors = self._default_priors
        self.set_priors(priors)

    def __getstate__(self) -> dict[str, Any]:
        for name, value in self._design.extra_namespace.items():
            try:
                pickle.dumps(value)
            except Exception as error:
                raise SettingError(
                    f"The model cannot be pickled because of extra_namespace[{name!r}] ({error}). Define it with def "
                    "in a module, or use model.save(path), which leaves such functions out."
                ) from None
        return self.__dict__.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        copied = type(self).__new__(type(self))
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    @property
    def formula(self) -> str:
        """The formula, as given."""
        return self._design.formula

    @property
    def design(self) -> Design:
        """The design: names, terms, levels, and blocks of rows."""
        return self._design

    @property
    def sufficient_statistics(self) -> _core.SufficientStatistics:
        """What the likelihood sees of the rows."""
        return self._summary

    @property
    def regression(self) -> Regression:
        """The posterior that formula, data and priors state."""
        design = self._design
        widths = {"Intercept": 1} if design.has_intercept else {}
        widths.update({term.name: len(term.columns) for term in design.terms})
        return Regression(
            summary=self._summary,
            has_intercept=design.has_intercept,
            intercept_at_means=self.center_predictors,
            response=design.response,
            columns=design.columns,
            widths=widths,
            priors=self._priors,
            description=design.formula,
        )

    @property
    def priors(self) -> dict[str, Prior]:
        """The prior of each parameter, on the scale of the data."""
        return {name: resolved.prior for name, resolved in self._priors.items()}

    @property
    def given_priors(self) -> dict[str, Prior]:
        """The priors that were given, by the names they were given for."""
        return dict(self._given_priors)

    def set_priors(self, priors: Mapping[str, Prior] | None = None, **by_term: Prior) -> None:
        """Replace priors of a model; rows are not read again, and priors not named stay as they are.

        Parameters
        ----------
        priors : mapping of str to Prior, optional
            As in the constructor.
        **by_term : Prior
            The same for names that are Python names: ``sigma=``, ``common=``.
        """
        if priors is not None and not isinstance(priors, Mapping):
            raise DataTypeError(f"priors must be a dict such as {{'x': fb.Normal(0, 1)}}, not {type(priors).__name__}.")
        given = {**self._given_priors, **(priors or {}), **by_term}
        self._priors = resolve_priors(given, self._default_priors, self._design.terms)
        self._given_priors = given

    def least_squares(self) -> pd.DataFrame:
        """Return the classical fit, from the same summary of the rows.

        Returns
        -------
        pandas.DataFrame
            A row a coefficient, columns ``estimate`` and ``standard_error``. ``attrs`` has ``sigma`` (the residual
            standard deviation), ``residual_sum_of_squares``, ``degrees_of_freedom``, ``rank`` and ``condition_number``.

        Raises
        ------
        DataError
            If columns are exactly collinear, so that there is no unique answer.
        """
        import pandas as pd

        regression = self.regression
        fit = regression.least_squares
        if fit.dependent:
            raise identifiability.no_unique_fit(regression)
        names = ["Intercept"] * self._design.has_intercept + list(self._design.columns)
        table = pd.DataFrame({"estimate": fit.estimate, "standard_error": fit.standard_error}, index=names)
        table.attrs = {
            name: getattr(fit, name)
            for name in ("sigma", "residual_sum_of_squares", "degrees_of_freedom", "rank", "condition_number")
        }
        return table

    def fit(
        self,
        draws: int = 1000,
        tune: int = 1000,
        chains: int | None = 4,
        cores: int | None = None,
        target_accept: float = 0.8,
        max_treedepth: int = 10,
        random_seed: int | np.random.Generator | None = None,
        discard_tuned_samples: bool = True,
        init: str = "jitter",
        progressbar: bool = True,
    ) -> Any:
        """Sample the posterior by NUTS.

        Parameters
        ----------
        draws : int, default 1000
            Draws of each chain, after the warm-up.
        tune : int, default 1000
            Iterations of each chain's warm-up.
        chains : int, default 4
        cores : int, optional
            Chains that run at the same time; all processors by default. The draws do not depend on it.
        target_accept : float, default 0.8
            Acceptance rate that the step size is tuned to.
        max_treedepth : int, default 10
            A trajectory has at most 2**max_treedepth points.
        random_seed : int or numpy.random.Generator, optional
            The same seed gives the same draws. Fresh entropy by default; the seed used is kept in the attributes.
        discard_tuned_samples : bool, default True
            If False the warm-up is kept in the groups ``warmup_posterior`` and ``warmup_sample_stats``.
        init : str, default "jitter"
            Each chain starts at a random point around the mode. ``"auto"`` means the same.
        progressbar : bool, default True
            Show progress if sampling takes over half a second.

        Returns
        -------
        xarray.DataTree or arviz.InferenceData
            What ArviZ of this Python reads: a DataTree with ArviZ 1 (Python 3.12 and later), else an InferenceData.
            Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``. DataTree and netCDF cannot
            hold names with "/": the term ``I(x / 2)`` is the variable ``"I(x ÷ 2)"``.

        Warns
        -----
        ConvergenceWarning
            Divergences, maximum tree depth, R-hat, effective sample size, E-BFMI, or a run that Ctrl-C stopped.
        DataWarning
            Collinear columns, and default priors that overrule the data.
        """
        settings = Settings.checked(
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            target_accept=target_accept,
            max_treedepth=max_treedepth,
            random_seed=random_seed,
            discard_tuned_samples=discard_tuned_samples,
            init=init,
            progressbar=progressbar,
        )
        from .results import container as inference_data

        design = self._design
        attributes = {
            "formula": self.formula,
            "family": "gaussian",
            "center_predictors": int(self.center_predictors),
        }
        data = {} if design.rows is None else inference_data.design_data(design, design.rows)
        return self.regression.fit(settings, inference_data.design_variables(design), data, attributes)

    def predict(
        self,
        idata: Any,
        kind: str = "response_params",
        data: pd.DataFrame | None = None,
        inplace: bool = True,
        random_seed: int | np.random.Generator | None = None,
    ) -> Any:
        """Add predictions to a fit, for the fitted rows or for new ones.

        For many rows `filbert.predictions` gives means and intervals without keeping every draw.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.
        kind : str, default "response_params"
            ``"response_params"``: the mean response ``mu``. ``"response"``: also draws of the response itself.
        data : pandas.DataFrame, optional
            New rows, with the columns that predictors and offset use; transforms keep what they learnt from the
            fitted rows. By default the fitted rows.
        inplace : bool, default True
            Add to `idata` and return None; if False leave it as it is and return a new container.
        random_seed : int or numpy.random.Generator, optional
            For draws of the response. A row's draws depend on the seed and on its label in the frame's index, not on
            the other rows or on their order.

        Returns
        -------
        None or xarray.DataTree or arviz.InferenceData
            For the fitted rows ``mu`` (chain, draw, __obs__) goes to the group ``posterior`` and the response to
            ``posterior_predictive``; for new ones both go to ``predictions``, and their columns to
            ``predictions_constant_data``.

        Raises
        ------
        DataError, DataTypeError, FormulaError
            Missing columns, unseen levels, missing values (left out if the model was made with ``dropna=True``).
        SettingError
            An unknown `kind`, or draws of another model.
        """
        from .predict.posterior_predictive import predict

        return predict(self, idata, kind, data, inplace, random_seed)

    def prior_predictive(self, draws: int = 500, random_seed: int | np.random.Generator | None = None) -> Any:
        """Draw parameters from their priors, and responses from the parameters.

        Parameters
        ----------
        draws : int, default 500
        random_seed : int or numpy.random.Generator, optional

        Returns
        -------
        xarray.DataTree or arviz.InferenceData
            Groups ``prior`` (one chain; the parameters and ``mu``), ``prior_predictive`` and ``observed_data``.

        Raises
        ------
        PriorError
            If a prior is improper (Flat, HalfFlat), so that nothing can be drawn from it.
        """
        from .predict.prior_predictive import prior_predictive

        return prior_predictive(self, draws, random_seed)

    def log_likelihood(self, idata: Any, inplace: bool = True) -> Any:
        """Add the log likelihood of each fitted row at each draw, which ``az.loo`` and ``az.compare`` need.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.
        inplace : bool, default True
            Add to `idata` and return None; if False return a new container.

        Returns
        -------
        None or xarray.DataTree or arviz.InferenceData
            The group ``log_likelihood`` has the response's name, (chain, draw, __obs__); a row of weight w counts w
            times.
        """
        from .predict.log_likelihood import log_likelihood

        return log_likelihood(self, idata, inplace)

    compute_log_likelihood = log_likelihood  # bambi's name

    def r2(self, idata: Any) -> pd.Series[float]:
        """Return the Bayesian R².

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.

        Returns
        -------
        pandas.Series
            ``r2``, its posterior mean, and ``r2_std``, its posterior standard deviation.

        References
        ----------
        Gelman, Goodrich, Gabry and Vehtari (2019), R-squared for Bayesian regression models, The American Statistician
        73, with the modelled residual variance sigma².
        """
        from .predict.log_likelihood import r2

        return r2(self, idata)

    r2_score = r2  # bambi's name

    def plot_priors(
        self, var_names: str | Sequence[str] | None = None, figsize: tuple[float, float] | None = None, ax: Any = None
    ) -> Any:
        """Draw the density of each prior, on the scale of the data.

        Parameters
        ----------
        var_names : str or list of str, optional
            Parameters to draw; all by default.
        figsize : (float, float), optional
            Width and height in inches.
        ax : array of matplotlib.axes.Axes, (parameters,), optional

        Returns
        -------
        array of matplotlib.axes.Axes, (parameters,)
        """
        from .plots import plot_priors

        return plot_priors(self, var_names, figsize, ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file without its rows: formula, what its terms have learnt, priors and data summary.

        `filbert.load` reads it back, in any process and on any supported Python; the model then predicts, and is
        fitted again, with other priors if need be. The format is plain text, and safe to load from strangers.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        ModelFileError
            If something of the model cannot be stored.
        OSError
            If the file cannot be written.
        """
        from .storage.model_file import save

        save(self, path)

    def __repr__(self) -> str:
        lines = [
            f"       Formula: {self.formula}",
            "        Family: gaussian",
            "          Link: mu = identity",
            f"  Observations: {self._design.n_rows}",
            "        Priors:",
            "    target = mu",
            "        Common-level effects",
        ]
        for name, resolved in self._priors.items():
            if name == "sigma":
                lines.append("        Auxiliary parameters")
            scaled = f"    <- {resolved.rule}" if resolved.is_default and resolved.rule != repr(resolved.prior) else ""
            lines.append(f"            {name} ~ {resolved.prior}{scaled}")
        if self._design.has_intercept and self._design.columns:
            meaning = (
                "the mean response at the predictor means"
                if self.center_predictors
                else "the mean response where every predictor is 0"
            )
            lines.append(f"------\n* The prior of Intercept is about {meaning}.")
        for factor, level in self._design.baseline.items():
            lines.append(f"* The reference level of {factor} is {level}.")
        return "\n".join(lines)

    def _scaled_defaults(self) -> dict[str, ResolvedPrior]:
        design, mean, sd = self._design, self._summary.mean, self._summary.sd
        columns_by_term: dict[str, slice] = {}
        stop = 0
        for term in design.terms:
            start, stop = stop, stop + len(term.columns)
            columns_by_term[term.name] = slice(start, stop)
        return default_priors(
            columns_by_term,
            mean[:-1],
            sd[:-1],
            float(mean[-1]),
            float(sd[-1]),
            design.has_intercept,
            self.center_predictors,
            self.auto_scale,
        )


def _summarised(design: Design) -> _core.SufficientStatistics:
    """Fold the rows into what the likelihood sees of them."""
    if not design.columns and not design.has_intercept:
        raise FormulaError(f"Formula {design.formula!r} has no predictors and no intercept: write '~ 1' for a mean.")
    assert design.rows is not None
    summary = _core.SufficientStatistics(len(design.columns))
    for block in design.rows.blocks():
        summary.update(block.X, block.target, block.weights)
    identifiability.check_response(design.response, summary)
    identifiability.check_columns(design.columns, summary, design.has_intercept)
    return summary


def _check_family(family: Any, link: Any) -> None:
    if not isinstance(family, str):
        raise DataTypeError(f"family must be a str, not {family!r} ({type(family).__name__}).")
    if family not in FAMILIES:
        available = ", ".join(repr(name) for name in FAMILIES)
        raise SettingError(f"family={family!r} is not available. The families are {available}.")
    chosen = link.get("mu") if isinstance(link, Mapping) and set(link) == {"mu"} else link
    if chosen not in (None, "identity"):
        raise SettingError(f"link={link!r} is not available for family 'gaussian'. Its link is 'identity'.")
