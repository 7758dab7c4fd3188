"""What the panel asks for in the background: a search, and what there is to search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from qgis.core import (
    QgsApplication,
    QgsFeedback,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsTask,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QTimer

from backend_client import GatewayError
from phidias_qgis import connection
from phidias_qgis.catalogues import Catalogue
from phidias_qgis.i18n import tr

TOOL = "phidias:searchscenes"


class Search:
    """One search in the background; `done(layer, text)` is called in the end, without a layer if there is none."""

    def __init__(self, parameters: dict[str, Any], done: Callable[[QgsVectorLayer | None, str], None]) -> None:
        self.feedback = Heard()
        self._parameters, self._done = parameters, done
        self._context = QgsProcessingContext()
        self._context.setProject(QgsProject.instance())
        self._tool = QgsApplication.processingRegistry().createAlgorithmById(TOOL)
        self._task: QgsTask | None = None

    def start(self) -> bool:
        """Begin; False if there is nothing to search for, which `done` was told."""
        ok, problem = self._tool.checkParameterValues(self._parameters, self._context)
        if not ok:
            self._done(None, problem)
            return False
        self._task = QgsProcessingAlgRunnerTask(self._tool, self._parameters, self._context, self.feedback)
        # Not in the midst of the task's own end.
        self._task.executed.connect(lambda *end: QTimer.singleShot(0, lambda: self._end(*end)))
        QgsApplication.taskManager().addTask(self._task)
        return True

    def cancel(self) -> None:
        """Break off; `done` is told so."""
        self.feedback.cancel()

    def forget(self) -> None:
        """Break off, and tell nobody."""
        self._done = lambda layer, said: None
        self.cancel()

    def _end(self, successful: bool, results: dict[str, Any]) -> None:
        if not successful or "COUNT" not in results:
            self._done(None, self.feedback.error or tr("The search was cancelled."))
            return
        layer = self._context.takeResultLayer(results["OUTPUT"])
        said = [tr("Scenes found: {}").format(results["COUNT"]), *self.feedback.warnings]
        self._done(layer if results["COUNT"] else None, "\n".join(said))


class Heard(QgsProcessingFeedback):
    """Keeps what a person should know."""

    def __init__(self) -> None:
        super().__init__(False)
        self.error = ""
        self.warnings: list[str] = []

    def reportError(self, error: str, fatalError: bool = False) -> None:
        self.error = error

    def pushWarning(self, warning: str) -> None:
        self.warnings.append(warning)


class Listing(QgsTask):
    """Lists the collections of a catalogue, or the archives of the site: nobody misses what is not found.

    `done(names)` is called in the end, unless it was cancelled.
    """

    _running: ClassVar[set[Listing]] = set()
    """A task must not lose its last reference in Python while it runs"""

    def __init__(self, done: Callable[[list[str]], None], catalogue: Catalogue | None = None) -> None:
        super().__init__(tr("PHIDIAS: looking what there is to search"), QgsTask.Flag.CanCancel)
        self._done, self._catalogue = done, catalogue
        self._feedback = QgsFeedback()
        self._names: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._running.add(self)
        QgsApplication.taskManager().addTask(self)

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def forget(self) -> None:
        """Nobody wants the answer any more, if it has not come."""
        self._feedback.cancel()

    def run(self) -> bool:
        try:
            if self._catalogue is None:
                self._names = list(connection.load().gateway(self._feedback).archives())
            else:
                self._names = list(self._catalogue.all_collections(self._feedback))
        except (GatewayError, connection.NotConnected):
            return False
        except Exception:  # an exception that escapes from here ends QGIS
            return False
        return True

    def finished(self, result: bool) -> None:
        self._running.discard(self)
        if result and not self._feedback.isCanceled():
            self._done(self._names)
