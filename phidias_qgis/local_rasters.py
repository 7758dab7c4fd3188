"""Rasters that a gateway cannot read where they are: what a job needs of them becomes one GeoTIFF, which is uploaded.

What is asked of a layer is asked on the main thread, with `of_layer` and `LocalRaster.within`; pixels are read on the
worker thread, in `LocalRaster.ready`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsProcessingFeedback, QgsProviderRegistry, QgsRasterLayer

from backend_client import Cancelled
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, ToUpload
from phidias_qgis.links import links
from phidias_qgis.raster_sources import GdalSource, ProviderSource, Source
from phidias_qgis.raster_windows import Window

WORTHWHILE = 0.5
"""A file that can be sent as it is gets cut only if so much of its pixels, or less, is needed"""
MOST_FETCHED = 10e9
"""Bytes, before compression, that are fetched of a layer that is no file of this computer"""
PICTURES = (Qgis.DataType.ARGB32, Qgis.DataType.ARGB32_Premultiplied)


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
