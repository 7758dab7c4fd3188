"""Jobs on a real Slurm: every way to end, and every way in which Slurm itself can fail."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Status, Step
from phidias_gateway.schedulers.scheduler import Phase
from phidias_gateway.schedulers.slurm_states import phase_of, reason_of
from tests.gateway.jobs_of import BASE, ended, processes_of, running, runs, settings, submit, until
from tests.slurm_cluster import SlurmCluster

pytestmark = pytest.mark.usefixtures("trouble_pack")


@pytest.fixture
def slurm(slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    """The shared cluster, for the commands that this process calls."""
    for name, value in slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster


def test_a_job_succeeds_and_its_command_lines_hold_no_user_value(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            nasty = "$(touch owned)\n#SBATCH --wrap=x `id`;',\""
            job = await submit(jobs, "echo", string=nasty)
            assert job.native_id is not None
            assert slurm.run("scontrol", "show", "job", job.native_id).count("touch") == 0
            job = await ended(jobs, job)
            assert job.status is Status.SUCCESSFUL, jobs.log(job, 0, 0).text
            assert jobs.results(job).outputs["string"] == nasty
            assert slurm.node_of(tmp_path / "jobs" / job.id) in ("n1", "n2")
            assert "attempt 1" in jobs.log(job, 0, 0).text

    asyncio.run(scenario())


def test_the_worker_sees_nothing_of_the_gateways_environment(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIDIAS_SECRET", "do-not-tell")
    monkeypatch.setenv("SBATCH_TIMELIMIT", "7")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs, way="children", seconds=1000)
            pids = await until(lambda: (found := processes_of(job.id)) and len(found) == 6 and found)
            for pid in pids:
                assert b"do-not-tell" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert "TimeLimit=00:11:00" in slurm.run("scontrol", "show", "job", str(job.native_id))
            asked = time.monotonic()
            await jobs.dismiss("ada", job.id)
            await until(lambda: not processes_of(job.id), seconds=2 - (time.monotonic() - asked))
            await until(lambda: jobs.get("ada", job.id).step is Step.CLOSED)
            assert jobs.get("ada", job.id).status is Status.DISMISSED

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("process", "way", "cause"),
    [
        ("trouble", "raise", "internal-error"),
        ("trouble", "exit", "worker-failed"),
        ("trouble", "kill", "worker-killed"),
        ("trouble", "allocate", "out-of-memory"),
        ("hasty", "deaf", "time-limit"),
    ],
)
def test_a_job_fails_with_its_own_cause(
    slurm: SlurmCluster, tmp_path: Path, process: str, way: str, cause: str
) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await ended(jobs, await submit(jobs, process, way=way, seconds=1000))
            assert (job.status, job.cause) == (Status.FAILED, cause), job
            assert job.remedy
            await until(lambda: not processes_of(job.id))

    asyncio.run(scenario())


def test_a_job_that_the_site_cancels_says_so(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs, seconds=1000)
            await until(lambda: jobs.get("ada", job.id).status is Status.RUNNING)
            slurm.run("scancel", str(job.native_id))
            job = await ended(jobs, job)
            assert (job.status, job.cause) == (Status.FAILED, "cancelled-by-site")

    asyncio.run(scenario())


def test_a_waiting_job_tells_why_and_can_be_dismissed(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
            try:
                job = await submit(jobs, runs=str(tmp_path / "runs"))
                waiting = await until(lambda: (now := jobs.get("ada", job.id)).queue_reason and now)
                assert waiting.queue_reason == "the partition is down"
                await jobs.dismiss("ada", job.id)
            finally:
                slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
            await until(lambda: jobs.get("ada", job.id).step is Step.CLOSED)
            assert runs(tmp_path / "runs") == []
            assert job.name not in slurm.job_names()

    asyncio.run(scenario())


def test_slurm_tells_when_a_job_would_start(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            _, start = await jobs.estimate("ada", "echo", ExecuteRequest.parse(b"{}"), base_url=BASE)
            assert start is not None
            assert abs((start - datetime.now(UTC)).total_seconds()) < 60
            body = b'{"resources": {"memory_gb": 200}}'
            estimate, start = await jobs.estimate("ada", "echo", ExecuteRequest.parse(body), base_url=BASE)
            assert estimate.resources.memory_gb == 200
            assert start is None  # no node has so much
            assert slurm.job_names() == []

    asyncio.run(scenario())


def test_what_slurm_refuses_fails_at_once(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm", slurm={"partition": "nowhere"})) as jobs:
            job = await submit(jobs)
            assert (job.status, job.cause) == (Status.FAILED, "refused")
            assert "invalid partition" in job.message

    asyncio.run(scenario())


def test_a_waiting_job_tells_when_it_is_expected_to_start(slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            submitted = [await submit(jobs, seconds=1000) for _ in range(5)]  # the nodes have four processors
            try:
                last = submitted[-1].id
                reason = "waiting for nodes to become free"
                waiting = await until(
                    lambda: (now := jobs.get("ada", last)).queue_reason == reason and now.estimated_start and now
                )
                ahead = (waiting.estimated_start - datetime.now(UTC)).total_seconds()
                assert 0 < ahead < 12 * 60  # when the first must end
            finally:
                for job in submitted:
                    await jobs.dismiss("ada", job.id)
                for job in submitted:
                    await until(lambda job=job: jobs.get("ada", job.id).step is Step.CLOSED)

    asyncio.run(scenario())


def _tool(folder: Path, name: str, script: str) -> None:
    """Put a tool of that name before Slurm's own; `$REAL` in the script is Slurm's."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nREAL=/usr/bin/{name}\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin"


