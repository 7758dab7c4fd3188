"""Changes of jobs: written to the store, then told to all who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from phidias_gateway.job import Job
from phidias_gateway.store import Change, Store

_AT_ONCE = 10
"""Of a thousand who wait for one job, so many are woken before others get their turn"""

Waiting = asyncio.Future[Job | None]


class Changes:
    """Belongs to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, set[Waiting]] = {}
        self.released = False
        """Nobody waits any more"""

    @property
    def waiting(self) -> int:
        """How many wait for a change."""
        return sum(map(len, self._waiting.values()))

    async def apply(self, changes: Sequence[Change]) -> list[Job]:
        """Write the changes in one go. Returns the changed jobs; a job that moved on meanwhile is not among them."""
        if not changes:
            return []
        jobs = await asyncio.to_thread(self._store.update, changes)
        for job in jobs:
            self.tell(job.id, job)
        return jobs

    def tell(self, job_id: str, job: Job | None) -> None:
        """Give the job as it is now, None if it was removed, to all who wait for it."""
        self._wake(list(self._waiting.pop(job_id, ())), job)

    async def next(self, job_id: str, seconds: float) -> Job | None:
        """The job as it is when it changes next; None after so many seconds, or when it is removed, or on `release`.

        It may have changed again by the time the caller runs.
        """
        if self.released:
            return None
        future: Waiting = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(job_id, set())
        waiting.add(future)
        try:
            done, _ = await asyncio.wait({future}, timeout=seconds)
            return future.result() if done else None
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(job_id) is waiting:
                del self._waiting[job_id]

    def release(self) -> None:
        """Let nobody wait any more, now and later."""
        self.released = True
        for job_id in list(self._waiting):
            self.tell(job_id, None)

    def _wake(self, waiting: list[Waiting], job: Job | None) -> None:
        for future in waiting[:_AT_ONCE]:
            if not future.done():
                future.set_result(job)
        if len(waiting) > _AT_ONCE:
            asyncio.get_running_loop().call_soon(self._wake, waiting[_AT_ONCE:], job)
