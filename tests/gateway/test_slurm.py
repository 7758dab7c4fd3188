"""Jobs on a real Slurm: every way to end, and every way in which Slurm itself can fail."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phidias_gateway.errors import SchedulerUnavailable
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Status, Step
from phidias_gateway.job_folder import JobFolder, Turn
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


@pytest.fixture
def own_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    """A cluster to break: it forgets jobs after two seconds, and nodes that are silent for five."""
    missing = SlurmCluster.missing()
    if missing:
        pytest.skip(f"Slurm is {missing}")
    with SlurmCluster.start(tmp_path / "slurm", min_job_age=2, node_timeout=5) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        yield cluster


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


def test_an_sbatch_that_loses_its_answer_makes_one_run(tools: Path, tmp_path: Path) -> None:
    _tool(tools, "sbatch", '"$REAL" "$@" >/dev/null; echo "sbatch: error: Socket timed out on send/recv" >&2; exit 1')

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs, seconds=0.5, runs=str(tmp_path / "runs"))
            job = await ended(jobs, job)
            assert (job.status, job.attempt) == (Status.SUCCESSFUL, 1)
            assert runs(tmp_path / "runs") == [job.id]

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


def test_a_submission_that_arrives_after_it_was_given_up_does_not_run(tools: Path, tmp_path: Path) -> None:
    """The first sbatch reaches Slurm only long after the gateway has made a second attempt."""
    _tool(
        tools,
        "sbatch",
        f'if mkdir {tmp_path}/first 2>/dev/null; then (sleep 9; "$REAL" "$@"; touch {tmp_path}/late) >/dev/null 2>&1 & '
        'echo "sbatch: error: Socket timed out" >&2; exit 1; fi; exec "$REAL" "$@"',
    )

    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            counted = tmp_path / "runs"
            job = await ended(jobs, await submit(jobs, seconds=8.0, runs=str(counted)))
            assert (job.status, job.attempt) == (Status.SUCCESSFUL, 2)
            await until((tmp_path / "late").exists)
            await until(lambda: not processes_of(job.id))
            assert runs(counted) == [job.id]

    asyncio.run(scenario())


def test_a_failing_squeue_means_unknown(tools: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            job = await submit(jobs, seconds=8.0)
            await until(lambda: jobs.get("ada", job.id).status is Status.RUNNING)
            _tool(tools, "squeue", f"echo x >> {tmp_path}/asked; echo 'Unable to contact slurm controller' >&2; exit 1")
            with pytest.raises(SchedulerUnavailable):
                await jobs._scheduler.survey()
            await until(lambda: len(runs(tmp_path / "asked")) >= 4)
            assert jobs.get("ada", job.id).status is Status.RUNNING
            # The outcome is in the folder: it needs no squeue.
            assert (await ended(jobs, job)).status is Status.SUCCESSFUL

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


def test_slurm_stopped_while_a_job_is_submitted_makes_one_run(own_slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            counted = tmp_path / "runs"
            own_slurm.signal("slurmctld", signal.SIGSTOP)
            job = await submit(jobs, runs=str(counted))
            assert job.status is Status.ACCEPTED
            own_slurm.signal("slurmctld", signal.SIGCONT)
            job = await ended(jobs, job)
            assert job.status is Status.SUCCESSFUL
            await until(lambda: not own_slurm.job_names())
            assert runs(counted) == [job.id]

    asyncio.run(scenario())


def test_a_controller_that_is_killed_and_started_again_loses_no_job(own_slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            counted = tmp_path / "runs"
            submitted = [await submit(jobs, seconds=3.0, runs=str(counted)) for _ in range(3)]
            own_slurm.signal("slurmctld", signal.SIGKILL)
            own_slurm.start_controller()
            for job in submitted:
                assert (await ended(jobs, job, 90)).status is Status.SUCCESSFUL
            await until(lambda: not own_slurm.job_names())
            assert sorted(runs(counted)) == sorted(job.id for job in submitted)

    asyncio.run(scenario())


def test_a_lost_node_gets_the_job_a_second_attempt(own_slurm: SlurmCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path, "slurm")) as jobs:
            counted = tmp_path / "runs"
            job = await submit(jobs, seconds=4.0, runs=str(counted))
            await until(lambda: runs(counted))
            node = own_slurm.node_of(tmp_path / "jobs" / job.id)
            own_slurm.signal(node, signal.SIGKILL)
            claim = JobFolder(tmp_path / "jobs" / job.id).claim(Turn(1))
            assert claim is not None
            assert claim.pid is not None
            step = int(Path(f"/proc/{claim.pid}/stat").read_text().rpartition(")")[2].split()[1])
            for pid in (step, claim.pid):  # all of the node's own goes with it
                os.kill(pid, signal.SIGKILL)
            job = await ended(jobs, job, 100)
            assert (job.status, job.attempt, job.retries) == (Status.SUCCESSFUL, 2, 1)
            assert jobs.result_file(job, "data").read_bytes() == b"data"

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
