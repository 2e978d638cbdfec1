"""Warns where draws should not be trusted, and says what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import ConvergenceWarning, warn
from .run import Run
from .settings import Settings

logger = logging.getLogger("filbert")

FloatArray = npt.NDArray[np.float64]

_LEAST_DRAWS = 100  # of a chain, from which on R-hat and effective sample sizes say something

# Thresholds of Vehtari et al. (2021) and Betancourt (2016), as ArviZ and PyMC use them.
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100
MIN_BFMI = 0.3
MAX_SHARE_AT_MAX_TREEDEPTH = 0.05

_TITLES = {"independence": "independence Metropolis", "hmc": "Hamiltonian Monte Carlo"}  # of samplers without a warm-up


def log_run(run: Run, settings: Settings) -> None:
    """Say in one line what was sampled and how long it took."""
    tune, draws = settings.tune, run.draws
    chains = f"{run.chains} chain{'s' * (run.chains != 1)}"
    if run.sampler in _TITLES:
        logger.info(
            f"Sampled {chains} for {draws:_d} draws ({draws * run.chains:_d} in total) by {_TITLES[run.sampler]} took "
            f"{run.seconds:.2f} seconds."
        )
        return
    logger.info(
        f"Sampled {chains} for {tune:_d} tune and {draws:_d} draw iterations "
        f"({tune * run.chains:_d} + {draws * run.chains:_d} draws total) took {run.seconds:.2f} seconds."
    )


def diagnosed(run: Run, settings: Settings, rows: Sequence[int] | None = None) -> _core.ChainSummaries | None:
    """Begin to compute R-hat and effective sample sizes on other threads; None where draws are too few for them.

    Parameters
    ----------
    run : Run
    settings : Settings
    rows : sequence of int, optional
        Those of the draws that are to be judged; all by default.
    """
    if run.draws < _LEAST_DRAWS:
        return None
    values = run.sampling["values"] if rows is None else run.sampling["values"][rows]
    return _core.ChainSummaries(np.ascontiguousarray(values), threads=settings.cores)


def warn_about(
    run: Run,
    diagnostics: _core.ChainSummaries | None,
    names: Callable[[], Sequence[str]],
    settings: Settings,
    advice: str = "",
) -> None:
    """Warn where the draws should not be trusted, and say what to do about it.

    Parameters
    ----------
    run : Run
    diagnostics : ChainSummaries or None
        As `diagnosed` returned it.
    names : callable
        Returns the names of the variables that `diagnostics` are of; asked where one is to be named.
    settings : Settings
    advice : str
        What is said of divergences besides, a sentence.
    """
    problems = _proposal_problems(run) if run.sampler == "independence" else _sampler_problems(run, settings, advice)
    for message in [*problems, *_convergence_problems(run, diagnostics, names)]:
        warn(message, ConvergenceWarning)


def _proposal_problems(run: Run) -> Iterator[str]:
    if run.note:
        yield (
            f"Independence Metropolis did not suit this posterior: {run.note}. Use sampler='auto' or sampler='nuts'."
        )


def _sampler_problems(run: Run, settings: Settings, advice: str) -> Iterator[str]:
    statistics = run.sampling
    divergences = int(statistics["diverging"].sum())
    if divergences:
        subject = "There was 1 divergence" if divergences == 1 else f"There were {divergences} divergences"
        remedy = f"Increase `target_accept` (now {settings.target_accept:g}) or reparameterize."
        yield f"{subject} after tuning. {remedy}{advice and ' '}{advice}"
    at_maximum = statistics["reached_max_treedepth"].mean(axis=1)
    for chain in np.flatnonzero(at_maximum > MAX_SHARE_AT_MAX_TREEDEPTH):
        yield (
            f"Chain {chain} reached the maximum tree depth in {at_maximum[chain]:.0%} of its draws. Increase "
            f"`max_treedepth` (now {settings.max_treedepth}), increase `target_accept` or reparameterize."
        )
    if run.draws >= 10:
        bfmi = np.atleast_1d(_core.e_bfmi(np.ascontiguousarray(statistics["energy"])))
        low = np.flatnonzero(bfmi < MIN_BFMI)
        if len(low):
            chains = ", ".join(f"{chain} ({bfmi[chain]:.2f})" for chain in low)
            yield (
                f"The energy statistic E-BFMI is below {MIN_BFMI} in chain {chains}: the chain may miss the tails of "
                "the posterior. Use a longer `tune`, or priors with lighter tails."
            )


def _convergence_problems(
    run: Run, diagnostics: _core.ChainSummaries | None, names: Callable[[], Sequence[str]]
) -> Iterator[str]:
    if diagnostics is None:
        yield f"Only {run.draws} draws per chain: R-hat and ESS need more to be reliable. Increase `draws`."
        return
    rhat, ess_bulk, ess_tail = diagnostics.result()
    ess = np.minimum(ess_bulk, ess_tail)
    if run.chains == 1:
        yield "Only one chain was sampled, this makes it impossible to run some convergence checks. Use `chains=4`."
    elif run.chains < 4:
        logger.info("We recommend running at least 4 chains for robust computation of convergence diagnostics.")
    reference = "See https://arxiv.org/abs/1903.08008 for details."
    if np.any(rhat > MAX_RHAT):
        yield (
            f"The rhat statistic is larger than {MAX_RHAT} for {_worst(names(), rhat, rhat > MAX_RHAT, largest=True)}. "
            f"The chains may not have reached the same distribution: increase `draws` and `tune`. {reference}"
        )
    too_few = ess < MIN_ESS_PER_CHAIN * run.chains
    if np.any(too_few):
        yield (
            f"The effective sample size per chain is smaller than {MIN_ESS_PER_CHAIN} for "
            f"{_worst(names(), ess, too_few, largest=False)}. Increase `draws`. {reference}"
        )


def _worst(names: Sequence[str], values: FloatArray, where: npt.NDArray[np.bool_], *, largest: bool) -> str:
    """Name up to three variables with their values, the worst first."""
    order = np.argsort(-values if largest else values)
    worst = [index for index in order if where[index]]
    shown = ", ".join(f"'{names[index]}' ({values[index]:.4g})" for index in worst[:3])
    return shown + (f" and {len(worst) - 3} more" if len(worst) > 3 else "")
