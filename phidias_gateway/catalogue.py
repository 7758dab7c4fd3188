"""The results of the users as a catalogue of STAC Items, each shown to its owner only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phidias_gateway.errors import NoSuchResult
from phidias_gateway.item_index import Entry, Extent, ItemQuery
from phidias_gateway.items import index_entry, read_item
from phidias_gateway.job import Job, Status
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.results import Results
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

log = logging.getLogger(__name__)
_PIECE = 200
"""Jobs looked at in one go when the index is caught up"""


@dataclass(frozen=True)
class CataloguedItem:
    """The Item as the job wrote it, and those of the job's files that can be had."""

    job: Job
    item: dict[str, Any]
    files: frozenset[str]


@dataclass(frozen=True)
class FoundItems:
    """A page of a search, newest first; see `item_index.ItemPage`."""

    items: tuple[CataloguedItem, ...]
    next: str | None
    matched: int | None


class Catalogue:
    """Of one store. All but `start` and `stop` may block."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._jobs_root = settings.store.jobs
        self._store = store
        self._results = Results(settings.store.jobs)
        self._catching_up: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to index what ended without it: before there was an index, or while a file could not be read."""
        self._catching_up = asyncio.create_task(self._catch_up(), name="catch up the catalogue")

    async def stop(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._catching_up

    def search(self, owner: str, query: ItemQuery, *, after: str | None = None, limit: int = 10) -> FoundItems:
        """The owner's Items that are as the query wants them."""
        page = self._store.items.search(owner, query, after=after, limit=limit)
        return FoundItems(tuple(self._read(owner, page.jobs)), page.next, page.matched)

    def item(self, owner: str, process_id: str, job_id: str) -> CataloguedItem | None:
        """One Item of the owner, if it is there."""
        found = self.search(owner, ItemQuery(processes=[process_id], ids=[job_id])).items
        return found[0] if found else None

    def extents(self, owner: str, process_id: str | None = None) -> list[Extent]:
        """What each process that has given the owner Items covers."""
        return self._store.items.extents(owner, process_id)

    def _read(self, owner: str, job_ids: tuple[str, ...]) -> Iterator[CataloguedItem]:
        for job_id in job_ids:
            job = self._store.get(job_id, owner)
            if job is None or job.status is not Status.SUCCESSFUL:
                continue  # it went after the index was read
            folder = JobFolder(self._jobs_root / job_id)
            try:
                result = folder.result()
                item = None if result is None else read_item(folder, result)
                if item is not None:
                    yield CataloguedItem(job, item, self._results.files(job))
            except (OSError, ValueError, TypeError, KeyError, NoSuchResult) as error:
                log.warning("the item of %s cannot be read: %s", job_id, error)

    async def _catch_up(self) -> None:
        after = ""
        try:
            while job_ids := await asyncio.to_thread(self._store.items.missing, after, _PIECE):
                await asyncio.to_thread(self._index, job_ids)
                after = job_ids[-1]
        except Exception:
            log.exception("the catalogue lacks some results until the next start")

    def _index(self, job_ids: list[str]) -> None:
        entries: dict[str, Entry] = {}
        for job_id in job_ids:
            folder = JobFolder(self._jobs_root / job_id)
            with contextlib.suppress(OSError, ValueError):
                result = folder.result()
                entry = Entry() if result is None else index_entry(folder, result)
                if entry is not None:
                    entries[job_id] = entry
        self._store.items.add(entries)
