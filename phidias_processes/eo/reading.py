"""Pixels of an image on a grid: a plain window where the grids fit, resampled where they do not.

The result for a pixel never depends on the tile it is read with: resampling goes by fixed chunks of the grid, and the
overview is chosen from the resolutions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from rasterio.crs import CRS
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window

from phidias_processes.eo.encoding import beside
from phidias_processes.eo.grid import Grid, Tile

CHUNK = 512
"""Side in pixels of what is resampled at once; divides every size of tiles"""
_TOLERANCE = 1e-3  # of a pixel: coordinates in files are rounded
_PRECISION = 1e-3  # of a pixel: of GDAL's transformation between reference systems
_LEAST = 0.25  # the weight of the nearest pixel, at least


@dataclass(frozen=True)
class Pixels:
    """Stored numbers (rows, columns) as the file has them, and which of them are known."""

    stored: np.ndarray
    nodata: float | None
    known: np.ndarray | None = None
    """False where something else than nodata says that there is no data; None: nowhere"""

    def missing(self) -> np.ndarray:
        """Where there is no data (rows, columns)."""
        if self.nodata is None or np.isnan(self.nodata):
            missing = np.zeros(self.stored.shape, bool)
        else:
            missing = self.stored == self.nodata
        if self.stored.dtype.kind == "f":
            missing |= ~np.isfinite(self.stored)
        if self.known is not None:
            missing |= ~self.known
        return missing

    def part(self, rows: slice) -> Self:
        """Some of its rows."""
        return type(self)(self.stored[rows], self.nodata, None if self.known is None else self.known[rows])


def read_onto(
    open_at: Callable[[str], DatasetReader],
    index: int,
    nodata: float | None,
    whole: Grid,
    part: Tile,
    *,
    categorical: bool,
) -> Pixels:
    """Band `index` on a part of the grid.

    `nodata` is what the catalogue says; without it the file's own holds. Raises RasterioError.
    """
    dataset = open_at("")
    if index > dataset.count:
        raise RasterioIOError(f"it has {dataset.count} bands, and band {index} is asked for")
    if dataset.crs is None:
        raise RasterioIOError("it has no reference system")
    nodata = dataset.nodatavals[index - 1] if nodata is None else nodata
    place = _place(dataset, whole, part)
    if place is not None:
        return _window(dataset, index, nodata, place)
    factor = _shrinking(dataset, whole)
    times = round(1 / factor)
    if times > 1 and (place := _place(dataset, whole, part, times)) is not None:
        enlarge = _repeated if categorical else _interpolated
        return enlarge(dataset, index, nodata, place, times)
    decimations = [decimation for decimation in dataset.overviews(index) if decimation <= factor * 1.001]
    # NONE: GDAL is not to choose an overview by itself.
    image = open_at(f"{len(decimations) - 1} only" if decimations else "NONE")
    place = _place(image, whole, part)
    if place is not None:
        return _window(image, index, nodata, place)
    shrunk = (decimations[-1] if decimations else 1) / factor
    resampling = Resampling.average if factor >= 1.999 else Resampling.bilinear
    return _warped(image, index, nodata, whole, part, Resampling.nearest if categorical else resampling, shrunk)


def _place(dataset: DatasetReader, grid: Grid, part: Tile, enlarged: int = 1) -> Tile | None:
    """Where a part of the grid lies in the image, each of whose pixels is `enlarged` x `enlarged` of the grid's; in the
    grid's pixels. None if their pixels do not fit."""
    a, b, c, d, e, f = dataset.transform[:6]
    a, e = a / enlarged, e / enlarged
    if b or d or not _is_same(dataset.crs, grid.crs):
        return None
    size = max(grid.width, grid.height, 1)
    if abs(a - grid.dx) * size > _TOLERANCE * grid.dx or abs(-e - grid.dy) * size > _TOLERANCE * grid.dy:
        return None
    column, row = (grid.x - c) / a, (grid.y - f) / e
    if max(abs(column - round(column)), abs(row - round(row))) > _TOLERANCE:
        return None
    return Tile(round(column) + part.column, round(row) + part.row, part.width, part.height)


@lru_cache(64)
def _is_same(one: CRS, other: str) -> bool:
    return one == CRS.from_user_input(other)


def _window(dataset: DatasetReader, index: int, nodata: float | None, place: Tile) -> Pixels:
    """The pixels at a place of the image itself, which may reach beyond it."""
    column, row = place.column, place.row
    left, top = max(column, 0), max(row, 0)
    right, bottom = min(column + place.width, dataset.width), min(row + place.height, dataset.height)
    masked = nodata is None and dataset.mask_flag_enums[index - 1] != [MaskFlags.all_valid]
    window = Window(left, top, max(right - left, 0), max(bottom - top, 0))
    if (window.width, window.height) == (place.width, place.height):
        known = dataset.read_masks(index, window=window) > 0 if masked else None
        return Pixels(dataset.read(index, window=window), nodata, known)
    stored = np.zeros((place.height, place.width), dataset.dtypes[index - 1])
    known = np.zeros(stored.shape, bool)
    if window.width and window.height:
        part = np.s_[top - row : bottom - row, left - column : right - column]
        stored[part] = dataset.read(index, window=window)
        known[part] = dataset.read_masks(index, window=window) > 0 if masked else True
    return Pixels(stored, nodata, known)


