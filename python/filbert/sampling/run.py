"""Runs the sampler on a density, and keeps what there is when Ctrl-C stops it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import ConvergenceWarning, SettingError, warn
from .memory import check_draws_fit
from .progress import progress
from .settings import Settings

FloatArray = npt.NDArray[np.float64]

MOST_ROWS = 200_000  # that are brought to decide moves where the others stay where they are


class Run(NamedTuple):
    """What a run gave.

    Attributes
    ----------
    sampling, warmup : dict of str to array
        ``values`` (variables, chains, draws) and statistics (chains, draws); no warm-up unless it was kept.
    seconds : float
    sampler : str
        ``"nuts"``, ``"hmc"`` or ``"independence"``.
    note : str
        Why another sampler than the first choice was taken; empty if none was.
    rows_a_move : float or None
        Rows whose likelihood a move has evaluated, on average, where they were subsampled; else None.
    """

    sampling: dict[str, npt.NDArray[Any]]
    warmup: dict[str, npt.NDArray[Any]] | None
    seconds: float
    sampler: str = "nuts"
    note: str = ""
    rows_a_move: float | None = None

    @property
    def chains(self) -> int:
        """Number of chains that were kept."""
        return int(self.sampling["lp"].shape[0])

    @property
    def draws(self) -> int:
        """Number of draws of each chain."""
        return int(self.sampling["lp"].shape[1])


class ProposalsRefusedError(Exception):
    """Independence Metropolis does not suit a posterior whose rows are elsewhere; the message says how that showed."""


def run(density: Any, settings: Settings) -> Run:
    """Sample the posterior; Ctrl-C stops it and keeps the draws so far.

    Parameters
    ----------
    density : framed density
        One of `_core`, or a `_core.CallableDensity`.
    settings : Settings

    Raises
    ------
    KeyboardInterrupt
        If it was stopped before every chain had a draw.
    SettingError
        If the draws would not fit into memory, or the density has no sampler of the kind that was asked for.
    ProposalsRefusedError
        If the sampler was to be chosen, each look at the rows is a pass, and NUTS would be the better one.
    """
    _check_memory(density, settings)
    with progress(settings) as report:
        start = time.perf_counter()
        result = _sampled(density, settings, report)
        seconds = time.perf_counter() - start
    sampler, note = result.get("sampler", settings.sampler), result.get("note", "") or result.get("complaint", "")
    tune = settings.tune if sampler in ("nuts", "auto") else 0
    sampling, warmup = result["sampling"], result.get("warmup")
    if min(result["iterations"]) < tune + settings.draws:  # Ctrl-C came before the end
        kept = _completed_chains([iterations - tune for iterations in result["iterations"]])
        if not kept:
            raise KeyboardInterrupt("stopped during the warm-up, before any chain had a draw")
        length = min(result["iterations"][chain] for chain in kept) - tune
        sampling = {name: array[..., kept, :length] for name, array in sampling.items()}
        warmup = warmup and {name: array[..., kept, :] for name, array in warmup.items()}
        warn(
            f"Sampling was stopped: {len(kept)} of {settings.chains} chains are kept, with {length} of "
            f"{settings.draws} draws each.",
            ConvergenceWarning,
        )
    sampler = "nuts" if sampler == "auto" else sampler
    return Run(sampling, warmup, seconds, sampler, note, result.get("rows_a_move"))


def _sampled(density: Any, settings: Settings, report: Any) -> dict[str, Any]:
    """Run the sampler that was asked for; GLMs and mixed models have two, and a pilot chooses if it may."""
    common: dict[str, Any] = {
        "draws": settings.draws,
        "chains": settings.chains,
        "cores": settings.cores,
        "seed": settings.seed,
        "report": report,
    }
    nuts: dict[str, Any] = {
        "tune": settings.tune,
        "target_accept": settings.target_accept,
        "max_treedepth": settings.max_treedepth,
        "keep_warmup": settings.keep_warmup,
    }
    is_reweighted = isinstance(density, _core.ReweightedGroupedGaussian)
    if is_reweighted or (isinstance(density, _core.FramedGlm) and density.by_passes):
        common.pop("report")
        common["refuses"] = settings.sampler == "auto"
        if is_reweighted:
            result = _core.sample_reweighted(density, **common)
        else:
            result = _core.sample_glm_by_passes(density, **common, most_rows=MOST_ROWS)
        if result["refusal"]:
            raise ProposalsRefusedError(result["refusal"])
        return result
    if settings.sampler == "independence":
        if not isinstance(density, (_core.FramedGlm, _core.FramedGroupedGaussian)):
            raise SettingError(
                "sampler='independence' is for generalised linear models, for Gaussian mixed models, and for others of "
                "30000 rows and more in few groups. Leave `sampler` out: this one has another."
            )
        return _core.sample_independence(density, **common)
    if settings.sampler == "hmc":
        if not isinstance(density, (_core.FramedGlm, _core.FramedGroupedGlm)):
            raise SettingError(
                "sampler='hmc' is for generalised linear models, and those with groups. Leave `sampler` out: this one "
                "has another."
            )
        return _core.sample_hmc(density, **common, target_accept=settings.target_accept)
    if settings.sampler == "auto" and isinstance(density, _core.FramedGlm):
        return _core.sample_glm(density, **common, **nuts)
    if settings.sampler == "auto" and isinstance(density, (_core.FramedGroupedGaussian, _core.FramedGroupedGlm)):
        return _core.sample_grouped(density, **common, **nuts)
    return _core.sample(density, **common, **nuts)


def _check_memory(density: Any, settings: Settings) -> None:
    length = settings.draws + settings.tune * settings.keep_warmup
    asked = f"draws={settings.draws} in {settings.chains} chains"
    if settings.keep_warmup:
        asked += f" with their warm-up (tune={settings.tune})"
    check_draws_fit(asked, length * settings.chains, density.variables)


def _completed_chains(draws: Sequence[int]) -> list[int]:
    """Return the chains to keep of an interrupted run: those that make chains × shortest chain largest."""
    order = sorted((chain for chain, n in enumerate(draws) if n > 0), key=lambda chain: -draws[chain])
    sizes = [(rank + 1) * draws[chain] for rank, chain in enumerate(order)]
    return sorted(order[: sizes.index(max(sizes)) + 1]) if sizes else []
