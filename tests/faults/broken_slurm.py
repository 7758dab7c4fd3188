"""Slurm's daemons are stopped and killed, its tools fail, and it forgets."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.rows import AGAIN, DISMISSED, DISMISSED_UNRUN, FORGETFUL, SLURM, Expected, row
from tests.faults.site import NeverHappened, Site, until
from tests.gateway.jobs_of import processes_of, runs

LOST_PARTS = Expected(executions=(6, 7))
"""Four parts, one or two of them again, and the end"""
SELDOM = {"PHIDIAS_SCHEDULER__POLL_SECONDS": "6"}
FAILING = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"


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
    claim = site.running(job_id)
    site.fault()
    os.kill(claim.pid, signal.SIGKILL)
    return job_id


@row("MinJobAge=2, squeue every 6 s", "the job is dismissed", DISMISSED, on=[SLURM], slurm=FORGETFUL, variables=SELDOM)
def forgotten_dismissal(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    site.fault()
    site.client().dismiss(job_id)
    return job_id


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
    begun = time.monotonic()
    with site.broken("squeue", script):
        site.start()
        job_id = site.submit(seconds=job_seconds)
        if site.ended(job_id).status != "successful":
            raise NeverHappened("the outcome is told without squeue")
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    site.fault()
    return job_id


@row("scancel fails for 20 s", "a running job is dismissed", DISMISSED, on=[SLURM])
def scancel_fails(site: Site) -> str:
    site.start()
    job_id = site.submit(way="children", seconds=1000.0)
    site.running(job_id)
    with site.broken("scancel", FAILING):
        site.client().dismiss(job_id)
        until(lambda: not processes_of(job_id), "the worker ends by itself")
        time.sleep(20)
    site.fault()
    return job_id


@row("scancel fails for 10 s", "a waiting job is dismissed", DISMISSED_UNRUN, on=[SLURM], slurm={})
def scancel_fails_for_a_waiting_job(site: Site) -> str:
    site.start()
    with site.closed_partition():
        job_id = site.waiting()
        with site.broken("scancel", FAILING):
            site.client().dismiss(job_id)
            time.sleep(10)
        site.fault()
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
