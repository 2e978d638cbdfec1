"""The model: formula, data and priors in; posterior out."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

# First, while the stack is shallow: deeper, many a call within its hundreds of modules maps and unmaps 16 kB for more.
import formulaic  # noqa: F401

from . import _core, foreign
from .errors import DataTypeError, PriorError, SettingError
from .families import family_of
from .families.family import Family
from .fit import fit, warm_up
from .formula.design import Design
from .formula.reading import read
from .priors.prior import Prior
from .regression.default_priors import checked_priors
from .regression.levels import needs_columns, refused
from .regression.regression import Choices, Regression, rows_of, stated_by_formula
from .regression.statement import state, with_priors
from .sampling.settings import Settings

if TYPE_CHECKING:
    import os

    import numpy as np
    import pandas as pd

    from .storage.summaries import SufficientStatistics


class Model:
    """A Bayesian regression, specified by a formula.

    A response has a distribution of the `family`, one parameter of which is the inverse `link` of
    ``offset_i + x_i'β``: by default ``y_i ~ Normal(offset_i + x_i'β, sigma)``. Priors are independent, on each
    coefficient and on the family's auxiliary parameters. Making the model checks the data and folds its rows into a
    summary; nothing is sampled before `fit`.

    Parameters
    ----------
    formula : str
        A Wilkinson formula, such as ``"y ~ x + C(g)"``. Everything formulaic parses: transforms (``log(x)``,
        ``scale(x)``, ``poly(x, 2)``, ``bs(x, df=4)``), ``I()``, ``C()`` with contrasts and reference level,
        interactions (``*``, ``:``), ``offset(x)``, no intercept (``0 +``); and group-specific terms: ``(1 | g)``,
        ``(x | g)`` with correlated intercepts and slopes, ``(x || g)`` without correlations, ``(0 + x | g)``,
        ``(1 | g/h)`` nested, ``(1 | g:h)`` combinations that have rows. A factor may have 5000 levels, and any number
        as the main effect of a Gaussian model with normal priors, which sums its rows up level by level. Names are
        columns of `data`, functions that formulas know, and those of `extra_namespace`; variables of the caller are not
        seen.
    data : table
        One row an observation: a pandas frame; a polars frame (eager or lazy), a PyArrow table, a DuckDB relation or
        anything else that narwhals or the Arrow stream protocol reads; or a file's path, a pattern such as
        ``"sales-*.parquet"`` or a list of them (CSV, Parquet, Feather). Of all but pandas frames only the columns that
        are used are read, and levels without an order of their own are sorted. Rows that do not fit into memory are
        read in parts, and not kept: those of `filbert.stream`, of files that hold more than 256 MB, of functions that
        return an iterable of tables, and of Dask and Spark frames, which are summarised where they are.
    family : str or Family, default "gaussian"
        ``"gaussian"``, ``"bernoulli"``, ``"binomial"``, ``"poisson"``, ``"negativebinomial"``, ``"t"``, ``"gamma"``,
        ``"exponential"``, ``"lognormal"``, ``"beta"``, ``"beta_binomial"``, or an object of a class of your own that
        extends `filbert.CustomFamily`. Successes among trials are written ``p(y, n) ~ ...``; the level of a column that
        counts as success, ``y['yes'] ~ ...``.
    priors : mapping of str to Prior, optional
        Priors by term, as formulas print it, by ``"Intercept"`` and ``"sigma"``; ``"common"`` is for all slopes that
        have none of their own. Effects of groups have ``"x|g": Normal(0, sigma=HalfNormal(1))``, where sigma may be a
        number, ``"group_specific"`` for all of them, and ``"g_corr": LKJCorr(eta=2)``. What is not given gets
        a default prior, scaled by the data; ``print(model)`` shows them.
    link : str, optional
        How the linear predictor becomes the family's parent parameter; by default the family's first link.
    categorical : str or list of str, optional
        Columns to treat as factors although they hold numbers.
    dropna : bool, default False
        Leave out rows with missing values, and say how many. Otherwise missing values are an error.
    auto_scale : bool, default True
        Scale the default priors by the data. If False they are flat, and HalfNormal(1) for sigma, as bambi's are;
        other auxiliaries keep theirs.
    center_predictors : bool, default True
        Whether the prior of the intercept is about the mean response at the predictor means. If False it is about the
        response where every predictor is 0. ``posterior["Intercept"]`` is the latter in both cases.
    weights : str or array, (rows,), optional
        A row of weight w counts as w rows: its log likelihood is multiplied by w. A column's name or an array.
    offset : str or array, (rows,), optional
        Added to the linear predictor with coefficient one, as ``offset(x)`` in the formula is. A column's name or an
        array.
    extra_namespace : mapping, optional
        Further functions and values that the formula may use. They are code, which a formula of somebody else runs on
        what it likes.
    correlated : bool, default True
        Whether the effects of a group in ``(x | g)`` have correlations, as in lme4, brms and rstanarm. False gives
        bambi's reading of that text, in which they are independent.
    **other
        Arguments of bambi: ``noncentered`` changes nothing, ``potentials`` is refused.

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
        data: Any,
        family: str | Family = "gaussian",
        priors: Mapping[str, Prior] | None = None,
        link: str | Mapping[str, str] | None = None,
        categorical: str | list[str] | None = None,
        dropna: bool = False,
        auto_scale: bool = True,
        center_predictors: bool = True,
        weights: Any = None,
        offset: Any = None,
        extra_namespace: Mapping[str, Any] | None = None,
        correlated: bool = True,
        **other: Any,
    ) -> None:
        foreign.check_model_arguments(Model.__init__, other)
        chosen = family_of(family)
        chosen_link = chosen.chosen_link(link)
        choices, at_means = Choices({} if priors is None else priors, bool(auto_scale)), bool(center_predictors)
        design, rows = read(
            formula,
            data,
            categorical=categorical,
            dropna=dropna,
            weights=weights,
            offset=offset,
            extra_namespace=extra_namespace,
            is_binary=chosen.is_binary,
            correlated=bool(correlated),
            needs_columns=needs_columns(
                chosen, chosen_link.name, checked_priors(priors, chosen.parent), choices.auto_scale, at_means
            ),
        )
        self._regression = state(design, chosen, chosen_link, at_means, choices, rows)

    @classmethod
    def from_summary(
        cls,
        summary: SufficientStatistics,
        columns: Sequence[str] | None = None,
        response: str | None = None,
        has_intercept: bool | None = None,
        family: str | Family = "gaussian",
        priors: Mapping[str, Prior] | None = None,
        auto_scale: bool = True,
        center_predictors: bool = True,
        like: Model | None = None,
    ) -> Model:
        """Make a model of a summary alone, such as one that was merged from several sites.

        Its posterior is that of a model of all rows that were summarised. Its predictors are the summary's columns, so
        that new rows have a number for each of them under its name; with `like` they are the terms of another model.

        Parameters
        ----------
        summary : SufficientStatistics
            It is copied.
        columns : list of str, optional
            Names of its columns, where it has none.
        response : str, optional
            The response's name, where it has none; ``"y"`` by default. For ``family="lognormal"`` the summary is of the
            logarithms, and says so: ``"log(y)"``.
        has_intercept : bool, optional
            Whether the model has an intercept beside the columns, where the summary does not say; True by default.
        family : str or Family, default "gaussian"
            One that sees rows only through their summary: ``"gaussian"`` or ``"lognormal"``.
        priors : mapping of str to Prior, optional
            As in the constructor.
        auto_scale, center_predictors : bool, default True
            As in the constructor.
        like : Model, optional
            A model of the same columns, whose formula, levels, family and priors the new one gets; the summary takes
            the place of its own, and rows it has none. Names and coding of a named summary must be its own. `columns`,
            `response`, `has_intercept`, `family`, `auto_scale` and `center_predictors` are left out then.

        Returns
        -------
        Model
            Without rows, as one that was loaded from a file.

        Raises
        ------
        DataError
            If names are missing, do not fit, or are of other columns than those of `like`; and as the constructor.
        SettingError
            For families that need rows, and for `like` with group-specific terms.

        Examples
        --------
        >>> pooled = fb.SufficientStatistics.load("a.summary").merge(fb.SufficientStatistics.load("b.summary"))
        >>> idata = fb.Model.from_summary(pooled).fit()
        """
        from .regression import bare

        if not isinstance(summary, _core.SufficientStatistics):
            raise DataTypeError(f"summary must be a fb.SufficientStatistics, not {type(summary).__name__}.")
        labels = getattr(summary, "labels", None)
        if like is not None:
            if [columns, response, has_intercept] != [None] * 3 or family != "gaussian":
                raise SettingError("like= says all of the columns, response and family: leave these arguments out.")
            return cls._of(bare.like(summary, labels, stated_by_formula(like)[0], priors))
        chosen = family_of(family)
        choices = Choices({} if priors is None else priors, bool(auto_scale))
        named = bare.checked_labels(labels, summary.columns, columns, response, has_intercept)
        return cls._of(
            bare.from_summary(summary, named, chosen, chosen.chosen_link(None), bool(center_predictors), choices)
        )

    @classmethod
    def _of(cls, regression: Regression) -> Model:
        """Make a model of what it states, such as that in a file."""
        model = cls.__new__(cls)
        model._regression = regression
        return model

    def __getstate__(self) -> dict[str, Any]:
        for name, value in self.design.extra_namespace.items():
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
    def regression(self) -> Regression:
        """What the model states, as a value that does not change."""
        return self._regression

    @property
    def formula(self) -> str:
        """The formula, as given."""
        return self._regression.description

    @property
    def family(self) -> Family:
        """The family of the response."""
        return self._regression.family

    @property
    def design(self) -> Design:
        """The design: names, terms, levels, and blocks of rows."""
        design = self._regression.design
        assert design is not None
        return design

    @property
    def center_predictors(self) -> bool:
        """Whether the prior of the intercept is about the predictor means."""
        return self._regression.intercept_at_means

    @property
    def auto_scale(self) -> bool:
        """Whether default priors are scaled by the data."""
        return self._regression.choices.auto_scale

    @property
    def sufficient_statistics(self) -> SufficientStatistics:
        """What a Gaussian likelihood sees of the rows: a copy with the names of the columns, which can be saved."""
        from .regression.labels import labels_of
        from .storage.summaries import named

        if self._regression.by_level is not None:
            remedy = "model.save(path) keeps the sums by level, and model.update(rows) adds to them."
            raise SettingError(refused("sufficient_statistics", self._regression.by_level, remedy))
        return named(self._regression.summary, labels_of(self.design, self.family))

    @property
    def priors(self) -> dict[str, Prior]:
        """The prior of each parameter, on the scale of the data."""
        return self._regression.priors

    @property
    def given_priors(self) -> dict[str, Prior | float]:
        """The priors that were given, by the names they were given for."""
        return dict(self._regression.choices.given)

    def set_priors(
        self,
        priors: Mapping[str, Prior] | None = None,
        common: Prior | None = None,
        group_specific: Prior | None = None,
        **by_term: Prior,
    ) -> None:
        """Replace priors of a model; rows are not read again, and priors not named stay as they are.

        Parameters
        ----------
        priors : mapping of str to Prior, optional
            As in the constructor.
        common : Prior, optional
            For all slopes, in the place of what was given for them before; what the same call has for a term wins.
        group_specific : Prior, optional
            For all effects of groups, in the place of what was given for them before.
        **by_term : Prior
            As `priors`, for names that are Python names: ``sigma=``.
        """
        everywhere = {"common": common, "group_specific": group_specific}
        given: dict[str, Any] = {name: prior for name, prior in everywhere.items() if prior is not None}
        given.update(checked_priors(priors, self.family.parent))
        if twice := [name for name in by_term if name in given]:
            raise PriorError(f"set_priors has two priors for {twice[0]!r}. Keep one.")
        self._regression = with_priors(self._regression, {**given, **by_term})

    def update(self, data: Any) -> None:
        """Fold further rows in: the model becomes that of the earlier rows and these, as if it had been made of all.

        The posterior is the one of a model of all rows (to rounding), default priors are scaled by all of them, and
        `fit` follows in the usual time. The earlier rows are not read again. Draws from before are of the earlier
        posterior. A model that has its rows keeps them, with the further ones behind them; one without (from a file, or
        from a summary) stays without, and the update takes milliseconds however many rows came before.

        Parameters
        ----------
        data : table
            Has the columns of predictors, response, weights and offset, under the names that the model knows. Missing
            values are an error, unless the model was made with ``dropna=True``.

        Raises
        ------
        FormulaError
            If a term has learnt from all rows at once (``scale(x)``, ``center(x)``, ``poly(x, 2)``, ``bs(x, df=4)``),
            or if a row's value depends on other rows (``x - x.mean()``): a refit would have other columns. Splines
            whose knots and bounds are given learn nothing.
        DataError
            For levels, groups and combinations of levels that the model does not know, for weights or an offset that
            were arrays, and if the likelihood needs the earlier rows and the model has none.

        Examples
        --------
        >>> model = fb.load("monthly.filbert")
        >>> model.update(pd.read_csv("november.csv"))
        >>> model.save("monthly.filbert")
        """
        from .regression.update import updated

        self._regression = updated(self._regression, data)

    def summarise(self, data: Any) -> SufficientStatistics:
        """Return the summary of other rows in this model's columns, with the levels and transforms that it knows.

        Summaries of several sites through one saved model have the same columns whatever levels a site has rows of;
        they can be saved, merged, and made into a model by `from_summary`. The model stays as it is.

        Parameters
        ----------
        data : table
            As in `update`.

        Returns
        -------
        SufficientStatistics

        Raises
        ------
        FormulaError, DataError
            As in `update`.
        SettingError
            If the model has group-specific terms.
        """
        from .regression.labels import labels_of
        from .regression.update import summarised
        from .storage.summaries import named

        return named(summarised(self._regression, data), labels_of(self.design, self.family))

    def build(self) -> None:
        """Do nothing: a model is ready once it is made (bambi's name)."""

    def least_squares(self) -> pd.DataFrame:
        """Return the classical fit, from the same summary of the rows; of the logarithms for ``family="lognormal"``.

        Returns
        -------
        pandas.DataFrame
            A row a coefficient, columns ``estimate`` and ``standard_error``. ``attrs`` has ``sigma`` (the residual
            standard deviation), ``residual_sum_of_squares``, ``degrees_of_freedom``, ``rank`` and
            ``condition_number``, which is that within levels where a factor has no columns.

        Raises
        ------
        DataError
            If columns are exactly collinear, so that there is no unique answer.
        SettingError
            For other families and links, whose counterpart is `maximum_likelihood`.
        """
        from .results.least_squares import least_squares_table

        return least_squares_table(self._regression)

    def maximum_likelihood(self, restricted: bool | None = None) -> pd.DataFrame:
        """Return the maximum of the likelihood, priors aside: the classical fit of any family.

        Parameters
        ----------
        restricted : bool, optional
            Of Gaussian models with group-specific terms: whether deviations maximise the restricted likelihood (REML),
            as they do by default and in lme4's ``lmer``, or together with the coefficients the likelihood itself.

        Returns
        -------
        pandas.DataFrame
            A row a parameter, columns ``estimate`` and ``standard_error``: of coefficients from the expected
            information, as software for generalised linear models has it, and of auxiliary parameters from the
            observed one. ``attrs`` has ``log_likelihood``, ``aic``, ``covariance`` (coefficients and logarithms of
            auxiliaries, from the observed information; not of models with a factor whose levels are summed up one by
            one) and ``iterations``. With groups the numbers are lme4's: sigma,
            deviations and correlations have no standard error, a correlation of an effect with deviation 0 is NaN, and
            ``attrs`` has ``log_likelihood``, ``aic``, ``restricted`` and ``converged``.

        Raises
        ------
        DataError
            If the likelihood has no maximum: separated data, or columns that determine each other; the message names
            the columns. Also if the model was loaded without its rows.
        SettingError
            For other models with group-specific terms than Gaussian ones with the identity link, or if their sigma or
            a deviation is known.
        """
        from .results.maximum_likelihood import maximum_likelihood_table

        return maximum_likelihood_table(self._regression, restricted)

    def fit(
        self,
        draws: int = 1000,
        tune: int | None = None,
        chains: int | None = 4,
        cores: int | None = None,
        sampler: str = "auto",
        target_accept: float = 0.8,
        max_treedepth: int = 10,
        random_seed: int | np.random.Generator | None = None,
        discard_tuned_samples: bool = True,
        init: str = "jitter",
        progressbar: bool = True,
        include_group_effects: bool = True,
        **other: Any,
    ) -> Any:
        """Sample the posterior.

        Parameters
        ----------
        draws : int, default 1000
            Draws of each chain, after the warm-up.
        tune : int, optional
            Iterations of each chain's warm-up by NUTS: 1000 for Gaussian models, 200 for those with group-specific
            terms, and 150 for others, whose coordinates are made for their posterior.
        chains : int, default 4
        cores : int, optional
            Chains that run at the same time; all processors by default. The draws do not depend on it.
        sampler : str, default "auto"
            ``"nuts"``; or ``"independence"``: independence Metropolis, for generalised linear models with proposals
            from a skew-corrected Gaussian at the mode and a t distribution about it, for the deviations and
            correlations of gaussian models with groups with those of a t; or ``"hmc"``: trajectories of one length, for
            other families, which follow the normal exactly that their coordinates were made for (Shahbaba et al.
            2014). ``"auto"`` takes the second, and the third for other families with groups unless rows are many for
            so many effects, where a pilot says that it will do, and leaves it for NUTS where the run shows otherwise;
            which one it was, and why, is in the attributes ``sampler`` and ``sampler_note``. Where rows are many, a
            move of the second looks at a few of them, without becoming inexact; the attribute ``subsampling`` says how
            many.
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
        include_group_effects : bool, default True
            Whether the result has the effects of groups, and the coefficients of a factor whose levels are summed up
            one by one. They are drawn given the other parameters, so that those of a Gaussian model can be left out
            where they would not fit into memory; predictions draw the same ones again.
        **other
            Arguments of bambi and PyMC: ``idata_kwargs={"log_likelihood": True}`` and ``include_response_params`` add
            what they say, ``nuts={"target_accept": 0.9}`` and ``compute_convergence_checks`` do, ``inference_method``
            may have any name of NUTS, and what concerns their samplers alone changes nothing. The rest is refused.

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
        asked = foreign.sampler_arguments(Model.fit, other)
        chosen = {"target_accept": target_accept, "max_treedepth": max_treedepth, "progressbar": progressbar}
        settings = Settings.checked(
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            random_seed=random_seed,
            discard_tuned_samples=discard_tuned_samples,
            init=init,
            sampler=sampler,
            default_tune=warm_up(self._regression),
            **{**chosen, **asked.settings},
        )
        from .results.container import fitted_data

        regression = self._regression
        rows = rows_of(regression)

        def data() -> dict[str, Any]:
            return {} if rows is None else fitted_data(regression, rows)

        attributes = {"center_predictors": int(self.center_predictors)}
        idata = fit(regression, settings, data, attributes, bool(include_group_effects))
        if asked.response_parameters:
            self.predict(idata)
        if asked.log_likelihood:
            self.log_likelihood(idata)
        return idata

    def predict(
        self,
        idata: Any,
        kind: str = "response_params",
        data: Any = None,
        inplace: bool = True,
        random_seed: int | np.random.Generator | None = None,
        *,
        include_group_specific: bool = True,
        new_groups: str = "error",
        sample_new_groups: bool | None = None,
        **other: Any,
    ) -> Any:
        """Add predictions to a fit, for the fitted rows or for new ones.

        For many rows `filbert.predictions` gives means and intervals without keeping every draw.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.
        kind : str, default "response_params"
            ``"response_params"``: the parameter that the formula models, ``mu`` or ``p``. ``"response"``: also draws of
            the response itself.
        data : table, optional
            New rows, of any kind that the constructor takes, with the columns that predictors and offset use, and
            trials for draws of a response ``p(y, n)``; transforms keep what they learnt from the fitted rows. By
            default the fitted rows.
        inplace : bool, default True
            Add to `idata` and return None; if False leave it as it is and return a new container.
        random_seed : int or numpy.random.Generator, optional
            For draws of the response. A row's draws depend on the seed and on its label in the frame's index, not on
            the other rows or on their order.
        include_group_specific : bool, default True
            If False predictions are those of the coefficients alone, as for a group whose effects are zero.
        new_groups : str, default "error"
            What is done about groups that no fitted row had. ``"error"`` refuses them. ``"sample"`` draws their effects
            from the normal distribution of the groups with each draw's deviations and correlations: what is known of a
            new group. ``"observed"`` takes in each draw the effects of some fitted group, ``"zero"`` none. What is
            drawn for a group depends on the seed and on its label.
        sample_new_groups : bool, optional
            bambi's: True is ``new_groups="observed"``.

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
        foreign.check_arguments(Model.predict, other)
        from .predict.group_effects import checked_new_groups
        from .predict.posterior_predictive import predict

        chosen = checked_new_groups(new_groups, sample_new_groups)
        return predict(self._regression, idata, kind, data, inplace, random_seed, bool(include_group_specific), chosen)

    def prior_predictive(
        self,
        draws: int = 500,
        var_names: str | Sequence[str] | None = None,
        omit_offsets: bool = True,  # noqa: ARG002 (bambi's)
        random_seed: int | np.random.Generator | None = None,
        **other: Any,
    ) -> Any:
        """Draw parameters from their priors, and responses from the parameters.

        Parameters
        ----------
        draws : int, default 500
        var_names : str or list of str, optional
            What to keep of the parameters, ``mu`` and the response; all by default.
        omit_offsets : bool
            Without effect.
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
        foreign.check_arguments(Model.prior_predictive, other)
        from .predict.prior_predictive import prior_predictive
        from .predict.rowwise import fitted_rows
        from .results.container import fitted_data

        rows = fitted_rows(self._regression)
        data = fitted_data(self._regression, rows)
        return prior_predictive(
            self._regression, data, keep_mean=True, draws=draws, random_seed=random_seed, var_names=var_names
        )

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
            times. `write_log_likelihood` puts it into a file where it does not fit into memory.
        """
        from .predict.log_likelihood import log_likelihood

        return log_likelihood(self._regression, idata, inplace)

    def compute_log_likelihood(self, idata: Any, data: None = None, inplace: bool = True) -> Any:
        """Do what `log_likelihood` does, under bambi's name and with its arguments.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
        data : None
            Other rows than the fitted ones are refused.
        inplace : bool, default True

        Returns
        -------
        None or xarray.DataTree or arviz.InferenceData
        """
        if data is not None:
            raise SettingError("data= is not available: log likelihoods are of the fitted rows. Leave it out.")
        return self.log_likelihood(idata, inplace)

    def r2(self, idata: Any, summary: bool = True, group_effects: bool = True) -> Any:
        """Return the Bayesian R²: the variance of the expected responses over that and the family's mean variance.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.
        summary : bool, default True
            If False return the draws of R², an array (chains * draws,).
        group_effects : bool, default True
            Whether the effects of groups explain (the conditional R²). If False they do not, and their variance stays
            in the denominator, beside that of the responses (the marginal R²).

        Returns
        -------
        pandas.Series or array
            ``r2``, its posterior mean, and ``r2_std``, its posterior standard deviation.

        References
        ----------
        Gelman, Goodrich, Gabry and Vehtari (2019), R-squared for Bayesian regression models, The American Statistician
        73, with the modelled residual variance, which is sigma² for Gaussian responses. Nakagawa and Schielzeth (2013),
        A general and simple method for obtaining R² from generalized linear mixed-effects models, Methods in Ecology
        and Evolution 4.
        """
        from .predict.log_likelihood import r2

        return r2(self._regression, idata, summary, group_effects)

    r2_score = r2  # bambi's name

    def group_effects(self, idata: Any, prob: float | Sequence[float] = 0.94, use_hdi: bool = True) -> pd.DataFrame:
        """Return the effects of groups as a table: what each group has beside the coefficients (lme4's ``ranef``).

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned.
        prob : float or list of float, default 0.94
            Probability of the interval, or of each of several.
        use_hdi : bool, default True
            The shortest interval; otherwise the one between two quantiles (``eti``).

        Returns
        -------
        pandas.DataFrame
            A row a group and effect, columns ``factor``, ``group``, ``effect`` (``"1"`` is the intercept), ``mean``,
            ``sd`` and the interval's ends, such as ``hdi_3%`` and ``hdi_97%``.

        Raises
        ------
        SettingError
            If the model has no group-specific terms, or the draws are of another model.

        Examples
        --------
        >>> model.group_effects(idata).pivot(index="group", columns="effect", values="mean")
        """
        from .interpret.group_effects import group_effects

        return group_effects(self._regression, idata, prob, use_hdi)

    def group_coefficients(
        self, idata: Any, prob: float | Sequence[float] = 0.94, use_hdi: bool = True
    ) -> pd.DataFrame:
        """Return the coefficients of each group: the common ones plus the group's effects (lme4's ``coef``).

        Parameters
        ----------
        idata, prob, use_hdi
            As in `group_effects`.

        Returns
        -------
        pandas.DataFrame
            As from `group_effects`, with the column ``coefficient`` in place of ``effect``. An effect of which the
            model has no common term with the same columns stands as it is, under its own name.

        Raises
        ------
        SettingError
            If the model has no group-specific terms, or the draws are of another model.
        """
        from .interpret.group_effects import group_coefficients

        return group_coefficients(self._regression, idata, prob, use_hdi)

    def variance_components(
        self, idata: Any, prob: float | Sequence[float] = 0.94, use_hdi: bool = True
    ) -> pd.DataFrame:
        """Return what varies between groups and within them (lme4's ``VarCorr``), and shares of the variance.

        Parameters
        ----------
        idata, prob, use_hdi
            As in `group_effects`.

        Returns
        -------
        pandas.DataFrame
            Columns ``factor``, ``name``, ``quantity``, ``mean``, ``sd`` and the interval's ends. Quantities are each
            effect's ``"deviation"`` between groups, the ``"correlation"`` of each pair of effects, and, where only
            intercepts vary by group, each factor's ``"share of variance"``: the intraclass correlation. It is on the
            scale of the linear predictor, where the variance within groups is sigma² (gaussian), π²/3 (logit), 1
            (probit) or π²/6 (cloglog); otherwise the table says why there is none. The factor ``"Residual"`` has sigma.

        Raises
        ------
        SettingError
            If the model has no group-specific terms, or the draws are of another model.

        References
        ----------
        Nakagawa, Johnson and Schielzeth (2017), The coefficient of determination R² and intra-class correlation
        coefficient from generalized linear mixed-effects models revisited and expanded, Journal of the Royal Society
        Interface 14.
        """
        from .interpret.variance_components import variance_components

        return variance_components(self._regression, idata, prob, use_hdi)

    def loo_groups(self, idata: Any) -> Any:
        """Return log likelihoods by group, so that ``az.loo`` and ``az.compare`` leave out groups in place of rows.

        They are of each group's rows together, with its effects integrated out exactly: how well the model predicts
        groups that it has not seen. The groups are those of the outermost factor.

        Parameters
        ----------
        idata : xarray.DataTree or arviz.InferenceData
            What `fit` returned; it stays as it is.

        Returns
        -------
        xarray.DataTree or arviz.InferenceData
            A new container, whose group ``log_likelihood`` has the response's name, (chain, draw, g__factor_dim).

        Raises
        ------
        SettingError
            If the model has no group-specific terms, crossed ones, or another family or link than gaussian with the
            identity.

        References
        ----------
        Merkle, Furr and Rabe-Hesketh (2019), Bayesian comparison of latent variable models: conditional versus marginal
        likelihoods, Psychometrika 84.

        Examples
        --------
        >>> az.compare({"slopes": slopes.loo_groups(one), "intercepts": intercepts.loo_groups(other)})
        """
        from .predict.group_likelihood import loo_groups

        return loo_groups(self._regression, idata)

    def plot_priors(
        self,
        var_names: str | Sequence[str] | None = None,
        figsize: tuple[float, float] | None = None,
        ax: Any = None,
        **other: Any,
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
        foreign.check_plot_arguments(Model.plot_priors, other)
        from .plots import plot_priors

        return plot_priors(self, var_names, figsize, ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file without its rows: formula, what its terms have learnt, priors and data summary.

        `filbert.load` reads it back, in any process and on any supported Python; the model then predicts, and, where
        summaries are all that a fit needs (gaussian with the identity link, lognormal; with group-specific terms too),
        is fitted again, with other priors if need be, and updated with further rows.
        The format is plain text, and safe to load from strangers.
        The file is whole or not there: an older one of that name stays as it is until the new one is complete.

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

        save(self._regression, path)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(foreign.missing_attribute(type(self).__name__, name), name=name, obj=self)

    def __repr__(self) -> str:
        from .results.statement import statement_text

        return statement_text(self._regression)

    def _repr_html_(self) -> str:
        from .results.html import statement_html

        return statement_html(self._regression)


def load(path: str | os.PathLike[str], extra_namespace: Mapping[str, Any] | None = None, family: Any = None) -> Model:
    """Read a model that `Model.save` has written.

    It predicts new rows, and can be fitted again, with other priors if need be (`Model.set_priors`), and updated with
    further rows (`Model.update`), where summaries of the rows are enough for that (gaussian with the identity link,
    lognormal; with group-specific terms too); what needs the rows says so. Files of
    strangers are safe: nothing in them is run but expressions of columns and known functions.

    Parameters
    ----------
    path : str or path-like
    extra_namespace : mapping, optional
        The functions that the formula used from the `extra_namespace` of the saved model; they are not in the file.
    family : Family, optional
        The family object of a model that was not made with one of filbert's own; it is not in the file either.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        If the file is truncated, corrupt, too large, of another kind or of a newer version, or needs functions or a
        family that are not given.
    OSError
        If the file cannot be read.
    """
    from .storage import model_file

    return Model._of(model_file.read(path, extra_namespace, family))
