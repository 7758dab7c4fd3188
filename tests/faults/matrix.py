"""The fault matrix: every fault at every moment that we could think of, and what must have become of the job.

Each row drives a real gateway by a user's client, with real workers, on the local scheduler or on a private Slurm.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend_client import Job
from backend_client.errors import GatewayError, GatewayUnreachable, NoSuchJob
from phidias_gateway.job_folder import Turn
from tests.faults.site import NeverHappened, Site, until
from tests.gateway.jobs_of import processes_of, runs
from tests.slurm_cluster import SlurmCluster

LOCAL, SLURM = "local", "slurm"
BOTH = (LOCAL, SLURM)
HOUR = 3600


@dataclass(frozen=True)
class Expected:
    """What must have become of the job. `gone`: it was removed."""

    status: str = "successful"
    cause: str = ""
    executions: Sequence[int] = (1,)


GOOD = Expected()
AGAIN = Expected(executions=(2,))
LOST_PARTS = Expected(executions=(6, 7))
"""Four parts, one or two of them again, and the end"""
DISMISSED = Expected("dismissed")
DISMISSED_UNRUN = Expected("dismissed", executions=(0,))
ONE_AT_A_TIME = {"PHIDIAS_SCHEDULER__MAX_PARALLEL": "1"}
TWO_AT_A_TIME = {"PHIDIAS_SCHEDULER__MAX_PARALLEL": "2", "PHIDIAS_SCHEDULER__TASKS_AT_ONCE": "2"}


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


# --- the gateway is killed at every step -----------------------------------------------------------------------------


class Moment:
    """Something a gateway does in steps, at each of which it is killed."""

    name: str
    expected = GOOD

    def before(self, site: Site) -> str:
        """Bring things to where it begins. Returns the job's id if there is one by then."""
        return ""

    def armed(self, site: Site) -> str:
        return str(site.root / "armed")

    def during(self, site: Site, job_id: str) -> str:
        """What the client does. Returns the job's id."""
        (site.root / "armed").touch()
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        raise NotImplementedError

    def after(self, site: Site, job_id: str) -> str:
        """What the client does once the gateway is there again. Returns the job's id."""
        return job_id


class FirstStart(Moment):
    name = "first start"

    def armed(self, site: Site) -> str:
        return str(site.root)

    def over(self, site: Site, job_id: str) -> bool:
        return True

    def after(self, site: Site, job_id: str) -> str:
        return site.submit()


class Submission(Moment):
    name = "submission"

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        return site.submit(seconds=2.0)

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "running"


class Parts(Submission):
    name = "submission of a job in 3 parts"
    expected = Expected(executions=(4,))

    def during(self, site: Site, job_id: str) -> str:
        (site.root / "armed").touch()
        return site.submit("shared", parts=3, seconds=1.0)


class Finishing(Moment):
    name = "finishing"

    def before(self, site: Site) -> str:
        return site.submit(seconds=1.0)

    def armed(self, site: Site) -> str:
        return str(site.jobs / "*" / "result.json")

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "successful"


class Failing(Finishing):
    """The outcome is the gateway's to write, since nobody else is left to do it."""

    name = "finishing for a killed worker"
    expected = Expected("failed", "worker-killed")

    def before(self, site: Site) -> str:
        job_id = site.submit(seconds=1000.0)
        site.running(job_id)
        return job_id

    def armed(self, site: Site) -> str:
        return str(site.root / "armed")

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        claim = site.folder(job_id).claim(Turn(1))
        assert claim is not None
        os.kill(claim.pid, signal.SIGKILL)
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "failed"


class Dismissal(Moment):
    name = "dismissal"
    expected = DISMISSED

    def before(self, site: Site) -> str:
        job_id = site.submit(way="children", seconds=1000.0)
        site.running(job_id)
        return job_id

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        while site.job(job_id).status != "dismissed":  # if the gateway died before it took it down, it is asked again
            with contextlib.suppress(GatewayUnreachable):
                site.client().dismiss(job_id)
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return not site.open_jobs()


class Removal(Moment):
    name = "removal"
    expected = Expected("gone")

    def before(self, site: Site) -> str:
        job_id = site.submit()
        site.ended(job_id)
        return job_id

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        with contextlib.suppress(NoSuchJob):
            site.insist(lambda: site.client().dismiss(job_id))
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "gone" and not site.folder(job_id).path.exists()


