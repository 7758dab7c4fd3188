"""Pixels of an image on a grid: a plain window where the grids fit, resampled where they do not.

The result for a pixel never depends on the tile it is read with: resampling goes by fixed chunks of the grid, and the
overview is chosen from the resolutions alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rasterio.crs import CRS
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window

from phidias_processes.eo.grid import Grid, Tile

CHUNK = 256
"""Side in pixels of what is resampled at once; divides every size of tiles"""
_TOLERANCE = 1e-3  # of a pixel: coordinates in files are rounded
_PRECISION = 1e-3  # of a pixel: of GDAL's transformation between reference systems


def read_onto(
    open_at: Callable[[str], DatasetReader],
    index: int,
    nodata: float | None,
    whole: Grid,
    part: Tile,
    *,
    categorical: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Stored numbers of band `index` on a part of the grid, and where they are valid: two arrays (rows, columns).

    `nodata` is what the catalogue says; without it the file's own holds. Raises RasterioError.
    """
    dataset = open_at("")
    if index > dataset.count:
        raise RasterioIOError(f"it has {dataset.count} bands, and band {index} is asked for")
    if dataset.crs is None:
        raise RasterioIOError("it has no reference system")
    nodata = dataset.nodatavals[index - 1] if nodata is None else nodata
    offsets = _offsets(dataset, whole)
    if offsets is not None:
        column, row = offsets
        place = Tile(column + part.column, row + part.row, part.width, part.height)
        return _window(dataset, index, nodata, place)
    return _warped(open_at, dataset, index, nodata, whole, part, categorical)


def _offsets(dataset: DatasetReader, grid: Grid) -> tuple[int, int] | None:
    """Column and row of the grid's corner in the image, or None if their pixels do not coincide."""
    a, b, c, d, e, f = dataset.transform[:6]
    if b or d or CRS.from_user_input(grid.crs) != dataset.crs:
        return None
    size = max(grid.width, grid.height, 1)
    if abs(a - grid.dx) * size > _TOLERANCE * grid.dx or abs(-e - grid.dy) * size > _TOLERANCE * grid.dy:
        return None
    column, row = (grid.x - c) / a, (grid.y - f) / e
    if max(abs(column - round(column)), abs(row - round(row))) > _TOLERANCE:
        return None
    return round(column), round(row)


def _window(dataset: DatasetReader, index: int, nodata: float | None, place: Tile) -> tuple[np.ndarray, np.ndarray]:
    """The pixels at a place of the image itself, which may reach beyond it."""
    column, row = place.column, place.row
    stored = np.zeros((place.height, place.width), dataset.dtypes[index - 1])
    valid = np.zeros(stored.shape, bool)
    left, top = max(column, 0), max(row, 0)
    right, bottom = min(column + place.width, dataset.width), min(row + place.height, dataset.height)
    if left < right and top < bottom:
        part = np.s_[top - row : bottom - row, left - column : right - column]
        window = Window(left, top, right - left, bottom - top)
        stored[part] = dataset.read(index, window=window)
        valid[part] = _valid(stored[part], nodata)
        if nodata is None and dataset.mask_flag_enums[index - 1] != [MaskFlags.all_valid]:
            valid[part] &= dataset.read_masks(index, window=window) > 0
    return stored, valid


def _warped(
    open_at: Callable[[str], DatasetReader],
    dataset: DatasetReader,
    index: int,
    nodata: float | None,
    whole: Grid,
    part: Tile,
    categorical: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Resampled, chunk by chunk: GDAL's approximations depend on the region asked for, so it is always the same."""
    factor = _shrinking(dataset, whole)
    decimations = [decimation for decimation in dataset.overviews(index) if decimation <= factor * 1.001]
    image = open_at(f"{len(decimations) - 1} only" if decimations else "NONE")
    scale = (decimations[-1] if decimations else 1) / factor
    smooth = Resampling.average if factor >= 1.999 else Resampling.bilinear
    stored = np.zeros((part.height, part.width), dataset.dtypes[index - 1])
    valid = np.zeros(stored.shape, bool)
    for row in range(part.row // CHUNK * CHUNK, part.row + part.height, CHUNK):
        for column in range(part.column // CHUNK * CHUNK, part.column + part.width, CHUNK):
            with WarpedVRT(
                image,
                crs=whole.crs,
                transform=whole.crop(column, row, CHUNK, CHUNK).affine,
                width=CHUNK,
                height=CHUNK,
                resampling=Resampling.nearest if categorical else smooth,
                tolerance=_PRECISION,
                src_nodata=nodata,
                nodata=nodata,
                add_alpha=nodata is None,
                XSCALE=str(scale),
                YSCALE=str(scale),
            ) as warped:
                numbers = warped.read(index)
                known = _valid(numbers, nodata)
                if nodata is None:
                    known &= warped.read(warped.count) > 0
            left, top = max(column, part.column), max(row, part.row)
            right, bottom = (
                min(column + CHUNK, part.column + part.width),
                min(row + CHUNK, part.row + part.height),
            )
            there = np.s_[top - part.row : bottom - part.row, left - part.column : right - part.column]
            here = np.s_[top - row : bottom - row, left - column : right - column]
            stored[there], valid[there] = numbers[here], known[here]
    return stored, valid


def _shrinking(dataset: DatasetReader, grid: Grid) -> float:
    """How many pixels of the image, in a row, go into one of the grid."""
    if CRS.from_user_input(grid.crs) == dataset.crs:
        return min(grid.dx / abs(dataset.transform.a), grid.dy / abs(dataset.transform.e))
    transform, _, _ = calculate_default_transform(dataset.crs, grid.crs, dataset.width, dataset.height, *dataset.bounds)
    return min(grid.dx / abs(transform.a), grid.dy / abs(transform.e))


def _valid(stored: np.ndarray, nodata: float | None) -> np.ndarray:
    valid = np.ones(stored.shape, bool) if nodata is None or np.isnan(nodata) else stored != nodata
    if stored.dtype.kind == "f":
        valid &= np.isfinite(stored)
    return valid
