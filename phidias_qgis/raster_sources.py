"""Where the pixels of a raster layer are read, and how a window of them becomes a GeoTIFF: by GDAL or by QGIS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    QgsCoordinateTransformContext,
    QgsProcessingFeedback,
    QgsRasterBlockFeedback,
    QgsRasterDataProvider,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRasterPipe,
    QgsRectangle,
)
from qgis.PyQt.QtCore import Qt

from phidias_qgis.i18n import tr
from phidias_qgis.raster_windows import Grid, Window

OPTIONS = ("TILED=YES", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER")


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
