"""The gateway's memory: jobs, where their results lie, and who owns which upload, in one SQLite file on a local disk.

Every write is on the disk when its method returns (WAL, synchronous=FULL).
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ulid import ULID

from phidias_gateway.errors import DiskFull, PhidiasError
from phidias_gateway.item_index import SCHEMA as ITEM_SCHEMA
from phidias_gateway.item_index import Entry, ItemIndex
from phidias_gateway.job import Job, Page, Status, Step
from phidias_gateway.process import Effort, Resources

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, key TEXT, digest TEXT NOT NULL,
    process_id TEXT NOT NULL, process_version TEXT NOT NULL, status TEXT NOT NULL, step TEXT NOT NULL,
    attempt INTEGER NOT NULL, retries INTEGER NOT NULL, version INTEGER NOT NULL,
    resources TEXT NOT NULL, environment TEXT NOT NULL, summary TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, started REAL, finished REAL, expires REAL,
    progress INTEGER NOT NULL, message TEXT NOT NULL, cause TEXT, remedy TEXT, problem TEXT,
    queue_reason TEXT, estimated_start REAL, native_id TEXT, pinned INTEGER NOT NULL, size INTEGER NOT NULL,
    effort TEXT NOT NULL, parts INTEGER NOT NULL, parts_done INTEGER NOT NULL, parts_failed INTEGER NOT NULL,
    core_hours REAL,
    UNIQUE (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_of_owner ON job (owner, id, created, started, finished);
CREATE INDEX IF NOT EXISTS job_of_owner_by_status ON job (owner, status, id);
CREATE INDEX IF NOT EXISTS job_of_owner_by_process ON job (owner, process_id, status, id);
CREATE INDEX IF NOT EXISTS open_job ON job (id) WHERE step != 'closed';
CREATE INDEX IF NOT EXISTS job_expires ON job (expires) WHERE expires IS NOT NULL AND NOT pinned;
CREATE INDEX IF NOT EXISTS job_size ON job (owner, size);
CREATE INDEX IF NOT EXISTS pinned_job ON job (owner) WHERE pinned;
CREATE INDEX IF NOT EXISTS measured_job ON job (process_id, id) WHERE core_hours IS NOT NULL;
CREATE TABLE IF NOT EXISTS removal (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upload (
    owner TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (owner, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owner_of_upload ON upload (sha256);
"""
_SCHEMA_VERSION = 3
_UPGRADES = {2: "ALTER TABLE job ADD COLUMN summary TEXT NOT NULL DEFAULT '';"}
"""From the version of that number to the next"""
_PLANNING_SECONDS = 3600.0
"""An upload's last use may be written so long before the job that uses it is recorded"""
_TIMES = frozenset({"created", "updated", "started", "finished", "expires", "estimated_start"})


class StoreUnusable(PhidiasError):
    """The store was made by a version of the gateway whose tables this one does not know."""

    title = "The store cannot be used"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was made by another version of the gateway.",
            remedy="Serve it with that version until its jobs have ended, or set another store.root.",
        )


@dataclass(frozen=True)
class Change:
    """New values for a job, valid only if it still has the version they were decided on."""

    job: Job
    values: Mapping[str, Any]
    item: Entry | None = None
    """Of a job that ended well: where its result lies"""


