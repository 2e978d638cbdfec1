"""Makes names fit to be shown: control characters escaped, texts that are too long with their middle left out."""

from __future__ import annotations

import unicodedata

# Control characters, halves of pairs, and separators of lines, all of which a terminal may obey.
_OBEYED = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}  # they reorder what is around them


def printable(text: object) -> str:
    r"""Return a text with escapes, such as ``\x1b`` and ``\n``, in place of what would steer a terminal."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _OBEYED or character in _TURNING
        else character
        for character in shown
    )


def shortened(text: str, limit: int) -> str:
    """Return a text that is longer than `limit` with its middle left out."""
    if len(text) <= limit:
        return text
    head = (limit - 3) * 2 // 3
    return f"{text[:head]}...{text[len(text) - (limit - 3 - head) :]}"
