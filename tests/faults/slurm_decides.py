"""What Slurm and the site's administrator may do to a job that runs."""

from __future__ import annotations

import time

from tests.faults.rows import AGAIN, SLURM, Expected, row
from tests.faults.site import Site

PRIORITIES = {
    "more": "PreemptType=preempt/partition_prio\nPreemptMode={mode}\n"
    "PartitionName=urgent Nodes=n1,n2 PriorityTier=10 MaxTime=INFINITE State=UP"
}
CANCELLING = {"more": PRIORITIES["more"].format(mode="CANCEL")}
REQUEUING = {"more": PRIORITIES["more"].format(mode="REQUEUE")}


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
