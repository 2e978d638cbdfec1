"""Predictions of the mean response, the response or a parameter, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data.tables import is_of_engine
from ..predict import rowwise
from ..predict.group_effects import checked_new_groups
from ..regression.regression import stated_by_formula
from ..sampling.settings import checked_seed
from .grids import Conditional
from .view import (
    AverageBy,
    Intervals,
    Probabilities,
    Target,
    Transforms,
    View,
    averages,
    target_transform,
    with_covariates_transformed,
)

if TYPE_CHECKING:
    import numpy as np

    from .table import EffectTable

__all__ = ["predictions"]


def predictions(
    model: Any,
    idata: Any,
    conditional: Conditional = None,
    average_by: AverageBy = None,
    target: str = "mean",
    use_hdi: bool = True,
    prob: Probabilities = 0.94,
    transforms: Transforms = None,
    sample_new_groups: bool | None = None,
    *,
    new_groups: str = "error",
    pps: bool = False,
    scale: str = "response",
    data: Any = None,
    random_seed: int | np.random.Generator | None = None,
) -> EffectTable:
    """Predict the mean response, or the response, and summarise the draws of each row.

    Rows are summarised a block at a time, so that millions need no more memory than their results.

    Parameters
    ----------
    model : Model
    idata : xarray.DataTree or arviz.InferenceData
        What ``model.fit`` returned.
    conditional : str, list of str, or dict, optional
        Columns to predict over, at most three: the first on a grid of 50 values or at its levels, the others at their
        levels, or at minimum, quartiles and maximum; a dict gives the values. Other predictors are at their mean or
        most frequent level. By default the fitted rows are predicted.
    average_by : True, "all", str or list of str, optional
        Average over rows, draw by draw: over all, or within each combination of some columns, which may be other
        columns of `data` than those of the model. Fitted rows count with their weights.
    target : str, default "mean"
        ``"mean"``: the mean response. The name of the response: the response with its noise. The name of another
        parameter, such as ``"sigma"``: that parameter.
    use_hdi : bool, default True
        The shortest interval; otherwise the one between two quantiles (``eti``).
    prob : float or list of float, default 0.94
        Probability of the interval, or of each of several.
    transforms : mapping of str to function, optional
        Functions of the response, by its name: applied to each draw; or of a covariate, applied to its column.
    sample_new_groups : bool, optional
        bambi's: True is ``new_groups="observed"``.
    new_groups : str, default "error"
        What is done about groups that no fitted row had: ``"error"``, ``"sample"``, ``"observed"`` or ``"zero"``, as in
        `Model.predict`. On a grid only grouping factors that `conditional` names have effects: the others are left out,
        which is the prediction for a group whose effects are zero.
    pps : bool, default False
        The same as the response's name for `target`.
    scale : str, default "response"
        ``"link"``: the linear predictor in place of the mean.
    data : table, optional
        New rows to predict. A frame of Dask or Spark gives one of its kind, with the columns of results behind its own:
        rows are predicted where its partitions are, when it is computed. A stream is predicted by `write_predictions`.
    random_seed : int or numpy.random.Generator, optional
        For the noise of the response. A row's numbers depend on the seed and on its label, not on the other rows.

    Returns
    -------
    pandas.DataFrame
        The covariates, then ``mean``, ``sd`` and the interval's ends, such as ``hdi_3%`` and ``hdi_97%``. Fitted and
        new rows keep their index. Its attribute ``summary`` is the same with bambi's column names.

    Raises
    ------
    SettingError, DataTypeError, DataError
        See the message for the argument, the value and the remedy.
    """
    chosen_groups = checked_new_groups(new_groups, sample_new_groups)
    if is_of_engine(data) and conditional is None and not averages(average_by):
        from .partitioned import predictions_in_partitions  # on demand, as the engines themselves

        return predictions_in_partitions(  # type: ignore[no-any-return]
            model,
            idata,
            data,
            target=target,
            use_hdi=use_hdi,
            prob=prob,
            transforms=transforms,
            new_groups=chosen_groups,
            pps=pps,
            scale=scale,
            random_seed=checked_seed(random_seed),
        )
    intervals = Intervals.of(prob, use_hdi)
    wanted = Target.of(stated_by_formula(model)[0], target, pps)
    seed = rowwise.noise_seed(random_seed)
    view = View.of(model, idata, conditional, data, scale, None, wanted, chosen_groups, seed)
    change = target_transform(view.design, wanted, transforms)
    blocks = view.blocks(view.rows, wanted, seed)
    if change is not None:
        blocks = ((where, change(draws)) for where, draws in blocks)
    table = view.summarised(blocks, None, average_by, intervals)
    return with_covariates_transformed(table, view.design, transforms)  # type: ignore[no-any-return]
