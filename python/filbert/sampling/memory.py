"""Refuses what could not fit into memory before anything is allocated."""

from __future__ import annotations

from pathlib import Path

from ..errors import SettingError

_STATISTICS = 12  # numbers that a draw has beside its parameters
_MOST_BYTES = 2**40  # where the machine does not say
_MANY_VALUES = 10_000  # of a draw, where its numbers and not the draws are many
_LITTLE = 2**24  # bytes that are there without asking the machine, which takes as long as a small fit's checks together


def available_memory() -> int | None:
    """Return the free bytes of this machine, where it tells them."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = (line.split() for line in info.read_text(encoding="ascii").splitlines())
    return next((1024 * int(words[1]) for words in lines if words[0] == "MemAvailable:"), None)


def check_draws_fit(asked: str, n_draws: int, n_values: int) -> None:
    """Refuse more draws than there is memory for.

    Parameters
    ----------
    asked : str
        What was asked for, such as ``"draws=1000000 in 4 chains"``.
    n_draws : int
        Draws of all chains.
    n_values : int
        Parameters of each.

    Raises
    ------
    SettingError
        It says how many bytes they would take.
    """
    needed = 8 * n_draws * (n_values + _STATISTICS)
    if needed <= _LITTLE:
        return
    available = available_memory()
    if needed > (_MOST_BYTES if available is None else available):
        free = "" if available is None else f", and {available} ({available / 1e9:.2g} GB) are free"
        if n_values > _MANY_VALUES:
            advice = (
                f"A draw has {n_values} numbers. Ask for fewer draws: a hundred a chain give means and intervals; "
                "include_group_effects=False leaves out those of groups and levels."
            )
        else:
            advice = "Ask for fewer: a thousand draws a chain are plenty for means and intervals."
        raise SettingError(f"{asked} would take {needed} bytes ({needed / 1e9:.2g} GB){free}. {advice}")