class Store:
    """Opens the file, and makes it if need be. May be used from any thread; each has its own connection."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._local = threading.local()
        self._connections: list[tuple[sqlite3.Connection, threading.RLock]] = []
        self._closed = False
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._make_tables()
        path.chmod(0o600)
        self.items = ItemIndex(self._rows, self._transaction)

    def _make_tables(self) -> None:
        connection = self._connection()
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0 and connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'job'").fetchone():
            found = -1  # made before versions were counted
        upgrades = [_UPGRADES.get(version) for version in range(found or _SCHEMA_VERSION, _SCHEMA_VERSION)]
        if found > _SCHEMA_VERSION or None in upgrades:
            raise StoreUnusable(self._path)
        # All of it or nothing: a store that was half made could not be used again.
        steps = " ".join(filter(None, upgrades))
        tables = f"{steps} {_SCHEMA} {ITEM_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};"
        connection.executescript(f"BEGIN IMMEDIATE; {tables} COMMIT;")

    def close(self) -> None:
        """Close, once every thread is done with what it is doing; later use raises sqlite3.ProgrammingError."""
        with self._lock:
            for connection, in_use in self._connections:
                with in_use:
                    connection.close()
            self._connections.clear()
            self._closed = True

    # --- jobs --------------------------------------------------------------------------------------------------------

    def record(self, job: Job, *, key: str | None, digest: str, check: Callable[[Store], None]) -> tuple[Job, str]:
        """Record a new job, or find the one that has the owner's key. Returns it with its request's digest.

        `check` is called before a new job is recorded, within the transaction; what it raises prevents it.
        """
        with self._transaction() as connection:
            known = self.find_key(job.owner, key)
            if known is not None:
                return known
            check(self)
            _insert(connection, job, key, digest)
        return job, digest

    def record_all(self, jobs: Iterable[Job]) -> None:
        """Record many jobs at once, without keys, such as those of another store."""
        with self._transaction() as connection:
            for job in jobs:
                _insert(connection, job, None, "")

    def find_key(self, owner: str, key: str | None) -> tuple[Job, str] | None:
        """The owner's job of that idempotency key, with its request's digest."""
        if key is None:
            return None
        row = self._one("SELECT * FROM job WHERE owner = ? AND key = ?", (owner, key))
        return None if row is None else (_from_row(row), row["digest"])

    def get(self, job_id: str, owner: str | None = None) -> Job | None:
        """The job, if it is there and, where `owner` is given, theirs."""
        row = self._one("SELECT * FROM job WHERE id = ?", (job_id,))
        return None if row is None or owner not in (None, row["owner"]) else _from_row(row)

    def update(self, changes: Sequence[Change]) -> list[Job]:
        """Apply the changes, all in one transaction. Returns the changed jobs; one that moved on meanwhile is not."""
        done = []
        with self._transaction() as connection:
            for change in changes:
                row = _to_row({**change.values, "updated": datetime.now(UTC)})
                assigned = ", ".join(f"{name} = :{name}" for name in row)
                cursor = connection.execute(
                    f"UPDATE job SET {assigned}, version = version + 1 WHERE id = :id AND version = :was",  # noqa: S608
                    {**row, "id": change.job.id, "was": change.job.version},
                )
                if cursor.rowcount:
                    done.append(change.job.id)
                    if change.item is not None:
                        self.items.put(connection, change.job.id, change.item)
            return [job for job in map(self.get, done) if job is not None]

    def delete(self, job: Job) -> bool:
        """Delete a job, if it has not moved on; and remember that its folder is to be removed."""
        with self._transaction() as connection:
            row = (job.id, job.version)
            deleted = connection.execute("DELETE FROM job WHERE id = ? AND version = ?", row).rowcount > 0
            if deleted:
                connection.execute("INSERT OR IGNORE INTO removal (id) VALUES (?)", (job.id,))
            return deleted

    def removals(self) -> list[str]:
        """The ids of the deleted jobs whose folders may still be there."""
        return [row[0] for row in self._rows("SELECT id FROM removal", ())]

    def removed(self, job_ids: Iterable[str]) -> None:
        """The folders of these deleted jobs are gone."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM removal WHERE id = ?", [(job_id,) for job_id in job_ids])

    def open_jobs(self) -> list[Job]:
        """All that are not closed, oldest first."""
        return self._jobs("SELECT * FROM job WHERE step != 'closed' ORDER BY id", ())

    def bytes_of(self, owner: str) -> int:
        """What the owner's results and uploads take on the disk."""
        query = "SELECT total(size) FROM {} WHERE owner = ?"
        return int(sum(self._rows(query.format(table), (owner,))[0][0] for table in ("job", "upload")))

    def count_pinned(self, owner: str) -> int:
        return int(self._rows("SELECT count(*) FROM job WHERE owner = ? AND pinned", (owner,))[0][0])

    def measured(self, process_id: str, limit: int = 50) -> list[Job]:
        """The latest successful jobs of a process, whoever owned them: what such a job costs."""
        query = "SELECT * FROM job WHERE process_id = ? AND core_hours IS NOT NULL ORDER BY id DESC LIMIT ?"
        return self._jobs(query, (process_id, limit))

    def count_open(self, owner: str, status: Status) -> int:
        return int(
            self._rows("SELECT count(*) FROM job WHERE owner = ? AND status = ?", (owner, status.value))[0][0],
        )

    def expire(self, now: datetime, limit: int = 100) -> list[str]:
        """Delete closed jobs whose time is over and that nobody has pinned, as `delete` does; returns their ids."""
        chosen = "SELECT id FROM job WHERE expires < ? AND NOT pinned AND step = 'closed' ORDER BY expires LIMIT ?"
        with self._transaction() as connection:
            expired = [row["id"] for row in connection.execute(chosen, (now.timestamp(), limit)).fetchall()]
            ids = [(job_id,) for job_id in expired]
            connection.executemany("DELETE FROM job WHERE id = ?", ids)
            connection.executemany("INSERT OR IGNORE INTO removal (id) VALUES (?)", ids)
        return expired

    def ids(self) -> set[str]:
        return {row[0] for row in self._rows("SELECT id FROM job", ())}

    def page(
        self,
        owner: str,
        *,
        processes: Collection[str] = (),
        statuses: Collection[Status] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        min_duration: float | None = None,
        max_duration: float | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Newest first; see `Jobs.list`.

        Each process and state is asked for by itself, since then an index gives its jobs in their order.
        """
        conditions: list[tuple[str, Sequence[Any]]] = [("owner = ?", [owner])]
        if since is not None:
            conditions.append(("id >= ? AND created >= ?", [_first_id(since, -1), since.timestamp()]))
        if until is not None:
            conditions.append(("id < ? AND created <= ?", [_first_id(until, 2), until.timestamp()]))
        for bound, operator in ((min_duration, ">="), (max_duration, "<=")):
            if bound is not None:
                conditions.append((f"coalesce(finished, ?) - started {operator} ?", [time.time(), bound]))
        if after is not None:
            conditions.append(("id < ?", [after]))
        found: set[str] = set()
        for process in dict.fromkeys(processes) or (None,):
            for status in dict.fromkeys(statuses or (Status if processes else ())) or (None,):
                chosen = [*conditions, ("process_id = ?", [process])] if process else [*conditions]
                if status:
                    chosen.append(("status = ?", [status.value]))
                where = " AND ".join(condition for condition, _ in chosen)
                values = [value for _, some in chosen for value in some]
                query = f"SELECT id FROM job WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 conditions are ours
                found.update(row["id"] for row in self._rows(query, (*values, limit + 1)))
        if not found:  # SQLite would search for nothing in the whole table
            return Page((), None)
        ids = sorted(found, reverse=True)
        query = f"SELECT * FROM job WHERE id IN ({', '.join('?' * len(ids[:limit]))}) ORDER BY id DESC"  # noqa: S608
        return Page(tuple(self._jobs(query, ids[:limit])), ids[limit - 1] if len(ids) > limit else None)

    # --- uploads -----------------------------------------------------------------------------------------------------

    def add_upload(self, owner: str, sha256: str, size: int, place: Callable[[], None]) -> None:
        """Record, durably, that `owner` has uploaded `<settings.store.uploads>/<sha256>`; again is no error.

        `place` puts the file there, within the transaction, so that no sweeper takes it away in between.
        """
        with self._transaction() as connection:
            place()
            connection.execute(
                "INSERT INTO upload (owner, sha256, size, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET used = excluded.used",
                (owner, sha256, size, time.time()),
            )

    def use_upload(self, owner: str, sha256: str) -> bool:
        """Whether the owner has uploaded this; if so, its time begins anew."""
        with self._transaction() as connection:
            query = "UPDATE upload SET used = ? WHERE owner = ? AND sha256 = ?"
            return bool(connection.execute(query, (time.time(), owner, sha256)).rowcount)

    def forget_uploads(self, unused_since: datetime, remove: Callable[[str], None]) -> None:
        """Forget uploads that were not used since then; `remove` is told of each file that nobody has any more.

        An upload that a job which is still open may use is kept.
        """
        query = (
            "DELETE FROM upload WHERE used < ? AND NOT EXISTS (SELECT 1 FROM job WHERE job.owner = upload.owner "
            "AND job.step != 'closed' AND job.created < upload.used + ?) RETURNING sha256"
        )
        with self._transaction() as connection:
            for row in connection.execute(query, (unused_since.timestamp(), _PLANNING_SECONDS)).fetchall():
                if not connection.execute("SELECT 1 FROM upload WHERE sha256 = ?", (row["sha256"],)).fetchone():
                    remove(row["sha256"])

    # --- SQLite ------------------------------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        return self._mine()[0]

    def _mine(self) -> tuple[sqlite3.Connection, threading.RLock]:
        """This thread's connection, and the lock to hold while using it."""
        mine: tuple[sqlite3.Connection, threading.RLock] | None = getattr(self._local, "mine", None)
        if mine is None:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._local.mine = mine = (connection, threading.RLock())
            with self._lock:
                if self._closed:
                    connection.close()
                self._connections.append(mine)
        return mine

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection, in_use = self._mine()
        with self._writing, in_use:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:  # a full disk may have ended it
                    connection.execute("ROLLBACK")
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise DiskFull(
                        "No space is left for the gateway's own records.",
                        remedy="Delete jobs you no longer need, or ask the site's administrator for space.",
                    ) from None
                raise

    def _rows(self, query: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        connection, in_use = self._mine()
        with in_use:
            return connection.execute(query, values).fetchall()

    def _one(self, query: str, values: Sequence[Any]) -> sqlite3.Row | None:
        return next(iter(self._rows(query, values)), None)

    def _jobs(self, query: str, values: Sequence[Any]) -> list[Job]:
        return [_from_row(row) for row in self._rows(query, values)]


def _insert(connection: sqlite3.Connection, job: Job, key: str | None, digest: str) -> None:
    row = {**_to_row(asdict(job)), "key": key, "digest": digest}
    places = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO job ({', '.join(row)}) VALUES ({places})", row)  # noqa: S608 names are ours


def _first_id(moment: datetime, milliseconds: int) -> str:
    """No job made so long after the moment or later has a lower id: an id begins with its time, to the millisecond."""
    return str(ULID.from_timestamp(max(0, int(moment.timestamp() * 1000) + milliseconds)))[:10]


def _to_row(values: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(values)
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = value.timestamp()
        elif isinstance(value, Resources | Effort):
            row[name] = value.model_dump_json()
        elif isinstance(value, Mapping):
            row[name] = json.dumps(value)
    return row


_resources = lru_cache(1000)(Resources.model_validate_json)
_effort = lru_cache(1000)(Effort.model_validate_json)


def _from_row(row: sqlite3.Row) -> Job:
    values = dict(zip(row.keys(), row, strict=True))  # by name, SQLite would search for each
    del values["key"], values["digest"]
    for name in _TIMES:
        if values[name] is not None:
            values[name] = datetime.fromtimestamp(values[name], UTC)
    values["status"], values["step"] = Status(values["status"]), Step(values["step"])
    values["resources"] = _resources(values["resources"])
    values["effort"] = _effort(values["effort"])
    values["pinned"] = bool(values["pinned"])
    values["problem"] = None if values["problem"] is None else json.loads(values["problem"])
    return Job(**values)
