"""What keeps streamed layers in projects, as one thing that the plugin starts and stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsMapLayer, QgsMapLayerType, QgsProject
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QFileDialog

from phidias_qgis import paths
from phidias_qgis.healing import Healer
from phidias_qgis.i18n import tr
from phidias_qgis.links import links
from phidias_qgis.local_copy import LocalCopy
from phidias_qgis.project_sources import ProjectSources

KINDS = (QgsMapLayerType.RasterLayer, QgsMapLayerType.VectorLayer)


class KeptLayers:
    """References in project files, links that are renewed, and the menu of a layer. For QGIS's window."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._sources = ProjectSources(at_once=False)
        self._healer = Healer(self._sources, iface.messageBar())
        self._action = QAction(QIcon(str(paths.resource("icons", "phidias.svg"))), tr("Make a local copy…"))
        self._action.triggered.connect(self.copy_selected)
        self._copies: list[LocalCopy] = []

    def start(self) -> None:
        """Begin."""
        self._sources.install()
        self._healer.start()
        QgsProject.instance().layersAdded.connect(self._offer)
        self._offer()

    def stop(self) -> None:
        """End."""
        QgsProject.instance().layersAdded.disconnect(self._offer)
        self._iface.removeCustomActionForLayerType(self._action)
        self._healer.stop()
        self._sources.remove()

    def retry(self) -> None:
        """A connection has changed: waiting layers may find their gateway now."""
        self._healer.retry()

    def _offer(self, *_: object) -> None:
        """Show the action in the menu of the streamed layers alone."""
        self._iface.removeCustomActionForLayerType(self._action)
        for kind in KINDS:
            self._iface.addCustomActionForLayerType(self._action, "", kind, False)
        for layer in QgsProject.instance().mapLayers().values():
            if self._sources.reference_of(layer.source()) is not None:
                self._iface.addCustomActionForLayer(self._action, layer)

    def copy_selected(self) -> None:
        """Ask for a place for each of the selected layers, and download it there in the background."""
        for layer in self._iface.layerTreeView().selectedLayers():
            if links.reference_of(layer.source()) is not None:
                self._copy(layer)

    def _copy(self, layer: QgsMapLayer) -> None:
        suffix = Path(links.reference_of(layer.source()).file).suffix
        proposed = Path(QgsProject.instance().homePath() or Path.home()) / f"{layer.name().replace('/', '-')}{suffix}"
        chosen, _ = QFileDialog.getSaveFileName(
            self._iface.mainWindow(), self._action.text(), str(proposed), f"*{suffix}"
        )
        if not chosen:
            return
        path = Path(chosen).with_suffix(suffix)

        def done(error: str) -> None:
            self._copies.remove(task)
            self._offer()
            if error:
                text = tr("There is no local copy of {} yet: {} Try again: it goes on where it stopped.")
                self._iface.messageBar().pushMessage(
                    "PHIDIAS", text.format(layer_name, error), Qgis.MessageLevel.Warning
                )

        layer_name = layer.name()
        task = LocalCopy(layer, path, done)
        self._copies.append(task)
        QgsApplication.taskManager().addTask(task)