MOMENTS = (FirstStart(), Submission(), Parts(), Finishing(), Failing(), Dismissal(), Removal())
ON = {moment.name: (LOCAL,) if isinstance(moment, FirstStart | Removal) else BOTH for moment in MOMENTS}
"""Where it makes a difference"""


def killed_at(moment: Moment, step: int | str, scheduler: str) -> Row:
    """The row of a gateway that dies at that step: its number, or the name as `dying_gateway` gives it."""

    def play(site: Site) -> str:
        with ThreadPoolExecutor(1) as executor:
            site.start_dying(step, moment.armed(site))
            job_id = moment.before(site) if not site.died else ""
            doing = executor.submit(moment.during, site, job_id)
            until(lambda: site.died or (doing.done() and moment.over(site, doing.result())), "the step is reached")
            site.killed_itself = site.died
            site.restart()
            return moment.after(site, doing.result())

    where = moment.name if isinstance(step, int) else f"{moment.name}: {step}"
    return Row("kill -9 the gateway", where, scheduler, play, moment.expected)


def quick_rows() -> list[Row]:
    """The few that run among the tests: the quickest that tell most."""
    steps = (
        (Submission(), LOCAL, "before rename plan.json.new"),
        (Submission(), LOCAL, "after a commit"),
        (Submission(), LOCAL, "after starting a worker"),
        (Submission(), SLURM, "before starting sbatch"),
        (Submission(), SLURM, "after starting sbatch"),
        (Finishing(), SLURM, "before a commit"),
        (Failing(), LOCAL, "before link outcome.gateway.json"),
        (Dismissal(), LOCAL, "before a kill"),
        (Dismissal(), SLURM, "before starting scancel"),
        (Removal(), LOCAL, "before remove result.json"),
    )
    return [killed_at(moment, step, scheduler) for moment, scheduler, step in steps] + [
        row for row in ROWS if row.quick
    ]


def count_steps(moment: Moment, folder: Path, cluster: SlurmCluster | None) -> int:
    """In how many steps a gateway does it."""
    with Site(folder, cluster) as site:
        site.start_dying(0, moment.armed(site))
        job_id = moment.during(site, moment.before(site))
        until(lambda: moment.over(site, job_id), "it is done")
        return len(site.steps())


# --- the gateway, the worker and its processes -----------------------------------------------------------------------


@row("kill -9 the gateway", "the job runs", quick=[LOCAL])
def gateway_while_running(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=2.0)
    site.running(job_id)
    site.restart()
    return job_id


@row("kill -9 the gateway", "the job waits in the queue", on=[LOCAL], variables=ONE_AT_A_TIME)
def gateway_while_waiting(site: Site) -> str:
    site.start()
    with _behind_another(site):
        return _restarted_while_waiting(site)


@row("kill -9 the gateway", "the job waits in the queue", on=[SLURM], slurm={})
def gateway_while_waiting_in_slurm(site: Site) -> str:
    site.start()
    with _closed_partition(site):
        return _restarted_while_waiting(site)


def _restarted_while_waiting(site: Site) -> str:
    job_id = _waiting(site)
    site.restart()
    return job_id


@row("kill -9 the gateway", "a waiting job was just dismissed", DISMISSED_UNRUN, on=[SLURM], slurm={})
def gateway_after_dismissal_of_a_waiting_job(site: Site) -> str:
    site.start()
    with _closed_partition(site):
        job_id = _waiting(site)
        site.client().dismiss(job_id)
        site.restart()
        until(lambda: not site.open_jobs(), "the job is gone from Slurm")
    return job_id


@row("kill -9 the gateway", "ten clients send one key", quick=[LOCAL])
def gateway_under_ten_posts(site: Site) -> str:
    site.start_dying(7, str(site.root / "armed"))
    (site.root / "armed").touch()
    with ThreadPoolExecutor(10) as executor:
        answers = [executor.submit(site.submit, seconds=1.0) for _ in range(10)]
        until(lambda: site.died, "the gateway has died")
        site.killed_itself = True
        site.restart()
        ids = {answer.result() for answer in answers}
    if len(ids) != 1:
        raise NeverHappened(f"{len(ids)} jobs instead of one")
    return ids.pop()


@row("none: ten clients send one key at once", "submission", quick=[SLURM])
def ten_posts(site: Site) -> str:
    site.start()
    site.fault()
    with ThreadPoolExecutor(10) as executor:
        ids = {answer.result() for answer in [executor.submit(site.submit) for _ in range(10)]}
    if len(ids) != 1:
        raise NeverHappened(f"{len(ids)} jobs instead of one")
    return ids.pop()


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


