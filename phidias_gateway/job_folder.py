"""The folder of one job, `<root>/jobs/<ulid>/`: what the gateway and the worker tell each other, and nothing else.

    request.json        inputs as validated, process, site, resources     written by the gateway, before submission
    plan.json           what Process.plan returned                        gateway
    claim.<attempt>     the fence: whoever makes it owns the attempt       worker, or gateway to keep a worker out
    revoked.<attempt>   this attempt must not run, nor tell an outcome     gateway; its claim is a link to it
    progress.json       per cent and message                               worker, replaced atomically
    logs/task-0.log     all that the job said                              worker
    scratch.<attempt>/  temporary files                                    worker, removed at the end
    results/            output files (results.<attempt>/ from the second attempt on)
    result.json         the outcome, written once, last; nothing else means success

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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phidias_gateway.process_tree import boot_id

LOG = "task-0.log"
RESERVE = 64 * 1024
"""Bytes kept back so that a full disk can still be told about"""
_LEFTOVERS = ("*.new", "outcome.*", "claim.*.*", "reserve", "scratch.*")


@dataclass(frozen=True)
class Claim:
    """The worker that holds an attempt. What it could not write (a full disk) is None."""

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
            (self.path / "logs").mkdir()
            write_durably(self.path / "request.json", to_json(request))
            write_durably(self.path / "plan.json", to_json(plan))
            sync_folder(self.path)
            sync_folder(self.path.parent)
        except OSError:
            self.remove()
            raise

    def forbid(self, attempt: int) -> bool:
        """Keep the attempt from starting, and tell it to end without an outcome if it has started.

        True: no worker ever had it. Needs no space on the disk. A missing folder forbids enough. Raises OSError.
        """
        revoked, claim = self.path / f"revoked.{attempt}", self.path / f"claim.{attempt}"
        try:
            revoked.touch()
            ours = _link(revoked, claim)
            sync_folder(self.path)
        except FileNotFoundError:
            return True
        return ours

    def is_revoked(self, attempt: int) -> bool:
        return (self.path / f"revoked.{attempt}").exists()

    def tidy(self, attempt: int | None) -> None:
        """Remove what an ended job has no use for: temporary files, and the results of all attempts but this one."""
        kept = None if attempt is None else self.results(attempt)
        for pattern in (*_LEFTOVERS, "results", "results.*"):
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

    def progress(self) -> tuple[int, str]:
        """Per cent and message as the worker last told; (0, "") before."""
        try:
            told = _object((self.path / "progress.json").read_bytes())
            return max(0, min(100, int(told["percent"]))), str(told["message"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return 0, ""

    def claim(self, attempt: int) -> Claim | None:
        """The worker that holds the attempt, or None if none does."""
        try:
            with open(self.path / f"claim.{attempt}", "rb") as file:  # opened first: then its times are no cached ones
                status = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(status, (self.path / f"revoked.{attempt}").stat()):
                return None
        try:
            held = _object(content)
            return Claim(int(held["pid"]), int(held["start_ticks"]), str(held["boot"]), status.st_mtime)
        except (ValueError, TypeError, KeyError):
            return Claim(None, None, None, status.st_mtime)

    def is_alive(self, attempt: int) -> bool:
        """Whether a worker of this machine holds the attempt: only for jobs that run here."""
        try:
            with open(self.path / f"claim.{attempt}", "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def log(self, task: int, offset: int, limit: int) -> tuple[bytes, int]:
        """At most `limit` bytes of a task's log from `offset` on, and the log's size. Empty before it is there."""
        try:
            with open(self.path / "logs" / f"task-{int(task)}.log", "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(min(offset, size))
                return file.read(limit), size
        except FileNotFoundError:
            return b"", 0

    def end_of_log(self, length: int = 4096) -> str:
        """The last of what the first task said."""
        _, size = self.log(0, 0, 0)
        return self.log(0, max(0, size - length), length)[0].decode(errors="replace")

    def results(self, attempt: int) -> Path:
        """Where the attempt's output files are; each attempt has its own, so that a lost one can spoil nothing."""
        return self.path / ("results" if attempt == 1 else f"results.{attempt}")

    @property
    def tiles(self) -> Path:
        """What the tasks leave for the end of the job, and for those who look meanwhile: see `preview`."""
        return self.path / "tiles"

    def scratch(self, attempt: int) -> Path:
        return self.path / f"scratch.{attempt}"

    # --- worker ------------------------------------------------------------------------------------------------------

    def take(self, attempt: int, pid: int, start_ticks: int) -> int | None:
        """Claim the attempt for this process. Returns a descriptor that holds its lock, or None: it must not run.

        The claim appears with its content and already locked, so that nobody sees it half made.
        """
        own = self.path / f"claim.{attempt}.{secrets.token_hex(8)}"
        told = {"pid": pid, "start_ticks": start_ticks, "boot": boot_id(), "host": socket.gethostname()}
        descriptor = os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Only the local scheduler asks for the lock; not every file system of a cluster has locks.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(OSError):  # a full disk: an empty claim still is a claim
                os.write(descriptor, to_json(told))
            taken = _link(own, self.path / f"claim.{attempt}")
        finally:
            own.unlink(missing_ok=True)
        sync_folder(self.path)
        if not taken or self.is_over(attempt):
            os.close(descriptor)
            return None
        return descriptor

    def is_over(self, attempt: int) -> bool:
        """Whether the attempt has nothing to do any more: it was revoked, or the job has its outcome."""
        return self.is_revoked(attempt) or (self.path / "result.json").exists()

    def touch(self, attempt: int) -> None:
        """Renew the claim: its worker lives."""
        with contextlib.suppress(OSError):
            os.utime(self.path / f"claim.{attempt}")

    def reserve(self) -> None:
        """Keep a little of the disk back for the outcome."""
        with contextlib.suppress(OSError), open(self.path / "reserve", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE)

    def report(self, percent: float, message: str) -> None:
        """Replace the progress. A full disk must not fail a job that could still end well."""
        told = {"percent": max(0, min(100, int(percent))), "message": message[:500], "time": time.time()}
        temporary = self.path / "progress.json.new"
        with contextlib.suppress(OSError):
            temporary.write_bytes(to_json(told))
            temporary.replace(self.path / "progress.json")

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

    def publish(self, name: str, attempt: int | None) -> bool:
        """Make a prepared outcome the job's outcome. False: the attempt was revoked, or another outcome was first.

        A link, not a rename: of two that publish at the same moment exactly one wins, on every file system.
        """
        if attempt is not None and self.is_revoked(attempt):
            return False
        try:
            won = _link(self.path / name, self.path / "result.json")
        finally:
            (self.path / name).unlink(missing_ok=True)
        sync_folder(self.path)
        (self.path / "reserve").unlink(missing_ok=True)
        return won


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
