"""A window with all that the plugin asks of QGIS's own, made of QGIS's real parts."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsLocatorFilter, QgsProject
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAction, QMainWindow, QStatusBar, QVBoxLayout, QWidget


class Window:
    """Stands for `iface`."""

    def __init__(self) -> None:
        self.main = QMainWindow()
        self.main.resize(1100, 700)
        self.canvas, self.bar = QgsMapCanvas(), QgsMessageBar()
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar)
        layout.addWidget(self.canvas, 1)
        self.main.setCentralWidget(centre)
        # As a child of the canvas, which it must not outlive.
        self.bridge = QgsLayerTreeMapCanvasBridge(QgsProject.instance().layerTreeRoot(), self.canvas, self.canvas)
        self.factories: list[Any] = []
        self.menu: list[QAction] = []
        self.options_shown: list[str] = []
        self.filters: list[QgsLocatorFilter] = []
        self.layer_actions: list[QAction] = []

    def mainWindow(self) -> QMainWindow:
        return self.main

    def mapCanvas(self) -> QgsMapCanvas:
        return self.canvas

    def messageBar(self) -> QgsMessageBar:
        return self.bar

    def statusBarIface(self) -> QStatusBar:
        return self.main.statusBar()

    def addDockWidget(self, area: Qt.DockWidgetArea, dock: Any) -> None:
        self.main.addDockWidget(area, dock)

    def addTabifiedDockWidget(
        self, area: Qt.DockWidgetArea, dock: Any, beside: list[str], raise_tab: bool = False
    ) -> None:
        self.main.addDockWidget(area, dock)

    def removeDockWidget(self, dock: Any) -> None:
        self.main.removeDockWidget(dock)

    def addPluginToMenu(self, menu: str, action: QAction) -> None:
        self.menu.append(action)

    def removePluginMenu(self, menu: str, action: QAction) -> None:
        self.menu.remove(action)

    def registerOptionsWidgetFactory(self, factory: Any) -> None:
        self.factories.append(factory)

    def unregisterOptionsWidgetFactory(self, factory: Any) -> None:
        self.factories.remove(factory)

    def registerLocatorFilter(self, added: QgsLocatorFilter) -> None:
        self.filters.append(added)

    def deregisterLocatorFilter(self, removed: QgsLocatorFilter) -> None:
        self.filters.remove(removed)

    def addCustomActionForLayerType(self, action: QAction, menu: str, kind: Any, all_layers: bool) -> None:
        self.layer_actions.append(action)

    def removeCustomActionForLayerType(self, action: QAction) -> None:
        self.layer_actions = [added for added in self.layer_actions if added is not action]

    def addCustomActionForLayer(self, action: QAction, layer: Any) -> None:
        """It is among the actions already."""

    def showOptionsDialog(self, parent: QWidget, page: str) -> None:
        self.options_shown.append(page)

    def texts(self) -> list[str]:
        """The messages in the bar."""
        return [item.text() for item in self.bar.items()]
