"""Runs the sampler on a density, and keeps what there is when Ctrl-C stops it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import ConvergenceWarning, warn
from .memory import check_draws_fit
from .progress import progress
from .settings import Settings

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """What a run gave: arrays by name, `values` (variables, chains, draws) and statistics (chains, draws)."""

    sampling: dict[str, npt.NDArray[Any]]
    warmup: dict[str, npt.NDArray[Any]] | None
    seconds: float

    @property
    def chains(self) -> int:
        """Number of chains that were kept."""
        return int(self.sampling["lp"].shape[0])

    @property
    def draws(self) -> int:
        """Number of draws of each chain."""
        return int(self.sampling["lp"].shape[1])


def run(density: _core.FramedLinearGaussian, settings: Settings) -> Run:
    """Sample the posterior; Ctrl-C stops it and keeps the draws so far.

    Raises
    ------
    KeyboardInterrupt
        If it was stopped before every chain had a draw.
    SettingError
        If the draws would not fit into memory.
    """
    length = settings.draws + settings.tune * settings.keep_warmup
    asked = f"draws={settings.draws} in {settings.chains} chains"
    if settings.keep_warmup:
        asked += f" with their warm-up (tune={settings.tune})"
    check_draws_fit(asked, length * settings.chains, density.dimension)
    with progress(settings) as report:
        start = time.perf_counter()
        result = _core.sample(
            density,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=settings.cores,
            seed=settings.seed,
            target_accept=settings.target_accept,
            max_treedepth=settings.max_treedepth,
            keep_warmup=settings.keep_warmup,
            report=report,
        )
        seconds = time.perf_counter() - start
    sampling, warmup = result["sampling"], result.get("warmup")
    if min(result["iterations"]) < settings.tune + settings.draws:  # Ctrl-C came before the end
        kept = _completed_chains([iterations - settings.tune for iterations in result["iterations"]])
        if not kept:
            raise KeyboardInterrupt("stopped during the warm-up, before any chain had a draw")
        length = min(result["iterations"][chain] for chain in kept) - settings.tune
        sampling = {name: array[..., kept, :length] for name, array in sampling.items()}
        warmup = warmup and {name: array[..., kept, :] for name, array in warmup.items()}
        warn(
            f"Sampling was stopped: {len(kept)} of {settings.chains} chains are kept, with {length} of "
            f"{settings.draws} draws each.",
            ConvergenceWarning,
        )
    return Run(sampling, warmup, seconds)


def _completed_chains(draws: Sequence[int]) -> list[int]:
    """Return the chains to keep of an interrupted run: those that make chains × shortest chain largest."""
    order = sorted((chain for chain, n in enumerate(draws) if n > 0), key=lambda chain: -draws[chain])
    sizes = [(rank + 1) * draws[chain] for rank, chain in enumerate(order)]
    return sorted(order[: sizes.index(max(sizes)) + 1]) if sizes else []
