"""Layers look as the Item of their result asks, whatever it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import QgsMapRendererSequentialJob, QgsMapSettings, QgsRasterLayer, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

from phidias_qgis import metadata, rendering
from phidias_qgis.item import asset_of

Make = Callable[..., QgsRasterLayer]
NODATA = -1


@pytest.fixture
def raster(qgis_app: Any, tmp_path: Path) -> Make:
    """A layer of 16-bit numbers of one row; values are a ten-thousandth of them unless told otherwise."""

    def make(*bands: list[int], scale: float = 1e-4) -> QgsRasterLayer:
        path = str(tmp_path / "file.tif")
        width = len(bands[0])
        data = gdal.GetDriverByName("GTiff").Create(path, width, 1, len(bands), gdal.GDT_Int16)
        data.SetGeoTransform((0, 1, 0, 1, 0, -1))
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(32618)
        data.SetProjection(crs.ExportToWkt())
        for number, values in enumerate(bands, 1):
            band = data.GetRasterBand(number)
            band.WriteArray(np.array([values], "int16"))
            band.SetNoDataValue(NODATA)
            band.SetScale(scale)
        del data, band
        return QgsRasterLayer(path, "file")

    return make


def item(render: Mapping[str, Any], bands: int = 1, scale: float = 1e-4, **asset: Any) -> dict[str, Any]:
    """The Item of a result of one file."""
    names = ["red", "green", "blue"][:bands] if bands > 1 else ["NDVI"]
    described = [{"name": name, "raster:scale": scale, "raster:offset": 0.0} for name in names]
    return {
        "id": "01JOB",
        "bbox": [5.0, 43.0, 6.0, 44.0],
        "properties": {"renders": {"file": {"assets": ["file"], **render}}},
        "assets": {"file": {"href": "./file.tif", "bands": described, **asset}},
        "links": [],
    }


def colours(layer: QgsRasterLayer | QgsVectorLayer, extent: QgsRectangle, width: int) -> list[str]:
    """What is drawn in the middle row."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(extent)
    settings.setOutputSize(QSize(width, 1))
    settings.setBackgroundColor(QColor("#123456"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [QColor(image.pixel(column, 0)).name() for column in range(width)]


def drawn(layer: QgsRasterLayer, document: Mapping[str, Any]) -> list[str]:
    rendering.apply(layer, asset_of(document, "file.tif"))
    return colours(layer, layer.extent(), layer.width())


def test_a_ramp_runs_over_physical_values_though_the_item_counts_in_stored_ones(raster: Make) -> None:
    layer = raster([NODATA, 0, 4500, 9100, 20000])
    found = drawn(layer, item({"colormap_name": "ylgn", "rescale": [[0, 9000]]}))
    assert (layer.renderer().classificationMin(), layer.renderer().classificationMax()) == (0.0, 0.9)
    # ColorBrewer's YlGn, in QGIS's version of five colours; nothing where there is no data.
    assert found == ["#123456", "#ffffcc", "#78c679", "#006837", "#006837"]
    found = drawn(layer, item({"colormap_name": "ylgn_r", "rescale": [[0, 9000]]}))
    assert found == ["#123456", "#006837", "#78c679", "#ffffcc", "#ffffcc"]


def test_without_a_ramp_a_band_is_grey(raster: Make) -> None:
    assert drawn(raster([0, 5100, 10200], scale=1.0), item({"rescale": [[0, 10200]]}, scale=1.0)) == [
        "#000000", "#7f7f7f", "#ffffff"
    ]  # fmt: skip


def test_bands_are_shown_by_their_names(raster: Make) -> None:
    layer = raster([3000, 0], [0, 1500], [0, 0])
    document = item({"bands": [["green", "red", "blue"]], "rescale": [[0, 3000], [0, 3000], [0, 3000]]}, bands=3)
    assert drawn(layer, document) == ["#00ff00", "#7f0000"]


def test_classes_have_their_names_and_colours(raster: Make) -> None:
    layer = raster([4, 6, 9], scale=1.0)
    classes = [
        {"value": 4, "name": "Vegetation", "color_hint": "00A000"},
        {"value": 6, "description": "Water", "color_hint": "0000FF"},
    ]
    document = item({}, scale=1.0, **{"classification:classes": classes})
    assert drawn(layer, document) == ["#00a000", "#0000ff", "#123456"]
    assert [entry.label for entry in layer.renderer().classes()] == ["Vegetation", "Water"]


def test_polygons_are_outlined(qgis_app: Any) -> None:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32618", "file", "memory")
    paint = {"line-color": "#FFDD00", "line-width": 1, "fill-opacity": 0}
    rendering.apply(layer, asset_of(item({"paint": paint}), "file.tif"))
    symbol = layer.renderer().symbol().symbolLayer(0)
    assert symbol.strokeColor().name() == "#ffdd00"
    assert int(symbol.brushStyle()) == 0


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"assets": {"file": {"href": "file.tif"}}},
        {"assets": {"file": {"href": "file.tif"}}, "properties": {"renders": []}},
        {"assets": {"file": {"href": "file.tif", "bands": [{}]}}, "properties": None},
        item({"rescale": [["a", 1]], "colormap_name": 7}),
        item({"rescale": [[0, 1]], "bands": [["no such band"]]}),
        item({"rescale": [[0, 1]] * 3, "bands": [["red", "green", "blue"]]}, bands=3),
        item({}, **{"classification:classes": [{"value": "x"}, 5]}),
    ],
)
def test_what_cannot_be_understood_is_left_to_qgis(raster: Make, document: dict[str, Any]) -> None:
    layer = raster([0, 5])
    asset = asset_of(document, "file.tif")
    if asset is not None:
        rendering.apply(layer, asset)
        metadata.apply(layer, asset, "file")
    assert len(colours(layer, layer.extent(), 2)) == 2


