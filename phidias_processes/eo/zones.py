"""Statistics of the pixels in zones, gathered tile by tile.

A pixel counts for a zone when its centre lies inside it or on its edge: for each of several zones that overlap, and for
none if a zone lies between centres. Counts, extremes, sums and spreads are joined from tile to tile (Chan, Golub and
LeVeque 1979). The order of values (median, percentiles, majority) needs them all: they are written to a scratch file,
and sorted zone by zone, those of a zone that memory should not hold in a file of its own. So memory depends on the tile
and on the number of zones, not on the area.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import rasterio
import shapely
from rasterio.features import rasterize
from shapely.geometry import box

from phidias_processes.eo.cog import disk_errors
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.quicklook import SIDE
from phidias_processes.eo.statistics import Statistics
from phidias_processes.eo.tile_reader import inside

QUANTILES = {"median": 0.5, "p10": 0.1, "p90": 0.9}
IN_ORDER = (*QUANTILES, "majority")
"""Statistics for which values must be sorted"""
IN_MEMORY = 2**24
"""Values of a zone that are sorted in memory; more are sorted in a file"""


class ZoneStatistics:
    """Pixels of zones; `add` is called tile by tile, then `columns` gives their statistics.

    `geometries` (zones,) are in the reference system of the grid, None for a zone that lies elsewhere. `scratch` is a
    folder for values to be sorted; without one, those statistics cannot be asked for.
    """

    def __init__(self, geometries: np.ndarray, grid: Grid, bands: int, scratch: Path | None) -> None:
        self._zones = geometries
        self._grid = grid
        self._tree = shapely.STRtree(geometries)
        self._bounds = shapely.bounds(geometries)
        shape = (len(geometries), bands)
        self._count = np.zeros(shape, "int64")
        self._sum, self._mean, self._squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._minimum, self._maximum = np.full(shape, np.inf), np.full(shape, -np.inf)
        self._values = None if scratch is None else _Values(scratch, bands)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._values is not None:
            self._values.close()

    def add(self, tile: Tile, image: np.ndarray) -> None:
        """Count the pixels of one tile: (bands, rows, columns), NaN where there is no data. Raises DiskFull."""
        outline = box(*self._grid.crop(tile.column, tile.row, tile.width, tile.height).bounds)
        for zone in np.sort(self._tree.query(outline)):
            part = self._part(tile, zone)
            if part is None:
                continue
            mask = inside(self._zones[zone], self._grid, part)
            left, top = part.column - tile.column, part.row - tile.row
            here = image[:, top : top + part.height, left : left + part.width]
            for band, pixels in enumerate(here):
                values = pixels.ravel() if mask is None else pixels[mask]
                values = values[~np.isnan(values)]
                if values.size:
                    self._join(zone, band, values)

    def _part(self, tile: Tile, zone: int) -> Tile | None:
        """The pixels of a tile in the box around a zone; None if there is none."""
        around = self._grid.around(*self._bounds[zone])
        column, row = (
            round((around.x - self._grid.x) / self._grid.dx),
            round((self._grid.y - around.y) / self._grid.dy),
        )
        left, top = max(column, tile.column), max(row, tile.row)
        right = min(column + around.width, tile.column + tile.width)
        bottom = min(row + around.height, tile.row + tile.height)
        return Tile(left, top, right - left, bottom - top) if right > left and bottom > top else None

    def _join(self, zone: int, band: int, values: np.ndarray) -> None:
        at = zone, band
        known = Statistics(
            int(self._count[at]), self._minimum[at], self._maximum[at], self._mean[at], self._squares[at]
        )
        joined = Statistics.joined([known, Statistics.of(values)])
        self._count[at], self._minimum[at], self._maximum[at] = joined.count, joined.minimum, joined.maximum
        self._mean[at], self._squares[at] = joined.mean, joined.squares
        self._sum[at] += values.sum(dtype="float64")
        if self._values is not None:
            self._values.add(zone, band, values)

    @property
    def is_empty(self) -> bool:
        """Whether no pixel counts at all."""
        return not self._count.any()

    def columns(self, band: int, statistics: Sequence[str]) -> dict[str, np.ma.MaskedArray]:
        """Statistics of a band in each zone, masked where no pixel counts; a count is 0 there: (zones,) each.

        The standard deviation is that of the pixels themselves, not an estimate of a larger population's.
        """
        count = self._count[:, band]
        some = np.maximum(count, 1)
        known = {
            "sum": self._sum[:, band],
            "mean": self._sum[:, band] / some,
            "std": np.sqrt(self._squares[:, band] / some),
            "min": self._minimum[:, band],
            "max": self._maximum[:, band],
            **self._in_order(band, [name for name in statistics if name in IN_ORDER]),
        }
        return {
            name: np.ma.array(count)
            if name == "count"
            else np.ma.array(np.where(count, known[name], np.nan), mask=count == 0)
            for name in statistics
        }

    def _in_order(self, band: int, statistics: Sequence[str]) -> dict[str, np.ndarray]:
        result = {name: np.full(len(self._zones), np.nan) for name in statistics}
        if result and self._values is None:
            raise ValueError("these statistics need a folder for the values")
        for zone, values in self._values.sorted(band) if result else ():
            for name, column in result.items():
                column[zone] = _majority(values) if name == "majority" else _quantile(values, QUANTILES[name])
        return result


def _quantile(values: np.ndarray, share: float) -> float:
    """Between the two values next to a place in sorted ones, linearly: type 7 of Hyndman and Fan (1996)."""
    place = share * (len(values) - 1)
    low = int(place)
    return float(np.quantile(np.asarray(values[low : low + 2], "float64"), place - low))


def _majority(values: np.ndarray) -> float:
    """The most frequent of sorted values, the smallest of several."""
    best, most, last, run = np.nan, 0, np.nan, 0
    for start in range(0, len(values), IN_MEMORY):
        part = values[start : start + IN_MEMORY]
        firsts = np.concatenate([[0], np.flatnonzero(part[1:] != part[:-1]) + 1])
        numbers, counts = part[firsts], np.diff(firsts, append=len(part))
        counts[0] += run if numbers[0] == last else 0
        first = int(np.argmax(counts))
        if counts[first] > most:
            best, most = float(numbers[first]), int(counts[first])
        last, run = numbers[-1], int(counts[-1])
    return best


class _Values:
    """The values of all zones, in a file in the order they come."""

    def __init__(self, folder: Path, bands: int) -> None:
        self._folder = folder
        self._bands = bands
        self._file = (folder / "values").open("w+b")
        self._type: np.dtype | None = None
        self._index = array("q")
        """Band, zone, first byte and number of the values of each piece"""

    def close(self) -> None:
        self._file.close()

    def add(self, zone: int, band: int, values: np.ndarray) -> None:
        """Keep some values of a zone. Raises DiskFull."""
        self._type = values.dtype
        with disk_errors(self._folder):
            self._index.extend((band, zone, self._file.tell(), len(values)))
            self._file.write(values.tobytes())

    def sorted(self, band: int) -> Iterator[tuple[int, np.ndarray]]:
        """Each zone that has any, and its values in order."""
        index = np.array(self._index, "int64").reshape(-1, 4)
        index = index[index[:, 0] == band]
        index = index[np.argsort(index[:, 1], kind="stable")]
        with disk_errors(self._folder):
            self._file.flush()
        for pieces in np.split(index, np.flatnonzero(np.diff(index[:, 1])) + 1):
            if len(pieces):
                values = self._gathered(pieces)
                values.sort()
                yield int(pieces[0, 1]), values

    def _gathered(self, pieces: np.ndarray) -> np.ndarray:
        total = int(pieces[:, 3].sum())
        values = np.empty(total, self._type) if total <= IN_MEMORY else self._on_disk(total)
        done = 0
        for _, _, first, count in pieces:
            self._file.seek(first)
            values[done : done + count] = np.fromfile(self._file, self._type, count)
            done += count
        return values

    def _on_disk(self, total: int) -> np.ndarray:
        path = self._folder / "zone"
        with disk_errors(self._folder), path.open("wb") as file:
            # Room that is missing later could not be told any more: it would end the process.
            os.posix_fallocate(file.fileno(), 0, total * np.dtype(self._type).itemsize)
        return np.memmap(path, self._type, "r+", shape=(total,))


def touched(tiles: Sequence[Tile], grid: Grid, geometries: np.ndarray) -> list[Tile]:
    """The tiles that a zone may reach; `geometries` are in the grid's reference system."""
    outlines = [box(*grid.crop(tile.column, tile.row, tile.width, tile.height).bounds) for tile in tiles]
    found = np.unique(shapely.STRtree(geometries).query(outlines)[0])
    return [tiles[number] for number in found]


def draw_zones(target: Path, geometries: np.ndarray, numbers: np.ma.MaskedArray, grid: Grid) -> Path:
    """An image of the zones, each in its number, small enough for a quicklook; NaN where there is none."""
    shrink = max(grid.width, grid.height, SIDE) / SIDE
    width, height = max(round(grid.width / shrink), 1), max(round(grid.height / shrink), 1)
    dx, dy = grid.dx * grid.width / width, grid.dy * grid.height / height
    small = Grid(grid.crs, grid.x, grid.y, dx, dy, width, height)
    shown = [
        (zone, number)
        for zone, number in zip(geometries, numbers.filled(np.nan).astype("float32"), strict=True)
        if zone is not None and not zone.is_empty and not np.isnan(number)
    ]
    image = np.full((height, width), np.nan, "float32")
    if shown:
        rasterize(shown, out=image, transform=small.affine, all_touched=True)
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": np.nan, "crs": grid.crs}
    with (
        disk_errors(target.parent),
        rasterio.open(target, "w", width=width, height=height, transform=small.affine, **profile) as dataset,
    ):
        dataset.write(image, 1)
    return target
