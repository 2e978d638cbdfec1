"""Families of a user's own: Python functions of rows, on a slower path than the families of the core."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats
from ..errors import SettingError
from .family import CoefficientScales, Family, Keys, Posed
from .gaussian import Gaussian
from .kernel_family import KernelFamily

# A derivative is compared with differences of this relative width in so many rows, and may be off in a few: at kinks.
CHECKED_ROWS = 100
DIFFERENCE = 1e-5
TOLERANCE = 1e-3
MAX_WRONG = 0.1


class CustomFamily(KernelFamily):
    """A family of your own: extend it, and pass an object of your class as ``family=``.

    Say at least ``name`` and `row_log_likelihood`; ``parent``, ``links`` (of which the first is the default), and
    ``auxiliaries`` (names of positive parameters, with what they are) are as in `Family`. Responses can be drawn where
    there is a `quantile`, and R² be computed where there is a `variance`.

    Examples
    --------
    >>> class KnownSigma(fb.CustomFamily):
    ...     name = "known sigma"
    ...
    ...     def row_log_likelihood(self, y, predictor, auxiliaries):
    ...         residual = y - predictor
    ...         return -0.5 * residual**2 - 0.5 * np.log(2 * np.pi), residual
    >>> fb.Model("y ~ x", data, family=KnownSigma()).fit()
    """

    @property
    def kernel(self) -> Any:
        return _Rows(self)

    @abstractmethod
    def row_log_likelihood(self, y: Floats, predictor: Floats, auxiliaries: Mapping[str, Any]) -> tuple[Floats, Floats]:
        """Return the log likelihood of each row, and its derivative in the linear predictor.

        Parameters
        ----------
        y : array, (rows,) or (rows, 1)
        predictor : array, (rows,) or (rows, draws)
            What comes before the inverse link.
        auxiliaries : mapping of str to float or array, (draws,)

        Returns
        -------
        value, slope : array of the predictor's shape
        """

    def frame(self, regression: Posed) -> Any:
        framed = super().frame(regression)
        self._check_slopes(regression, framed.mode()["estimate"])
        return framed

    def grouped_frame(self, regression: Posed, seed: int, with_effects: bool) -> Any:
        return Family.grouped_frame(self, regression, seed, with_effects)  # the working weights need second derivatives

    def _check_slopes(self, regression: Posed, mode: Floats) -> None:
        """Refuse a derivative that is not that of the values, by differences at the mode."""
        assert regression.rows is not None
        block = next(iter(regression.rows.blocks()))[:CHECKED_ROWS]
        assert block.y is not None
        free = [name for name in self.auxiliaries if name not in regression.fixed]
        n = len(mode) - len(free)
        auxiliaries = {**regression.fixed, **dict(zip(free, mode[n:], strict=True))}
        eta = block.X @ mode[n - block.X.shape[1] : n] + (mode[0] if regression.has_intercept else 0.0)
        eta += 0.0 if block.offset is None else block.offset
        step = DIFFERENCE * np.maximum(1.0, np.abs(eta))
        _, slope = self.row_log_likelihood(block.y, eta, auxiliaries)
        below, _ = self.row_log_likelihood(block.y, eta - step, auxiliaries)
        above, _ = self.row_log_likelihood(block.y, eta + step, auxiliaries)
        difference = (above - below) / (2 * step)
        wrong = np.abs(slope - difference) > TOLERANCE * (1 + np.abs(difference))
        if np.mean(wrong) > MAX_WRONG:
            row = int(np.flatnonzero(wrong)[0])
            raise SettingError(
                f"row_log_likelihood of family {self.name!r} returns a derivative that its values do not have: for "
                f"y = {block.y[row]:.4g} and a predictor of {eta[row]:.4g} it is {slope[row]:.4g}, and differences of "
                f"the values say {difference[row]:.4g}. It must be that in the linear predictor, after the inverse "
                "link."
            )

    def quantile(self, uniform: Floats, mean: Floats, auxiliaries: Mapping[str, Any]) -> Floats:
        """Return the quantiles of the response's distribution, from which responses are drawn.

        Parameters
        ----------
        uniform : array, (rows, draws)
            Probabilities.
        mean : array, (rows, draws)
            The parent parameter.
        auxiliaries : mapping of str to array, (draws,)
        """
        raise SettingError(
            f"family {self.name!r} has no quantile(), so responses cannot be drawn. Give its class the method "
            "quantile(self, uniform, mean, auxiliaries), which returns the responses below which these probabilities "
            "lie, such as mean + auxiliaries['sigma'] * scipy.special.ndtri(uniform). fit(), log likelihoods and "
            f"predictions of {self.parent!r} do without."
        )

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        if link == "identity":
            return Gaussian().coefficient_scales(link, response_mean, response_sd)
        return super().coefficient_scales(link, response_mean, response_sd)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        raise SettingError(
            f"family {self.name!r} has no variance(), which R² needs. Give its class the method "
            "variance(self, block, mean, auxiliaries), which returns the response's variance in the shape of mean."
        )

    def log_likelihood(self, link: str, block: Block, predictor: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        assert block.y is not None
        value, _ = self.row_log_likelihood(block.y[:, None], predictor, auxiliaries)
        return np.broadcast_to(value, predictor.shape).copy()

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
        uniform = np.empty(mean.shape)
        _core.uniform_draws(keys, seed, uniform, threads)
        out[...] = self.quantile(uniform, mean, auxiliaries)


class _Rows:
    """A family's function of rows as the core calls it."""

    def __init__(self, family: CustomFamily) -> None:
        self._family = family
        self.auxiliaries: Sequence[str] = list(family.auxiliaries)

    def log_likelihood(
        self, eta: Floats, y: Floats, trials: Floats | None, auxiliaries: Mapping[str, float]
    ) -> tuple[Floats, Floats]:
        value, slope = self._family.row_log_likelihood(y, eta, auxiliaries)
        return np.broadcast_to(value, eta.shape).copy(), np.broadcast_to(slope, eta.shape).copy()
