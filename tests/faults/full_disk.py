"""The disk is full."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from backend_client.errors import GatewayError
from tests.faults.rows import DISMISSED, LOCAL, Expected, row
from tests.faults.site import NeverHappened, Site, until


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
