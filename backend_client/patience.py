"""Waiting that can be interrupted, and longer waits after each failure."""

from __future__ import annotations

import time
from typing import Callable

from backend_client.errors import Cancelled

Cancel = Callable[[], bool]
"""Says whether the caller has lost interest; asked at least every SLICE seconds while nothing else happens"""

SLICE = 0.1


def never() -> bool:
    """The answer of somebody who does not cancel."""
    return False


def check(cancelled: Cancel) -> None:
    """Raises Cancelled if the caller wants to stop."""
    if cancelled():
        raise Cancelled("The wait was cancelled.")


def pause(seconds: float, cancelled: Cancel) -> None:
    """Sleep for `seconds`. Raises Cancelled within SLICE of the caller's wish."""
    end = time.monotonic() + seconds
    check(cancelled)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(SLICE, left))
        check(cancelled)


class Backoff:
    """Waits in seconds that grow by half each time, from `first` to `most`."""

    def __init__(self, first: float = 1.0, most: float = 30.0) -> None:
        self._first, self._most = first, most
        self._next = first

    def next(self, asked: float | None = None) -> float:
        """The next wait; what the server asks for is honoured, up to ten minutes."""
        wait, self._next = self._next, min(self._most, self._next * 1.5)
        return wait if asked is None else min(600.0, max(wait, asked))

    def reset(self) -> None:
        """Begin again with the first wait."""
        self._next = self._first
