"""One job from QGIS's side, on the worker thread: upload, submit, follow, cancel; what is heard is fed back.

The job is noted on disk from its submission to its end, so that it is found again whatever becomes of this QGIS.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import QgsFeedback, QgsProcessingFeedback
from qgis.PyQt.QtCore import Qt

from backend_client import Cancelled, GatewayError, Job, NoSuchJob
from backend_client.patience import Cancel, check
from phidias_qgis import estimates
from phidias_qgis.connection import Connection
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import InputProblem, ToFetch, ToUpload
from phidias_qgis.leaving import leaving
from phidias_qgis.remembered import ADD, TELL, WAIT, Note, Notes, me
from phidias_qgis.waiting import waiting

if TYPE_CHECKING:
    from backend_client import Gateway

LOG_TAIL = 15
"""Lines of the log that are repeated where a job failed"""
FAREWELL, IN_A_HURRY = 10.0, 2.0
"""Seconds in all for the gateway to hear that a job is not wanted any more; while QGIS is being closed"""


class JobEndedBadly(Exception):
    """The job failed, or was cancelled by somebody else; the text says why and what to do."""


class Execution:
    """Runs one process for one person. Every method raises GatewayError; Cancelled if the feedback was cancelled."""

    def __init__(self, connection: Connection, process_id: str, feedback: QgsProcessingFeedback) -> None:
        self._connection = connection
        self._process_id = process_id
        self._feedback = feedback
        self._key = str(uuid.uuid4())
        self._log: list[str] = []
        self._notes = Notes(connection)
        self._leaving = False
        self.gateway: Gateway = connection.gateway(feedback)
        # Heard in the midst of the cancel, on the thread that does it: a moment later it could not be told any more.
        feedback.canceled.connect(self._hear_cancel, Qt.ConnectionType.DirectConnection)

    def submit(self, values: Mapping[str, Any], *, estimate: bool = False) -> Job:
        """Upload what must be uploaded, and start the job, if so wished after an estimate of it.

        If cancelled meanwhile, no job is left behind. Raises InputProblem for what cannot be uploaded.
        """
        check(self._feedback.isCanceled)
        inputs = {name: self._uploaded(value) for name, value in values.items()}
        if estimate:
            estimates.tell(self.gateway, self._process_id, inputs, self._feedback)
        check(self._feedback.isCanceled)  # until here there is nothing to take back
        try:
            job = self.gateway.execute(self._process_id, inputs, key=self._key, cancelled=self._feedback.isCanceled)
        except Cancelled:
            self._withdraw(inputs)
            raise
        self._feedback.pushInfo(tr("Job {} on {}").format(job.id, self.gateway.url))
        return job

    def leave(self, job: Job, wanted: Mapping[str, Any]) -> None:
        """Wait for the job no further; the outputs that are `wanted` are fetched when it has ended."""
        self._note(job.id, ADD if wanted else TELL, wanted)
        self._feedback.pushInfo(tr("The job goes on by itself: see the panel 'PHIDIAS jobs'."))

    def follow(self, job: Job) -> Job:
        """Wait for the job's end and tell of its way; returns it as it ended.

        Cancelling the feedback dismisses the job, unless it is cancelled because QGIS is being closed. Raises
        JobEndedBadly if it has no results.
        """
        self._note(job.id, WAIT, {})
        try:
            with waiting():
                state = self._followed(job)
        except Cancelled:
            if self._leaving:
                self.leave(job, {})
            else:
                self._dismiss(job.id)
            raise
        except NoSuchJob:
            self._notes.drop(job.id)
            raise
        except GatewayError:
            self._note(job.id, TELL, {})
            raise
        self._notes.drop(job.id)
        if state.status != "successful":
            raise JobEndedBadly(self._obituary(state))
        return state

    def _followed(self, job: Job) -> Job:
        for state in self.gateway.follow(
            job.id, log=self._heard, unreachable=self._unreachable, cancelled=self._feedback.isCanceled
        ):
            self._tell(state)
        return state

    def _note(self, job_id: str, then: str, wanted: Mapping[str, Any]) -> None:
        try:
            self._notes.keep(Note(job_id, self._process_id, then, me(), wanted))
        except OSError as error:
            self._feedback.pushWarning(tr("The job cannot be noted in the user profile: {}").format(error))

    def _hear_cancel(self) -> None:
        self._leaving = leaving()

    def _uploaded(self, value: Any) -> Any:
        if isinstance(value, ToFetch):
            return value.fetched(self._feedback)
        if not isinstance(value, ToUpload):
            return value
        if value.original and self.gateway.has(value.original):
            return {"href": value.original}
        try:
            with value.ready(self._feedback) as path:
                return {"href": self._upload(path)}
        except OSError as error:
            raise InputProblem(tr("What is to be uploaded cannot be read or written here: {}.").format(error)) from None

    def _upload(self, path: Path) -> str:
        megabytes = f"{path.stat().st_size / 1e6:,.1f}"
        self._feedback.pushInfo(tr("Looking whether the gateway has {} ({} MB) already").format(path.name, megabytes))
        begun = False

        def progress(done: int, total: int | None) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._feedback.pushInfo(tr("Uploading {}").format(path.name))
            if total:
                self._feedback.setProgress(100 * done / total)

        href = self.gateway.upload(path, progress=progress, cancelled=self._feedback.isCanceled)
        if not begun:
            self._feedback.pushInfo(tr("It is there."))
        return href

    def _tell(self, job: Job) -> None:
        if job.status == "accepted":
            text = tr("Waiting in the queue")
            if job.queue_reason:
                text += f": {job.queue_reason}"
            if job.estimated_start:
                text += " " + tr("(expected to start at {})").format(f"{job.estimated_start.astimezone():%d.%m. %H:%M}")
        else:
            text = job.message or job.status
        self._feedback.setProgressText(text)
        if job.progress is not None:
            self._feedback.setProgress(job.progress)

    def _heard(self, line: str) -> None:
        self._log = [*self._log, line][-LOG_TAIL:]
        self._feedback.pushConsoleInfo(line)

    def _unreachable(self, error: GatewayError, seconds: float) -> None:
        self._feedback.pushWarning(
            tr("{} The job goes on; trying again in {} s.").format(error.detail, max(1, round(seconds)))
        )

    def _obituary(self, job: Job) -> str:
        problem = job.problem or {}
        if job.status == "dismissed":
            cause = tr("The job was cancelled.")
        else:
            cause = str(problem.get("detail") or job.message or tr("The job failed."))
        remedy = str(problem.get("remedy") or job.remedy or "")
        lines = [f"{cause} {remedy}".strip(), tr("Job: {}").format(job.id)]
        if self._log:
            lines += [tr("Its last lines:"), *(f"    {line}" for line in self._log)]
        return "\n".join(lines)

    def _dismiss(self, job_id: str) -> None:
        try:
            with self._last_word() as (gateway, _):
                gateway.dismiss(job_id)
        except GatewayError as error:
            self._feedback.reportError(tr("Job {} may go on: {}").format(job_id, error))
        else:
            self._notes.drop(job_id)
            self._feedback.pushInfo(tr("Job {} was cancelled on the gateway.").format(job_id))

    def _withdraw(self, inputs: Mapping[str, Any]) -> None:
        """The submission was broken off: its key finds out which job it became, if any."""
        try:
            with self._last_word() as (gateway, is_over):
                job = gateway.execute(self._process_id, inputs, key=self._key, cancelled=is_over)
        except GatewayError as error:
            self._feedback.reportError(tr("A job may have been started: {}").format(error))
        else:
            self._dismiss(job.id)

    @contextmanager
    def _last_word(self) -> Iterator[tuple[Gateway, Cancel]]:
        """A gateway to talk to after a cancel, and whether the time for that is over; the own one is silent."""
        feedback = QgsFeedback()
        end = threading.Timer(IN_A_HURRY if self._leaving else FAREWELL, feedback.cancel)
        end.start()
        try:
            yield self._connection.gateway(feedback), feedback.isCanceled
        finally:
            end.cancel()
