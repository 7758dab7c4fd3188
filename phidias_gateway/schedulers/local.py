"""Jobs as processes of this machine, a few at a time. They outlive the gateway; the next one takes them up again.

The truth about a worker is the lock on its claim, not a pid that a gateway remembers. CPU and memory are not limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from phidias_gateway import process_tree
from phidias_gateway.job_folder import Claim, JobFolder, Turn
from phidias_gateway.process import Resources
from phidias_gateway.schedulers.scheduler import Observed, Phase, Task, joined
from phidias_gateway.settings import SchedulerSettings

log = logging.getLogger(__name__)
_REMEMBERED = 5000
"""Ended tasks that a survey still shows"""
_NOT_NOW = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""Too many processes or open files, too little memory: not for ever"""
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


Key = tuple[str, int | None]
"""A task's name, and the part"""


@dataclass
class _Run:
    task: Task
    part: int | None
    pid: int | None = None
    """None: not started yet, or by an earlier gateway"""

    @property
    def key(self) -> Key:
        return self.task.name, self.part

    @property
    def turn(self) -> Turn:
        return Turn(self.task.attempt, self.part)

    @property
    def folder(self) -> JobFolder:
        return JobFolder(self.task.folder)

    def may_start(self) -> bool:
        with contextlib.suppress(OSError):
            return self.folder.claim(self.turn) is None and not self.folder.is_revoked(self.task.attempt)
        return False

    def start(self) -> None:
        """Start the worker, in a session of its own: nothing that ends the gateway reaches it. Raises OSError."""
        name, _, value = self.mark.partition("=")
        self.pid = os.posix_spawnp(
            self.task.command[0],
            [*self.task.command, *([] if self.part is None else [str(self.part)])],
            {**self.task.env, name: value},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, self.folder.log_of(self.part or 0), _APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
        )

    def is_alive(self) -> bool:
        if self.pid is not None:
            if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                return True
            self.pid = None
        try:
            return self.folder.is_alive(self.turn)
        except OSError as error:
            log.error("whether %s runs cannot be seen: %s", self.task.name, error)
            return True

    def end(self) -> None:
        """Kill the worker and all it has started; or what a killed worker has left behind."""
        claim = self._claim()
        if claim and claim.boot == process_tree.boot_id():
            process_tree.end_marked(self.mark, claim.pid, claim.start_ticks)
        else:
            process_tree.end_marked(self.mark, self.pid, None)

    def cause(self) -> str:
        """Why there is no worker any more, if it left no outcome."""
        claim = self._claim()
        if claim is None:
            return "not-started"
        return "worker-killed" if claim.boot in (None, process_tree.boot_id()) else "node-failed"

    def _claim(self) -> Claim | None:
        try:
            return self.folder.claim(self.turn)
        except OSError:
            return None

    @property
    def mark(self) -> str:
        """The variable by which the worker's processes are known."""
        return f"PHIDIAS_TASK={self.task.name}" + ("" if self.part is None else f".{self.part}")


class LocalScheduler:
    """See `Scheduler`. A task's own id here is its name."""

    kind = "local"
    survey_seconds = 0.2
    grace_seconds = 0.0

    def __init__(self, settings: SchedulerSettings) -> None:
        self._max_parallel = settings.max_parallel
        self._queue: deque[_Run] = deque()
        self._runs: dict[Key, _Run] = {}
        self._ended: OrderedDict[Key, str] = OrderedDict()

    async def adopt(self, tasks: Sequence[Task]) -> None:
        """A task that was claimed or revoked runs, or has ended; any other waits again. One that was about to claim
        when its gateway ended is started a second time, and one of the two finds the claim taken."""
        for task in tasks:
            for run in _runs_of(task):
                if run.may_start():
                    self._queue.append(run)
                else:
                    self._runs[run.key] = run

    async def submit(self, task: Task) -> str:
        self._queue.extend(_runs_of(task))
        self._fill()
        return task.name

    async def survey(self) -> Mapping[str, Observed]:
        for key, run in list(self._runs.items()):
            if not run.is_alive():
                await asyncio.to_thread(run.end)
                self._forget(key, run.cause())
        self._fill()
        seen: dict[str, dict[int | None, Observed]] = {}
        for (name, part), cause in self._ended.items():
            seen.setdefault(name, {})[part] = Observed(name, name, Phase.ENDED, cause=cause)
        for ahead, run in enumerate(self._queue, len(self._runs)):
            waiting = Observed(run.task.name, run.task.name, Phase.WAITING, reason=f"{ahead} ahead in the queue")
            seen.setdefault(run.task.name, {})[run.part] = waiting
        for name, part in self._runs:
            seen.setdefault(name, {})[part] = Observed(name, name, Phase.RUNNING)
        return {
            name: parts[None]
            if None in parts
            else joined({part: one for part, one in parts.items() if part is not None})
            for name, parts in seen.items()
        }

    async def most_parts(self) -> int:
        return 1000

    async def history(self, names: Sequence[str]) -> Mapping[str, Observed]:
        return {}

    async def expected_start(self, resources: Resources) -> datetime | None:
        running = sum(run.is_alive() for run in list(self._runs.values()))  # some may have ended since the last survey
        return None if self._queue or running >= self._max_parallel else datetime.now(UTC)

    def refine(self, cause: str, log: str) -> str:
        return cause

    async def cancel(self, names: Sequence[str]) -> None:
        self._queue = deque(run for run in self._queue if run.task.name not in names)
        runs = [run for run in self._runs.values() if run.task.name in names]
        await asyncio.gather(*(asyncio.to_thread(run.end) for run in runs))

    async def stop(self) -> None:
        self._queue.clear()

    def _fill(self) -> None:
        while self._queue and len(self._runs) < self._max_parallel:
            # Jobs take turns, so that one of many parts does not keep all others waiting.
            busy = Counter(name for name, _ in self._runs)
            run = min(self._queue, key=lambda run: busy[run.task.name])
            self._queue.remove(run)
            try:
                run.start()
                self._runs[run.key] = run
            except OSError as error:
                log.error("the worker of %s cannot be started: %s", run.task.name, error)
                if error.errno in _NOT_NOW:
                    self._queue.appendleft(run)
                    return
                self._forget(run.key, "not-started")

    def _forget(self, key: Key, cause: str) -> None:
        self._runs.pop(key, None)
        self._ended[key] = cause
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)


def _runs_of(task: Task) -> list[_Run]:
    return [_Run(task, part) for part in task.parts or (None,)]
