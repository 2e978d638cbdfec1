"""Checks that something is refused with a message that has all its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def refused(error: type[Exception], function: Callable[[], Any], *parts: str) -> None:
    with pytest.raises(error) as caught:
        function()
    for part in parts:
        assert part in str(caught.value), str(caught.value)
