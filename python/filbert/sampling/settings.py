"""Checked settings of a run, by the names of `Model.fit`."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import _core
from ..errors import DataTypeError, SettingError, quote_names

DEFAULT_TUNE = 1000
SAMPLERS = ("auto", "nuts", "hmc", "independence")
_STARTS = ("auto", "jitter", "jitter+adapt_diag")  # the last is PyMC's name for what this sampler does


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
    check_convergence: bool = True
    sampler: str = "auto"

    @cached_property
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
        check_convergence: bool = True,
        sampler: Any = "auto",
        default_tune: int = DEFAULT_TUNE,
    ) -> Settings:
        """Check each setting by itself; the message names it, its value and what is allowed."""
        if init not in _STARTS:
            raise SettingError(
                f"init must be 'jitter' (a random start for each chain around the mode) or 'auto', not {init!r}: how "
                "the sampler adapts cannot be chosen."
            )
        if sampler not in SAMPLERS:
            raise SettingError(f"sampler must be one of {quote_names(SAMPLERS)}, not {sampler!r}.")
        if isinstance(target_accept, bool) or not isinstance(target_accept, (int, float, np.number)):
            raise DataTypeError(f"target_accept must be a number between 0 and 1, not {target_accept!r}.")
        if not 0 < target_accept < 1:
            raise SettingError(f"target_accept must be between 0 and 1, both excluded, not {target_accept}.")
        chains = whole_number("chains", 4 if chains is None else chains, 1, 10_000)
        return cls(
            draws=whole_number("draws", draws, 1, 2**40),
            # Draws are bounded by the memory that they take; the warm-up takes none, and would not end.
            tune=whole_number("tune", default_tune if tune is None else tune, 0, 10**9),
            chains=chains,
            cores=min(available_cores() if cores is None else whole_number("cores", cores, 1, 10_000), chains),
            target_accept=float(target_accept),
            max_treedepth=whole_number("max_treedepth", max_treedepth, 1, 20),
            keep_warmup=not discard_tuned_samples,
            random_seed=checked_seed(random_seed),
            progressbar=bool(progressbar),
            check_convergence=bool(check_convergence),
            sampler=sampler,
        )


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
    """Return the processors that this process may use, by its affinity and the quota of its container."""
    return _core.available_processors()
