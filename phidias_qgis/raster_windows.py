"""The part of an image that an area needs, in the image's own pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from osgeo import gdal, osr

MARGIN = 8
"""Pixels around what an area needs: two libraries that project it may differ a little"""
ALIGN = 256
"""Windows begin and end at multiples of so many pixels, so that areas that differ little need the same file"""
DATUM_METRES = 1000.0
"""Width of a margin where area and raster differ in their datum: there are several ways from one to the other"""
METRES_PER_DEGREE = 111_320.0
STEPS = 100
"""Lines of a box that are projected: they become curves"""


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