@row("kill -9 the gateway", "two parts of four run", Expected(executions=(5,)), variables=TWO_AT_A_TIME)
def gateway_while_parts_run(site: Site) -> str:
    site.start()
    job_id = site.submit("shared", parts=4, seconds=2.0)
    site.running(job_id)
    site.restart()
    return job_id


@row("kill -9 the gateway", "the end of a job in parts is made", Expected(executions=(4,)))
def gateway_while_the_end_is_made(site: Site) -> str:
    site.start()
    job_id = site.submit("shared", parts=3, end_seconds=2.0)
    until(lambda: "end" in runs(site.counted), "the end is made")
    site.restart()
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


# --- Slurm -----------------------------------------------------------------------------------------------------------

FORGETFUL = {"min_job_age": 2}


@row("slurmctld stopped (SIGSTOP)", "sbatch asks it; it goes on in 3 s", on=[SLURM], quick=[SLURM], slurm=FORGETFUL)
def controller_stopped_shortly(site: Site) -> str:
    return _submitted_to_a_stopped_controller(site, 3)


@row("slurmctld stopped (SIGSTOP)", "sbatch has given up when it goes on", on=[SLURM], slurm=FORGETFUL)
def controller_stopped_for_long(site: Site) -> str:
    return _submitted_to_a_stopped_controller(site, 25)


def _submitted_to_a_stopped_controller(site: Site, seconds: float) -> str:
    site.start()
    site.cluster.signal("slurmctld", signal.SIGSTOP)
    with ThreadPoolExecutor(1) as executor:
        job_id = executor.submit(site.submit, seconds=1.0)
        time.sleep(seconds)
        site.cluster.signal("slurmctld", signal.SIGCONT)
        site.fault()
        return job_id.result()


@row("slurmctld killed and started again", "sbatch asks it", on=[SLURM], slurm=FORGETFUL)
def controller_killed_during_sbatch(site: Site) -> str:
    site.start()
    site.cluster.signal("slurmctld", signal.SIGSTOP)
    with ThreadPoolExecutor(1) as executor:
        job_id = executor.submit(site.submit, seconds=1.0)
        time.sleep(2)
        site.cluster.signal("slurmctld", signal.SIGKILL)
        site.fault()
        site.cluster.start_controller()
        return job_id.result()


@row("slurmctld killed and started again", "it has just taken the job", on=[SLURM], quick=[SLURM], slurm={})
def controller_killed_after_sbatch(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=1.0)
    site.cluster.signal("slurmctld", signal.SIGKILL)
    site.fault()
    site.cluster.start_controller()
    return job_id


@row("slurmctld killed, started again after the job has ended", "the job runs", on=[SLURM], slurm=FORGETFUL)
def controller_away_at_the_end(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=3.0)
    site.running(job_id)
    site.cluster.signal("slurmctld", signal.SIGKILL)
    site.fault()
    if site.ended(job_id).status != "successful":
        raise NeverHappened("the outcome is told without slurmctld")
    site.cluster.start_controller()
    return job_id


@row(
    "slurmctld loses its state and is started again", "the job runs", Expected(executions=(1, 2)), on=[SLURM], slurm={}
)
def controller_without_state(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=12.0)
    site.running(job_id)
    site.cluster.signal("slurmctld", signal.SIGKILL)
    site.fault()
    site.cluster.start_controller(clean=True)
    return job_id


@row("slurmd killed with all it runs", "the job runs", AGAIN, on=[SLURM], slurm={"node_timeout": 5})
def node_lost(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=3.0)
    site.running(job_id)
    site.fault()
    site.cluster.end_node(site.cluster.node_of(site.jobs / job_id))
    return job_id


@row("slurmd killed with all it runs", "two of four parts run on it", LOST_PARTS, on=[SLURM], slurm={"node_timeout": 5})
def node_of_parts_lost(site: Site) -> str:
    site.start()
    job_id = site.submit("shared", parts=4, seconds=5.0)
    until(lambda: len(runs(site.counted)) == 4, "all parts run")
    site.fault()
    site.cluster.end_node("n1")
    return job_id


