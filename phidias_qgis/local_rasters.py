"""Rasters that a gateway cannot read where they are: what a job needs of them becomes one GeoTIFF, which is uploaded.

What is asked of a layer is asked on the main thread, with `of_layer` and `LocalRaster.within`; pixels are read on the
worker thread, in `LocalRaster.ready`.
"""

from __future__ import annotations

import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from osgeo import gdal, osr
from qgis.core import (
    Qgis,
    QgsCoordinateTransformContext,
    QgsProcessingFeedback,
    QgsProviderRegistry,
    QgsRasterBlockFeedback,
    QgsRasterDataProvider,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRasterPipe,
    QgsRectangle,
)
from qgis.PyQt.QtCore import Qt

from backend_client import Cancelled
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, ToUpload
from phidias_qgis.links import links

MARGIN = 8
"""Pixels around what an area needs: two libraries that project it may differ a little"""
ALIGN = 256
"""Windows begin and end at multiples of so many pixels, so that areas that differ little need the same file"""
WORTHWHILE = 0.5
"""A file that can be sent as it is gets cut only if so much of its pixels, or less, is needed"""
DATUM_METRES = 1000.0
"""Width of a margin where area and raster differ in their datum: there are several ways from one to the other"""
MOST_FETCHED = 10e9
"""Bytes, before compression, that are fetched of a layer that is no file of this computer"""
METRES_PER_DEGREE = 111_320.0
STEPS = 100
"""Lines of a box that are projected: they become curves"""
OPTIONS = ("TILED=YES", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER")
PICTURES = (Qgis.DataType.ARGB32, Qgis.DataType.ARGB32_Premultiplied)


class Window(NamedTuple):
    """A part of an image, in its pixels."""

    column: int
    row: int
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True)
class Grid:
    """The pixels of an image and where they lie; `transform` is GDAL's, None if the image is not georeferenced."""

    width: int
    height: int
    transform: tuple[float, ...] | None
    wkt: str

    @property
    def whole(self) -> Window:
        return Window(0, 0, self.width, self.height)

    def around(self, area: Mapping[str, Any]) -> Window | None:
        """The window that holds all pixels of a GeoJSON polygon or multipolygon in WGS 84, cut at the image's edge.

        None if the area lies outside. Raises ValueError if the image has no place on the earth.
        """
        if self.transform is None or not self.wkt:
            raise ValueError("it is not georeferenced")
        transform = gdal.InvGeoTransform(self.transform)
        crs, wgs84 = osr.SpatialReference(), osr.SpatialReference()
        crs.ImportFromWkt(self.wkt)
        wgs84.ImportFromEPSG(4326)
        for system in (crs, wgs84):
            system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        pad = 0.0 if crs.GetAttrValue("DATUM") == "WGS_1984" else DATUM_METRES / METRES_PER_DEGREE
        corners = [point for box in _boxes(area, pad) for point in _raster_of_points(box)]
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            points = osr.CoordinateTransformation(wgs84, crs).TransformPoints(corners)
        except (RuntimeError, TypeError):  # without GDAL's exceptions, the transformation is there and is none
            raise ValueError("its reference system is of no place on the earth") from None
        finally:
            gdal.PopErrorHandler()
        if not all(math.isfinite(x) and math.isfinite(y) for x, y, _ in points):
            return self.whole  # the gateway says why it cannot use such an area
        pixels = [gdal.ApplyGeoTransform(transform, x, y) for x, y, _ in points]
        columns = _range([column for column, _ in pixels], self.width)
        rows = _range([row for _, row in pixels], self.height)
        if columns is None or rows is None:
            return None
        return Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def _boxes(area: Mapping[str, Any], pad: float) -> Iterator[tuple[float, float, float, float]]:
    """West, south, east, north of each polygon, `pad` degrees of latitude wider: on both sides of the antimeridian
    there may be one."""
    polygons = area["coordinates"] if area["type"] == "MultiPolygon" else [area["coordinates"]]
    for outer, *_ in polygons:
        south, north = min(point[1] for point in outer) - pad, max(point[1] for point in outer) + pad
        east_pad = pad / max(0.01, math.cos(math.radians(min(89.0, max(abs(south), abs(north))))))
        west, east = min(point[0] for point in outer) - east_pad, max(point[0] for point in outer) + east_pad
        yield max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def _raster_of_points(box: tuple[float, float, float, float]) -> Iterator[tuple[float, float]]:
    west, south, east, north = box
    for i in range(STEPS + 1):
        for j in range(STEPS + 1):
            yield west + (east - west) * i / STEPS, south + (north - south) * j / STEPS


