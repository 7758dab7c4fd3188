"""Result files as layers, read where they lie: a signed link behind GDAL's /vsicurl/, which every tool can open."""

from __future__ import annotations

from osgeo import gdal
from qgis.core import QgsMapLayer, QgsProcessingContext, QgsProcessingUtils, QgsProject, QgsRasterLayer, QgsVectorLayer

from backend_client import GatewayError
from phidias_qgis.i18n import tr

STREAMED = "/vsicurl/"


class NotStreamed(GatewayError):
    """A result is there but cannot be read piece by piece."""


def stream(href: str, name: str, context: QgsProcessingContext, *, raster: bool) -> QgsMapLayer:
    """Open the file behind a link as a layer, which the context then holds for the next algorithm.

    To be called on the algorithm's thread. Raises NotStreamed.
    """
    _look_for_no_side_files(href)
    layer = QgsRasterLayer(STREAMED + href, name, "gdal") if raster else QgsVectorLayer(STREAMED + href, name, "ogr")
    if not layer.isValid():
        raise NotStreamed(
            tr("The result '{}' is ready, but cannot be streamed from the gateway.").format(name),
            remedy=tr("Give a file name for it, so that it is downloaded."),
        )
    context.temporaryLayerStore().addMapLayer(layer)
    return layer


def load(
    layer: str, name: str, output: str, project: QgsProject, context: QgsProcessingContext, *, raster: bool
) -> None:
    """Have a layer, by its id or path, added to `project` when the algorithm has ended."""
    hint = QgsProcessingUtils.LayerHint.Raster if raster else QgsProcessingUtils.LayerHint.Vector
    details = QgsProcessingContext.LayerDetails(name, project, output, hint)
    # QGIS would rather call a layer after its file; on the gateway that is `index.tif` for every index.
    details.forceName = context.temporaryLayerStore().mapLayer(layer) is not None
    context.addLayerToLoadOnCompletion(layer, details)


def _look_for_no_side_files(href: str) -> None:
    """Result files are complete in themselves: spare the dozen requests for .aux.xml, .ovr and their like.

    Set for the files of this job alone, since files on disk may well have such companions.
    """
    if hasattr(gdal, "SetPathSpecificOption"):
        folder = href.partition("?")[0].rpartition("/")[0]
        gdal.SetPathSpecificOption(STREAMED + folder, "GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