def test_what_a_sites_own_filter_says_is_a_refusal_whatever_its_words(tools: Path, tmp_path: Path) -> None:
    said = "sbatch: error: No account: contact the help desk, or reconnect later"
    last = "sbatch: error: Batch job submission failed: Unspecified error"
    _tool(tools, "sbatch", f"echo '{said}' >&2; echo '{last}' >&2; exit 1")

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs)
            assert (job.status, job.cause) == (Status.FAILED, "refused")
            assert "contact the help desk" in job.message

    asyncio.run(scenario())


def test_an_sbatch_that_did_not_reach_slurm_is_done_again_once_that_is_sure(tools: Path, tmp_path: Path) -> None:
    _tool(
        tools,
        "sbatch",
        f'if mkdir {tmp_path}/first 2>/dev/null; then echo "sbatch: error: Unable to contact slurm controller" >&2; '
        'exit 1; fi; exec "$REAL" "$@"',
    )

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs, runs=str(tmp_path / "runs"))
            assert (job.status, job.step) == (Status.ACCEPTED, Step.SUBMITTING)
            job = await ended(jobs, job)
            assert (job.status, job.attempt, job.retries) == (Status.SUCCESSFUL, 2, 0)
            assert runs(tmp_path / "runs") == [job.id]

    asyncio.run(scenario())


def test_an_empty_answer_of_squeue_does_not_end_a_job_whose_worker_lives(tools: Path, tmp_path: Path) -> None:
    """As after a controller that has lost its state."""

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm", scheduler={"grace_seconds": 5})) as jobs:
            job = await submit(jobs, seconds=12.0)
            await until(lambda: jobs.get("ada", job.id).status is Status.RUNNING)
            _tool(tools, "squeue", "exit 0")
            assert (await ended(jobs, job)).status is Status.SUCCESSFUL

    asyncio.run(scenario())


def test_every_state_has_a_phase_and_an_unknown_one_ends_nothing() -> None:
    assert phase_of("CANCELLED by 0") == (Phase.ENDED, "cancelled-by-site")
    assert phase_of("NODE_FAIL") == (Phase.ENDED, "node-failed")
    assert phase_of("TIMEOUT") == (Phase.ENDED, "time-limit")
    assert phase_of("SOMETHING_NEW") == (Phase.RUNNING, None)
    assert reason_of("(Resources)") == "waiting for nodes to become free"
    assert reason_of("None") == ""
    assert reason_of("ReqNodeNotAvail, UnavailableNodes:n1") == "the nodes it needs are not available"
    assert reason_of("Whatever") == "Slurm's reason: Whatever"
