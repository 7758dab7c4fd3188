"""What QGIS starts and stops: the provider, the options page, and the refresh of the tools in the background."""

from __future__ import annotations

from typing import Any

from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsMessageLog, QgsTask
from qgis.PyQt.QtCore import QTimer

from backend_client import GatewayError
from phidias_qgis import connection, descriptions, paths, tunnels
from phidias_qgis.algorithm import algorithm_name
from phidias_qgis.i18n import install_translator, remove_translator, tr
from phidias_qgis.provider import PhidiasProvider

AFTER_START = 2000
"""Milliseconds after which the gateway is asked: QGIS's window has come up undisturbed by then"""


class PhidiasPlugin:
    """The plugin. `initProcessing` is called in qgis_process, `initGui` in QGIS itself."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._translator = install_translator()
        self._provider: PhidiasProvider | None = None
        self._options: Any = None
        self._layers: Any = None
        self._jobs: Any = None
        self._refresh: RefreshTask | None = None
        self._features: list[Any] = []
        self._browser: Any = None

    def initProcessing(self) -> None:
        """Add the tools that the gateway has now, or those known if it does not answer at once."""
        from phidias_qgis.project_sources import ProjectSources

        descriptions.refresh_quickly()
        self._add_provider()
        ProjectSources(at_once=True).install()

    def initGui(self) -> None:
        """Add the tools as they are known; ask the gateway when QGIS is up."""
        from phidias_qgis.browser_feature import BrowserFeature
        from phidias_qgis.diagnostics import DiagnosticsFeature
        from phidias_qgis.jobs_panel.feature import JobsFeature
        from phidias_qgis.kept_layers import KeptLayers
        from phidias_qgis.locator import LocatorFeature
        from phidias_qgis.options import OptionsFactory
        from phidias_qgis.scenes_panel.feature import ScenesFeature

        self._add_provider()
        self._browser = BrowserFeature(self._iface, self.refresh, self._show_job)
        self._layers = KeptLayers(self._iface)
        self._jobs = JobsFeature(self._iface)
        self._features = [
            self._browser,
            self._layers,
            self._jobs,
            ScenesFeature(self._iface),
            DiagnosticsFeature(self._iface),
            LocatorFeature(self._iface, self._show_tool, self._show_job),
        ]
        for feature in self._features:
            feature.start()
        self._options = OptionsFactory(self.refresh)
        self._iface.registerOptionsWidgetFactory(self._options)
        QTimer.singleShot(AFTER_START, lambda: self.refresh(asked=False))

    def unload(self) -> None:
        """Take everything away again."""
        if self._refresh is not None:
            self._refresh.forget()
            self._refresh = None
        for feature in self._features:
            feature.stop()
        self._features = []
        self._layers = self._jobs = None
        if self._options is not None:
            self._iface.unregisterOptionsWidgetFactory(self._options)
            self._options = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        tunnels.close()
        remove_translator(self._translator)
        self._translator = None
        paths.forget_client()

    def refresh(self, *, asked: bool = True) -> None:
        """Ask the gateway for its processes in the background, and rebuild the tools if they changed.

        Unless a person has asked for it, nobody is signed in to an SSH host: the agent may ask back, and a gateway
        would be started for nothing.
        """
        if self._provider is None:
            return
        if asked:
            self._browser.reload()
            self._provider.update()
        if self._layers is not None:
            self._layers.retry()
        if self._jobs is not None:
            self._jobs.reload()
        try:
            target = connection.load()
        except connection.NotConnected:
            return
        if target.is_ssh and not asked:
            return
        # A task without a reference in Python never says that it has finished.
        self._refresh = RefreshTask(target, self._provider)
        QgsApplication.taskManager().addTask(self._refresh)

    def _show_tool(self, process_id: str) -> None:
        """Open the dialog of a tool."""
        from processing import createAlgorithmDialog

        dialog = createAlgorithmDialog(f"phidias:{algorithm_name(process_id)}")
        if dialog is not None:
            dialog.show()

    def _show_job(self, connection_name: str, job_id: str) -> None:
        """Open the jobs panel on a job."""
        watch = self._jobs.center.watches.get(connection_name)
        if watch is not None:
            self._jobs.show_job(watch, job_id)

    def _add_provider(self) -> None:
        self._provider = PhidiasProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)


class RefreshTask(QgsTask):
    """Fetches the descriptions off the main thread."""

    def __init__(self, target: connection.Connection, provider: PhidiasProvider) -> None:
        super().__init__(tr("PHIDIAS: asking for the list of tools"), QgsTask.Flag.CanCancel)
        self._target, self._provider = target, provider
        self._feedback = QgsFeedback()
        self._error = ""

    def run(self) -> bool:
        try:
            descriptions.refresh(self._target, self._feedback)
        except (GatewayError, OSError) as error:
            self._error = str(error)
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._error = repr(error)
        return not self._error

    def forget(self) -> None:
        """Nobody wants the answer any more, if it has not come: QGIS deletes its half of a task that has ended."""
        self._feedback.cancel()

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def finished(self, result: bool) -> None:
        if self._feedback.isCanceled():
            return
        if result:
            self._provider.update()
        else:
            QgsMessageLog.logMessage(self._error, descriptions.LOG, Qgis.MessageLevel.Warning)
