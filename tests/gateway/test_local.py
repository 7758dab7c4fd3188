"""Jobs on the local scheduler, with real workers: every way to end, and gateways that come and go."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from phidias_gateway.job import Status, Step
from tests.gateway.jobs_of import ended, processes_of, running, runs, settings, submit, until

pytestmark = pytest.mark.usefixtures("trouble_pack")


def test_a_job_succeeds_with_its_outputs_checksums_and_log(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, way="talk", seconds=0.0))
            assert job.status is Status.SUCCESSFUL
            assert (job.progress, job.step) == (100, Step.CLOSED)
            assert job.started is not None
            assert job.finished is not None
            assert job.created <= job.started <= job.finished
            outcome = jobs.results(job)
            assert outcome.outputs["data"].size == 4
            assert jobs.result_file(job, "data").read_bytes() == b"data"
            folder = tmp_path / "jobs" / job.id
            assert not (folder / "scratch.1").exists()
            whole = jobs.log(job, 0, 0).text
            assert whole.count("été à l'île") == 50
            parts, offset = [], 0
            while not (part := jobs.log(job, 0, offset, limit=7)).complete:
                parts.append(part.text)
                offset = part.next
            assert "".join([*parts, part.text]) == whole

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("way", "cause", "detail"),
    [
        ("raise", "internal-error", "RuntimeError: something broke"),
        ("exit", "worker-failed", "exit code was 7"),
        ("kill", "worker-killed", "SIGKILL"),
    ],
)
def test_a_job_fails_with_its_own_cause(tmp_path: Path, way: str, cause: str, detail: str) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, way=way))
            assert (job.status, job.cause) == (Status.FAILED, cause)
            assert detail in job.message
            assert job.remedy
            assert job.problem is not None
            assert job.problem["detail"] == job.message
            if way == "raise":
                assert "Traceback" in jobs.log(job, 0, 0).text

    asyncio.run(scenario())


def test_the_time_limit_ends_a_job_and_its_children(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, "hasty", way="deaf", seconds=1000))
            assert (job.status, job.cause) == (Status.FAILED, "time-limit")
            assert processes_of(job.id) == []

    asyncio.run(scenario())


def test_children_that_outlive_a_successful_run_are_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, way="stragglers"))
            assert job.status is Status.SUCCESSFUL
            await until(lambda: not processes_of(job.id))

    asyncio.run(scenario())


@pytest.mark.parametrize("way", ["children", "deaf"])
def test_dismissal_ends_the_whole_process_tree(tmp_path: Path, way: str) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await submit(jobs, way=way, seconds=1000)
            await until(lambda: len(processes_of(job.id)) == 6)  # guard, supervisor, work, three children
            asked = time.monotonic()
            dismissed = await jobs.dismiss("ada", job.id)
            assert dismissed.status is Status.DISMISSED
            await until(lambda: not processes_of(job.id), seconds=2 - (time.monotonic() - asked))
            await until(lambda: jobs.get("ada", job.id).step is Step.CLOSED)
            assert not (tmp_path / "jobs" / job.id / "result.json").exists()
            await jobs.dismiss("ada", job.id)
            await until(lambda: not (tmp_path / "jobs" / job.id).exists())

    asyncio.run(scenario())


def test_a_job_dismissed_while_it_waits_never_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, scheduler={"max_parallel": 1})) as jobs:
            first = await submit(jobs, seconds=1.0)
            second = await submit(jobs, runs=str(tmp_path / "runs"))
            waiting = await until(lambda: (job := jobs.get("ada", second.id)).queue_reason and job)
            assert waiting.queue_reason == "1 ahead in the queue"
            await jobs.dismiss("ada", second.id)
            third = await submit(jobs, runs=str(tmp_path / "runs"))
            await ended(jobs, first)
            await ended(jobs, third)
            assert runs(tmp_path / "runs") == [third.id]

    asyncio.run(scenario())


def test_a_worker_that_cannot_start_fails_its_job(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        made = made.model_copy(
            update={
                "environments": {"default": made.environment("default").model_copy(update={"command": ("/nowhere",)})}
            }
        )
        async with running(made) as jobs:
            job = await ended(jobs, await submit(jobs))
            assert (job.status, job.cause) == (Status.FAILED, "not-started")

    asyncio.run(scenario())


def test_a_worker_that_cannot_start_just_now_starts_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, refused = os.posix_spawnp, [errno.EAGAIN, errno.EMFILE]

    def full(*arguments: Any, **options: Any) -> int:
        if refused:
            raise OSError(refused.pop(), "too many")
        return spawn(*arguments, **options)

    monkeypatch.setattr(os, "posix_spawnp", full)

    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, runs=str(tmp_path / "runs")))
            assert (job.status, job.attempt) == (Status.SUCCESSFUL, 1)
            assert runs(tmp_path / "runs") == [job.id]

    asyncio.run(scenario())


def test_jobs_outlive_the_gateway_and_are_taken_up_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        counted = str(tmp_path / "runs")
        async with running(made) as jobs:
            submitted = [await submit(jobs, seconds=2.0, runs=counted) for _ in range(2)]
            submitted += [await submit(jobs, runs=counted) for _ in range(2)]
            await until(lambda: len(runs(tmp_path / "runs")) == 2)
        assert len(processes_of(submitted[0].id)) == 3
        async with running(made) as jobs:
            for job in submitted:
                assert (await ended(jobs, job)).status is Status.SUCCESSFUL
        assert sorted(runs(tmp_path / "runs")) == sorted(job.id for job in submitted)

    asyncio.run(scenario())


def test_a_job_that_ended_while_no_gateway_ran_is_told_truthfully(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        async with running(made) as jobs:
            good = await submit(jobs, seconds=0.5)
            lost = await submit(jobs, seconds=1000)
            await until(lambda: all(len(processes_of(job.id)) == 3 for job in (good, lost)))
        for pid in processes_of(lost.id):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: (tmp_path / "jobs" / good.id / "result.json").exists())
        async with running(made) as jobs:
            assert (await ended(jobs, good)).status is Status.SUCCESSFUL
            job = await ended(jobs, lost)
            assert (job.status, job.cause) == (Status.FAILED, "worker-killed")

    asyncio.run(scenario())
