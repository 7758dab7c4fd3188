"""Processes of a worker are killed or stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from phidias_gateway.job_folder import Turn
from tests.faults.rows import AGAIN, LOCAL, SLURM, Expected, row
from tests.faults.site import Site


@row("kill -9 the worker's first process", "the job runs", Expected("failed", "worker-killed"), quick=[SLURM])
def guard(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    claim = site.running(job_id)
    site.fault()
    os.kill(claim.pid, signal.SIGKILL)
    return job_id


@row("kill -9 the worker's supervisor", "the job runs", Expected("failed", "worker-killed"))
def supervisor(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    _kill_supervisor(site, job_id)
    return job_id


@row("kill -9 the worker's supervisor", "the job has forked", Expected("failed", "worker-killed"), quick=[LOCAL])
def supervisor_with_forks(site: Site) -> str:
    site.start()
    job_id = site.submit(way="forks", seconds=1000.0)
    _kill_supervisor(site, job_id)
    return job_id


@row("kill -9 the gateway, then the worker's supervisor", "the job runs", Expected("failed", "worker-killed"))
def gateway_and_supervisor(site: Site) -> str:
    site.start()
    job_id = site.submit(way="forks", seconds=1000.0)
    site.running(job_id)
    site.kill()
    _kill_supervisor(site, job_id)
    site.start()
    return job_id


@row("kill -9 a worker's first process", "three parts run", Expected("failed", "worker-killed", (3,)), quick=[SLURM])
def worker_of_a_part(site: Site) -> str:
    site.start()
    job_id = site.submit("shared", parts=3, seconds=4.0)
    claim = site.running(job_id)
    site.fault()
    os.kill(claim.pid, signal.SIGKILL)
    return job_id


@row("kill -9 the worker's child", "the job runs", Expected("failed", "worker-killed"), quick=[LOCAL])
def child(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    claim = site.running(job_id)
    site.fault()
    os.kill(_below(claim.pid)[1], signal.SIGKILL)
    return job_id


@row("the job is stopped (SIGSTOP) for longer than its time limit", "the job runs", on=[LOCAL])
def stopped(site: Site) -> str:
    site.start()
    job_id = site.submit("hasty", seconds=1.0)
    claim = site.running(job_id)
    pids = [claim.pid, *_below(claim.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(8)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    site.fault()
    return job_id


@row("the machine is started again", "the job runs", AGAIN, on=[LOCAL])
def reboot(site: Site) -> str:
    """As it looks afterwards: all processes gone, and claims of an earlier start of the machine."""
    site.start()
    job_id = site.submit(seconds=3.0)
    claim = site.running(job_id)
    site.kill()
    os.kill(claim.pid, signal.SIGKILL)
    path = site.jobs / job_id / "claim.1"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    site.fault()
    site.start()
    return job_id


def _kill_supervisor(site: Site, job_id: str) -> None:
    if not site.died:
        site.running(job_id)
    claim = site.folder(job_id).claim(Turn(1))
    site.fault()
    os.kill(_below(claim.pid)[0], signal.SIGKILL)


def _below(pid: int) -> list[int]:
    """The process's first child, that one's first child, and so on."""
    found = []
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
        found.append(pid)
    return found
