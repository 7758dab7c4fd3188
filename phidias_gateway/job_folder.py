"""The folder of one job, `<root>/jobs/<ulid>/`: what the gateway and the worker tell each other, and nothing else.

    request.json        inputs as validated, process, site, resources     written by the gateway, before submission
    plan.json           what Process.plan returned                        gateway
    claim.<attempt>     the fence: whoever makes it owns the attempt       worker, or gateway to keep a worker out
    revoked.<attempt>   this attempt must not run, nor tell an outcome     gateway; its claim is a link to it
    progress.json       per cent and message                               worker, replaced atomically
    logs/task-<n>.log   all that a task said                               worker
    scratch.<attempt>/  temporary files                                    worker, removed at the end
    tiles/              what is finished, see `preview`                    worker
    results/            output files (results.<attempt>/ from the second attempt on)
    result.json         the outcome, written once, last; nothing else means success

A job in parts has for each part, beside these, which then belong to the end of the job:

    claim.<attempt>.<part>, scratch.<attempt>.<part>/                      as above
    parts/<part>.progress.json, parts/<part>.json                          as progress.json and result.json

Shared file systems (NFS, Lustre) are the normal case: only create, link and rename are relied on between machines.
What is in the folder may be cut short or nonsense (full disks, jobs that write where they should not): no reader of it
lets that stand in the way of other jobs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phidias_gateway.process_tree import boot_id

RESERVE = 64 * 1024
"""Bytes kept back so that a full disk can still be told about"""
_LEFTOVERS = ("*.new", "outcome.*", "taking.*", "reserve", "scratch.*", "parts/*.new", "parts/*.progress.json")


@dataclass(frozen=True)
class Turn:
    """What one worker does: an attempt at a whole job, at one part of it, or at its end when all parts are done."""

    attempt: int
    part: int | None = None
    """None: the whole job, or its end"""

    @property
    def name(self) -> str:
        return f"{self.attempt}" if self.part is None else f"{self.attempt}.{self.part}"


@dataclass(frozen=True)
class Claim:
    """The worker that holds a turn. What it could not write (a full disk) is None."""

    pid: int | None
    start_ticks: int | None
    boot: str | None
    """See `process_tree.boot_id`"""
    touched: float
    """Modification time, renewed by a living worker; compare it with itself, clocks of machines differ"""


@dataclass(frozen=True)
class JobFolder:
    path: Path

    # --- gateway -----------------------------------------------------------------------------------------------------

    def create(self, request: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        """Make the folder with its request and plan, durably. Raises OSError; then nothing is left."""
        self.path.mkdir(parents=True)
        try:
            for name in ("logs", *(["parts"] if request["parts"] > 1 else [])):
                (self.path / name).mkdir()
            write_durably(self.path / "request.json", to_json(request))
            write_durably(self.path / "plan.json", to_json(plan))
            sync_folder(self.path)
            sync_folder(self.path.parent)
        except OSError:
            self.remove()
            raise

    def forbid(self, attempt: int, parts: int) -> bool:
        """Keep the attempt from starting, and tell it to end without an outcome if it has started.

        `parts` is how many the job has. True: no worker ever had one that is not done, or the job's end. Needs no space
        on the disk. A missing folder forbids enough. Raises OSError.
        """
        revoked = self.path / f"revoked.{attempt}"
        try:
            revoked.touch()
            claims = [self._claim(turn) for turn in _turns(attempt, self.open_parts(parts))]
            for claim in claims:
                if not claim.exists():
                    _link(revoked, claim)
            sync_folder(self.path)
            return all(os.path.samefile(revoked, claim) for claim in claims)
        except FileNotFoundError:
            return True

    def is_revoked(self, attempt: int) -> bool:
        return (self.path / f"revoked.{attempt}").exists()

    def tidy(self, attempt: int | None, *, tiles: bool) -> None:
        """Remove what an ended job has no use for: temporary files, and the results of all attempts but this one.

        `tiles`: keep those, too, for who wants to see how far the job came.
        """
        kept = None if attempt is None else self.results(attempt)
        for pattern in (*_LEFTOVERS, "results", "results.*", *([] if tiles else ["tiles"])):
            for path in self.path.glob(pattern):
                if path != kept:
                    _remove(path)

    def remove(self) -> None:
        """Delete the folder, if it is there."""
        shutil.rmtree(self.path, ignore_errors=True)

    # --- read --------------------------------------------------------------------------------------------------------

    def request(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "request.json").read_bytes()))

    def plan(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "plan.json").read_bytes()))

    def refresh(self) -> None:
        """Make a network file system look anew for files that were not there before: opening the folder does."""
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY))

    def result(self) -> dict[str, Any] | None:
        """The outcome, or None while there is none. Raises ValueError if it cannot be read."""
        try:
            return _object((self.path / "result.json").read_bytes())
        except FileNotFoundError:
            return None

    def ended_parts(self) -> set[int]:
        """The parts that have their outcome."""
        with contextlib.suppress(FileNotFoundError):
            names = (entry.name.partition(".") for entry in os.scandir(self.path / "parts"))
            return {int(part) for part, _, ending in names if ending == "json" and part.isdecimal()}
        return set()

    def open_parts(self, parts: int) -> list[int]:
        """The parts that have none yet; none for a job that is not divided."""
        return [] if parts == 1 else sorted(set(range(parts)) - self.ended_parts())

    def outcome_of(self, part: int) -> dict[str, Any]:
        """A part's outcome; one that cannot be read is empty. Raises FileNotFoundError."""
        with contextlib.suppress(ValueError):
            return _object((self.path / "parts" / f"{part}.json").read_bytes())
        return {}

    def progress(self, part: int | None = None) -> tuple[int, str]:
        """Per cent and message as the worker last told; (0, "") before."""
        try:
            told = _object(self._progress(part).read_bytes())
            return max(0, min(100, int(told["percent"]))), str(told["message"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return 0, ""

    def claim(self, turn: Turn) -> Claim | None:
        """The worker that holds the turn, or None if none does."""
        try:
            with open(self._claim(turn), "rb") as file:  # opened first: then its times are no cached ones
                status = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(status, (self.path / f"revoked.{turn.attempt}").stat()):
                return None
        try:
            held = _object(content)
            return Claim(int(held["pid"]), int(held["start_ticks"]), str(held["boot"]), status.st_mtime)
        except (ValueError, TypeError, KeyError):
            return Claim(None, None, None, status.st_mtime)

    def latest_claim(self, attempt: int, parts: Iterable[int]) -> Claim | None:
        """Of the workers that hold one of these parts, or the end of the job: that which last showed that it lives."""
        claims = [claim for turn in _turns(attempt, parts) if (claim := self.claim(turn)) is not None]
        return max(claims, key=lambda claim: claim.touched, default=None)

    def is_alive(self, turn: Turn) -> bool:
        """Whether a worker of this machine holds the turn: only for jobs that run here."""
        try:
            with open(self._claim(turn), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def log(self, task: int, offset: int, limit: int) -> tuple[bytes, int]:
        """At most `limit` bytes of a task's log from `offset` on, and the log's size. Empty before it is there."""
        try:
            with open(self.log_of(task), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(min(offset, size))
                return file.read(limit), size
        except FileNotFoundError:
            return b"", 0

    def end_of_log(self, task: int, length: int = 4096) -> str:
        """The last of what a task said."""
        _, size = self.log(task, 0, 0)
        return self.log(task, max(0, size - length), length)[0].decode(errors="replace")

    def log_of(self, task: int) -> Path:
        """The file with all that a task said: number 0, or the part's."""
        return self.path / "logs" / f"task-{int(task)}.log"

    def results(self, attempt: int) -> Path:
        """Where the attempt's output files are; each attempt has its own, so that a lost one can spoil nothing."""
        return self.path / ("results" if attempt == 1 else f"results.{attempt}")

    @property
    def tiles(self) -> Path:
        """What the tasks leave for the end of the job, and for those who look meanwhile: see `preview`."""
        return self.path / "tiles"

    def scratch(self, turn: Turn) -> Path:
        return self.path / f"scratch.{turn.name}"

    def _claim(self, turn: Turn) -> Path:
        return self.path / f"claim.{turn.name}"

    def _progress(self, part: int | None) -> Path:
        return self.path / ("progress.json" if part is None else f"parts/{part}.progress.json")

    def _outcome(self, part: int | None) -> Path:
        return self.path / ("result.json" if part is None else f"parts/{part}.json")

    # --- worker ------------------------------------------------------------------------------------------------------

    def take(self, turn: Turn, pid: int, start_ticks: int) -> int | None:
        """Claim the turn for this process. Returns a descriptor that holds its lock, or None: it must not run.

        The claim appears with its content and already locked, so that nobody sees it half made.
        """
        own = self.path / f"taking.{secrets.token_hex(8)}"
        told = {"pid": pid, "start_ticks": start_ticks, "boot": boot_id(), "host": socket.gethostname()}
        descriptor = os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Only the local scheduler asks for the lock; not every file system of a cluster has locks.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(OSError):  # a full disk: an empty claim still is a claim
                os.write(descriptor, to_json(told))
            taken = _link(own, self._claim(turn))
        finally:
            own.unlink(missing_ok=True)
        sync_folder(self.path)
        if not taken or self.is_over(turn.attempt) or self._outcome(turn.part).exists():
            os.close(descriptor)
            return None
        return descriptor

    def is_over(self, attempt: int) -> bool:
        """Whether the attempt has nothing to do any more: it was revoked, or the job has its outcome or was removed."""
        there = (self.path / "request.json").exists()
        return self.is_revoked(attempt) or (self.path / "result.json").exists() or not there

    def touch(self, turn: Turn) -> None:
        """Renew the claim: its worker lives."""
        with contextlib.suppress(OSError):
            os.utime(self._claim(turn))

    def reserve(self) -> None:
        """Keep a little of the disk back for the outcome."""
        with contextlib.suppress(OSError), open(self.path / "reserve", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE)

    def report(self, percent: float, message: str, part: int | None = None) -> None:
        """Replace the progress of the job, or of a part. A full disk must not fail a job that could still end well."""
        told = {"percent": max(0, min(100, int(percent))), "message": message[:500], "time": time.time()}
        path = self._progress(part)
        temporary = path.with_name(path.name + ".new")
        with contextlib.suppress(OSError):
            temporary.write_bytes(to_json(told))
            temporary.replace(path)

    # --- the outcome: a worker's, or the gateway's for a worker that left none ---------------------------------------

    def prepare(self, name: str, outcome: Mapping[str, Any]) -> None:
        """Write an outcome durably to the file `name`, for `publish`. On a full disk the reserve is used."""
        try:
            write_durably(self.path / name, to_json(outcome))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            (self.path / "reserve").unlink(missing_ok=True)
            write_durably(self.path / name, to_json(outcome))

    def publish(self, name: str, turn: Turn | None) -> bool:
        """Make a prepared outcome the job's, or the part's. False: the attempt was revoked, or another was first.

        `turn` is None for the gateway, whom nobody revokes.

        A link, not a rename: of two that publish at the same moment exactly one wins, on every file system.
        """
        if turn is not None and self.is_revoked(turn.attempt):
            return False
        target = self._outcome(turn.part if turn else None)
        try:
            won = _link(self.path / name, target)
        finally:
            (self.path / name).unlink(missing_ok=True)
        sync_folder(target.parent)
        (self.path / "reserve").unlink(missing_ok=True)
        return won


def _turns(attempt: int, parts: Iterable[int]) -> list[Turn]:
    """At the whole job or its end, and at these parts."""
    return [Turn(attempt), *(Turn(attempt, part) for part in parts)]


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def write_durably(path: Path, content: bytes) -> None:
    """Replace the file so that it is there, whole, after a power cut (with `sync_folder` on its folder)."""
    temporary = path.with_name(path.name + ".new")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else."""
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _link(path: Path, target: Path) -> bool:
    """Give the file the name `target` too, unless another file has it. Whether it has it now."""
    try:
        os.link(path, target)
    except FileExistsError:
        return os.path.samefile(path, target)  # over NFS the answer to a repeated request may be this, too
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