@row("slurmd killed, what it runs lives on", "the job runs", on=[SLURM], slurm={"node_timeout": 5})
def node_silent(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=40.0)
    site.running(job_id)
    site.cluster.signal(site.cluster.node_of(site.jobs / job_id), signal.SIGKILL)
    site.fault()
    return job_id


SELDOM = {"PHIDIAS_SCHEDULER__POLL_SECONDS": "6"}


@row("MinJobAge=2, squeue every 6 s", "the job ends well", on=[SLURM], slurm=FORGETFUL, variables=SELDOM)
def forgotten_success(site: Site) -> str:
    site.start()
    site.fault()
    return site.submit(seconds=1.0)


@row(
    "MinJobAge=2, squeue every 6 s",
    "the supervisor is killed",
    Expected("failed", "worker-failed"),
    on=[SLURM],
    slurm=FORGETFUL,
    variables=SELDOM,
)
def forgotten_failure(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=1000.0)
    _kill_supervisor(site, job_id)
    return job_id


@row("MinJobAge=2, squeue every 6 s", "the job is dismissed", DISMISSED, on=[SLURM], slurm=FORGETFUL, variables=SELDOM)
def forgotten_dismissal(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    site.fault()
    site.client().dismiss(job_id)
    return job_id


FAILING = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"


@row("squeue fails for 5 s", "the job is submitted, runs and ends", on=[SLURM], quick=[SLURM])
def squeue_fails_shortly(site: Site) -> str:
    return _without_squeue(site, FAILING, 5)


@row("squeue fails for 90 s", "the job is submitted, runs and ends", on=[SLURM])
def squeue_fails(site: Site) -> str:
    return _without_squeue(site, FAILING, 90)


@row("squeue hangs for 90 s", "the job is submitted, runs and ends", on=[SLURM])
def squeue_hangs(site: Site) -> str:
    return _without_squeue(site, "exec sleep 1000", 90)


@row("squeue gives nothing for 40 s", "the job is submitted, runs and ends", on=[SLURM])
def squeue_gives_nothing(site: Site) -> str:
    return _without_squeue(site, "exit 0", 40, job_seconds=20)


def _without_squeue(site: Site, script: str, seconds: float, job_seconds: float = 1.0) -> str:
    """The job's outcome has to be told all the same, and the job closed when squeue is there again."""
    with site.broken("squeue", script):
        site.start()
        site.fault()
        job_id = site.submit(seconds=job_seconds)
        if site.ended(job_id).status != "successful":
            raise NeverHappened("the outcome is told without squeue")
        time.sleep(max(0.0, seconds - (time.monotonic() - site.failed_at)))
    return job_id


@row("scancel fails for 20 s", "a running job is dismissed", DISMISSED, on=[SLURM])
def scancel_fails(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    with site.broken("scancel", FAILING):
        site.fault()
        site.client().dismiss(job_id)
        until(lambda: not processes_of(job_id), "the worker ends by itself")
        time.sleep(20)
    return job_id


@row("scancel fails for 10 s", "a waiting job is dismissed", DISMISSED_UNRUN, on=[SLURM], slurm={})
def scancel_fails_for_a_waiting_job(site: Site) -> str:
    site.start()
    with _closed_partition(site):
        job_id = _waiting(site)
        with site.broken("scancel", FAILING):
            site.fault()
            site.client().dismiss(job_id)
            time.sleep(10)
        until(lambda: not site.open_jobs(), "the job is gone from Slurm")
    return job_id


@row("sbatch's answer is lost", "submission", on=[SLURM], quick=[SLURM])
def answer_lost(site: Site) -> str:
    site.tool("sbatch", '"$REAL" "$@" >/dev/null; echo "sbatch: error: Socket timed out on send/recv" >&2; exit 1')
    site.start()
    site.fault()
    return site.submit(seconds=1.0)


@row("sbatch reaches Slurm 15 s after it gave up", "submission", on=[SLURM])
def sbatch_late(site: Site) -> str:
    late = f'(sleep 15; "$REAL" "$@"; touch {site.root}/late) >/dev/null 2>&1 &'
    once = f'if mkdir {site.root}/first 2>/dev/null; then {late} echo "sbatch: error: Socket timed out" >&2; exit 1; fi'
    site.tool("sbatch", f'{once}; exec "$REAL" "$@"')
    site.start()
    site.fault()
    job_id = site.submit(seconds=12.0)
    until((site.root / "late").exists, "the late submission has come")
    return job_id


@row("the site's administrator cancels the job", "the job runs", Expected("failed", "cancelled-by-site"), on=[SLURM])
def cancelled_by_the_site(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    site.fault()
    site.cluster.run("scancel", f"--name={_name(job_id)}")
    return job_id


@row("the site's administrator requeues the job", "the job runs", AGAIN, on=[SLURM])
def requeued(site: Site) -> str:
    site.start()
    job_id = site.submit(seconds=4.0)
    site.running(job_id)
    native_id = _native_id(site, job_id)
    site.fault()
    site.cluster.run("scontrol", "update", f"JobId={native_id}", "Requeue=1")
    site.cluster.run("scontrol", "requeue", native_id)
    return job_id


@row("the site's administrator suspends the job beyond its time limit", "the job runs", on=[SLURM])
def suspended(site: Site) -> str:
    site.start()
    job_id = site.submit("hasty", seconds=1.5)
    site.running(job_id)
    native_id = _native_id(site, job_id)
    site.cluster.run("scontrol", "suspend", native_id)
    time.sleep(8)
    site.fault()
    site.cluster.run("scontrol", "resume", native_id)
    return job_id


PRIORITIES = {
    "more": "PreemptType=preempt/partition_prio\nPreemptMode={mode}\n"
    "PartitionName=urgent Nodes=n1,n2 PriorityTier=10 MaxTime=INFINITE State=UP"
}
CANCELLING = {"more": PRIORITIES["more"].format(mode="CANCEL")}
REQUEUING = {"more": PRIORITIES["more"].format(mode="REQUEUE")}


@row("pushed aside by a job of higher priority (CANCEL)", "the job runs", AGAIN, on=[SLURM], slurm=CANCELLING)
def preempted(site: Site) -> str:
    return _preempted(site)


@row("pushed aside by a job of higher priority (REQUEUE)", "the job runs", AGAIN, on=[SLURM], slurm=REQUEUING)
def preempted_by_requeue(site: Site) -> str:
    return _preempted(site)


@row("pushed aside, with 5 s of grace", "the job runs", AGAIN, on=[SLURM], slurm=CANCELLING)
def preempted_with_grace(site: Site) -> str:
    site.cluster.run("scontrol", "update", "PartitionName=main", "GraceTime=5")
    return _preempted(site, 15.0)


def _preempted(site: Site, seconds: float = 6.0) -> str:
    site.start()
    job_id = site.submit(seconds=seconds)
    site.running(job_id)
    site.fault()
    urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--time=5", f"--chdir={site.root}", "--wrap=sleep 8"]
    site.cluster.run("sbatch", "--job-name=urgent", *urgent)
    return job_id


def _name(job_id: str) -> str:
    return f"phidias-{job_id.lower()}-1"


def _native_id(site: Site, job_id: str) -> str:
    return site.cluster.run("squeue", "--noheader", f"--name={_name(job_id)}", "--format=%i").strip()


def _waiting(site: Site) -> str:
    job_id = site.submit()
    until(lambda: "Waiting" in site.job(job_id).message, "the job is seen to wait")
    return job_id


@contextlib.contextmanager
def _closed_partition(site: Site) -> Iterator[None]:
    site.cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        yield
    finally:
        site.cluster.run("scontrol", "update", "PartitionName=main", "State=UP")


@contextlib.contextmanager
def _behind_another(site: Site) -> Iterator[None]:
    """While another job takes the only place."""
    other = site.client().execute("trouble", {"seconds": 1000.0}).id
    try:
        yield
    finally:
        until(lambda: site.gone(other), "the other job is removed")


# --- the disk --------------------------------------------------------------------------------------------------------


@row("the jobs' disk is full", "submission", quick=[LOCAL], disk="store/jobs")
def disk_full_at_submission(site: Site) -> str:
    return _refused_for_want_of_space(site, site.jobs)


@row("the whole store's disk is full", "submission", disk="store")
def store_full_at_submission(site: Site) -> str:
    return _refused_for_want_of_space(site, site.store)


def _refused_for_want_of_space(site: Site, disk: Path) -> str:
    site.start()
    filler = site.fill(disk)
    site.fault()
    try:
        site.client().execute("trouble", {"runs": str(site.counted)}, key=site.key)
    except GatewayError as error:
        if error.status != 507:
            raise
    else:
        raise NeverHappened("the gateway says that its disk is full")
    if site.folders() or list(site.client().jobs()):
        raise NeverHappened("nothing is left of the refused job")
    filler.unlink()
    return site.submit()


@row("the jobs' disk is full", "the job writes", Expected("failed", "disk-full"), quick=[LOCAL], disk="store/jobs")
def disk_full_while_writing(site: Site) -> str:
    site.start()
    site.fault()
    return site.submit(way="fill")


@row("the jobs' disk is full", "the outcome is written", disk="store/jobs")
def disk_full_at_the_end(site: Site) -> str:
    """What the worker has kept back is enough for the outcome."""
    site.start()
    job_id = site.submit(way="early", seconds=3.0)
    site.running(job_id)
    until(lambda: (site.jobs / job_id / "results" / "data").exists(), "the result is written")
    filler = site.fill(site.jobs)
    site.fault()
    site.ended(job_id)
    filler.unlink()
    return job_id


@row(
    "the jobs' disk is full, the reserve, too",
    "the outcome is written",
    Expected("failed", "disk-full"),
    disk="store/jobs",
)
def disk_full_without_reserve(site: Site) -> str:
    """The outcome can be written only after the results were given up."""
    site.start()
    job_id = site.submit(way="early", seconds=3.0)
    site.running(job_id)
    until(lambda: (site.jobs / job_id / "results" / "data").exists(), "the result is written")
    (site.jobs / job_id / "reserve").unlink()
    filler = site.fill(site.jobs)
    site.fault()
    site.ended(job_id)
    filler.unlink()
    return job_id


@row("the whole store's disk is full for 8 s", "the job runs and ends", disk="store")
def store_full_at_the_end(site: Site) -> str:
    site.start()
    job_id = site.submit(way="early", seconds=3.0)
    site.running(job_id)
    until(lambda: (site.jobs / job_id / "results" / "data").exists(), "the result is written")
    filler = site.fill(site.store)
    time.sleep(8)
    filler.unlink()
    site.fault()
    return job_id


@row("the whole store's disk is full for 8 s", "the job is dismissed", DISMISSED, disk="store")
def store_full_at_dismissal(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    filler = site.fill(site.store)
    with contextlib.suppress(GatewayError):
        site.client().dismiss(job_id)
    time.sleep(8)
    filler.unlink()
    site.fault()
    if site.job(job_id).status != "dismissed":
        site.client().dismiss(job_id)
    return job_id


# --- what is in the folder -------------------------------------------------------------------------------------------


@row("nonsense in progress.json", "the job runs", on=[LOCAL], quick=[LOCAL])
def nonsense_progress(site: Site) -> str:
    return _scribbled(site, "progress.json", seconds=3.0)


@row("nonsense in the claim", "the job runs", on=[LOCAL])
def nonsense_claim(site: Site) -> str:
    return _scribbled(site, "claim.1", seconds=3.0)


@row("nonsense in result.json", "the job runs", Expected("failed", "outcome-unreadable"))
def nonsense_result(site: Site) -> str:
    return _scribbled(site, "result.json", seconds=1000.0)


def _scribbled(site: Site, name: str, seconds: float) -> str:
    site.start()
    job_id = site.submit(seconds=seconds)
    site.running(job_id)
    (site.jobs / job_id / name).write_bytes(b"[1, \xff")
    site.fault()
    return job_id


@row("somebody deletes the job's folder", "the job runs", Expected("failed", "not-started"), on=[LOCAL])
def folder_deleted(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    site.fault()
    site.folder(job_id).remove()
    return job_id


# --- clocks ----------------------------------------------------------------------------------------------------------


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


def _of_right_length(site: Site, job_id: str) -> str:
    job = site.ended(job_id)
    if job.started and job.finished and not 2 <= (job.finished - job.started).total_seconds() <= 60:
        raise NeverHappened(f"the job's three seconds took from {job.started} to {job.finished}")
    return job_id


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


def _another_clock(site: Site, seconds: int) -> str:
    site.clock.write_text(f"{seconds:+d}\n")
    site.start(PHIDIAS_ENVIRONMENTS=json.dumps({"default": {"env": site.clock_of_its_own()}}))
    site.fault()
    return _of_right_length(site, site.submit(seconds=3.0))


@row("the node's clock is an hour fast", "always")
def node_fast(site: Site) -> str:
    return _another_clock(site, HOUR)


@row("the node's clock is an hour slow", "always")
def node_slow(site: Site) -> str:
    return _another_clock(site, -HOUR)
