"""Rasters of this computer: only what a job needs of them is sent, once, in a form that the gateway can read."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import processing
import pytest
from osgeo import gdal, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

from backend_client import Cancelled, Gateway
from phidias_qgis.algorithm import ProcessAlgorithm
from phidias_qgis.local_rasters import LocalRaster
from phidias_qgis.raster_windows import ALIGN
from tests.qgis.conftest import RunningGateway, until
from tests.qgis.relay import Relay
from tests.qgis.wcs_server import coverage_server

pytestmark = pytest.mark.usefixtures("provider")

UTM = "EPSG:32618"
WEST, NORTH, PIXEL = 440_000.0, 4_180_000.0, 10.0
SIDE = 1500
AREA = {"type": "object", "format": "geojson-geometry"}
RASTER = {"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff; application=geotiff"}
INPUTS = {
    "raster": {"title": "Raster", "schema": RASTER, "metadata": [{"role": "limited-by", "title": "zone"}]},
    "other": {"title": "Other", "schema": RASTER, "minOccurs": 0},
    "zone": {"title": "Zone", "schema": AREA, "minOccurs": 0},
}


def numbers(rows: int = SIDE, columns: int = SIDE) -> np.ndarray:
    return np.add.outer(np.arange(rows), np.arange(columns)).astype("uint16")


def make(path: Any, bands: int = 1, driver: str = "GTiff", crs: str = UTM, **options: Any) -> str:
    """An image whose every pixel is known; `transform` and `values` may be given."""
    values = options.get("values", numbers())
    dataset = gdal.GetDriverByName(driver).Create(str(path), values.shape[1], values.shape[0], bands, gdal.GDT_UInt16)
    dataset.SetGeoTransform(options.get("transform", (WEST, PIXEL, 0, NORTH, 0, -PIXEL)))
    if crs:
        system = osr.SpatialReference()
        system.SetFromUserInput(crs)
        dataset.SetProjection(system.ExportToWkt())
    for number in range(1, bands + 1):
        dataset.GetRasterBand(number).WriteArray(values + number)
    return str(path)


def place(column: float, row: float, width: float, height: float, crs: str = UTM) -> str:
    """The extent of pixels of an image made by `make`, as a person would enter it."""
    box = QgsRectangle(
        WEST + column * PIXEL, NORTH - (row + height) * PIXEL, WEST + (column + width) * PIXEL, NORTH - row * PIXEL
    )
    there = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem(UTM), QgsCoordinateReferenceSystem(crs), QgsProject.instance()
    )
    box = there.transformBoundingBox(box)
    return f"{box.xMinimum()!r},{box.xMaximum()!r},{box.yMinimum()!r},{box.yMaximum()!r} [{crs}]"


CORNER = place(1200, 40, 100, 60)


@pytest.fixture
def enter(description: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, provider: Any) -> Callable[..., Any]:
    """What would be uploaded for the parameters RASTER, OTHER and ZONE; raises ValueError where QGIS would refuse."""
    monkeypatch.setenv("PHIDIAS_URL", "http://127.0.0.1:9")

    def do(input: str = "raster", **parameters: Any) -> LocalRaster:
        algorithm = ProcessAlgorithm(description(INPUTS))
        algorithm.setProvider(provider)
        algorithm.initAlgorithm({})
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        fine, message = algorithm.checkParameterValues(parameters, context)
        if not fine:
            raise ValueError(message)
        assert algorithm.prepareAlgorithm(parameters, context, QgsProcessingFeedback())
        algorithm._complete(QgsProcessingFeedback())  # as the worker thread does
        found = algorithm._values[input]
        assert isinstance(found, LocalRaster)
        return found

    return do


def opened(raster: LocalRaster, look: Callable[[gdal.Dataset], Any]) -> Any:
    """What `look` finds in the file that would be sent, opened without anything beside it."""
    with raster.ready(QgsProcessingFeedback()) as path:
        dataset = gdal.OpenEx(str(path), allowed_drivers=["GTiff"], sibling_files=[path.name])
        found = look(dataset)
        del dataset
    assert raster.path is not None or not path.exists()
    return found


def pixels(dataset: gdal.Dataset) -> tuple[tuple[float, ...], np.ndarray]:
    return dataset.GetGeoTransform(), dataset.ReadAsArray()


def test_a_layer_of_polygons_makes_the_same_window_as_its_extent(enter: Any, tmp_path: Path) -> None:
    path = make(tmp_path / "image.tif")
    west, east, south, north = (float(number) for number in CORNER.partition(" ")[0].split(","))
    layer = QgsVectorLayer(f"Polygon?crs={UTM}", "Fields", "memory")
    field = QgsFeature()
    field.setGeometry(QgsGeometry.fromRect(QgsRectangle(west, south, east, north)))
    layer.dataProvider().addFeatures([field])
    assert enter(RASTER=path, ZONE_LAYER=layer).window == enter(RASTER=path, ZONE=CORNER).window
    assert enter(RASTER=path, ZONE=CORNER).window is not None


def test_the_window_is_of_the_same_pixels_and_keeps_what_is_said_of_them(enter: Any, tmp_path: Path) -> None:
    dataset = gdal.Open(make(tmp_path / "image.tif", bands=2), gdal.GA_Update)
    for number in (1, 2):
        band = dataset.GetRasterBand(number)
        band.SetDescription(f"band {number}")
        band.SetScale(0.0001 * number)
        band.SetOffset(-0.1)
        band.SetUnitType("m")
        band.SetNoDataValue(9)
        band.ComputeStatistics(False)
    del band, dataset

    def look(found: gdal.Dataset) -> Any:
        bands = [found.GetRasterBand(number) for number in (1, 2)]
        told = [(b.GetDescription(), b.GetScale(), b.GetOffset(), b.GetUnitType(), b.GetNoDataValue()) for b in bands]
        return pixels(found), told, found.GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"], bands[0].GetMetadata()

    raster = enter(RASTER=str(tmp_path / "image.tif"), ZONE=CORNER)
    (transform, values), told, compression, metadata = opened(raster, look)
    # Snapped outwards, cut at the edges of the image.
    assert transform == (WEST + 1024 * PIXEL, PIXEL, 0, NORTH, 0, -PIXEL)
    assert values.shape == (2, 256, SIDE - 1024)
    np.testing.assert_array_equal(values, np.stack([numbers()[:256, 1024:] + n for n in (1, 2)]))
    assert told == [("band 1", 0.0001, -0.1, "m", 9), ("band 2", 0.0002, -0.1, "m", 9)]
    assert compression == "DEFLATE"
    assert not [name for name in metadata if "STATISTICS" in name]  # of the whole image


def test_the_same_window_is_the_same_file_and_has_all_that_is_needed(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "image.tif")
    sums = set()
    for area in (CORNER, place(1201, 41, 98, 58), place(1200, 40, 100, 60, "EPSG:4326")):
        with enter(RASTER=image, ZONE=area).ready(QgsProcessingFeedback()) as path:
            sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(sums) == 1


def test_a_colour_table_and_a_mask_go_along(enter: Any, tmp_path: Path) -> None:
    path = tmp_path / "classes.tif"
    dataset = gdal.Open(make(path), gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(3, (10, 20, 30, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.where(numbers() % 2, 255, 0).astype("uint8"))
    del dataset
    assert path.with_suffix(".tif.msk").exists()

    def look(found: gdal.Dataset) -> Any:
        band = found.GetRasterBand(1)
        return band.GetColorTable().GetColorEntry(3), band.GetMaskBand().ReadAsArray()

    colour, mask = opened(enter(RASTER=str(path), ZONE=CORNER), look)
    assert colour == (10, 20, 30, 255)
    np.testing.assert_array_equal(mask > 0, numbers()[:256, 1024:] % 2 > 0)


def test_a_file_is_sent_as_it_is_where_little_would_be_saved(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "image.tif")
    assert enter(RASTER=image).path == Path(image)
    assert enter(RASTER=image, ZONE=place(100, 100, 1300, 1300)).path == Path(image)
    # The description does not say that this input is read in the area only.
    assert enter("other", RASTER=image, OTHER=image, ZONE=CORNER).path == Path(image)


@pytest.mark.parametrize(
    "transform",
    [
        (WEST, PIXEL * 0.8, PIXEL * 0.6, NORTH, PIXEL * 0.6, -PIXEL * 0.8),
        (WEST, PIXEL, 0.0, NORTH - SIDE * PIXEL, 0.0, PIXEL),
    ],
    ids=["rotated", "south up"],
)
def test_images_that_are_not_north_up(enter: Any, tmp_path: Path, transform: tuple[float, ...]) -> None:
    image = make(tmp_path / "image.tif", transform=transform)
    centre = gdal.ApplyGeoTransform(transform, 300.5, 700.5)
    x, y = (centre[0] - WEST) / PIXEL, (NORTH - centre[1]) / PIXEL
    found, values = opened(enter(RASTER=image, ZONE=place(x - 5, y - 5, 10, 10)), pixels)
    column, row = (
        math.floor(value) for value in gdal.ApplyGeoTransform(gdal.InvGeoTransform(found), centre[0], centre[1])
    )
    assert values[row, column] == 300 + 700 + 1
    assert values.size < numbers().size / 2
    np.testing.assert_allclose(found[1:3] + found[4:], transform[1:3] + transform[4:])


def test_an_area_beyond_the_edge_is_cut_and_one_outside_is_refused(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "image.tif")
    transform, values = opened(enter(RASTER=image, ZONE=place(-300, 1450, 350, 500)), pixels)
    assert transform[0] == WEST
    np.testing.assert_array_equal(values, numbers()[1280:, :ALIGN] + 1)
    with pytest.raises(ValueError, match=r"Raster \(RASTER\): the area lies outside"):
        enter(RASTER=image, ZONE=place(SIDE + 1, 0, 50, 50))


def test_areas_on_both_sides_of_the_antimeridian(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "fiji.tif", crs="EPSG:32760", transform=(WEST + 360_000, 100, 0, 8_100_000, 0, -100))
    there = [[179.9, -17.3], [180, -17.3], [180, -17.2], [179.9, -17.2], [179.9, -17.3]]
    beyond = [[-180, -17.3], [-179.9, -17.3], [-179.9, -17.2], [-180, -17.2], [-180, -17.3]]
    area = f'{{"type": "MultiPolygon", "coordinates": [[{there}], [{beyond}]]}}'
    _, values = opened(enter(RASTER=image, ZONE_LAYER=area), pixels)
    assert values.size < numbers().size / 4


def test_another_datum_widens_the_margin(enter: Any, tmp_path: Path) -> None:
    """The gateway may take another way from WGS 84 to NAD 27 than QGIS, some hundred metres aside."""
    image = make(tmp_path / "old.tif", crs="EPSG:26718")
    window = enter(RASTER=image, ZONE=place(700, 700, 10, 10)).window
    assert window.column <= 600
    assert window.column + window.width >= 810
    assert window.pixels < numbers().size / 2


def test_an_image_without_a_place_cannot_be_compared_with_an_area(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "plain.tif", crs="")
    assert enter(RASTER=image).path == Path(image)
    local = make(tmp_path / "local.tif", crs='LOCAL_CS["of a site",UNIT["metre",1]]')
    for nowhere in (image, local):
        with pytest.raises(ValueError, match="not georeferenced"):
            enter(RASTER=nowhere, ZONE=CORNER)
    # The person has told QGIS what the file does not tell: that goes along.
    layer = QgsRasterLayer(image, "plain")
    layer.setCrs(QgsCoordinateReferenceSystem(UTM))
    QgsProject.instance().addMapLayer(layer)
    wkt = opened(enter(RASTER=layer.id(), ZONE=CORNER), lambda dataset: dataset.GetProjection())
    assert QgsCoordinateReferenceSystem.fromWkt(wkt).authid() == UTM
    QgsProject.instance().clear()


def geopackage(folder: Path) -> str:
    gdal.Translate(str(folder / "tiles.gpkg"), make(folder / "image.tif"), options="-of GPKG -co RASTER_TABLE=height")
    return f"GPKG:{folder / 'tiles.gpkg'}:height"


def virtual(folder: Path) -> str:
    gdal.BuildVRT(str(folder / "mosaic.vrt"), [make(folder / "image.tif")])
    return str(folder / "mosaic.vrt")


def envi(folder: Path) -> str:
    return make(folder / "image.bin", driver="ENVI")


def side_file(folder: Path) -> str:
    """An image whose place is told by a file beside it."""
    plain = gdal.Open(make(folder / "plain.tif"))
    gdal.Translate(str(folder / "image.tif"), plain, options="-co PROFILE=BASELINE")
    assert (folder / "image.tif.aux.xml").exists()
    return str(folder / "image.tif")


def memory(folder: Path) -> str:
    return make("/vsimem/image.tif")


def zipped(folder: Path) -> str:
    make(folder / "image.tif")
    import zipfile

    with zipfile.ZipFile(folder / "images.zip", "w") as packed:
        packed.write(folder / "image.tif", "image.tif")
    return f"/vsizip/{folder / 'images.zip'}/image.tif"


@pytest.mark.parametrize("kind", [geopackage, virtual, envi, side_file, memory, zipped])
@pytest.mark.parametrize("area", [CORNER, None], ids=["area", "whole"])
def test_what_no_gateway_could_read_alone_becomes_a_geotiff(
    enter: Any, tmp_path: Path, kind: Callable[[Path], str], area: str | None
) -> None:
    layer = QgsRasterLayer(kind(tmp_path), "layer")  # QGIS takes no text here that names no file
    QgsProject.instance().addMapLayer(layer)
    raster = enter(RASTER=layer.id(), **({"ZONE": area} if area else {}))
    QgsProject.instance().clear()
    assert raster.path is None
    transform, values = opened(raster, pixels)
    values = values if values.ndim == 2 else values[0]
    column = round((transform[0] - WEST) / PIXEL)
    assert transform[3] == NORTH
    assert values.shape == ((256, SIDE - 1024) if area else (SIDE, SIDE))
    np.testing.assert_array_equal(values, numbers()[: values.shape[0], column:] + 1)


def test_a_raster_that_only_qgis_can_read(enter: Any, tmp_path: Path) -> None:
    image = make(tmp_path / "image.tif")
    extent = f"{WEST},{NORTH - SIDE * PIXEL},{WEST + SIDE * PIXEL},{NORTH}"
    uri = f"?crs={UTM}&extent={extent}&width={SIDE}&height={SIDE}&formula=%22a@1%22*2&a:uri={image}&a:provider=gdal"
    layer = QgsRasterLayer(uri, "twice", "virtualraster")
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer)
    transform, values = opened(enter(RASTER=layer.id(), ZONE=CORNER), pixels)
    assert transform == (WEST + 1024 * PIXEL, PIXEL, 0, NORTH, 0, -PIXEL)
    np.testing.assert_array_equal(values, (numbers()[:256, 1024:].astype(float) + 1) * 2)
    QgsProject.instance().clear()


def test_of_a_coverage_service_only_what_is_needed_is_fetched(enter: Any, tmp_path: Path) -> None:
    with coverage_server(make(tmp_path / "image.tif"), UTM) as server:
        layer = QgsRasterLayer(f"url={server.url}/&identifier=image&format=GTiff&crs={UTM}&version=1.0.0", "far", "wcs")
        assert layer.isValid(), layer.error().message()
        QgsProject.instance().addMapLayer(layer)
        raster = enter(RASTER=layer.id(), ZONE=CORNER)
        server.asked.clear()
        found: list[Any] = []
        worker = threading.Thread(target=lambda: found.append(opened(raster, pixels)))
        worker.start()
        until(lambda: not worker.is_alive())
        QgsProject.instance().clear()
    ((transform, values),) = found
    assert transform == (WEST + 1024 * PIXEL, PIXEL, 0, NORTH, 0, -PIXEL)
    np.testing.assert_array_equal(values, numbers()[:256, 1024:] + 1)
    assert server.asked
    assert min(west for west, *_ in server.asked) > WEST + 1000 * PIXEL
    assert min(south for _, south, *_ in server.asked) > NORTH - 300 * PIXEL


def test_pictures_and_endless_layers_are_refused(enter: Any, tmp_path: Path) -> None:
    picture = QgsRasterLayer("type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png&zmax=10&zmin=0", "tiles", "wms")
    assert picture.isValid()
    QgsProject.instance().addMapLayer(picture)
    with pytest.raises(ValueError, match="a picture: its pixels are colours"):
        enter(RASTER=picture.id())
    extent = f"{WEST},{NORTH - 1e6},{WEST + 1e6},{NORTH}"
    uri = f"?crs={UTM}&extent={extent}&width=100000&height=100000&formula=%22a@1%22&a:uri={make(tmp_path / 'a.tif')}"
    endless = QgsRasterLayer(f"{uri}&a:provider=gdal", "endless", "virtualraster")
    QgsProject.instance().addMapLayer(endless)
    with pytest.raises(ValueError, match=r"80 GB would have to be fetched\. Choose a smaller area"):
        enter(RASTER=endless.id())
    assert enter(RASTER=endless.id(), ZONE=CORNER).window.pixels < 1_000_000
    QgsProject.instance().clear()


def test_bands_that_a_geotiff_cannot_keep_apart_are_told(enter: Any, tmp_path: Path) -> None:
    paths = [make(tmp_path / f"{number}.tif") for number in (1, 2)]
    for number, path in enumerate(paths):
        dataset = gdal.Open(path, gdal.GA_Update)
        dataset.GetRasterBand(1).SetNoDataValue(number)
        del dataset
    gdal.BuildVRT(str(tmp_path / "stack.vrt"), paths, separate=True)
    raster = enter(RASTER=str(tmp_path / "stack.vrt"), ZONE=CORNER)
    with pytest.raises(Exception, match="different values for 'no data'"), raster.ready(QgsProcessingFeedback()):
        pass


def test_cutting_is_cancelled(enter: Any, tmp_path: Path) -> None:
    raster = enter(RASTER=envi(tmp_path))
    feedback = QgsProcessingFeedback()
    feedback.progressChanged.connect(lambda done: feedback.cancel())
    with pytest.raises(Cancelled), raster.ready(feedback):
        pass


# With a gateway


def segments(raster: str, area: str, feedback: QgsProcessingFeedback | None = None) -> list[Any]:
    parameters = {"RASTER": raster, "AREA": area, "RANGE_RADIUS": 30, "MIN_SIZE": 20}
    parameters["OUTPUT_SEGMENTS"] = QgsProcessing.TEMPORARY_OUTPUT
    run = processing.run("phidias:segmentation", parameters, feedback=feedback)
    features = run["OUTPUT_SEGMENTS"].getFeatures()
    return [(feature.geometry().asWkt(6), feature.attributes()) for feature in features]


@pytest.fixture
def uploads(connected: RunningGateway) -> Callable[[], list[int]]:
    """The sizes of what has been uploaded since the test began."""
    before = set(connected.root.glob("uploads/*"))
    return lambda: sorted(path.stat().st_size for path in set(connected.root.glob("uploads/*")) - before)


def test_the_result_on_the_window_is_that_on_the_whole_file(
    connected: RunningGateway, uploads: Callable[[], list[int]], tmp_path: Path
) -> None:
    noise = np.random.default_rng(5).integers(0, 1000, (150, 150)).repeat(10, axis=0).repeat(10, axis=1)
    image = Path(make(tmp_path / "image.tif", values=noise.astype("uint16")))
    area = place(1103, 143, 61, 57)
    part = segments(str(image), area)
    (sent,) = uploads()
    assert len(part) > 10
    assert sent < image.stat().st_size / 20
    feedback = QgsProcessingFeedback()
    assert segments(str(image), place(1104, 144, 59, 55), feedback) != part
    assert uploads() == [sent]  # the same window serves
    assert "256 x 256 of 1500 x 1500 pixels are needed" in feedback.textLog()
    assert "It is there." in feedback.textLog()
    assert "Uploading" not in feedback.textLog()
    whole = Gateway(connected.url, token=connected.token).upload(image)
    assert segments(whole, area) == part


def test_an_area_outside_is_refused_before_anything_is_sent(
    connected: RunningGateway, uploads: Callable[[], list[int]], tmp_path: Path
) -> None:
    with pytest.raises(QgsProcessingException, match="lies outside"):
        segments(make(tmp_path / "image.tif"), place(5000, 0, 10, 10))
    assert uploads() == []


def test_an_upload_that_is_cancelled_goes_on_where_it_stopped(
    connected: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phidias_qgis import connection

    path = tmp_path / "noise.bin"
    path.write_bytes(np.random.default_rng(6).bytes(12_000_000))
    relay = Relay(connected.url)
    monkeypatch.setenv("PHIDIAS_URL", relay.url)
    feedback = QgsProcessingFeedback()
    gateway = connection.load().gateway(feedback)

    def stop(done: int, total: int | None) -> None:
        if done > 6_000_000:
            feedback.cancel()

    with pytest.raises(Cancelled):
        gateway.upload(path, progress=stop, cancelled=feedback.isCanceled)
    told: list[int] = []
    connection.load().gateway().upload(path, progress=lambda done, total: told.append(done))
    relay.close()
    assert told[0] > 1_000_000
    assert told[-1] == 12_000_000
