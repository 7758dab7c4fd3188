"""Result files as layers, read where they lie: a signed link behind GDAL's /vsicurl/, which every tool can open."""

from __future__ import annotations

from osgeo import gdal
from qgis.core import (
    QgsDataProvider,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsReadWriteContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtXml import QDomDocument

from backend_client import GatewayError
from phidias_qgis.i18n import tr
from phidias_qgis.links import STREAMED, streamed


class NotStreamed(GatewayError):
    """A result is there but cannot be read piece by piece."""


def open_link(href: str, name: str, *, raster: bool) -> QgsMapLayer:
    """Open the file behind a link as a layer, on any thread; it belongs to that thread. Raises NotStreamed."""
    _look_for_no_side_files(href)
    # GDAL remembers where there was nothing, also if there is something now.
    gdal.VSICurlPartialClearCache(STREAMED + href)
    layer = open_file(streamed(href, raster=raster), name, raster=raster)
    if not layer.isValid():
        raise NotStreamed(
            tr("The result '{}' is ready, but cannot be streamed from the gateway.").format(name),
            remedy=tr("Give a file name for it, so that it is downloaded."),
        )
    return layer


def open_file(source: str, name: str, *, raster: bool) -> QgsMapLayer:
    """A layer of what GDAL or OGR finds at `source`."""
    return QgsRasterLayer(source, name, "gdal") if raster else QgsVectorLayer(source, name, "ogr")


def load(
    layer: str,
    name: str,
    output: str,
    project: QgsProject,
    context: QgsProcessingContext,
    *,
    raster: bool,
    then: QgsProcessingLayerPostProcessorInterface,
) -> None:
    """Have a layer, by its id or path, added to `project` when the algorithm has ended, and `then` called."""
    hint = QgsProcessingUtils.LayerHint.Raster if raster else QgsProcessingUtils.LayerHint.Vector
    details = QgsProcessingContext.LayerDetails(name, project, output, hint)
    # QGIS would rather call a layer after its file; on the gateway that is `index.tif` for every index.
    details.forceName = context.temporaryLayerStore().mapLayer(layer) is not None
    details.setPostProcessor(then)
    context.addLayerToLoadOnCompletion(layer, details)


def point_to(layer: QgsMapLayer, source: str) -> None:
    """Have a layer read `source` from now on, and keep all else: style, period, metadata, filter, place in the tree.

    A layer that waited is again as its project describes it. For the main thread.
    """
    waited = not layer.isValid()
    metadata, style = layer.metadata(), QDomDocument()
    if waited:
        style.setContent(layer.originalXmlProperties())
    else:
        layer.exportNamedStyle(style)
    set_source(layer, source)
    if not layer.isValid():
        return
    if waited:
        layer.readSymbology(style.documentElement(), "", QgsReadWriteContext())
    else:
        layer.importNamedStyle(style)
    # Newer QGIS has an image take that of the file.
    layer.setMetadata(metadata)
    layer.triggerRepaint()


def set_source(layer: QgsMapLayer, source: str) -> None:
    """Have a layer read `source` from now on, with the filter that it has."""
    _, bar, rest = layer.source().partition("|")
    layer.setDataSource(source + bar + rest, layer.name(), layer.providerType(), QgsDataProvider.ProviderOptions())


def _look_for_no_side_files(href: str) -> None:
    """Result files are complete in themselves: spare the dozen requests for .aux.xml, .ovr and their like.

    Set for the files of this job alone, since files on disk may well have such companions.
    """
    if hasattr(gdal, "SetPathSpecificOption"):
        folder = href.partition("?")[0].rpartition("/")[0]
        gdal.SetPathSpecificOption(STREAMED + folder, "GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