def _repeated(dataset: DatasetReader, index: int, nodata: float | None, place: Tile, times: int) -> Pixels:
    """Each pixel of the image repeated: what nearest neighbour gives, without GDAL's work. `place` is in the repeated
    pixels."""
    left, top = place.column // times, place.row // times
    right, bottom = -(-(place.column + place.width) // times), -(-(place.row + place.height) // times)
    small = _window(dataset, index, nodata, Tile(left, top, right - left, bottom - top))
    here = np.s_[place.row - top * times :, place.column - left * times :]

    def repeat(array: np.ndarray) -> np.ndarray:
        return array.repeat(times, axis=1).repeat(times, axis=0)[here][: place.height, : place.width]

    return Pixels(repeat(small.stored), nodata, None if small.known is None else repeat(small.known))


def _interpolated(dataset: DatasetReader, index: int, nodata: float | None, place: Tile, times: int) -> Pixels:
    """Bilinear between the centres of those pixels of the image that have data, and none where the nearest has none: as
    GDAL, without its work. `place` is in the grid's pixels, `times` x `times` of which make one of the image."""
    left, top = place.column // times - 1, place.row // times - 1
    right, bottom = -(-(place.column + place.width) // times) + 1, -(-(place.row + place.height) // times) + 1
    small = _window(dataset, index, nodata, Tile(left, top, right - left, bottom - top))
    here = np.s_[place.row - (top + 1) * times :, place.column - (left + 1) * times :]

    def stretch(array: np.ndarray) -> np.ndarray:
        whole = _between(_between(array.astype("float32"), times).T, times).T
        return whole[here][: place.height, : place.width]

    missing, known = small.missing(), None
    values = stretch(np.where(missing, 0, small.stored))
    if missing.any():
        near = (~missing[1:-1, 1:-1]).repeat(times, axis=1).repeat(times, axis=0)
        known = near[here][: place.height, : place.width]
        values /= np.maximum(stretch(~missing), np.float32(_LEAST))
    if small.stored.dtype.kind in "iu":
        values = np.floor(values + np.float32(0.5))
        if nodata is not None:
            np.copyto(values, beside(nodata, small.stored.dtype), where=values == nodata)
    return Pixels(values.astype(small.stored.dtype), nodata, known)


def _between(values: np.ndarray, times: int) -> np.ndarray:
    """`times` as many rows between the centres of rows, the first and the last of which are but neighbours."""
    result = np.empty(((len(values) - 2) * times, values.shape[1]), values.dtype)
    for phase in range(times):
        share = (phase + 0.5) / times + 0.5  # of a row, from the centre of the one before
        first, weight = int(share), np.float32(share % 1)
        one, other = (values[start : len(values) - 2 + start] for start in (first, first + 1 if weight else first))
        result[phase::times] = one * (1 - weight) + other * weight
    return result


def _warped(
    image: DatasetReader,
    index: int,
    nodata: float | None,
    whole: Grid,
    part: Tile,
    resampling: Resampling,
    scale: float,
) -> Pixels:
    """Resampled, chunk by chunk: GDAL's approximations depend on the region asked for, so it is always the same."""
    stored = np.zeros((part.height, part.width), image.dtypes[index - 1])
    known = np.zeros(stored.shape, bool) if nodata is None else None
    for row in range(part.row // CHUNK * CHUNK, part.row + part.height, CHUNK):
        for column in range(part.column // CHUNK * CHUNK, part.column + part.width, CHUNK):
            with WarpedVRT(
                image,
                crs=whole.crs,
                transform=whole.crop(column, row, CHUNK, CHUNK).affine,
                width=CHUNK,
                height=CHUNK,
                resampling=resampling,
                tolerance=_PRECISION,
                src_nodata=nodata,
                nodata=nodata,
                add_alpha=nodata is None,
                XSCALE=str(scale),
                YSCALE=str(scale),
            ) as warped:
                numbers = warped.read(index)
                opaque = None if known is None else warped.read(warped.count) > 0
            left, top = max(column, part.column), max(row, part.row)
            right, bottom = (
                min(column + CHUNK, part.column + part.width),
                min(row + CHUNK, part.row + part.height),
            )
            there = np.s_[top - part.row : bottom - part.row, left - part.column : right - part.column]
            here = np.s_[top - row : bottom - row, left - column : right - column]
            stored[there] = numbers[here]
            if known is not None:
                known[there] = opaque[here]
    return Pixels(stored, nodata, known)


def _shrinking(dataset: DatasetReader, grid: Grid) -> float:
    """How many pixels of the image, in a row, go into one of the grid."""
    if _is_same(dataset.crs, grid.crs):
        return min(grid.dx / abs(dataset.transform.a), grid.dy / abs(dataset.transform.e))
    transform, _, _ = calculate_default_transform(dataset.crs, grid.crs, dataset.width, dataset.height, *dataset.bounds)
    return min(grid.dx / abs(transform.a), grid.dy / abs(transform.e))
