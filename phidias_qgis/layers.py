"""Result files as layers, read where they lie: a signed link behind GDAL's /vsicurl/, which every tool can open."""

from __future__ import annotations

from osgeo import gdal
from qgis.core import QgsProcessingContext, QgsProcessingUtils, QgsProject

STREAMED = "/vsicurl/"
RASTER = QgsProcessingUtils.LayerHint.Raster
VECTOR = QgsProcessingUtils.LayerHint.Vector


def streamed(href: str) -> str:
    """The path that GDAL, and so QGIS and the tools of `gdal:`, open to read the file behind a link piece by piece."""
    _look_for_no_side_files(href)
    return STREAMED + href


def load(
    path: str,
    name: str,
    output: str,
    hint: QgsProcessingUtils.LayerHint,
    project: QgsProject,
    context: QgsProcessingContext,
) -> None:
    """Have the layer at `path` added to `project` when the algorithm has ended; may be called on any thread."""
    details = QgsProcessingContext.LayerDetails(name, project, output, hint)
    context.addLayerToLoadOnCompletion(path, details)


def _look_for_no_side_files(href: str) -> None:
    """Result files are complete in themselves: spare the dozen requests for .aux.xml, .ovr and their like.

    Set for this gateway's files alone, since files on disk may well have such companions.
    """
    if hasattr(gdal, "SetPathSpecificOption"):
        folder = href.partition("?")[0].rpartition("/")[0]
        gdal.SetPathSpecificOption(STREAMED + folder, "GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
