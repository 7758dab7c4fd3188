"""The panel to search scenes as a part of the plugin: what is added to QGIS, and taken away again."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from phidias_qgis import paths
from phidias_qgis.i18n import tr

MENU = "PHIDIAS"
BESIDE = "PhidiasJobs"
"""The dock with which it shares a place: the jobs panel"""


class ScenesFeature:
    """The entry in the menu, and the dock, which is made when it is first asked for."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self.dock: Any = None
        icon = QIcon(str(paths.resource("icons", "scenes.svg")))
        self.action = QAction(icon, tr("Search scenes"), iface.mainWindow())
        self.action.triggered.connect(lambda _: self.open())

    def start(self) -> None:
        """Add it to QGIS. Asks nothing of the network."""
        self._iface.addPluginToMenu(MENU, self.action)

    def stop(self) -> None:
        """Take it away again."""
        self._iface.removePluginMenu(MENU, self.action)
        self.action.deleteLater()
        if self.dock is not None:
            self.dock.close_down()
            self._iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
            self.dock = None

    def open(self) -> None:
        """Show the dock."""
        from phidias_qgis.scenes_panel.panel import ScenesPanel

        if self.dock is None:
            self.dock = ScenesPanel(self._iface.mapCanvas(), _open_tool)
            self._iface.addTabifiedDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock, [BESIDE], True)
        self.dock.setUserVisible(True)


def _open_tool(identifier: str, parameters: dict[str, Any]) -> None:
    from processing import createAlgorithmDialog  # QGIS's own plugin, which may be switched off

    dialog = createAlgorithmDialog(identifier, parameters)
    if dialog is not None:
        dialog.show()
