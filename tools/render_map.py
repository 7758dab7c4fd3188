"""Draw the demo's map with QGIS: true colour below, the streamed index above, the segments as outlines.

Run by QGIS's own Python. Reads one JSON object from standard input (links in it are signed, so they stay off the
command line), writes the picture, and prints one JSON object: what the drawing moved over the network.
"""

from __future__ import annotations

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsFillSymbol,
    QgsLayout,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsMapLayerLegendUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsRectangle,
    QgsSingleBandPseudoColorRenderer,
    QgsUnitTypes,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QFont

# Bare soil to dense vegetation; water is below zero.
RAMP = [(-0.4, "#2c5f8a"), (0.0, "#d9c7a0"), (0.25, "#f1e9b2"), (0.5, "#8fc35a"), (0.8, "#0b5d1e")]


def main() -> None:
    order = json.load(sys.stdin)
    gdal.SetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    gdal.SetConfigOption("CPL_VSIL_NETWORK_STATS_ENABLED", "YES")
    application = QgsApplication([], False)
    application.initQgis()
    try:
        colour = opened(QgsRasterLayer(order["true_colour"], "Sentinel-2 true colour"))
        segments = opened(QgsVectorLayer(order["segments"], "Segments (outlines)", "ogr"))
        segments.renderer().setSymbol(
            QgsFillSymbol.createSimple({"style": "no", "outline_color": "#ffffff", "outline_width": "0.06"})
        )
        gdal.NetworkStatsReset()
        index = opened(QgsRasterLayer("/vsicurl/" + order["index"], order["index_name"], "gdal"))
        index.setRenderer(ramp(index))
        index.previewAsImage(QSize(256, 256))
        seen = bytes_moved()
        draw(order, colour, index, segments)
        print(json.dumps({"bytes_to_open": seen, "bytes_to_draw": bytes_moved()}))
    finally:
        QgsProject.instance().clear()
        application.exitQgis()


def bytes_moved() -> int:
    """What GDAL has fetched over the network since the last reset."""
    return json.loads(gdal.NetworkStatsGetAsSerializedJSON())["methods"]["GET"]["downloaded_bytes"]


def opened(layer):
    if not layer.isValid():
        raise SystemExit(f"QGIS cannot open the layer {layer.name()!r}: {layer.error().message()}")
    return layer


def ramp(layer):
    shader = QgsColorRampShader(RAMP[0][0], RAMP[-1][0], None, QgsColorRampShader.Interpolated)
    shader.setColorRampItemList(
        [QgsColorRampShader.ColorRampItem(value, QColor(colour), f"{value:g}") for value, colour in RAMP]
    )
    raster_shader = QgsRasterShader()
    raster_shader.setRasterShaderFunction(shader)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, raster_shader)
    renderer.setClassificationMin(RAMP[0][0])
    renderer.setClassificationMax(RAMP[-1][0])
    return renderer


def draw(order, colour, index, segments) -> None:
    contrast = QgsContrastEnhancement.NoEnhancement
    colour.setContrastEnhancement(contrast)
    project = QgsProject.instance()
    project.setCrs(colour.crs())
    project.addMapLayers([segments, index, colour])

    layout = QgsLayout(project)
    layout.initializeDefaults()
    layout.pageCollection().page(0).setPageSize(QgsLayoutSize(240, 170))

    page = QgsLayoutItemMap(layout)
    page.attemptMove(QgsLayoutPoint(5, 16))
    page.attemptResize(QgsLayoutSize(178, 149))
    page.setLayers([segments, index, colour])
    page.setFrameEnabled(True)
    layout.addLayoutItem(page)
    # Zooming keeps the shape of an extent that is there already.
    page.setExtent(colour.extent())
    page.attemptResize(QgsLayoutSize(178, 149))
    extent = QgsRectangle(index.extent())
    extent.scale(1.12)
    page.zoomToExtent(extent)

    label(layout, order["title"], 5, 4, 230, 16, bold=True)
    label(layout, order["credit"], 187, 135, 49, 8)

    legend = QgsLayoutItemLegend(layout)
    legend.setLinkedMap(page)
    legend.setAutoUpdateModel(False)
    tree = legend.model().rootGroup()
    tree.removeLayer(colour)
    node = tree.findLayer(index)
    QgsMapLayerLegendUtils.setLegendNodeOrder(node, [1])  # without the line that names the band
    legend.model().refreshLayerLegend(node)
    legend.attemptMove(QgsLayoutPoint(185, 15))
    layout.addLayoutItem(legend)

    scale = QgsLayoutItemScaleBar(layout)
    scale.setLinkedMap(page)
    scale.setNumberOfSegments(1)
    scale.setNumberOfSegmentsLeft(0)
    scale.setUnits(QgsUnitTypes.DistanceKilometers)
    scale.setMapUnitsPerScaleBarUnit(1)
    scale.setUnitLabel("km")
    scale.setUnitsPerSegment(2)
    scale.attemptMove(QgsLayoutPoint(187, 120))
    layout.addLayoutItem(scale)

    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 150
    # QGIS would note the georeference in the PNG, which GDAL cannot: its complaint is of no use here.
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    result = QgsLayoutExporter(layout).exportToImage(order["picture"], settings)
    gdal.PopErrorHandler()
    if result != QgsLayoutExporter.Success:
        raise SystemExit(f"QGIS could not write {order['picture']}.")


def label(layout, text, x, y, width, size, *, bold=False) -> None:
    item = QgsLayoutItemLabel(layout)
    item.setText(text)
    font = QFont("DejaVu Sans", size)
    font.setBold(bold)
    item.setFont(font)
    item.attemptMove(QgsLayoutPoint(x, y))
    item.attemptResize(QgsLayoutSize(width, 30))
    layout.addLayoutItem(item)


if __name__ == "__main__":
    main()
