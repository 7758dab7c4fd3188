"""Results of jobs that have ended, brought into QGIS as the tool itself would have: to the map, or into a folder."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from processing.gui.Postprocessing import handleAlgorithmResults
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsFeedback,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsTask,
)
from qgis.PyQt.QtCore import QTimer

from backend_client import Cancelled, GatewayError, Job, ProcessDescription
from phidias_qgis import later, rendering
from phidias_qgis.algorithm import ProcessAlgorithm
from phidias_qgis.connection import Connection
from phidias_qgis.i18n import tr
from phidias_qgis.job_words import Names
from phidias_qgis.outputs import Output

if TYPE_CHECKING:
    from backend_client import Gateway

Told = Callable[[str], None]
"""Called at the end, with what went wrong, or with nothing"""
Downloaded = Callable[[Path, str], None]
"""Called at the end with the folder, and with what went wrong, or with nothing"""


def outputs_of(description: ProcessDescription) -> list[Output]:
    """The outputs of a process."""
    return [Output.from_description(name, member) for name, member in description.outputs.items()]


class FinishedJob(ProcessAlgorithm):
    """The tool of a process, from the point on where its job has ended well."""

    def __init__(self, description: ProcessDescription, connection: Connection, job: Job) -> None:
        super().__init__(description)
        self._connection, self._job = connection, job

    def createInstance(self) -> FinishedJob:
        return FinishedJob(self._description, self._connection, self._job)

    def checkParameterValues(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        return True, ""

    def prepareAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        rendering.prepare()
        return True

    def processAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        gateway = self._connection.gateway(feedback)
        try:
            # Layers are named after what was chosen, such as an index.
            self._values = dict(_inputs(gateway, self._job.id))
            return self._delivered(gateway, self._job, parameters, context, feedback)
        except Cancelled:
            return {}
        except (GatewayError, OSError) as error:
            raise QgsProcessingException(str(error)) from None


def _inputs(gateway: Gateway, job_id: str) -> Mapping[str, Any]:
    try:
        return gateway.definition(job_id).inputs
    except GatewayError:
        return {}


class Fetching:
    """Brings wanted outputs of a job to the map, or to their files; in the background, with QGIS's own progress."""

    _running: set[Fetching] = set()  # noqa: RUF012  a task must not lose its last reference while it runs

    def __init__(
        self,
        description: ProcessDescription,
        connection: Connection,
        job: Job,
        wanted: Mapping[str, Any],
        told: Told,
    ) -> None:
        self._told = told
        self._algorithm = FinishedJob(description, connection, job)
        self._algorithm.initAlgorithm()
        self._feedback = Remembering()
        self._context = QgsProcessingContext()
        self._context.setProject(QgsProject.instance())
        self._context.setFeedback(self._feedback)
        parameters = later.parameters_for(outputs_of(description), wanted, QgsProject.instance())
        self._task = QgsProcessingAlgRunnerTask(self._algorithm, parameters, self._context, self._feedback)
        self._task.setDescription(tr("PHIDIAS: fetching {}").format(description.title))
        # Not in the midst of the task's own end: adding layers lets other things happen.
        self._task.executed.connect(lambda *end: QTimer.singleShot(0, lambda: self._end(*end)))

    def start(self) -> None:
        """Begin."""
        self._running.add(self)
        QgsApplication.taskManager().addTask(self._task)

    def _end(self, successful: bool, results: dict[str, Any]) -> None:
        self._running.discard(self)
        error = "" if successful else self._feedback.error or tr("The results could not be fetched.")
        if successful:
            # Adds the layers, styles and groups them, as after every tool.
            handleAlgorithmResults(self._algorithm, self._context, self._feedback, False, results)
            error = self._feedback.error
        self._told("" if self._feedback.isCanceled() else error)


def layers_of_job(names: Names, job: Job) -> dict[str, Any]:
    """All the layers that a job of this process gives, as outputs that are wanted; empty if it is not known."""
    description = names.description(job.process_id)
    return later.every_layer(outputs_of(description)) if description else {}


class Fetcher:
    """Starts what brings results into QGIS, and says in QGIS's message bar what goes wrong."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface

    def fetch(
        self,
        connection: Connection,
        job: Job,
        wanted: Mapping[str, Any] | None = None,
        then: Callable[[bool], None] | None = None,
        *,
        names: Names | None = None,
    ) -> None:
        """Bring outputs to the map or to their files; without `wanted`, all layers to the map.

        `then` is told whether it went well; `names` knows the processes of the connection.
        """
        names = names or Names(connection)
        description = names.description(job.process_id)
        wishes = layers_of_job(names, job) if wanted is None else wanted
        if description is None or not wishes:
            text = tr("The job has no layers that could be added to the map.")
            self._iface.messageBar().pushMessage("PHIDIAS", text, Qgis.MessageLevel.Info)
            return

        def told(error: str) -> None:
            if error:
                text = html.escape(f"{description.title}: {error}")
                self._iface.messageBar().pushMessage("PHIDIAS", text, Qgis.MessageLevel.Warning)
            if then:
                then(not error)

        Fetching(description, connection, job, wishes, told).start()


class Remembering(QgsProcessingFeedback):
    """Keeps the last error."""

    def __init__(self) -> None:
        super().__init__(False)
        self.error = ""

    def reportError(self, error: str, fatal: bool = False) -> None:
        self.error = error


class Download(QgsTask):
    """Writes every file of a job to a folder of its own inside `folder`."""

    def __init__(self, connection: Connection, job: Job, folder: Path, told: Downloaded) -> None:
        # Without a prompt: what was written so far is taken up again by the next attempt.
        flags = QgsTask.Flag.CanCancel | QgsTask.Flag.CancelWithoutPrompt
        super().__init__(tr("PHIDIAS: downloading {}").format(job.process_id), flags)
        self._connection, self._job, self._told = connection, job, told
        self._folder = folder / f"{job.process_id}-{job.id}"
        self._feedback = QgsFeedback()
        self._error = ""

    def start(self) -> None:
        """Begin."""
        _downloads.add(self)
        QgsApplication.taskManager().addTask(self)

    def run(self) -> bool:
        try:
            results = self._connection.gateway(self._feedback).results(self._job.id)
            self._folder.mkdir(parents=True, exist_ok=True)
            for number, result in enumerate(results.values()):

                def progress(done: int, total: int | None, first: int = number, count: int = len(results)) -> None:
                    self.setProgress(100 * (first + done / (total or done or 1)) / count)

                if result.links:
                    result.download_all(self._folder, progress=progress, cancelled=self._feedback.isCanceled)
                elif result.value is not None:
                    result.download(self._folder / f"{result.name}.json")
        except Cancelled:
            return False
        except (GatewayError, OSError) as error:
            self._error = str(error)
        except Exception as error:  # one that escaped from here would end QGIS
            self._error = repr(error)
        return not self._error

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def finished(self, result: bool) -> None:
        _downloads.discard(self)
        if result or self._error:
            self._told(self._folder, self._error)


_downloads: set[Download] = set()
"""A task without a reference never says that it has finished"""
