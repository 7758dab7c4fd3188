"""A row of the fault matrix: a fault at a moment, and what must have become of the job.

Each drives a real gateway by a user's client, with real workers, on the local scheduler or on a private Slurm.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend_client import Job
from backend_client.errors import GatewayError
from tests.faults.site import NeverHappened, Site
from tests.slurm_cluster import SlurmCluster

LOCAL, SLURM = "local", "slurm"
BOTH = (LOCAL, SLURM)


@dataclass(frozen=True)
class Expected:
    """What must have become of the job. `gone`: it was removed."""

    status: str = "successful"
    cause: str = ""
    executions: Sequence[int] = (1,)


GOOD = Expected()
AGAIN = Expected(executions=(2,))
DISMISSED = Expected("dismissed")
DISMISSED_UNRUN = Expected("dismissed", executions=(0,))
ONE_AT_A_TIME = {"PHIDIAS_SCHEDULER__MAX_PARALLEL": "1"}
FORGETFUL = {"min_job_age": 2}


@dataclass(frozen=True)
class Row:
    fault: str
    moment: str
    scheduler: str
    play: Callable[[Site], str]
    """Brings the fault about; returns the job's id"""
    expected: Expected = GOOD
    quick: bool = False
    """One of the few that run among the tests"""
    slurm: Mapping[str, Any] | None = None
    """For a row that harms Slurm: how its own cluster is started"""
    variables: Mapping[str, str] = field(default_factory=dict)
    disk: str = ""
    """The folder of the store that is a small disk of its own"""

    def __str__(self) -> str:
        return f"{self.fault}, {self.moment}, {self.scheduler}"


@dataclass
class Verdict:
    row: Row
    moment: str
    executions: int = 0
    status: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""


ROWS: list[Row] = []


def row(
    fault: str,
    moment: str,
    expected: Expected = GOOD,
    *,
    on: Sequence[str] = BOTH,
    quick: Sequence[str] = (),
    slurm: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    disk: str = "",
) -> Callable[[Callable[[Site], str]], Callable[[Site], str]]:
    """The decorated function is a row for each scheduler of `on`."""

    def add(play: Callable[[Site], str]) -> Callable[[Site], str]:
        for scheduler in on:
            own = slurm if scheduler == SLURM else None
            made = Row(fault, moment, scheduler, play, expected, scheduler in quick, own, dict(variables or {}), disk)
            ROWS.append(made)
        return play

    return add


def judge(row: Row, folder: Path, cluster: SlurmCluster | None) -> Verdict:
    """Play a row on a new site in `folder`, and look at what came of it."""
    verdict = Verdict(row, row.moment)
    with contextlib.ExitStack() as stack:
        if row.slurm is not None:
            cluster = stack.enter_context(SlurmCluster.start(folder / "slurm", **row.slurm))
        try:
            site = stack.enter_context(Site(folder / "site", cluster, dict(row.variables), row.disk))
        except subprocess.CalledProcessError as error:
            verdict.skipped = f"a small disk cannot be mounted here: {error.stderr.decode().strip()}"
            return verdict
        try:
            job_id = row.play(site)
            verdict.wrong += _outcome(site, job_id, row.expected, verdict)
        except (NeverHappened, GatewayError) as error:
            verdict.wrong.append(f"{type(error).__name__}: {error}")
        verdict.executions = site.executions()
        if steps := site.steps():
            step = steps[-1] if site.killed_itself else "all steps done"
            verdict.moment = row.moment if row.moment.endswith(step) else f"{row.moment}: {step}"
    return verdict


def _outcome(site: Site, job_id: str, expected: Expected, verdict: Verdict) -> list[str]:
    """What is wrong with the job and its surroundings; the job's end goes into the verdict."""
    if expected.status == "gone":
        verdict.status = site.status(job_id)
        verdict.seconds = time.monotonic() - site.failed_at
        wrong = site.wrong(None)
        job = None
    else:
        job = site.ended(job_id)
        verdict.status = job.status
        verdict.seconds = time.monotonic() - site.failed_at
        wrong = site.wrong(job_id) + _times(job)
    if verdict.status != expected.status:
        wrong.append(f"not {expected.status}: {job.message if job else ''}")
    if job and job.cause:
        verdict.status += f": {job.cause}"
    if job and job.cause != expected.cause:
        wrong.append(f"the cause is not {expected.cause or 'empty'}: {job.message}")
    if site.executions() not in expected.executions:
        wrong.append(f"{site.executions()} executions")
    if job and job.status == "successful":
        wrong += _results(site, job_id)
    if job and not wrong and not site.gone(job_id):
        wrong.append("the job cannot be removed")
    return wrong


def _results(site: Site, job_id: str) -> list[str]:
    results = site.client().results(job_id)
    if "made" in results:
        made = results["made"].value
        return [] if made == [f"{part} of {len(made)}" for part in range(len(made))] else ["parts are missing"]
    content = site.client().download(results["data"].href, site.root / "data").read_bytes()
    return [] if content == b"data" else ["the result is not what the job wrote"]


def _times(job: Job) -> list[str]:
    times = [moment for moment in (job.created, job.started, job.finished) if moment is not None]
    return [] if times == sorted(times) else ["the job's times are not in order"]