def _range(values: list[float], size: int) -> tuple[int, int] | None:
    """The first pixel and the one behind the last, with the margin; None if there is none."""
    if max(values) <= 0 or min(values) >= size:
        return None
    first = math.floor((math.floor(min(values)) - MARGIN) / ALIGN) * ALIGN
    last = math.ceil((math.ceil(max(values)) + MARGIN) / ALIGN) * ALIGN
    return max(first, 0), min(last, size)


class Source(ABC):
    """Where the pixels of a layer are read."""

    grid: Grid
    bytes_per_pixel: int
    """Of all bands"""
    is_here: bool
    """Whether it is a file of this computer"""
    alone: Path | None
    """The file, if a gateway sees in it alone what QGIS sees"""

    @abstractmethod
    def write(self, window: Window, target: Path, feedback: QgsProcessingFeedback) -> str:
        """Write a window of it as a GeoTIFF; what went wrong, empty if nothing did. The worker thread's work."""


class GdalSource(Source):
    """What GDAL reads: the same pixels of all bands, with all that is said of them."""

    def __init__(self, layer: QgsRasterLayer, parts: Mapping[str, Any]) -> None:
        """Raises LookupError if GDAL cannot open it."""
        self._place = layer.source().partition("|option:")[0]
        self._options = [str(option) for option in parts.get("openOptions") or ()]
        dataset = self._open()
        self._wkt = ""
        if not dataset.GetProjection() and not dataset.GetGCPCount() and layer.crs().isValid():
            self._wkt = layer.crs().toWkt()  # the person has told QGIS what the file does not tell
        transform = dataset.GetGeoTransform(can_return_null=True)
        wkt = dataset.GetProjection() or self._wkt
        self.grid = Grid(dataset.RasterXSize, dataset.RasterYSize, transform, wkt)
        bands = _bands(dataset)
        self.bytes_per_pixel = sum(gdal.GetDataTypeSize(band.DataType) // 8 for band in bands)
        path = Path(str(parts.get("path") or ""))
        self.is_here = path.is_file()
        as_it_is = str(path) == self._place and self.is_here and not self._options and not self._wkt
        self.alone = path if as_it_is and _is_complete(path, dataset) else None
        self._nodata = {repr(band.GetNoDataValue()) for band in bands}

    def _open(self) -> gdal.Dataset:
        dataset = _opened(self._place, open_options=self._options)
        if dataset is None or not dataset.RasterCount:
            raise LookupError(self._place)
        return dataset

    def write(self, window: Window, target: Path, feedback: QgsProcessingFeedback) -> str:
        if len(self._nodata) > 1:
            return tr("its bands have different values for 'no data', which a GeoTIFF cannot have")

        def progress(done: float, *_: Any) -> int:
            feedback.setProgress(100 * done)
            return 0 if feedback.isCanceled() else 1

        # A mask beside the file would be left behind.
        gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            dataset = self._open()
            view = gdal.Translate(
                "", dataset, format="VRT", srcWin=list(window), outputSRS=self._wkt or None, rat=False
            )
            # Statistics are of the whole image, and are there or not as QGIS has looked at it.
            for band, its_source in zip(_bands(view), _bands(dataset)):
                told = band.GetMetadata()
                band.SetMetadata({name: told[name] for name in told if not name.startswith("STATISTICS_")})
                band.SetUnitType(its_source.GetUnitType())
            options = [*OPTIONS, f"PREDICTOR={_predictor(view)}"]
            written = gdal.GetDriverByName("GTiff").CreateCopy(str(target), view, 0, options, progress)
            if written is None:
                return gdal.GetLastErrorMsg() or tr("GDAL does not say why")
            gdal.ErrorReset()
            written = view = dataset = None  # closed: only then all is on the disk
            return gdal.GetLastErrorMsg() if gdal.GetLastErrorType() >= gdal.CE_Failure else ""
        except RuntimeError as error:
            return str(error)
        except LookupError:
            return tr("it cannot be opened any more")
        finally:
            gdal.PopErrorHandler()
            gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", None)


class ProviderSource(Source):
    """What only a data provider of QGIS reads, such as a coverage of a web service or a table of PostGIS."""

    is_here = False
    alone = None

    def __init__(self, provider: QgsRasterDataProvider, transforms: QgsCoordinateTransformContext) -> None:
        self._pipe, self._transforms = QgsRasterPipe(), transforms
        self._pipe.set(provider.clone())  # the clone of a clone need not work
        self._extent, self._crs = provider.extent(), provider.crs()
        columns, rows = provider.xSize(), provider.ySize()
        dx, dy = self._extent.width() / max(columns, 1), self._extent.height() / max(rows, 1)
        transform = (self._extent.xMinimum(), dx, 0.0, self._extent.yMaximum(), 0.0, -dy)
        self.grid = Grid(columns, rows, transform, self._crs.toWkt())
        bands = range(1, provider.bandCount() + 1)
        self.bytes_per_pixel = sum(provider.dataTypeSize(band) for band in bands)

    def write(self, window: Window, target: Path, feedback: QgsProcessingFeedback) -> str:
        x, dx, _, y, _, dy = self.grid.transform or ()
        west, north = x + window.column * dx, y + window.row * dy
        extent = QgsRectangle(west, north + window.height * dy, west + window.width * dx, north)
        heard = QgsRasterBlockFeedback()
        feedback.canceled.connect(heard.cancel, Qt.ConnectionType.DirectConnection)
        heard.progressChanged.connect(feedback.setProgress, Qt.ConnectionType.DirectConnection)
        writer = QgsRasterFileWriter(str(target))
        writer.setOutputFormat("GTiff")
        writer.setCreateOptions(list(OPTIONS))
        result = writer.writeRaster(self._pipe, window.width, window.height, extent, self._crs, self._transforms, heard)
        feedback.canceled.disconnect(heard.cancel)
        failed = getattr(result, "value", result) != 0  # an Enum of Python's, or one that is a number
        errors = "; ".join(heard.errors())
        return errors or (tr("QGIS cannot write it (error {})").format(result) if failed else "")


@dataclass(frozen=True)
class LocalRaster(ToUpload):
    """A raster layer of which a window is uploaded, or its file as it is if there is none."""

    target: Input
    """The input that it is given to"""
    name: str
    source: Source = field(repr=False)
    window: Window | None = None
    original: str = field(default="", repr=False)

    @property
    def path(self) -> Path | None:
        """The file that is sent as it is."""
        return None if self.window else self.source.alone

    def within(self, area: Any) -> LocalRaster:
        """What of it is needed if the job reads it only in an area: a GeoJSON geometry in WGS 84, or nothing.

        Raises InputProblem if the area lies outside, or too much would be fetched.
        """
        grid = self.source.grid
        window = grid.whole
        if isinstance(area, Mapping) and "coordinates" in area:
            try:
                found = grid.around(area)
            except ValueError:
                raise self.target.problem(
                    tr("the raster '{}' is not georeferenced, so that the area has no place on it.").format(self.name),
                    tr("Georeference it, or warp it to a coordinate reference system, or leave the area out."),
                ) from None
            if found is None:
                raise self.target.problem(
                    tr("the area lies outside of the raster '{}'.").format(self.name),
                    tr("Choose an area on the raster, or none."),
                )
            window = found
        size = window.pixels * self.source.bytes_per_pixel
        if not self.source.is_here and size > MOST_FETCHED:
            raise self.target.problem(
                tr("of the layer '{}', {} GB would have to be fetched.").format(self.name, f"{size / 1e9:,.0f}"),
                tr("Choose a smaller area; where the tool has none, export a part of the layer and choose that."),
            )
        as_it_is = self.source.alone is not None and window.pixels > WORTHWHILE * grid.whole.pixels
        return replace(self, window=None if as_it_is else window)

    @contextmanager
    def ready(self, feedback: QgsProcessingFeedback) -> Iterator[Path]:
        if self.path is not None:
            yield self.path
            return
        grid, window = self.source.grid, self.window or self.source.grid.whole
        feedback.pushInfo(
            tr("Of the raster '{}', {} x {} of {} x {} pixels are needed: they are put into a file.").format(
                self.name, window.width, window.height, grid.width, grid.height
            )
        )
        with tempfile.TemporaryDirectory(prefix="phidias-") as folder:
            file = Path(folder) / "raster.tif"
            problem = self.source.write(window, file, feedback)
            if feedback.isCanceled():
                raise Cancelled("The raster was not written to its end.")
            if problem:
                raise self.target.problem(
                    tr("the raster '{}' cannot be made ready for the upload: {}.").format(
                        self.name, problem.rstrip(".")
                    ),
                    tr("Export it as a GeoTIFF and choose that."),
                )
            yield file


def of_layer(target: Input, layer: QgsRasterLayer, entered: Entered) -> LocalRaster:
    """A layer that is no link, to be uploaded whole. Raises InputProblem for what cannot be."""
    provider = layer.dataProvider()
    if any(provider.dataType(band) in PICTURES for band in range(1, provider.bandCount() + 1)):
        raise target.problem(
            tr("the layer '{}' is a picture: its pixels are colours, not measurements.").format(layer.name()),
            tr("Choose a layer of the data themselves (a file, WCS, PostGIS)."),
        )
    original = ""
    source: Source | None = None
    if layer.providerType() == "gdal":
        parts = QgsProviderRegistry.instance().decodeUri("gdal", layer.source())
        with suppress(LookupError):
            source = GdalSource(layer, parts)
    if source is None:
        source = ProviderSource(provider, entered.context.transformContext())
    if source.alone is not None:
        original = links.original_of(source.alone)
    if not source.grid.whole.pixels:
        raise target.problem(
            tr("the layer '{}' does not say how large its pixels are.").format(layer.name()),
            tr("Export it as a GeoTIFF and choose that."),
        )
    return LocalRaster(target, layer.name(), source, original=original)


def _bands(dataset: gdal.Dataset) -> list[gdal.Band]:
    return [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]


def _opened(place: str, **options: Any) -> gdal.Dataset | None:
    try:
        return gdal.OpenEx(place, gdal.OF_RASTER | gdal.OF_READONLY, **options)
    except RuntimeError:  # if somebody has called gdal.UseExceptions()
        return None


def _is_complete(path: Path, dataset: gdal.Dataset) -> bool:
    """Whether the file alone, in a format that gateways read, says what it says with all that lies beside it."""
    driver = dataset.GetDriver().ShortName
    if driver != "GTiff" and not driver.startswith("JP2"):
        return False
    alone = _opened(str(path), allowed_drivers=[driver], sibling_files=[path.name])
    return alone is not None and _facts(alone) == _facts(dataset)


def _facts(dataset: gdal.Dataset) -> str:
    """All that a job may read of an image beside its pixels."""
    told: list[Any] = [dataset.GetProjection(), dataset.GetGeoTransform(can_return_null=True), dataset.GetGCPCount()]
    for band in _bands(dataset):
        told += [band.GetNoDataValue(), band.GetMaskFlags(), band.GetDescription()]
        told += [1.0 if band.GetScale() is None else band.GetScale(), band.GetOffset() or 0.0, band.GetUnitType()]
        told += [band.GetColorInterpretation(), band.GetColorTable() is None]
    return repr(told)


def _predictor(dataset: gdal.Dataset) -> int:
    """What makes neighbouring numbers of its kind smaller: TIFF's predictor."""
    band = dataset.GetRasterBand(1)
    kind = band.DataType
    if kind in (gdal.GDT_Float32, gdal.GDT_Float64):
        return 3
    is_whole = kind in (gdal.GDT_Byte, gdal.GDT_Int16, gdal.GDT_UInt16, gdal.GDT_Int32, gdal.GDT_UInt32)
    return 2 if is_whole and not band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE") else 1