def test_a_layer_has_the_days_of_its_own_and_the_metadata_of_its_result(raster: Make) -> None:
    layer = raster([0, 5])
    document = item({}, start_datetime="2018-05-08T10:00:00Z", end_datetime="2018-05-08T10:00:20Z")
    document["properties"] |= {
        "title": "Extract bands",
        "start_datetime": "2018-05-01T00:00:00Z",
        "end_datetime": "2018-05-31T00:00:00Z",
        "created": "2026-01-01T00:00:00Z",
        "license": "CC-BY-4.0",
        "providers": [{"name": "Copernicus", "roles": ["producer"], "url": "https://copernicus.example"}],
        "processing:lineage": "Extract bands, from 3 scenes",
        "processing:software": {"gdal": "3.10"},
        "phidias:references": ["https://doi.example/1"],
    }
    document["links"] = [{"rel": "derived_from", "href": "https://stac.example/items/1"}, {"rel": "self"}]
    metadata.apply(layer, asset_of(document, "file.tif"), "May")
    shown = layer.temporalProperties()
    assert shown.isActive()
    period = shown.fixedTemporalRange()
    assert [f"{end.toUTC().toString('yyyy-MM-dd hh:mm:ss')}" for end in (period.begin(), period.end())] == [
        "2018-05-08 00:00:00", "2018-05-08 23:59:59"
    ]  # fmt: skip
    told = layer.metadata()
    assert (told.title(), told.licenses(), told.crs().authid()) == ("May", ["CC-BY-4.0"], "EPSG:32618")
    assert told.abstract() == "Extract bands\n2018-05-08"
    assert told.history()[0] == "Extract bands, from 3 scenes"
    assert [(contact.name, contact.role) for contact in told.contacts()] == [("Copernicus", "producer")]
    assert [link.url for link in told.links()] == ["https://doi.example/1", "https://stac.example/items/1"]
    (place,) = told.extent().spatialExtents()
    assert (place.bounds.xMinimum(), place.bounds.yMaximum(), place.extentCrs.authid()) == (5.0, 44.0, "EPSG:4326")
