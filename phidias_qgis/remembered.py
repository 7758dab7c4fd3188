"""The jobs that had not ended when they were last seen, kept on disk: what a restarted QGIS asks the gateway about.

One small file for each job, so that several QGIS can share a profile: a file is written in one step, and of all that
remove it exactly one succeeds. Nothing here is a secret, and nothing is removed because a gateway does not answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QLockFile

from phidias_qgis.connection import Connection

WAIT, TELL, ADD = "wait", "tell", "add"
"""What is to be done when a job ends: nothing, as somebody waits for it; a message; its results are to be fetched"""


@dataclass(frozen=True)
class Note:
    """A job that has not ended, as far as is known here."""

    job: str
    process: str
    then: str = TELL
    by: str = ""
    """Which running QGIS will do it; any, once that one is gone"""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """For ADD: the outputs that are wanted, as `later.wanted` gives them"""


class Notes:
    """The notes of one connection. May be used on any thread."""

    def __init__(self, connection: Connection) -> None:
        identity = hashlib.sha256(f"{connection.name}\n{connection.url}".encode()).hexdigest()[:24]
        self.folder = _folder() / identity

    def all(self) -> dict[str, Note]:
        """Every note by its job; a file that cannot be read is passed over."""
        notes = (_read(path) for path in self.folder.glob("*.json"))
        return {note.job: note for note in notes if note is not None}

    def keep(self, note: Note) -> None:
        """Write a note, in place of an older one of the same job. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".new")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(note), file)
            os.replace(name, self._path(note.job))
        except OSError:
            with suppress(OSError):
                os.remove(name)
            raise

    def add(self, note: Note) -> Note | None:
        """Write a note unless there is one: the one that is there then, None if this QGIS has dropped it before.

        Raises OSError.
        """
        if (self.folder, note.job) in _dropped:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(self._path(note.job), "x", encoding="utf-8") as file:
                json.dump(asdict(note), file)
        except FileExistsError:
            return _read(self._path(note.job)) or note
        return note

    def drop(self, job_id: str) -> bool:
        """Forget a job; True for the one that did it, False if there was nothing (left) to forget."""
        _dropped.add((self.folder, job_id))
        try:
            self._path(job_id).unlink()
        except OSError:
            return False
        return True

    def _path(self, job_id: str) -> Path:
        return self.folder / (hashlib.sha256(job_id.encode()).hexdigest()[:32] + ".json")


_dropped: set[tuple[Path, str]] = set()
"""What this process has forgotten: late news of such a job must not bring it back"""


def _read(path: Path) -> Note | None:
    try:
        entry = json.loads(path.read_bytes())
        return Note(**entry)
    except (OSError, ValueError, TypeError):
        return None


_beginning = threading.Lock()
_presence: dict[str, QLockFile] = {}


def me() -> str:
    """The name of this running QGIS. Others can see from it whether it still runs."""
    with _beginning:
        if not _presence:
            name = uuid.uuid4().hex
            lock = _lock(name)
            lock.tryLock(0)
            _presence[name] = lock
        return next(iter(_presence))


def runs(name: str) -> bool:
    """Whether the QGIS of this name is there."""
    if not name or name in _presence:
        return bool(name)
    lock = _lock(name)
    if not lock.tryLock(0):
        return True
    lock.unlock()
    return False


def _lock(name: str) -> QLockFile:
    folder = _folder() / "running"
    folder.mkdir(parents=True, exist_ok=True)
    lock = QLockFile(str(folder / f"{name}.lock"))
    # However old: what counts is whether its process is there.
    lock.setStaleLockTime(0)
    return lock


def _folder() -> Path:
    return Path(QgsApplication.qgisSettingsDirPath()) / "phidias" / "jobs"
