"""Families of a user's own: Python functions of rows, on a slower path than the families of the core."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _core
from ..data.blocks import Block, Floats
from ..errors import SettingError
from .family import CoefficientScales, Keys
from .gaussian import Gaussian
from .kernel_family import KernelFamily


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
        raise SettingError(f"family {self.name!r} has no quantile(), so responses cannot be drawn.")

    def coefficient_scales(self, link: str, response_mean: float, response_sd: float) -> CoefficientScales:
        if link == "identity":
            return Gaussian().coefficient_scales(link, response_mean, response_sd)
        return super().coefficient_scales(link, response_mean, response_sd)

    def variance(self, block: Block, mean: Floats, auxiliaries: Mapping[str, Floats]) -> Floats:
        raise SettingError(f"family {self.name!r} has no variance(), which R² needs.")

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
