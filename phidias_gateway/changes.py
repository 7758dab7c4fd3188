"""Changes of jobs: written to the store, then told to all who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from phidias_gateway.job import Job
from phidias_gateway.store import Change, Store


class Changes:
    """Belongs to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def apply(self, changes: Sequence[Change]) -> list[Job]:
        """Write the changes in one go. Returns the changed jobs; a job that moved on meanwhile is not among them."""
        if not changes:
            return []
        jobs = await asyncio.to_thread(self._store.update, changes)
        for job in jobs:
            self.tell(job.id)
        return jobs

    def tell(self, job_id: str) -> None:
        """Wake all who wait for this job."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    @contextmanager
    def listen(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the job changes. Listen first, then read: so no change is missed."""
        event = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
