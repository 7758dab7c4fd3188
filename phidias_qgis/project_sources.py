"""The sources of layers on their way into a project file and back: references instead of signed links.

QGIS asks for each source several times, for empty ones too, and on the main thread: nothing here waits for a network
unless there is no window that would stand still.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from osgeo import gdal, ogr
from qgis.core import Qgis, QgsMapLayer, QgsMessageLog, QgsPathResolver, QgsProject
from qgis.PyQt.QtCore import QTimer

from backend_client import GatewayError, GatewayUnreachable
from phidias_qgis import connection, layers, project_files
from phidias_qgis.descriptions import LOG
from phidias_qgis.i18n import tr
from phidias_qgis.links import STREAMED, href_of, links
from phidias_qgis.references import Reference

PLACE = "/vsimem/phidias/"
"""Folder in memory of the files that stand in for results while a project is read"""
BANDS = 30
"""Enough for whatever a style asks for"""
SECONDS = 10.0
"""The longest that a program without a window waits for a gateway"""
PATIENCE = 30.0
"""Seconds after a failure during which the same is not asked again: a project has many layers"""


class ProjectSources:
    """Writes and reads the sources of all projects of this process, from `install` to `remove`.

    `at_once`: ask the gateway while a project is read, as befits a program without a window. Otherwise each layer is
    opened on a file that stands in for it, which spares the person QGIS's dialog for unavailable layers, and is then
    `set_aside` until somebody points it to a fresh link.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._standing_in: dict[str, Reference] = {}
        self._failures: dict[tuple[str, str], float] = {}
        self._writer = self._reader = ""
        self._to_mend: Path | None = None
        """A project that was saved and not looked through yet"""

    def install(self) -> None:
        """Begin."""
        self._writer = QgsPathResolver.setPathWriter(self.written)
        self._reader = QgsPathResolver.setPathPreprocessor(self.read)
        QgsProject.instance().projectSaved.connect(self._saved)

    def remove(self) -> None:
        """End."""
        self._mend()
        QgsProject.instance().projectSaved.disconnect(self._saved)
        QgsPathResolver.removePathWriter(self._writer)
        QgsPathResolver.removePathPreprocessor(self._reader)

    def written(self, source: str) -> str:
        """What a project file shall hold in place of `source`."""
        reference = self.reference_of(source)
        if reference is not None:
            return str(reference) + "".join(source.partition("|")[1:])
        return without_signature(source)

    def read(self, source: str) -> str:
        """What a layer shall be opened on."""
        plain, bar, rest = source.partition("|")
        reference = Reference.parse(plain)
        if reference is None:
            return source
        return (self._link(reference) if self._at_once else self._stand_in(reference)) + bar + rest

    def reference_of(self, source: str) -> Reference | None:
        """The result that a layer's source streams, waits for or stands in for; None for any other source."""
        return self._standing_in.get(source.partition("|")[0]) or links.reference_of(source)

    def set_aside(self, layer: QgsMapLayer) -> None:
        """Make a layer that was opened on a stand-in what it is: unavailable for now, and so refused by every tool."""
        reference = self._standing_in.get(layer.source().partition("|")[0])
        if reference is not None:
            layers.set_source(layer, str(reference))

    def _saved(self) -> None:
        # QGIS says so before it packs a .qgz: the file is there in a moment.
        self._to_mend = Path(QgsProject.instance().fileName())
        QTimer.singleShot(0, self._mend)

    def _mend(self) -> None:
        path, self._to_mend = self._to_mend, None
        try:
            if path is not None:
                project_files.mend(path, self.written)
        except (OSError, ValueError) as error:
            text = tr("Signed links may be left in the project file {}: {}").format(path, error)
            QgsMessageLog.logMessage(text, LOG, Qgis.MessageLevel.Critical)

    def _stand_in(self, reference: Reference) -> str:
        name = hashlib.sha256(str(reference).encode()).hexdigest()
        path = f"{PLACE}{name}.vrt" if reference.is_raster else f"{PLACE}{name}.gpkg"
        gdal.FileFromMemBuffer(path, _empty_image() if reference.is_raster else _empty_table(Path(reference.file).stem))
        self._standing_in[path] = reference
        return path

    def _link(self, reference: Reference) -> str:
        """A link to the result; the reference itself, which opens nothing, if there is none to be had."""
        if links.is_worn(links.source_of(reference), time.time()) and not self._failed_lately(reference):
            try:
                links.ask(reference.connection, reference.job, seconds=SECONDS)
            except (GatewayError, connection.NotConnected) as error:
                job = "" if isinstance(error, GatewayUnreachable) else reference.job
                self._failures[reference.connection, job] = time.monotonic()
                QgsMessageLog.logMessage(f"{reference}: {error}", LOG, Qgis.MessageLevel.Warning)
        return links.source_of(reference)

    def _failed_lately(self, reference: Reference) -> bool:
        times = [self._failures.get((reference.connection, job), -PATIENCE) for job in ("", reference.job)]
        return time.monotonic() - max(times) < PATIENCE


@cache
def _empty_image() -> bytes:
    """A virtual raster of one pixel without a value."""
    bands = (
        f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>0</NoDataValue></VRTRasterBand>'
        for band in range(1, BANDS + 1)
    )
    size = 'rasterXSize="1" rasterYSize="1"'
    return f"<VRTDataset {size}><GeoTransform>0,1,0,0,0,-1</GeoTransform>{''.join(bands)}</VRTDataset>".encode()


@cache
def _empty_table(name: str) -> bytes:
    """A GeoPackage with nothing in it. Of all formats, it alone takes filters on fields that it does not have."""
    path = f"{PLACE}empty.gpkg"
    made = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    made.CreateLayer(name, None, ogr.wkbNone)
    del made
    file = gdal.VSIFOpenL(path, "rb")
    content = bytes(gdal.VSIFReadL(1, gdal.VSIStatL(path).size, file))
    gdal.VSIFCloseL(file)
    gdal.Unlink(path)
    return content


def without_signature(source: str) -> str:
    """A streamed source of nobody's that is known, without what opens it."""
    href = href_of(source)
    return STREAMED + href.partition("?")[0] if "signature=" in href else source


@contextmanager
def installed() -> Iterator[ProjectSources]:
    """For scripts without QGIS's window: within this context, projects keep references, and read them back at once."""
    sources = ProjectSources(at_once=True)
    sources.install()
    try:
        yield sources
    finally:
        sources.remove()
