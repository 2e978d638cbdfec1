"""Runs the sampler: settings, seed, progress, interruption, and the warnings that a run gives rise to."""

from __future__ import annotations

import contextlib
import logging
import math
import operator
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import ConvergenceWarning, DataTypeError, SettingError

logger = logging.getLogger("filbert")

FloatArray = npt.NDArray[np.float64]

# Thresholds of Vehtari et al. (2021) and Betancourt (2016), as ArviZ and PyMC use them.
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100
MIN_BFMI = 0.3
MAX_SHARE_AT_MAX_TREEDEPTH = 0.05
PROGRESS_AFTER_SECONDS = 0.5


@dataclass(frozen=True)
class Settings:
    """Checked settings of a run; the names are those of `Model.fit`."""

    draws: int
    tune: int
    chains: int
    cores: int
    target_accept: float
    max_treedepth: int
    keep_warmup: bool
    random_seed: int
    progressbar: bool

    @property
    def seed(self) -> int:
        """The 64 bits that the sampler's streams start from."""
        return int(np.random.SeedSequence(self.random_seed).generate_state(1, np.uint64)[0])

    @classmethod
    def checked(
        cls,
        *,
        draws: Any,
        tune: Any,
        chains: Any,
        cores: Any,
        target_accept: Any,
        max_treedepth: Any,
        random_seed: Any,
        discard_tuned_samples: bool,
        init: Any,
        progressbar: bool,
    ) -> Settings:
        """Check each setting by itself; the message names it, its value and what is allowed."""
        if init not in ("auto", "jitter"):
            raise SettingError(f"init must be 'jitter' (a random start for each chain) or 'auto', not {init!r}.")
        if isinstance(target_accept, bool) or not isinstance(target_accept, (int, float, np.number)):
            raise DataTypeError(f"target_accept must be a number between 0 and 1, not {target_accept!r}.")
        if not 0 < target_accept < 1:
            raise SettingError(f"target_accept must be between 0 and 1, both excluded, not {target_accept}.")
        chains = whole_number("chains", 4 if chains is None else chains, 1, 10_000)
        return cls(
            draws=whole_number("draws", draws, 1, 2**40),
            tune=whole_number("tune", tune, 0, 2**40),
            chains=chains,
            cores=min(available_cores() if cores is None else whole_number("cores", cores, 1, 10_000), chains),
            target_accept=float(target_accept),
            max_treedepth=whole_number("max_treedepth", max_treedepth, 1, 20),
            keep_warmup=not discard_tuned_samples,
            random_seed=checked_seed(random_seed),
            progressbar=bool(progressbar),
        )


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
    """
    with _progress(settings) as report:
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
        warnings.warn(
            f"Sampling was stopped: {len(kept)} of {settings.chains} chains are kept, with {length} of "
            f"{settings.draws} draws each.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return Run(sampling, warmup, seconds)


def _completed_chains(draws: Sequence[int]) -> list[int]:
    """Return the chains to keep of an interrupted run: those that make chains × shortest chain largest."""
    order = sorted((chain for chain, n in enumerate(draws) if n > 0), key=lambda chain: -draws[chain])
    sizes = [(rank + 1) * draws[chain] for rank, chain in enumerate(order)]
    return sorted(order[: sizes.index(max(sizes)) + 1]) if sizes else []


def log_run(run: Run, settings: Settings) -> None:
    """Say in one line what was sampled and how long it took."""
    tune, draws = settings.tune, run.draws
    logger.info(
        f"Sampled {run.chains} chain{'s' * (run.chains != 1)} for {tune:_d} tune and {draws:_d} draw iterations "
        f"({tune * run.chains:_d} + {draws * run.chains:_d} draws total) took {run.seconds:.2f} seconds."
    )


def warn_about(run: Run, names: Sequence[str], settings: Settings) -> None:
    """Warn where the draws should not be trusted, and say what to do about it.

    Parameters
    ----------
    run : Run
    names : sequence of str
        Names of the variables, in the order of ``run.sampling["values"]``.
    settings : Settings
    """
    for message in [*_sampler_problems(run, settings), *_convergence_problems(run, names, settings)]:
        warnings.warn(message, ConvergenceWarning, stacklevel=4)


def _sampler_problems(run: Run, settings: Settings) -> Iterator[str]:
    statistics = run.sampling
    divergences = int(statistics["diverging"].sum())
    if divergences:
        subject = "There was 1 divergence" if divergences == 1 else f"There were {divergences} divergences"
        yield f"{subject} after tuning. Increase `target_accept` (now {settings.target_accept:g}) or reparameterize."
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


def _convergence_problems(run: Run, names: Sequence[str], settings: Settings) -> Iterator[str]:
    if run.draws < 100:
        yield f"Only {run.draws} draws per chain: R-hat and ESS need more to be reliable. Increase `draws`."
        return
    values = np.ascontiguousarray(run.sampling["values"])
    rhat, ess_bulk, ess_tail = _core.summarise_chains(values, threads=settings.cores)
    ess = np.minimum(ess_bulk, ess_tail)
    if run.chains == 1:
        yield "Only one chain was sampled, this makes it impossible to run some convergence checks. Use `chains=4`."
    elif run.chains < 4:
        logger.info("We recommend running at least 4 chains for robust computation of convergence diagnostics.")
    reference = "See https://arxiv.org/abs/1903.08008 for details."
    if np.any(rhat > MAX_RHAT):
        yield (
            f"The rhat statistic is larger than {MAX_RHAT} for {_worst(names, rhat, rhat > MAX_RHAT, largest=True)}. "
            f"The chains may not have reached the same distribution: increase `draws` and `tune`. {reference}"
        )
    too_few = ess < MIN_ESS_PER_CHAIN * run.chains
    if np.any(too_few):
        yield (
            f"The effective sample size per chain is smaller than {MIN_ESS_PER_CHAIN} for "
            f"{_worst(names, ess, too_few, largest=False)}. Increase `draws`. {reference}"
        )


def _worst(names: Sequence[str], values: FloatArray, where: npt.NDArray[np.bool_], *, largest: bool) -> str:
    """Name up to three variables with their values, the worst first."""
    order = np.argsort(-values if largest else values)
    worst = [index for index in order if where[index]]
    shown = ", ".join(f"'{names[index]}' ({values[index]:.4g})" for index in worst[:3])
    return shown + (f" and {len(worst) - 3} more" if len(worst) > 3 else "")


def whole_number(name: str, value: Any, least: int, most: int) -> int:
    """Return a setting as an int, or refuse it by its name."""
    if isinstance(value, (bool, np.bool_)):
        raise DataTypeError(f"{name} must be a whole number, not {value!r}.")
    try:
        number = operator.index(value)
    except TypeError:
        if not (isinstance(value, (float, np.floating)) and math.isfinite(value) and value == int(value)):
            raise DataTypeError(f"{name} must be a whole number, not {value!r} ({type(value).__name__}).") from None
        number = int(value)
    if not least <= number <= most:
        limit = f"at least {least}" if number < least else f"at most {most}"
        raise SettingError(f"{name} must be {limit}, not {value}.")
    return number


def checked_seed(random_seed: Any) -> int:
    """Return an int that gives the same draws again: the one given, a Generator's next, or a fresh one for None."""
    if isinstance(random_seed, np.random.Generator):
        return int(random_seed.integers(2**63))
    if random_seed is None:
        return int(np.random.default_rng().integers(2**63))
    if isinstance(random_seed, (bool, np.bool_)) or not isinstance(random_seed, (int, np.integer)):
        raise DataTypeError(
            f"random_seed must be a non-negative int, a numpy.random.Generator or None, not {random_seed!r} "
            f"({type(random_seed).__name__})."
        )
    if random_seed < 0:
        raise SettingError(f"random_seed must not be negative, but is {random_seed}.")
    return int(random_seed)


def available_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _progress(settings: Settings) -> Iterator[Any]:
    """Give a function that shows one bar a chain, once a run takes longer than half a second."""
    if not settings.progressbar:
        yield None
        return
    begin = time.perf_counter()
    bars: Any = None
    tasks: list[Any] = []

    def report(chains: list[tuple[int, int]]) -> None:
        nonlocal bars
        if time.perf_counter() - begin < PROGRESS_AFTER_SECONDS:
            return
        if bars is None:
            bars = _new_bars()
            total = settings.tune + settings.draws
            tasks.extend(bars.add_task(f"chain {chain}", total=total, divergences=0) for chain in range(len(chains)))
            bars.start()
        for task, (iterations, divergences) in zip(tasks, chains, strict=True):
            bars.update(task, completed=iterations, divergences=divergences)

    try:
        yield report
    finally:
        if bars is not None:
            bars.stop()


def _new_bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[divergences]} divergences"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
