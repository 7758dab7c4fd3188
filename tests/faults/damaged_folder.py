"""What is in a job's folder is nonsense, or gone."""

from __future__ import annotations

from tests.faults.rows import LOCAL, Expected, row
from tests.faults.site import Site


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
