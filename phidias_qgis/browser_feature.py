"""The browser's entry as a part of the plugin: what is added to QGIS and taken away again, and the context menus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsProject, QgsTask
from qgis.gui import QgsDataItemGuiContext, QgsDataItemGuiProvider, QgsGui
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QGuiApplication
from qgis.PyQt.QtWidgets import QMenu, QMessageBox

from backend_client import GatewayError, Job
from phidias_qgis import connection
from phidias_qgis.browser import SECONDS, ConnectionItem, ItemProvider, JobItem, RootItem, Roots, dress
from phidias_qgis.connection import Connection
from phidias_qgis.i18n import tr


class BrowserFeature:
    """The entry in the browser panel.

    `changed` is called when another connection has become the default one, `show_job` with a connection's name and
    the id of a job that a person wants to look at.
    """

    def __init__(self, iface: Any, changed: Callable[[], None], show_job: Callable[[str, str], None]) -> None:
        self._roots = Roots()
        self._provider = ItemProvider(self._roots)
        self._menus = Menus(iface, changed, show_job)

    def start(self) -> None:
        """Add it to QGIS. Asks nothing of the network."""
        QgsApplication.dataItemProviderRegistry().addProvider(self._provider)
        QgsGui.dataItemGuiProviderRegistry().addProvider(self._menus)
        QgsProject.instance().layersAdded.connect(dress)

    def reload(self) -> None:
        """The connections have changed."""
        self._roots.refresh()

    def stop(self) -> None:
        """Take it away again."""
        QgsProject.instance().layersAdded.disconnect(dress)
        self._roots.close()
        QgsGui.dataItemGuiProviderRegistry().removeProvider(self._menus)
        QgsApplication.dataItemProviderRegistry().removeProvider(self._provider)


class Menus(QgsDataItemGuiProvider):
    """What can be done with connections and jobs."""

    def __init__(self, iface: Any, changed: Callable[[], None], show_job: Callable[[str, str], None]) -> None:
        super().__init__()
        self._iface, self._changed, self._show_job = iface, changed, show_job
        self._task: EndTask | None = None

    def name(self) -> str:
        return "PHIDIAS"

    def populateContextMenu(self, item: Any, menu: QMenu, selected: list[Any], context: QgsDataItemGuiContext) -> None:
        if isinstance(item, (RootItem, ConnectionItem)):
            menu.addSeparator()
            if isinstance(item, ConnectionItem):
                default = menu.addAction(tr("Make Default"), lambda: self._make_default(item.target.name))
                default.setEnabled(self._may_be_default(item.target.name))
            menu.addAction(tr("Connections..."), self._show_options)
        elif isinstance(item, JobItem):
            menu.addSeparator()
            if item.job.status == "successful":
                menu.addAction(tr("Add to Map"), lambda: self._add(item))
            menu.addAction(tr("Show Job"), lambda: self._show_job(item.target.name, item.job.id))
            if item.job.ended:
                menu.addAction(tr("Delete Job..."), lambda: self._end(item))
            else:
                menu.addAction(tr("Cancel Job"), lambda: self._end(item))
            menu.addAction(tr("Copy Job Id"), lambda: QGuiApplication.clipboard().setText(item.job.id))

    @staticmethod
    def _may_be_default(name: str) -> bool:
        stored = {entry.name for entry in connection.stored()}
        return name in stored and name != connection.default_name()

    def _make_default(self, name: str) -> None:
        connection.store(connection.stored(), name)
        self._changed()

    def _show_options(self) -> None:
        from phidias_qgis.options import PAGE

        self._iface.showOptionsDialog(self._iface.mainWindow(), PAGE)

    def _add(self, item: JobItem) -> None:
        from phidias_qgis.jobs_panel.fetching import Fetcher

        Fetcher(self._iface).fetch(item.target, item.job)

    def _end(self, item: JobItem) -> None:
        """Cancel a job, or delete it when a person has said yes."""
        if item.job.ended and not self._is_wanted(item.name()):
            return
        self._task = EndTask(item.target, item.job, lambda error: self._ended(item, error))
        QgsApplication.taskManager().addTask(self._task)

    def _is_wanted(self, job: str) -> bool:
        answer = QMessageBox.question(
            self._iface.mainWindow(),
            tr("Delete Job"),
            tr("Delete this job with its results? Layers of it in projects cannot be drawn any more.\n\n{}").format(
                job
            ),
        )
        return answer == QMessageBox.StandardButton.Yes

    def _ended(self, item: JobItem, error: str) -> None:
        if error:
            self._iface.messageBar().pushMessage("PHIDIAS", error, Qgis.MessageLevel.Warning)
        if not sip.isdeleted(item) and item.parent() is not None:
            item.parent().refresh()


class EndTask(QgsTask):
    """Cancels a job that has not ended, or deletes one that has; tells what went wrong, or nothing."""

    def __init__(self, target: Connection, job: Job, tell: Callable[[str], None]) -> None:
        super().__init__(tr("PHIDIAS: ending a job"), QgsTask.Flag.CanCancel)
        self._target, self._job, self._tell = target, job, tell
        self._feedback = QgsFeedback()
        self._error = ""

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def run(self) -> bool:
        try:
            gateway = self._target.gateway(self._feedback, seconds=SECONDS)
            if self._job.ended:
                gateway.dismiss(self._job.id)
            else:
                # Never more than was asked for: a job that has ended meanwhile keeps its results.
                gateway.cancel(self._job.id)
        except GatewayError as error:
            self._error = str(error)
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._error = repr(error)
        return not self._error

    def finished(self, result: bool) -> None:
        self._tell(self._error)
