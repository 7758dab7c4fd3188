"""Where and when the results of jobs lie, so that a search reads no file: one row for each successful job.

The table lies beside the jobs, in the same SQLite file: a row is written in the transaction that ends its job, and goes
with the job. A job without a STAC Item has a row as well, which says so: without a row it is still to be looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (
    owner TEXT NOT NULL, job_id TEXT NOT NULL, process_id TEXT NOT NULL, since REAL, until REAL,
    west REAL, south REAL, east REAL, north REAL, geometry BLOB,
    PRIMARY KEY (owner, job_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS item_goes_with_its_job AFTER DELETE ON job
BEGIN DELETE FROM item WHERE owner = OLD.owner AND job_id = OLD.id; END;
"""
_PIECE = 2000
"""Rows read at a time where geometries are compared"""

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; east may be above 180 where the antimeridian is crossed"""


@dataclass(frozen=True)
class Entry:
    """What is searched of a job's Item; nothing for a job without one."""

    since: float | None = None
    """First and last moment, in seconds since 1970"""
    until: float | None = None
    west: float | None = None
    """The box is None for an Item without geometry"""
    south: float | None = None
    east: float | None = None
    north: float | None = None
    geometry: bytes | None = None
    """As WKB"""


@dataclass(frozen=True)
class ItemQuery:
    """What an Item must be to be found: all that is not empty here."""

    processes: Collection[str] = ()
    ids: Collection[str] = ()
    box: Box | None = None
    area: Any = None
    """A shapely geometry"""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class ItemPage:
    """The ids of jobs, newest first; `next` is where to go on, None at the end."""

    jobs: tuple[str, ...]
    next: str | None
    matched: int | None
    """How many there are in all; None where only reading them all would tell"""


@dataclass(frozen=True)
class Extent:
    """What the Items of a process cover. The box is None if none of them has a geometry."""

    process_id: str
    since: datetime
    until: datetime
    box: Box | None


class ItemIndex:
    """Of one store, which lends its way to ask and to write."""

    def __init__(
        self,
        rows: Callable[[str, Sequence[Any]], list[sqlite3.Row]],
        transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
    ) -> None:
        self._ask = rows
        self._transaction = transaction

    def put(self, connection: sqlite3.Connection, job_id: str, entry: Entry) -> None:
        """Write a job's row, within a transaction; a job that is gone gets none."""
        names = asdict(entry)
        connection.execute(
            f"INSERT OR REPLACE INTO item (owner, job_id, process_id, {', '.join(names)}) "  # noqa: S608 names are ours
            f"SELECT owner, id, process_id, {', '.join(f':{name}' for name in names)} FROM job WHERE id = :job_id",
            {**names, "job_id": job_id},
        )

    def add(self, entries: Mapping[str, Entry]) -> None:
        """Write the rows of jobs that ended without them."""
        with self._transaction() as connection:
            for job_id, entry in entries.items():
                self.put(connection, job_id, entry)

    def missing(self, after: str, limit: int) -> list[str]:
        """Successful jobs that were never looked at, in the order of their ids, which come after `after`."""
        query = (
            "SELECT id FROM job WHERE id > ? AND status = 'successful' AND NOT EXISTS "
            "(SELECT 1 FROM item WHERE item.owner = job.owner AND item.job_id = job.id) ORDER BY id LIMIT ?"
        )
        return [row[0] for row in self._ask(query, (after, limit))]

    def search(self, owner: str, query: ItemQuery, *, after: str | None, limit: int) -> ItemPage:
        """The owner's jobs whose Items are as the query wants them."""
        where, values = _conditions(owner, query)
        if query.area is None:
            sql = f"SELECT count(*) FROM item WHERE {where}"  # noqa: S608 conditions are ours
            matched = int(self._ask(sql, values)[0][0])
            found = [row["job_id"] for row in self._rows("job_id", where, values, after, limit + 1)]
        else:
            matched = None
            found = []
            for job_id in self._intersecting(query.area, where, values, after):
                found.append(job_id)
                if len(found) > limit:
                    break
        return ItemPage(tuple(found[:limit]), found[limit - 1] if len(found) > limit else None, matched)

    def extents(self, owner: str, process_id: str | None = None) -> list[Extent]:
        """What each process of the owner's Items covers, in the order of their ids."""
        where, values = _conditions(owner, ItemQuery(processes=[] if process_id is None else [process_id]))
        rows = self._ask(
            "SELECT process_id, min(since), max(until), min(west), min(south), max(east), max(north) "  # noqa: S608
            f"FROM item WHERE {where} GROUP BY process_id ORDER BY process_id",
            values,
        )
        return [
            Extent(row[0], datetime.fromtimestamp(row[1], UTC), datetime.fromtimestamp(row[2], UTC), _whole(row[3:]))
            for row in rows
        ]

    def _rows(
        self, columns: str, where: str, values: Sequence[Any], after: str | None, limit: int
    ) -> list[sqlite3.Row]:
        if after is not None:
            where, values = f"{where} AND job_id < ?", [*values, after]
        sql = f"SELECT {columns} FROM item WHERE {where} ORDER BY job_id DESC LIMIT ?"  # noqa: S608 conditions are ours
        return self._ask(sql, (*values, limit))

    def _intersecting(self, area: Any, where: str, values: Sequence[Any], after: str | None) -> Iterator[str]:
        """The jobs whose geometry has a point in common with the area, where all else is as it should be."""
        import shapely

        shapely.prepare(area)
        while rows := self._rows("job_id, geometry", where, values, after, _PIECE):
            hits = shapely.intersects(area, shapely.from_wkb([row["geometry"] for row in rows]))
            yield from (row["job_id"] for row, hit in zip(rows, hits, strict=True) if hit)
            after = rows[-1]["job_id"]


def _conditions(owner: str, query: ItemQuery) -> tuple[str, list[Any]]:
    """The query as SQL with the values of its places."""
    conditions = ["owner = ?", "since IS NOT NULL"]
    values: list[Any] = [owner]
    for column, wanted in (("process_id", query.processes), ("job_id", query.ids)):
        if wanted:
            conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    if query.since is not None:
        conditions.append("until >= ?")
        values.append(query.since.timestamp())
    if query.until is not None:
        conditions.append("since <= ?")
        values.append(query.until.timestamp())
    box = query.box if query.area is None else query.area.bounds
    if box is not None:
        west, south, east, north = box
        conditions.append("south <= ? AND north >= ?")
        values += [north, south]
        # The same place has a longitude for every turn around the Earth.
        turns = " OR ".join("(west <= ? AND east >= ?)" for _ in (-360, 0, 360))
        conditions.append(f"({turns})")
        values += [bound + turn for turn in (-360, 0, 360) for bound in (east, west)]
    return " AND ".join(conditions), values


def _whole(box: Sequence[float | None]) -> Box | None:
    """The box with longitudes from -180 to 180: all around the Earth where it crosses the antimeridian."""
    west, south, east, north = box
    if west is None or south is None or east is None or north is None:
        return None
    return (west, south, east, north) if east <= 180 else (-180.0, south, 180.0, north)
