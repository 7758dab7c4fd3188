"""What leaves the store: jobs and uploads whose time is over, and folders that never became a job."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phidias_gateway.job_folder import JobFolder
from phidias_gateway.partial_uploads import PartialUploads
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

log = logging.getLogger(__name__)
_SWEEP_SECONDS = 600.0
_STOP_SECONDS = 1.0


class Sweeper:
    """Removes what has expired, and the folders of deleted jobs, in a thread of its own.

    To remove large folders from a slow file system may take an hour: it holds up nobody, neither a gateway that stops.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to remove."""
        self._awake.set()

    def stop(self) -> None:
        """What is left is removed by the next gateway."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def sweep(self) -> None:
        """Remove closed jobs that have expired with their folders, and uploads that nobody uses or completes."""
        while not self._stopping.is_set() and (expired := self._store.expire(datetime.now(UTC))):
            log.info("expired: %s", ", ".join(expired))
        self._remove_folders()
        if not self._stopping.is_set():
            self._remove_uploads()
            PartialUploads(self._settings.store.uploads).remove_stale()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                self.sweep()
            except Exception:
                # Also what a closed store raises, if a folder took longer than the gateway to stop.
                if not self._stopping.is_set():
                    log.exception("sweeping failed")
            self._awake.wait(_SWEEP_SECONDS)

    def _remove_folders(self) -> None:
        removed = []
        for job_id in self._store.removals():
            if self._stopping.is_set():
                return  # some are found gone by the next gateway
            folder = JobFolder(self._settings.store.jobs / job_id)
            folder.remove()
            if not folder.path.exists():
                removed.append(job_id)
        self._store.removed(removed)

    def _remove_uploads(self) -> None:
        """Those that nobody has used for so long, and that no open job may need."""

        def remove(sha256: str) -> None:
            log.info("upload %s has expired", sha256)
            (self._settings.store.uploads / sha256).unlink(missing_ok=True)

        unused_since = datetime.now(UTC) - timedelta(days=self._settings.limits.retention_days)
        self._store.forget_uploads(unused_since, remove)


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
