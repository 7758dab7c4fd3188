"""Jobs as processes of this machine, a few at a time. They outlive the gateway; the next one takes them up again.

The truth about a worker is the lock on its claim, not a pid that a gateway remembers. CPU and memory are not limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from phidias_gateway import process_tree
from phidias_gateway.job_folder import LOG, Claim, JobFolder
from phidias_gateway.process import Resources
from phidias_gateway.schedulers.scheduler import Observed, Phase, Task
from phidias_gateway.settings import SchedulerSettings

log = logging.getLogger(__name__)
_REMEMBERED = 1000
"""Ended tasks that a survey still shows"""


@dataclass
class _Run:
    task: Task
    pid: int | None
    """None: started by an earlier gateway"""

    @property
    def folder(self) -> JobFolder:
        return JobFolder(self.task.folder)

    def may_start(self) -> bool:
        with contextlib.suppress(OSError):
            return self.folder.claim(self.task.attempt) is None and not self.folder.is_revoked(self.task.attempt)
        return False

    def is_alive(self) -> bool:
        if self.pid is not None:
            if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                return True
            self.pid = None
        try:
            return self.folder.is_alive(self.task.attempt)
        except OSError as error:
            log.error("whether %s runs cannot be seen: %s", self.task.name, error)
            return True

    def end(self) -> None:
        """Kill the worker and all it has started; or what a killed worker has left behind."""
        claim = self._claim()
        if claim and claim.boot == process_tree.boot_id():
            process_tree.end_marked(_mark(self.task), claim.pid, claim.start_ticks)
        else:
            process_tree.end_marked(_mark(self.task), self.pid, None)

    def cause(self) -> str:
        """Why there is no worker any more, if it left no outcome."""
        claim = self._claim()
        if claim is None:
            return "not-started"
        return "worker-killed" if claim.boot in (None, process_tree.boot_id()) else "node-failed"

    def _claim(self) -> Claim | None:
        try:
            return self.folder.claim(self.task.attempt)
        except OSError:
            return None


class LocalScheduler:
    """See `Scheduler`. A task's own id here is its name."""

    kind = "local"
    survey_seconds = 0.2
    grace_seconds = 0.0

    def __init__(self, settings: SchedulerSettings) -> None:
        self._max_parallel = settings.max_parallel
        self._queue: deque[Task] = deque()
        self._runs: dict[str, _Run] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()

    async def adopt(self, tasks: Sequence[Task]) -> None:
        """A task that was claimed or revoked runs, or has ended; any other waits again. One that was about to claim
        when its gateway ended is started a second time, and one of the two finds the claim taken."""
        for task in tasks:
            run = _Run(task, None)
            if run.may_start():
                self._queue.append(task)
            else:
                self._runs[task.name] = run

    async def submit(self, task: Task) -> str:
        self._queue.append(task)
        self._fill()
        return task.name

    async def survey(self) -> Mapping[str, Observed]:
        for name, run in list(self._runs.items()):
            if not run.is_alive():
                await asyncio.to_thread(run.end)
                self._forget(name, run.cause())
        self._fill()
        waiting = {
            task.name: Observed(task.name, task.name, Phase.WAITING, reason=f"{position} ahead in the queue")
            for position, task in enumerate(self._queue, len(self._runs))
        }
        running = {name: Observed(name, name, Phase.RUNNING) for name in self._runs}
        ended = {name: Observed(name, name, Phase.ENDED, cause=cause) for name, cause in self._ended.items()}
        return {**ended, **waiting, **running}

    async def history(self, names: Sequence[str]) -> Mapping[str, Observed]:
        return {}

    async def expected_start(self, resources: Resources) -> datetime | None:
        return None if self._queue or len(self._runs) >= self._max_parallel else datetime.now(UTC)

    def refine(self, cause: str, log: str) -> str:
        return cause

    async def cancel(self, names: Sequence[str]) -> None:
        self._queue = deque(task for task in self._queue if task.name not in names)
        runs = [self._runs[name] for name in names if name in self._runs]
        await asyncio.gather(*(asyncio.to_thread(run.end) for run in runs))

    async def stop(self) -> None:
        self._queue.clear()

    def _fill(self) -> None:
        while self._queue and len(self._runs) < self._max_parallel:
            task = self._queue.popleft()
            try:
                self._runs[task.name] = _Run(task, _spawn(task))
            except OSError as error:
                log.error("the worker of %s cannot be started: %s", task.name, error)
                self._forget(task.name, "not-started")

    def _forget(self, name: str, cause: str) -> None:
        self._runs.pop(name, None)
        self._ended[name] = cause
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)


def _mark(task: Task) -> str:
    """The variable by which the task's processes are known."""
    return f"PHIDIAS_TASK={task.name}"


def _spawn(task: Task) -> int:
    """Start the worker in a session of its own, so that nothing that ends the gateway reaches it."""
    output = str(task.folder / "logs" / LOG)
    return os.posix_spawnp(
        task.command[0],
        task.command,
        {**task.env, **dict([_mark(task).split("=", 1)])},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
    )
