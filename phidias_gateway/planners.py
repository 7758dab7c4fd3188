"""Threads that plan jobs: they wait for catalogues most of the time, and nobody's flood of requests takes them all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_THREADS = 16
_OF_ONE_USER = 4
Made = TypeVar("Made")


class Planners:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "plan")
        self._turns: dict[str, asyncio.Semaphore] = {}

    def stop(self) -> None:
        """Wait for no plan that is still being made."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, owner: str, work: Callable[[], Made]) -> Made:
        """What the work gives, once it is the owner's turn."""
        loop = asyncio.get_running_loop()
        turn = self._turns.setdefault(owner, asyncio.Semaphore(_OF_ONE_USER))
        await turn.acquire()

        def done(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(turn.release)

        planning = self._threads.submit(work)
        planning.add_done_callback(done)  # not when the caller gives up: the thread is busy for longer
        return await asyncio.wrap_future(planning)
