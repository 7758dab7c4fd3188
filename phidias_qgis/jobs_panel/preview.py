"""Live preview: the finished tiles of a running job on the map, replaced by its result when it has ended.

A job that failed can be looked at as well, for what it has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from osgeo import gdal
from qgis.core import QgsLayerTreeLayer, QgsMapLayerStyle, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication, QObject, QTimer, pyqtSignal

from backend_client import Gateway, GatewayError, Job, Link, NotFound
from phidias_qgis import rendering
from phidias_qgis.i18n import tr
from phidias_qgis.item import ItemAsset
from phidias_qgis.jobs_panel.watch import Watch
from phidias_qgis.layers import STREAMED

SECONDS = 3
"""Between two looks for new tiles"""
SIGHTS = 50
"""A job of many tiles is drawn anew so many times at most"""


@dataclass(frozen=True)
class Sight:
    """What is to be seen of a job: layers are there only if there are more tiles than before."""

    done: int
    total: int
    layers: Mapping[str, QgsRasterLayer]


class LivePreview(QObject):
    """Shows one running job on the map of the project."""

    job_ended = pyqtSignal(object)
    """The Job: what is shown may be replaced by its result"""
    refused = pyqtSignal(str)
    """Why there is nothing to see"""
    stopped = pyqtSignal()
    """Nothing more will come"""

    def __init__(self, watch: Watch, job: Job, title: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job_id = job.id
        self._watch, self._title = watch, title
        self._over = job.ended
        self._done = 0
        self._shown: dict[str, tuple[str, str]] = {}
        """By output: the id of its layer, and the style that it came with"""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self.active = False

    def start(self) -> None:
        """Look for tiles from now on."""
        self.active = True
        rendering.prepare()
        self._watch.changed.connect(self._follow)
        self._look()

    def stop(self, *, remove: bool) -> None:
        """Look no more, and take what is shown from the map if so wished."""
        self._cease()
        if remove:
            QgsProject.instance().removeMapLayers([layer for layer, _ in self._shown.values()])
            self._shown = {}
        self.stopped.emit()

    def _cease(self) -> None:
        if self.active:
            self.active = False
            self._timer.stop()
            self._watch.changed.disconnect(self._follow)

    def _follow(self) -> None:
        job = self._watch.jobs.get(self.job_id)
        if job is None:
            self.stop(remove=False)
        elif job.ended and not self._over:
            self._cease()
            self.job_ended.emit(job)

    def _look(self) -> None:
        known = self._done
        self._watch.ask(lambda gateway: _sight(gateway, self.job_id, known), self._show, self._fail)

    def _fail(self, error: GatewayError) -> None:
        if self.active and not isinstance(error, NotFound):
            self._timer.start(int(SECONDS * 5000))
        elif self.active:
            self.refused.emit(tr("The gateway shows nothing of this job before it has ended."))
            self.stop(remove=False)

    def _show(self, sight: Sight) -> None:
        if not self.active:
            return
        for output, layer in sight.layers.items():
            layer.setName(tr("{} (preview: {} of {} tiles)").format(self._title, sight.done, sight.total))
            if output in self._shown:
                self._replace(output, layer)
            else:
                self._keep(output, layer)
                QgsProject.instance().addMapLayer(layer, False)
                QgsProject.instance().layerTreeRoot().insertLayer(0, layer)
        self._done = sight.done
        if self._over and not self._shown:
            self.refused.emit(tr("Nothing of this job is finished."))
        if self._over:
            self.stop(remove=False)
        elif self._shown and not any(QgsProject.instance().mapLayer(layer) for layer, _ in self._shown.values()):
            self.stop(remove=False)  # the person has seen enough
        else:
            self._timer.start(int(SECONDS * 1000))

    def _replace(self, output: str, layer: QgsRasterLayer) -> None:
        """Put a layer in the place of the one with fewer tiles, in the style that the person may have given that."""
        project = QgsProject.instance()
        before, style = self._shown[output]
        old = project.mapLayer(before)
        node = project.layerTreeRoot().findLayer(before)
        if old is None or node is None:
            return
        if _style(old) != style:
            QgsMapLayerStyle(_style(old)).writeToLayer(layer)
        self._keep(output, layer)
        project.addMapLayer(layer, False)
        parent = node.parent()
        new = QgsLayerTreeLayer(layer)
        new.setItemVisibilityChecked(node.itemVisibilityChecked())
        new.setExpanded(node.isExpanded())
        parent.insertChildNode(parent.children().index(node), new)
        project.removeMapLayer(before)

    def _keep(self, output: str, layer: QgsRasterLayer) -> None:
        self._shown[output] = (layer.id(), _style(layer))


def _style(layer: QgsRasterLayer) -> str:
    style = QgsMapLayerStyle()
    style.readFromLayer(layer)
    return style.xmlData()


def _sight(gateway: Gateway, job_id: str, known: int) -> Sight:
    """Ask for the tiles and open them, off the main thread."""
    preview = gateway.preview(job_id)
    opened = {}
    if preview.done - known >= max(1, preview.total // SIGHTS) or (not known and preview.done):
        layers = {output: _opened(link, ItemAsset(output, preview.item)) for output, link in preview.outputs.items()}
        opened = {output: layer for output, layer in layers.items() if layer is not None}
    return Sight(preview.done if opened else known, preview.total, opened)


def _opened(link: Link, asset: ItemAsset) -> QgsRasterLayer | None:
    address = STREAMED + link.href
    folder = address.partition("?")[0].rpartition("/")[0]
    if hasattr(gdal, "SetPathSpecificOption"):
        gdal.SetPathSpecificOption(folder, "GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    options = QgsRasterLayer.LayerOptions()
    # QGIS would look for the range of values, and find none where it looks.
    options.loadDefaultStyle = not (asset.render or asset.classes)
    layer = QgsRasterLayer(address, "", "gdal", options)
    if not layer.isValid():
        return None
    rendering.apply(layer, asset)
    layer.moveToThread(QCoreApplication.instance().thread())
    return layer
