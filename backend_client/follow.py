"""Following a job to its end: long poll where the server has it, patient polling where not, through every outage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Callable

from backend_client.errors import (
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    LimitExceeded,
    UnexpectedAnswer,
)
from backend_client.models import Job, LogChunk
from backend_client.patience import Backoff, Cancel, check, never, pause

Unreachable = Callable[[GatewayError, float], None]
"""Told of each failed attempt and of the seconds until the next one"""

QUIET = 0.2
"""Seconds between two answers at least, however fast a server changes its mind"""
HELD = 2.0
"""An unchanged answer that took so many seconds was held back by the server, as a long poll is"""
LOG_WAIT = 5.0
"""Longest wait in one request while log lines are wanted as well"""


def follow(
    fetch: Callable[[Job | None, float], Job],
    read_log: Callable[[int], LogChunk],
    *,
    wait: float,
    log: Callable[[str], None] | None = None,
    unreachable: Unreachable | None = None,
    cancelled: Cancel = never,
) -> Iterator[Job]:
    """Yield the job as it is, then each time it changed, last when it has ended.

    `fetch(known, wait)` asks for the job, and may take `wait` seconds while it equals `known`.
    """
    log_reader = _LogReader(read_log, log) if log else None
    failures, idle = Backoff(), Backoff(1.0, 15.0)
    known: Job | None = None
    while True:
        check(cancelled)
        asked = time.monotonic()
        try:
            job = fetch(known, min(wait, LOG_WAIT) if log_reader else wait)
            if log_reader and (job.ended or job.status == "running"):
                log_reader.read(job, cancelled)
        except (GatewayUnreachable, GatewayFailed, LimitExceeded, UnexpectedAnswer) as error:
            check(cancelled)  # a transport that is cut by the cancel fails like a network
            if known is None and isinstance(error, UnexpectedAnswer):
                raise
            delay = failures.next(error.retry_after)
            if unreachable:
                unreachable(error, delay)
            pause(delay, cancelled)
            continue
        failures.reset()
        changed = known is None or _visible(job) != _visible(known)
        if changed:
            idle.reset()
            yield job
        if job.ended:
            return
        # A server that held the request has done the waiting; one that answered at once must not be hammered.
        held = time.monotonic() - asked
        if job.etag and (changed or held >= min(HELD, wait / 2)):
            pause(max(0.0, QUIET - held), cancelled)
        else:
            pause(idle.next(), cancelled)
        known = job


def _visible(job: Job) -> tuple[object, ...]:
    return (
        job.status,
        job.progress,
        job.message,
        job.queue_reason,
        job.estimated_start,
        job.started,
        job.finished,
    )


class _LogReader:
    """Hands whole lines of a job's log to `write`, each once."""

    def __init__(self, read_log: Callable[[int], LogChunk], write: Callable[[str], None]) -> None:
        self._read, self._write = read_log, write
        self._offset = 0
        self._rest = ""

    def read(self, job: Job, cancelled: Cancel) -> None:
        """Read what is new; of a job that has ended, everything. Nothing if the server offers no log."""
        if job.link("logs") is None:
            return
        while True:
            chunk = self._read(self._offset)
            moved = chunk.next > self._offset
            self._offset = max(self._offset, chunk.next)
            *lines, self._rest = (self._rest + chunk.text).split("\n")
            for line in lines:
                self._write(line.rstrip("\r"))
            if chunk.complete or not moved:
                break
            check(cancelled)
        if job.ended and self._rest:
            self._write(self._rest)
            self._rest = ""
