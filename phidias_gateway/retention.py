"""What leaves the store: jobs and uploads whose time is over, and folders that never became a job."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phidias_gateway.job import Job
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.store import Store

log = logging.getLogger(__name__)


def remove(store: Store, jobs_root: Path, job: Job) -> bool:
    """Remove a closed job with its files. False: it changed meanwhile."""
    if not store.delete(job):
        return False
    _remove_folder(store, jobs_root, job.id)
    return True


def remove_expired(store: Store, jobs_root: Path) -> None:
    """Remove the closed jobs that have expired, and the folders whose removal came to no end."""
    for job_id in store.removals():
        _remove_folder(store, jobs_root, job_id)
    while expired := store.expired(datetime.now(UTC)):
        for job in expired:
            log.info("job %s has expired", job.id)
            remove(store, jobs_root, job)


def remove_unused_uploads(store: Store, uploads: Path, retention_days: float) -> None:
    """Remove uploads that nobody has used for so long, and that no open job may need."""

    def remove(sha256: str) -> None:
        log.info("upload %s has expired", sha256)
        (uploads / sha256).unlink(missing_ok=True)

    store.forget_uploads(datetime.now(UTC) - timedelta(days=retention_days), remove)


def _remove_folder(store: Store, jobs_root: Path, job_id: str) -> None:
    folder = JobFolder(jobs_root / job_id)
    folder.remove()
    if not folder.path.exists():
        store.removed(job_id)


def remove_unrecorded(store: Store, jobs_root: Path) -> None:
    """Remove the folders of jobs that a gateway did not live to record. Call it while nothing is being submitted.

    A folder that a worker has seen is left alone, whatever the store says.
    """
    known = store.ids()
    for path in jobs_root.iterdir():
        unrecorded = path.name not in known and len(path.name) == 26
        if unrecorded and not any(path.glob("claim.*")) and not (path / "result.json").exists():
            log.info("removing the unrecorded folder %s", path.name)
            JobFolder(path).remove()
