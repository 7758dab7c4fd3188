"""The grid of an output: its reference system, resolution and extent.

Without a wish of the user's it is the pixel grid of the first scene, so that nothing is resampled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry import box, mapping, shape
from shapely.geometry.base import BaseGeometry

from phidias_gateway.errors import InputError

MAX_PIXELS = 100_000_000_000
METRES_PER_DEGREE = 111_320.0
_CODE = re.compile(r"[A-Z][A-Z0-9_]*:[A-Z0-9]+")
_WKT = re.compile(r"\s*[A-Z][A-Z0-9_]*\s*\[")
_FILE = re.compile(r"PARAMETERFILE|grids=", re.IGNORECASE)
_EPSILON = 1e-6  # of a pixel: rounding of coordinates


@dataclass(frozen=True)
class Grid:
    """A regular grid of pixels, north up."""

    crs: str
    """As EPSG:32631, or WKT"""
    x: float
    """West edge"""
    y: float
    """North edge"""
    dx: float
    """Width of a pixel, in units of the CRS"""
    dy: float
    """Height of a pixel, positive"""
    width: int
    height: int

    @property
    def affine(self) -> Affine:
        """From column and row to coordinates."""
        return Affine(self.dx, 0.0, self.x, 0.0, -self.dy, self.y)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        return self.x, self.y - self.height * self.dy, self.x + self.width * self.dx, self.y

    def crop(self, column: int, row: int, width: int, height: int) -> Grid:
        """A part of the grid, or more than it where the numbers reach beyond."""
        x, y = self.x + column * self.dx, self.y - row * self.dy
        return Grid(self.crs, x, y, self.dx, self.dy, width, height)

    def around(self, west: float, south: float, east: float, north: float) -> Grid:
        """The smallest grid of the same pixels, going on where need be, that covers a box."""
        left, top = math.floor((west - self.x) / self.dx + _EPSILON), math.floor((self.y - north) / self.dy + _EPSILON)
        right, bottom = (
            math.ceil((east - self.x) / self.dx - _EPSILON),
            math.ceil((self.y - south) / self.dy - _EPSILON),
        )
        return self.crop(left, top, max(right - left, 1), max(bottom - top, 1))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Grid:
        """The grid that `to_json` wrote."""
        return cls(**document)


@dataclass(frozen=True)
class Tile:
    """A piece of a grid, in its pixels: the unit of work."""

    column: int
    row: int
    width: int
    height: int

    @cached_property
    def name(self) -> str:
        """Such as 512-1024: first column, first row."""
        return f"{self.column}-{self.row}"


def native_grid(crs: str, transform: Sequence[float], rows_columns: Sequence[int]) -> Grid | None:
    """The pixel grid of an image, or None if it is rotated or not known well enough.

    GDAL takes an address or a path for a reference system as well, and reads it; such a `crs` counts as not known.
    """
    if (
        not (_CODE.fullmatch(crs) or _WKT.match(crs))
        or names_a_file(crs)
        or len(transform) < 6
        or len(rows_columns) != 2
    ):
        return None
    a, b, c, d, e, f = transform[:6]
    if b or d or a <= 0 or e >= 0:
        return None
    return Grid(crs, c, f, a, -e, int(rows_columns[1]), int(rows_columns[0]))


def names_a_file(wkt: str) -> bool:
    """Whether a reference system refers to a file, such as a grid of shifts, which PROJ would open."""
    return _FILE.search(wkt) is not None


def output_grid(
    native: Grid,
    footprints: Sequence[BaseGeometry],
    area: BaseGeometry,
    crs: str | None,
    resolution: float | None,
) -> Grid:
    """The grid that covers what the scenes have of the area.

    `native` is the pixel grid of the first scene's finest band; `footprints` and `area` are in WGS 84. Raises
    InputError for a reference system, resolution or area that cannot work.
    """
    own = crs is None or _parse(crs) == _parse(native.crs)
    crs = native.crs if own else crs
    dx, dy = (resolution, resolution) if resolution else (native.dx, native.dy) if own else _carried(native, crs)
    x0, y0 = (native.x, native.y) if own else (0.0, 0.0)
    if _parse(crs).is_geographic and dx > 1:
        raise InputError(
            "resolution",
            f"{dx:g} is too coarse for {crs[:40]}, which counts in degrees.",
            remedy=f"Give degrees ({dx / METRES_PER_DEGREE:.2g} for {dx:g} m), or choose a projected reference system.",
        )
    wanted = shapely.intersection(area, shapely.union_all(list(footprints)))
    if wanted.is_empty or not wanted.area:
        raise InputError("area", "The area and the scenes do not overlap.", remedy="Choose an area within the scenes.")
    grid = Grid(crs, x0, y0, dx, dy, 1, 1).around(*project(wanted, crs).bounds)
    if grid.width * grid.height > MAX_PIXELS:
        raise InputError(
            "area",
            f"The result would have {grid.width} x {grid.height} pixels; {MAX_PIXELS / 1e6:.0f} million is the most.",
            remedy="Choose a smaller area or a coarser resolution.",
        )
    return grid


def project(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """A geometry in WGS 84, in another reference system; long edges are divided, since they become curves.

    Raises InputError if the reference system does not reach there.
    """
    bounds = shapely.bounds(
        shapely.get_parts(geometry)
    )  # of each: those of both sides of the antimeridian are far apart
    longest = (bounds[:, 2:] - bounds[:, :2]).max(initial=1e-9)
    divided = shapely.segmentize(geometry, longest / 100)
    try:
        to_crs = Transformer.from_crs("EPSG:4326", _parse(crs), always_xy=True)
        projected = shapely.transform(
            divided, lambda points: np.column_stack(to_crs.transform(points[:, 0], points[:, 1], errcheck=True))
        )
    except ProjError:
        projected = None
    if projected is None or not np.all(np.isfinite(projected.bounds)):
        raise InputError(
            "crs",
            f"The area cannot be projected to {crs[:40]}.",
            remedy="Choose a reference system made for that place.",
        )
    return shapely.make_valid(projected)


def to_wgs84(grid: Grid) -> tuple[dict[str, Any], list[float]]:
    """The outline of a grid as a GeoJSON geometry, cut at the antimeridian, and its box: west, south, east, north, west
    being larger than east if the antimeridian is between."""
    from_crs = Transformer.from_crs(_parse(grid.crs), "EPSG:4326", always_xy=True)
    outline = shapely.segmentize(box(*grid.bounds), max(grid.width * grid.dx, grid.height * grid.dy) / 4)
    lonlat = shapely.transform(outline, lambda points: np.column_stack(from_crs.transform(points[:, 0], points[:, 1])))
    whole = shapely.set_precision(unbroken(lonlat), 1e-7)
    west, south, east, north = whole.bounds
    if east <= 180:
        return mapping(shape(mapping(whole))), [west, south, east, north]
    sides = [shapely.intersection(whole, box(first, -90, first + 360, 90)) for first in (-180, 180)]
    sides[1] = shapely.transform(sides[1], lambda points: points - (360, 0))
    return mapping(shapely.multipolygons(sides)), [west, south, east - 360, north]


def unbroken(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry in WGS 84 over the antimeridian with longitudes that go on beyond 180; any other as it is."""
    west, _, east, _ = geometry.bounds
    if east - west > 180:
        moved = shapely.transform(geometry, lambda points: points + np.where(points[:, :1] < 0, (360, 0), (0, 0)))
        west, _, east, _ = moved.bounds
        if 0 < east - west < 180:
            return moved
    return geometry


