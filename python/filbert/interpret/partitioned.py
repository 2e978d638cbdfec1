"""Predictions of frames that an engine holds in partitions, Dask's and Spark's, as frames of the same kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..data.engines import engine_stream
from ..data.streams import Part, named_origin
from ..errors import DataError, SettingError, quote_names
from ..formula.further import without_missing
from ..regression.regression import stated_by_formula
from ..results.container import container, posterior_group
from ..results.draws import Draws
from .prediction import predictions
from .view import Intervals, Target, check_free, is_on_link, target_transform

if TYPE_CHECKING:
    from .view import Probabilities, Transforms

__all__ = ["predictions_in_partitions"]


def predictions_in_partitions(
    model: Any,
    idata: Any,
    data: Any,
    *,
    target: str,
    use_hdi: bool,
    prob: Probabilities,
    transforms: Transforms,
    **options: Any,
) -> Any:
    """Return the engine's frame with the columns of results of `predictions` behind its own.

    Nothing is computed before the engine is asked for the rows; what can be checked without them is checked here.
    """
    regression, design = stated_by_formula(model)
    Draws.read(idata, regression)
    wanted = Target.of(regression, target, options["pps"])
    is_on_link(options["scale"], wanted)
    target_transform(design, wanted, transforms)
    if covariates := [name for name in transforms or {} if name in design.predictors]:
        raise SettingError(
            f"transforms has {covariates[0]!r}, a column of the frame, which is returned as it is: transform it there."
        )
    rows = engine_stream(data)
    needed = [*design.kinds, *(design.trials.columns if wanted.is_response and design.trials is not None else ())]
    if lacking := [name for name in needed if name not in rows.names]:
        raise DataError(f"The new data lack {quote_names(lacking)}, which the formula uses.")
    results = Intervals.of(prob, use_hdi).columns
    check_free(pd.DataFrame(columns=pd.Index(rows.names)), results)
    options.update(target=target, use_hdi=use_hdi, prob=prob, transforms=transforms)
    return rows.with_columns(_Predicted(regression, design, idata, results, options), results)


class _Predicted:
    """A function of some rows that engines can send to where these are: it appends the columns of results."""

    def __init__(self, regression: Any, design: Any, idata: Any, results: list[str], options: dict[str, Any]) -> None:
        names = dict.fromkeys(design.predictors)  # their summaries may be of a stream, which would come along
        self.regression = replace(
            regression,
            rows=None,
            design=replace(design, predictors=names),
            folded=regression.grouped_summary_at_hand if regression.groups else None,
        )
        self.idata = container({"posterior": posterior_group(idata)})
        self.results = results
        self.options = options

    def __call__(self, part: Part) -> pd.DataFrame:
        frame = part.frame
        with named_origin(part.origin):
            used = without_missing(self.regression.design, frame)
            if not len(used):
                return used.assign(**dict.fromkeys(self.results, pd.Series(dtype=float)))
            table = predictions(self, self.idata, data=used, **self.options)
        return used.assign(**{name: table[name].to_numpy() for name in self.results})
