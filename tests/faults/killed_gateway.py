"""The gateway is killed while something goes on without it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.faults.rows import DISMISSED_UNRUN, LOCAL, ONE_AT_A_TIME, SLURM, Expected, row
from tests.faults.site import NeverHappened, Site, until
from tests.gateway.jobs_of import runs

TWO_AT_A_TIME = {"PHIDIAS_SCHEDULER__MAX_PARALLEL": "2", "PHIDIAS_SCHEDULER__TASKS_AT_ONCE": "2"}


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
    with site.behind_another():
        return _restarted_while_waiting(site)


@row("kill -9 the gateway", "the job waits in the queue", on=[SLURM], slurm={})
def gateway_while_waiting_in_slurm(site: Site) -> str:
    site.start()
    with site.closed_partition():
        return _restarted_while_waiting(site)


def _restarted_while_waiting(site: Site) -> str:
    job_id = site.waiting()
    site.restart()
    return job_id


@row("kill -9 the gateway", "a waiting job was just dismissed", DISMISSED_UNRUN, on=[SLURM], slurm={})
def gateway_after_dismissal_of_a_waiting_job(site: Site) -> str:
    site.start()
    with site.closed_partition():
        job_id = site.waiting()
        site.client().dismiss(job_id)
        site.restart()
        until(lambda: not site.open_jobs(), "the job is gone from Slurm")
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
