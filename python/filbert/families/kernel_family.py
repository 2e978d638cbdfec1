"""Families whose likelihood the C++ core evaluates row by row; a family is what its own file says beyond this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats
from ..priors.prior import Prior
from .family import CoefficientScales, DefaultPrior, Family, Keys, MaximumLikelihood, Posed, no_rows

REWEIGHTED_ROWS = 30_000  # from where on a mixed model whose rows could be at hand is sampled by reweighting
DEFAULT_SCALE = 2.5  # units of the linear predictor per standard deviation of a column, as in rstanarm and bambi


class KernelFamily(Family):
    """A family that the core knows by its name.

    Default priors are bambi's: Normal(0, 2.5/sd(x)) for slopes, Normal(0, 2.5) for the intercept of the centred design,
    and HalfCauchy(1) for auxiliary parameters.
    """

    @property
    def kernel(self) -> Any:
        """What the core evaluates the rows by: its name of the family, or an object with a function of rows."""
        return self.name

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        return CoefficientScales(0.0, DEFAULT_SCALE, DEFAULT_SCALE, "0", f"{DEFAULT_SCALE:g}")

    def auxiliary_prior(self, name: str, response_sd: float) -> DefaultPrior:
        prior = Prior("HalfCauchy", beta=1)
        return DefaultPrior(prior, repr(prior))

    def frame(self, regression: Posed) -> Any:
        return _core.FramedGlm(_core.GlmPosterior(self._sums(regression), **self._priors(regression)))

    def posterior(self, regression: Posed) -> Any:
        """Return the posterior over coefficients and the logarithms of auxiliary parameters."""
        return _core.GlmPosterior(self.data(regression), **self._priors(regression))

    def _sums(self, regression: Posed) -> Any:
        """Return the rows where sums over them are all that is asked: at hand, or in passes over many."""
        from ..formula.streamed_rows import StreamedRows  # with what only streams need

        if self._is_known and isinstance(regression.rows, StreamedRows):
            from . import passes

            if passes.are_needed(regression):
                return passes.data_by_passes(regression, self.kernel)
        return self.data(regression)

    @property
    def _is_known(self) -> bool:
        """Whether the core has a kernel of it, which any process can be sent."""
        return isinstance(self.kernel, str) and type(self).data is KernelFamily.data

    def suits_reweighting(self, regression: Posed) -> bool:
        rows = regression.rows
        if not self._is_known or rows is None or self.sees_groups(regression):
            return False
        if regression.summary.n_rows < REWEIGHTED_ROWS and not rows.are_read_in_parts:
            return False
        from . import passes, reweighting  # with what only many rows need

        if passes.are_of_many(regression):
            return reweighting.may_do(regression)
        return bool(regression.summary.n_rows >= REWEIGHTED_ROWS) and reweighting.will_do(regression)

    def reweighted_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        from . import reweighting

        auxiliaries = self._auxiliary_priors(regression)
        return reweighting.framed(regression, self.kernel, auxiliaries, seed, with_effects)

    def grouped_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        groups = regression.groups
        data = self.data(regression)  # refuses a model without rows
        assert regression.rows is not None
        blocks = list(regression.rows.blocks())
        design = _core.GroupedDesign(
            groups.n_groups,
            groups.structure,
            [None if parts[0] is None else stacked_rows(parts) for parts in zip(*(b.Z for b in blocks), strict=True)],
            [np.concatenate(parts) for parts in zip(*(b.groups for b in blocks), strict=True)],
        )
        posterior = _core.GroupedGlm(data, design, **self._priors(regression), terms=groups.specs)
        return _core.FramedGroupedGlm(posterior, effects=with_effects)

    def _priors(self, regression: Posed) -> dict[str, Any]:
        return {
            "intercept": regression.has_intercept,
            "intercept_at_means": regression.intercept_at_means,
            "coefficient_priors": regression.coefficient_priors,
            "auxiliary_priors": self._auxiliary_priors(regression),
        }

    def _auxiliary_priors(self, regression: Posed) -> list[Any]:
        """Return the prior of each auxiliary parameter, or the number that it is fixed at."""
        return [
            regression.fixed[name] if name in regression.fixed else regression.auxiliary_priors[name]
            for name in self.auxiliaries
        ]

    def data(self, regression: Posed) -> Any:
        """Return the rows as the core keeps them at hand."""
        if regression.rows is None:
            raise no_rows(self.name)
        blocks = list(regression.rows.blocks())

        def column(name: str) -> Floats | None:
            parts = [getattr(block, name) for block in blocks]
            return None if parts[0] is None else np.concatenate(parts)

        X = stacked_rows([block.X for block in blocks])
        y = column("y")
        assert y is not None
        return _core.GlmData(self.kernel, regression.link, X, y, column("trials"), column("weights"), column("offset"))

    def maximum_likelihood(self, regression: Posed) -> MaximumLikelihood:
        fixed = [regression.fixed.get(name) for name in self.auxiliaries]
        top = _core.glm_maximum_likelihood(self._sums(regression), intercept=regression.has_intercept, fixed=fixed)
        top.pop("linear_predictor")
        return MaximumLikelihood(**top)

    def log_likelihood(self, link: str, block: Block, predictor: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        assert block.y is not None
        return _core.glm_log_likelihood(
            self.name, link, block.y, block.trials, predictor, self.stacked(auxiliaries, predictor.shape[1])
        )

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
        if out is not mean:
            out[...] = mean
        stacked = self.stacked(auxiliaries, mean.shape[1])
        _core.glm_response_draws(self.name, mean, block.trials, stacked, keys, seed, out, threads)

    def stacked(self, auxiliaries: Mapping[str, Floats], draws: int) -> Floats:
        """Return draws of the auxiliary parameters as the core takes them, (auxiliaries, draws)."""
        return np.array([auxiliaries[name] for name in self.auxiliaries]).reshape(len(self.auxiliaries), draws)


def stacked_rows(parts: Sequence[Floats]) -> Floats:
    """Return the columns of blocks as one column-major array."""
    return parts[0] if len(parts) == 1 else np.asfortranarray(np.concatenate(parts))
