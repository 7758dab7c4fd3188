"""Jobs that several tasks share: each part done once, the end made by the last, and what is lost done again alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from phidias_gateway.job import Job, Status, Step
from phidias_gateway.job_folder import JobFolder, Turn
from phidias_gateway.schedulers.slurm import _ranges
from tests.gateway.jobs_of import ended, processes_of, running, runs, settings, submit, until
from tests.slurm_cluster import SlurmCluster

pytestmark = pytest.mark.usefixtures("trouble_pack")


@pytest.fixture(params=["local", "slurm"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "slurm":
        cluster: SlurmCluster = request.getfixturevalue("slurm_cluster")
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
    return str(request.param)


@pytest.fixture
def own_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    """A cluster to break: a node that is silent for five seconds is lost."""
    missing = SlurmCluster.missing()
    if missing:
        pytest.skip(f"Slurm is {missing}")
    with SlurmCluster.start(tmp_path / "slurm", min_job_age=2, node_timeout=5) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        yield cluster


def folder_of(root: Path, job: Job) -> JobFolder:
    return JobFolder(root / "jobs" / job.id)


def test_each_part_is_done_once_and_the_last_makes_the_end(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, kind)) as jobs:
            counted = tmp_path / "runs"
            job = await ended(jobs, await submit(jobs, "shared", parts=5, runs=str(counted)))
            assert job.status is Status.SUCCESSFUL, job.message
            assert jobs.results(job).outputs["made"] == [f"{part} of 5" for part in range(5)]
            assert sorted(runs(counted)) == ["0", "1", "2", "3", "4", "end"]
            assert runs(counted)[-1] == "end"
            assert (job.parts, job.parts_done, job.parts_failed) == (5, 5, 0)
            assert job.core_hours is not None
            assert job.core_hours > 0
            for part in range(5):
                assert f"part {part + 1} of 5" in jobs.log(job, part, 0).text
            assert not folder_of(tmp_path, job).tiles.exists()
            await until(lambda: not processes_of(job.id))

    asyncio.run(scenario())


def test_progress_tells_of_the_parts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, scheduler={"max_parallel": 1})) as jobs:
            job = await submit(jobs, "shared", parts=4, seconds=0.7)
            seen = []
            while not job.status.ended:
                job = await jobs.changed("ada", job.id, job.version, 30)
                seen.append((job.parts_done, job.progress))
            assert seen == sorted(seen)
            assert {done for done, _ in seen} == {0, 1, 2, 3, 4}
            assert (0, int(90 * 0.5 / 4)) in seen  # half of the first
            assert seen[-1] == (4, 100)

    asyncio.run(scenario())


def test_a_part_that_fails_fails_the_job_and_the_others_are_kept(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, kind)) as jobs:
            counted = tmp_path / "runs"
            job = await ended(jobs, await submit(jobs, "shared", parts=4, fail=[2], runs=str(counted)))
            assert (job.status, job.cause) == (Status.FAILED, "process-failed")
            assert job.message == "Task 2 of 4 has failed: Part 2 was told to fail."
            assert job.remedy == "Tell it otherwise."
            assert sorted(runs(counted)) == ["0", "1", "2", "3"]
            assert sorted(path.name for path in folder_of(tmp_path, job).tiles.iterdir()) == ["0", "1", "3"]
            assert (job.parts_done, job.parts_failed) == (3, 1)

    asyncio.run(scenario())


def test_several_failures_are_told_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await ended(jobs, await submit(jobs, "shared", parts=9, fail=list(range(1, 8))))
            assert job.message.startswith("7 of 9 tasks (1, 2, 3, 4, 5, ...) failed: Part 1 was told")

    asyncio.run(scenario())


def test_dismissal_ends_all_parts(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, kind)) as jobs:
            counted = tmp_path / "runs"
            job = await submit(jobs, "shared", parts=6, seconds=1000, runs=str(counted))
            await until(lambda: len(runs(counted)) >= 2)
            await jobs.dismiss("ada", job.id)
            await until(lambda: jobs.get("ada", job.id).step is Step.CLOSED)
            await until(lambda: not processes_of(job.id))
            started = len(runs(counted))
            other = await ended(jobs, await submit(jobs, "shared", parts=2))
            assert other.status is Status.SUCCESSFUL
            assert len(runs(counted)) == started < 6

    asyncio.run(scenario())


def test_parts_outlive_the_gateway(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        made, counted = settings(tmp_path, kind), tmp_path / "runs"
        async with running(made) as jobs:
            job = await submit(jobs, "shared", parts=6, seconds=1.0, runs=str(counted))
            await until(lambda: len(runs(counted)) >= 2)
        async with running(made) as jobs:
            assert (await ended(jobs, job)).status is Status.SUCCESSFUL
        assert sorted(runs(counted)) == ["0", "1", "2", "3", "4", "5", "end"]

    asyncio.run(scenario())


def test_an_end_that_is_lost_is_made_again_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            counted = tmp_path / "runs"
            job = await submit(jobs, "shared", parts=3, end_seconds=3.0, runs=str(counted))
            claim = await until(lambda: folder_of(tmp_path, job).claim(Turn(1)))
            await until(lambda: "end" in runs(counted))
            os.kill(claim.pid, signal.SIGKILL)
            job = await ended(jobs, job)
            assert (job.status, job.attempt) == (Status.SUCCESSFUL, 2)
            assert sorted(runs(counted)) == ["0", "1", "2", "end", "end"]

    asyncio.run(scenario())


def test_jobs_take_turns(tmp_path: Path) -> None:
    """A job of many parts does not keep a small one waiting until all of them are done."""

    async def scenario() -> None:
        async with running(settings(tmp_path, scheduler={"max_parallel": 2})) as jobs:
            counted = tmp_path / "runs"
            large = await submit(jobs, "shared", parts=40, seconds=0.5, runs=str(counted))
            await until(lambda: runs(counted))
            assert (await ended(jobs, await submit(jobs))).status is Status.SUCCESSFUL
            assert len(runs(counted)) < 20
            await jobs.dismiss("ada", large.id)

    asyncio.run(scenario())


def test_a_lost_node_costs_its_parts_only(own_slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            counted = tmp_path / "runs"
            job = await submit(jobs, "shared", parts=8, seconds=3.0, runs=str(counted))
            await until(lambda: len(runs(counted)) >= 4)  # two nodes of two processors
            lost = own_slurm.end_node("n1")
            assert lost
            own_slurm.start_node("n1")
            job = await ended(jobs, job, 110)
            assert (job.status, job.attempt) == (Status.SUCCESSFUL, 2), job.message
            assert jobs.results(job).outputs["made"] == [f"{part} of 8" for part in range(8)]
            again = [part for part in "01234567" if runs(counted).count(part) > 1]
            assert 1 <= len(again) <= 2
            assert len(runs(counted)) == 8 + len(again) + 1

    asyncio.run(scenario())


def test_numbers_of_an_array_are_written_as_ranges() -> None:
    assert _ranges([0]) == "0"
    assert _ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
