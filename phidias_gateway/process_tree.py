"""Processes of this machine, from /proc (Linux): who descends from whom, and ending them all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def adopt_orphans() -> None:
    """From now on, descendants whose parents end become children of this process: none gets lost."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Be sent this signal as soon as the parent ends, or at once if it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os.kill(os.getpid(), by)


def guarded(run: Callable[[], int], ending: Collection[signal.Signals]) -> int:
    """Run in a child, so that no descendant survives even if this process or the child is killed.

    The signals `ending`, which are to be blocked, go to the child, where they mean: end all of yours, then yourself. It
    is sent SIGTERM, too, when this process is killed. Returns the child's exit code, or ends by the signal that it did.
    """
    adopt_orphans()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(guard, signal.SIGTERM)
        os._exit(run())
    while True:
        heard = signal.sigwaitinfo({*ending, signal.SIGCHLD})
        if heard.si_signo != signal.SIGCHLD:
            os.kill(child, heard.si_signo)
        elif (code := reap(child)) is not None:
            end_descendants(guard)
            if code < 0:
                with contextlib.suppress(OSError):  # SIGKILL does what it does anyway
                    signal.signal(-code, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
                os.kill(guard, -code)
            return code


def reap(child: int) -> int | None:
    """Collect whatever has ended; the exit code of `child` (negative: its signal) if it is among it."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = os.waitstatus_to_exitcode(status)
    return found


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if it is gone. With the pid it names a process."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def boot_id() -> str:
    """Which start of which machine this is: `start_ticks` and pids mean something within one only."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def end_descendants(pid: int) -> None:
    """Kill all descendants of the process, until none is left."""
    _end(lambda table: _descendants(table, pid))


def end_marked(mark: str, leader: int | None, ticks: int | None) -> None:
    """Kill all processes that were started with the variable `mark` (NAME=value), and those of the leader's session.

    The mark finds what has left the session or lost its parents; the session finds what has dropped its environment.
    `ticks` is the leader's `start_ticks`, since this machine's last start. If another process has its pid now, its
    session has long ended (the kernel gives no pid away while a session of that number lives).
    """
    now = None if leader is None else start_ticks(leader)
    if now is not None and ticks is not None and now != ticks:
        leader = None

    def select(table: Mapping[int, tuple[int, int]]) -> set[int]:
        marked = {pid for pid in table if mark.encode() in _environment(pid)}
        if leader is None:
            return marked
        session = {pid for pid, (_, session) in table.items() if leader in (pid, session)}
        return marked | session | _descendants(table, leader)

    _end(select)


def _end(select: Callable[[Mapping[int, tuple[int, int]]], set[int]], patience: float = 10.0) -> None:
    """Kill what is selected from the table, and look again, since a process may have had children meanwhile."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        victims = select(_table()) - {os.getpid()}
        if not victims:
            return
        for pid in victims:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _table() -> dict[int, tuple[int, int]]:
    """Parent and session of every process that is not a zombie."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) and fields[0] not in "ZX":
            table[int(entry)] = int(fields[1]), int(fields[3])
    return table


def _descendants(table: Mapping[int, tuple[int, int]], root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    pending = [root]
    while pending:
        new = [child for child in children.get(pending.pop(), ()) if child not in found]
        found.update(new)
        pending += new
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; its name, before, may hold any bytes, parentheses too."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    except OSError:  # gone, or hidden from us
        return None


def _environment(pid: int) -> list[bytes]:
    """What the process was started with; nothing for one of another user."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
