"""Jobs of a gateway within a test, without HTTP, and what tests ask about them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Job
from phidias_gateway.jobs import Jobs
from phidias_gateway.schedulers import make_scheduler
from phidias_gateway.schedulers.scheduler import Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

PACK = Path(__file__).with_name("trouble_pack")
BASE = "http://gateway.test"


def settings(root: Path, kind: str = "local", **sections: Any) -> Settings:
    scheduler = {
        "kind": kind,
        "max_parallel": 2,
        "poll_seconds": 0.5,
        "grace_seconds": 4,
        **sections.pop("scheduler", {}),
    }
    environment = {"default": {"env": {"PYTHONPATH": str(PACK)}}}
    return Settings(store={"root": root}, scheduler=scheduler, environments=environment, **sections)


@asynccontextmanager
async def running(made: Settings, scheduler: Scheduler | None = None) -> AsyncIterator[Jobs]:
    """A started `Jobs`; stopped, not the jobs, at the end."""
    store = Store(made.store.database)
    jobs = Jobs(made, store, scheduler or make_scheduler(made))
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()
        store.close()


async def submit(
    jobs: Jobs, process: str = "trouble", *, key: str | None = None, owner: str = "ada", **inputs: Any
) -> Job:
    request = ExecuteRequest.parse(json.dumps({"inputs": inputs}).encode())
    job, _ = await jobs.submit(owner, process, request, key=key, base_url=BASE)
    return job


async def ended(jobs: Jobs, job: Job, seconds: float = 60) -> Job:
    job = await jobs.ended(job.owner, job.id, seconds)
    assert job.status.ended, job
    return job


async def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What the condition gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)
    return found


def processes_of(mark: str) -> list[int]:
    """The running processes whose command line holds the mark: a job's id is in those of its worker and children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def runs(path: Path) -> list[str]:
    """The job ids of all runs that were told to count themselves in this file."""
    return path.read_text().split() if path.exists() else []
