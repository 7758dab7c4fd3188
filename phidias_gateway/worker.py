"""What a job runs: `phidias-worker <job folder> <attempt> [<part>]`, the same under every scheduler.

Three processes. The first claims the attempt, and from then on only guards the second, the supervisor: whichever of
them is killed, the other ends what is left. The supervisor forks the process that does the work, and stays small and
awake: it hears SIGTERM at once even while the work is deep in native code, ends every descendant, keeps the time
limit, and publishes the outcome. An outcome is published only by an attempt that ended by itself or by its limit;
one that was told to end leaves nothing, since whoever told it knows why.

Of the workers that share a job in parts, the one that finishes last makes its end: so no further task has to wait in
the queue. If that one is lost, the next attempt has nothing but the end to do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phidias_gateway import causes, logs, process_tree
from phidias_gateway.job_folder import JobFolder, Turn

SUCCESSFUL, FAILED, NOT_OURS = 0, 1, 3
"""Exit codes; the last is that of a worker that must not run: its turn is taken, revoked, or has its outcome"""
_ENDED = (SUCCESSFUL, FAILED)
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_SIGNALS = {*_ENDING, signal.SIGCHLD}
_TICK_SECONDS = 1.0
_LONGEST_TICK_SECONDS = 2.0
"""What a tick takes beyond this, the job was stopped (suspended by the scheduler): that is not its time"""
_TOUCH_SECONDS = 3.0
_TOLD_SECONDS = 2.0
"""Who ends a job tells all its processes, one after the other; within this time the supervisor hears of it, too"""

log = logging.getLogger("phidias.worker")


def main() -> int:
    """Run one attempt of a job. Exit code 0: successful; 1: failed; 3: not to be run; 128 + n: ended by a signal."""
    logs.to_stderr("%(asctime)s %(levelname)s %(message)s")
    logging.raiseExceptions = False  # a log on a full disk must not end the job
    numbers = sys.argv[2:]
    if len(numbers) not in (1, 2) or not all(number.isdecimal() for number in numbers):
        print("usage: phidias-worker <job folder> <attempt> [<part>]", file=sys.stderr)
        return 2
    folder, turn = JobFolder(Path(sys.argv[1])), Turn(*map(int, numbers))
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with contextlib.suppress(PermissionError):  # a session leader already
        os.setsid()
    code = _take_turn(folder, turn)
    if turn.part is not None and code in _ENDED and not folder.open_parts(folder.request()["parts"]):
        log.info("all parts are done")
        return _take_turn(folder, Turn(turn.attempt))
    return code


def _take_turn(folder: JobFolder, turn: Turn) -> int:
    lock = folder.take(turn, os.getpid(), process_tree.start_ticks(os.getpid()) or 0)
    if lock is None:
        log.info("attempt %s is not to be run: it was taken or revoked, or has its outcome", turn.name)
        return NOT_OURS
    try:
        return process_tree.guarded(lambda: _supervise(folder, turn, lock), _ENDING)
    finally:
        os.close(lock)


def _supervise(folder: JobFolder, turn: Turn, lock: int) -> int:
    try:
        return _Supervisor(folder, turn, lock).run()
    except BaseException:
        log.exception("the supervisor failed")
        return FAILED
    finally:
        logging.shutdown()


class _Supervisor:
    def __init__(self, folder: JobFolder, turn: Turn, lock: int) -> None:
        self.folder = folder
        self.turn = turn
        self.lock = lock
        self.outcome = f"outcome.{turn.name}.json"
        self.started = datetime.now(UTC)
        self.begun = time.monotonic()

    def run(self) -> int:
        process_tree.adopt_orphans()
        self.folder.reserve()
        kills = _kernel_kills()
        child = self._fork()
        ended = self._wait(child, 60 * float(self.folder.request()["resources"]["minutes"]))
        process_tree.end_descendants(os.getpid())
        if isinstance(ended, signal.Signals):
            log.info("told to end (%s)", ended.name)
            self._clean(failed=True)
            return 128 + ended
        if ended is None:
            log.error("the time limit is reached")
            self._fail(causes.problem("time-limit"))
        elif not (ended == 0 and (self.folder.path / self.outcome).exists()):
            self._fail(_ended_early(ended, _kernel_kills() > kills))
        self._clean(failed=False)
        if not self.folder.publish(self.outcome, self.turn):
            return NOT_OURS
        successful = self._told()["status"] == "successful"
        if successful and self.turn.part is None:
            shutil.rmtree(self.folder.tiles, ignore_errors=True)  # the results hold all of it
        return SUCCESSFUL if successful else FAILED

    def _told(self) -> dict[str, Any]:
        return (self.folder.result() if self.turn.part is None else self.folder.outcome_of(self.turn.part)) or {}

    def _fork(self) -> int:
        supervisor = os.getpid()
        child = os.fork()
        if child:
            return child
        try:
            process_tree.die_with_parent(supervisor)
            os.close(self.lock)  # held by what this process forks, it would outlive the supervisor
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            from phidias_gateway.run import run_job

            run_job(self.folder, self.turn, self.outcome, self._times)
        except BaseException:
            log.exception("the worker failed")
            os._exit(70)
        finally:
            logging.shutdown()
        os._exit(0)

    def _wait(self, child: int, limit: float) -> int | signal.Signals | None:
        """The child's exit code (negative: its signal), or the signal that told us to end, or None: too long."""
        left = limit
        touched = time.monotonic()
        while left > 0:
            begun = time.monotonic()
            heard = _hear(_SIGNALS, min(_TICK_SECONDS, left))
            if heard in _ENDING:
                return heard
            status = process_tree.reap(child)
            if status is not None:
                told = _hear(_ENDING, _TOLD_SECONDS) if -status in {*_ENDING, signal.SIGKILL} else None
                return status if told is None else told
            if self._is_over():
                return signal.SIGTERM
            if time.monotonic() - touched >= _TOUCH_SECONDS:
                touched = time.monotonic()
                self.folder.touch(self.turn)
            left -= min(time.monotonic() - begun, _LONGEST_TICK_SECONDS)
        return None

    def _is_over(self) -> bool:
        with contextlib.suppress(OSError):  # a file system that fails for a moment ends no job
            return self.folder.is_over(self.turn.attempt)
        return False

    def _fail(self, problem: dict[str, Any]) -> None:
        self._clean(failed=True)
        outcome = {
            "status": "failed",
            "outputs": {},
            "error": problem,
            **self._times(),
        }
        self.folder.prepare(self.outcome, outcome)

    def _times(self) -> dict[str, Any]:
        """What an outcome says about its attempt. The duration is right also where this machine's clock is not."""
        return {
            "attempt": self.turn.attempt,
            "started": self.started.isoformat(),
            "finished": datetime.now(UTC).isoformat(),
            "seconds": time.monotonic() - self.begun,
        }

    def _clean(self, *, failed: bool) -> None:
        shutil.rmtree(self.folder.scratch(self.turn), ignore_errors=True)
        if failed and self.turn.part is None:
            shutil.rmtree(self.folder.results(self.turn.attempt), ignore_errors=True)


def _hear(signals: Collection[signal.Signals], seconds: float) -> signal.Signals | None:
    """The first of these signals that comes, or None. They are blocked."""
    heard = signal.sigtimedwait(signals, seconds)
    # In CPython 3.11, a wait that is over by the time its process goes on after a stop gives uninitialised memory.
    return signal.Signals(heard.si_signo) if heard is not None and heard.si_signo in signals else None


def _ended_early(code: int, out_of_memory: bool) -> dict[str, Any]:
    if code >= 0:
        return causes.problem("worker-failed", f"Its exit code was {code}.")
    if code == -signal.SIGKILL and out_of_memory:
        return causes.problem("out-of-memory")
    return causes.problem("worker-killed", f"The signal was {signal.Signals(-code).name}.")


def _kernel_kills() -> int:
    """How many processes of this control group the kernel has killed for want of memory; 0 where it can't be read."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "memory":
                counts = Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
            elif not controllers:
                counts = Path(f"/sys/fs/cgroup{path}/memory.events")
            else:
                continue
            if counts.is_file():
                return int(dict(entry.split() for entry in counts.read_text().splitlines()).get("oom_kill", 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
