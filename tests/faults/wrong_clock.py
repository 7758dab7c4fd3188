"""Clocks are wrong, or are moved."""

from __future__ import annotations

import json

from tests.faults.rows import LOCAL, row
from tests.faults.site import NeverHappened, Site

HOUR = 3600


@row("the gateway's clock is moved forwards by an hour", "the job runs", quick=[LOCAL])
def clock_forwards(site: Site) -> str:
    return _clock_moves(site, HOUR, restart=False)


@row("the gateway's clock is moved back by an hour", "the job runs", quick=[LOCAL])
def clock_back(site: Site) -> str:
    return _clock_moves(site, -HOUR, restart=False)


@row("the gateway's clock is moved forwards by an hour", "it is killed and started again")
def clock_forwards_across_a_restart(site: Site) -> str:
    return _clock_moves(site, HOUR, restart=True)


@row("the gateway's clock is moved back by an hour", "it is killed and started again")
def clock_back_across_a_restart(site: Site) -> str:
    return _clock_moves(site, -HOUR, restart=True)


@row("the node's clock is an hour fast", "always")
def node_fast(site: Site) -> str:
    return _another_clock(site, HOUR)


@row("the node's clock is an hour slow", "always")
def node_slow(site: Site) -> str:
    return _another_clock(site, -HOUR)


def _clock_moves(site: Site, seconds: int, *, restart: bool) -> str:
    site.start(**site.clock_of_its_own())
    job_id = site.submit(seconds=3.0)
    site.running(job_id)
    if restart:
        site.kill()
    site.clock.write_text(f"{seconds:+d}\n")
    site.fault()
    if restart:
        site.start(**site.clock_of_its_own())
    return _of_right_length(site, job_id)


def _another_clock(site: Site, seconds: int) -> str:
    site.clock.write_text(f"{seconds:+d}\n")
    site.start(PHIDIAS_ENVIRONMENTS=json.dumps({"default": {"env": site.clock_of_its_own()}}))
    site.fault()
    return _of_right_length(site, site.submit(seconds=3.0))


def _of_right_length(site: Site, job_id: str) -> str:
    job = site.ended(job_id)
    if job.started and job.finished and not 2 <= (job.finished - job.started).total_seconds() <= 60:
        raise NeverHappened(f"the job's three seconds took from {job.started} to {job.finished}")
    return job_id