def tiles(grid: Grid, size: int, area: BaseGeometry, first: tuple[int, int] = (0, 0)) -> Iterator[Tile]:
    """The tiles of `size` pixels that the area touches, row by row; `area` is in the grid's reference system.

    `first` is a column and a row at which tiles begin; those at the grid's edges are smaller.
    """
    columns, rows = (
        list(pairwise([0, *range(start % size or size, side, size), side]))
        for start, side in zip(first, (grid.width, grid.height), strict=True)
    )
    every = [Tile(left, top, right - left, bottom - top) for top, bottom in rows for left, right in columns]
    outlines = [box(*grid.crop(tile.column, tile.row, tile.width, tile.height).bounds) for tile in every]
    touched = shapely.intersects(prepared_copy(area), outlines)
    yield from (tile for tile, touches in zip(every, touched, strict=True) if touches)


def prepared_copy(geometry: BaseGeometry) -> BaseGeometry:
    """A copy that is quick to compare with. Its index is built while comparing, so no two threads may share it."""
    copy = shapely.transform(geometry, lambda points: points)
    shapely.prepare(copy)
    return copy


def _parse(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError:
        raise InputError(
            "crs", f"There is no reference system {crs[:40]}.", remedy="Write its EPSG code, such as EPSG:32631."
        ) from None


def _carried(native: Grid, crs: str) -> tuple[float, float]:
    """The native resolution in units of another reference system, rounded to two digits if the kind of unit changes."""
    source, target = _parse(native.crs), _parse(crs)
    if source.is_geographic == target.is_geographic:
        return native.dx, native.dy
    factor = METRES_PER_DEGREE if source.is_geographic else 1 / METRES_PER_DEGREE
    size = float(f"{native.dy * factor:.1e}")
    return size, size
