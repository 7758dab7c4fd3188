"""The jobs panel as a part of the plugin: what is added to QGIS, and taken away again."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAction

from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel.center import Center
from phidias_qgis.jobs_panel.dock import JobsDock
from phidias_qgis.jobs_panel.indicator import Indicator
from phidias_qgis.jobs_panel.messages import Messages
from phidias_qgis.jobs_panel.watch import Watch
from phidias_qgis.jobs_panel.words import icon
from phidias_qgis.leaving import Attention

MENU = "PHIDIAS"


class JobsFeature:
    """The dock, its entry in the menu, the number in the status bar, and the messages."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self.center = Center(iface.mainWindow())
        self.dock = JobsDock(iface, self.center)
        self.indicator = Indicator(self.center, self.open)
        self._messages = Messages(iface, self.center, self.show_job)
        self._attention = Attention()
        self.action = QAction(icon("phidias"), tr("Jobs"), iface.mainWindow())
        self.action.triggered.connect(lambda _: self.open())

    def start(self) -> None:
        """Add it to QGIS. Asks nothing of the network."""
        self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        # Closed at first; QGIS then opens it again if it was open the last time.
        self.dock.hide()
        self._iface.addPluginToMenu(MENU, self.action)
        self._iface.statusBarIface().addPermanentWidget(self.indicator)

    def reload(self) -> None:
        """Follow the connections in the settings, and look for jobs that had not ended the last time."""
        self.center.reload()

    def stop(self) -> None:
        """Take it away again."""
        self._attention.end()
        self.dock.close_down()
        self.center.close()
        self._iface.removePluginMenu(MENU, self.action)
        self._iface.statusBarIface().removeWidget(self.indicator)
        self._iface.removeDockWidget(self.dock)
        for part in (self.indicator, self.dock, self.center, self.action):
            part.deleteLater()

    def open(self) -> None:
        """Show the dock."""
        self.dock.setUserVisible(True)

    def show_job(self, watch: Watch, job_id: str) -> None:
        """Show the dock on a job."""
        self.dock.show_job(watch, job_id)
