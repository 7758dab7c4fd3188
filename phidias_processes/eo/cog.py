"""Writing Cloud-Optimized GeoTIFFs: every pixel is compressed once, and never read back.

A task puts its tiles, in any order, into a draft per layer, as compressed blocks of the image and of its overviews;
`assemble` makes the file of the drafts of all tasks by copying their blocks in order. The file does not depend on how
tiles and tasks divide the image. ZSTD with a predictor: read by GDAL from 2.3 on, so by every QGIS that PHIDIAS
supports.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from phidias_gateway.errors import DiskFull
from phidias_processes.eo.block_codec import compress, decompress, predictor
from phidias_processes.eo.encoding import halve, missing
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.preview import Shown
from phidias_processes.eo.pyramid import BLOCK, Pyramid, blocks_of, shapes
from phidias_processes.eo.statistics import Statistics
from phidias_processes.eo.tiff import Directory, Draft, directories, write_cog
from phidias_processes.eo.tile_process import Layer

MIN_FREE = 16 * 2**20
FIRST_GLIMPSE = 4.0
"""Seconds after which unfinished overviews are shown; then after twice as many, and so on"""

BlockStatistics = dict[int, list[Statistics]]
"""Of each band, by the number of the block"""


class LayerDraft:
    """What one task makes of a layer: its finished blocks, in a GeoTIFF that can be read at any time.

    Beside it lies what `phidias_gateway.preview` needs to show it.
    """

    def __init__(self, layer: Layer, grid: Grid, path: Path, tiles: Sequence[Tile], all_tiles: int) -> None:
        """`tiles` are those that the task makes, of all that the image has. Raises DiskFull."""
        self.layer = layer
        self.path = path
        self._image = _Image(layer, grid)
        self._statistics: BlockStatistics = {}
        self._began, self._next_glimpse, self._lock = time.monotonic(), FIRST_GLIMPSE, Lock()
        self._pyramid = Pyramid((grid.height, grid.width), self._image.empty(1, 1), self._image.halve, self._emit)
        with disk_errors(path.parent):
            self._draft = self._image.draft(path)
            self._shown = Shown(path, layer, grid, tiles, all_tiles, self._so_far)

    def write(self, tile: Tile, stored: np.ndarray) -> None:
        """One tile of all bands: (bands, rows, columns), encoded. May be called from several threads."""
        self._pyramid.put(tile.column, tile.row, stored)
        if self._is_time_for_a_glimpse():
            self._pyramid.glimpse()
        with disk_errors(self.path.parent):
            self._shown.tile_done()

    def finish(self) -> None:
        """To be called after the last tile."""
        self._pyramid.flush()
        with disk_errors(self.path.parent):
            self._draft.close()
            kept = {number: [astuple(band) for band in bands] for number, bands in self._statistics.items()}
            _statistics_of(self.path).write_text(json.dumps(kept), "utf-8")
            self._shown.all_done()

    def _so_far(self) -> list[Statistics]:
        """Of each band, in what is finished."""
        blocks = list(self._statistics.values())
        return [Statistics.joined(block[band] for block in blocks) for band in range(len(self.layer.bands))]

    def _is_time_for_a_glimpse(self) -> bool:
        """Ever more seldom, since what a glimpse shows is written again."""
        with self._lock:
            passed = time.monotonic() - self._began
            if passed < self._next_glimpse:
                return False
            self._next_glimpse = 2 * passed
            return True

    def _emit(self, level: int, y: int, x: int, pixels: np.ndarray, final: bool) -> None:
        lost = missing(pixels, self._image.nodata)
        if lost.all():
            return
        number = self._image.number(level, y, x)
        if level == 0 and final:
            self._statistics[number] = _statistics(pixels, lost)
        with disk_errors(self.path.parent):
            self._draft.add(level, number, self._image.compress(pixels), final=final)


def assemble(layer: Layer, grid: Grid, drafts: Sequence[Path], target: Path) -> list[Statistics] | None:
    """The Cloud-Optimized GeoTIFF of the drafts of all tasks, and the statistics of its bands.

    None, and no file, if there is no valid pixel at all.
    """
    image = _Image(layer, grid)
    with disk_errors(target.parent):
        joined = _Joined(image, drafts)
        statistics = joined.statistics()
        if not any(band.count for band in statistics):
            return None
        write_cog(target, image.directories(statistics), joined.sizes, joined.block)
    return statistics


class _Image:
    """A layer on its grid, as directories and blocks."""

    def __init__(self, layer: Layer, grid: Grid) -> None:
        self._layer = layer
        self._grid = grid
        self.nodata = layer.encodings[0].nodata
        self._dtype = np.dtype(layer.encodings[0].dtype)
        self.shapes = shapes(grid.height, grid.width)
        self.counts = [rows * columns for rows, columns in map(blocks_of, self.shapes)]
        self.halve = partial(halve, nodata=self.nodata, categorical=layer.categorical)

    def number(self, level: int, y: int, x: int) -> int:
        """Of the block in a row and column of blocks."""
        return y * blocks_of(self.shapes[level])[1] + x

    def place(self, level: int, number: int) -> tuple[int, int]:
        """Row and column of a block."""
        return divmod(number, blocks_of(self.shapes[level])[1])

    def empty(self, rows: int, columns: int) -> np.ndarray:
        """Pixels without data."""
        return np.full((len(self._layer.bands), rows, columns), self.nodata, self._dtype)

    def compress(self, pixels: np.ndarray) -> bytes:
        """A block, filled up where the image's edge cuts it."""
        _, rows, columns = pixels.shape
        if (rows, columns) != (BLOCK, BLOCK):
            whole = self.empty(BLOCK, BLOCK)
            whole[:, :rows, :columns] = pixels
            pixels = whole
        return compress(pixels)

    def decompress(self, level: int, number: int, data: bytes) -> np.ndarray:
        """The pixels of a block, cut at the image's edge."""
        corner = [BLOCK * place for place in self.place(level, number)]
        rows, columns = (side - first for side, first in zip(self.shapes[level], corner, strict=True))
        return decompress(data, (len(self._layer.bands), BLOCK, BLOCK), self._dtype)[:, :rows, :columns]

    def draft(self, path: Path) -> Draft:
        """The draft at a path, which is made if there is none."""
        return Draft(path, self.directories(), self.counts)

    def directories(self, statistics: Sequence[Statistics] = ()) -> list[Directory]:
        """The tags of the image and its overviews, which GDAL makes from the grid and the layer."""
        encodings = self._layer.encodings
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": self._grid.width,
            "height": self._grid.height,
            "count": len(self._layer.bands),
            "dtype": self._dtype,
            "nodata": self.nodata,
            "crs": self._grid.crs,
            "transform": self._grid.affine,
            "tiled": True,
            "blockxsize": BLOCK,
            "blockysize": BLOCK,
            "interleave": "pixel",
            "photometric": "MINISBLACK",
            "compress": "ZSTD",
            "predictor": predictor(self._dtype),
            "sparse_ok": True,
            "bigtiff": "NO",
        }
        with MemoryFile() as memory:
            with memory.open(**profile) as dataset:
                dataset.scales = [encoding.scale for encoding in encodings]
                dataset.offsets = [encoding.offset for encoding in encodings]
                for index, name in enumerate(self._layer.bands, 1):
                    dataset.set_band_description(index, name)
                for index, band in enumerate(statistics, 1):
                    dataset.update_tags(index, **band.as_tags(self._grid.width * self._grid.height))
            return directories(memory.read(), self.shapes)


class _Joined:
    """The blocks of several drafts as one. Where tasks meet within a block, it is made anew."""

    def __init__(self, image: _Image, drafts: Sequence[Path]) -> None:
        self._image = image
        self._drafts = []
        for path in drafts:
            self._drafts.append(image.draft(path))
            self._drafts[-1].close()
        self._empty = image.compress(image.empty(BLOCK, BLOCK))
        self._statistics: BlockStatistics = {}
        for path in drafts:
            kept = json.loads(_statistics_of(path).read_text("utf-8"))
            self._statistics |= {int(number): [Statistics(*band) for band in bands] for number, bands in kept.items()}
        self._owners = [np.full(count, -1) for count in image.counts]
        holders = [np.zeros(count, int) for count in image.counts]
        for owner, draft in enumerate(self._drafts):
            for level, sizes in enumerate(draft.sizes):
                self._owners[level][sizes > 0] = owner
                holders[level] += sizes > 0
        if len(drafts) > 1:
            self._sew(holders, drafts[0].with_suffix(".seams"))
        self.sizes = [np.full(count, len(self._empty), "u4") for count in image.counts]
        for owner, draft in enumerate(self._drafts):
            for level, owners in enumerate(self._owners):
                np.copyto(self.sizes[level], draft.sizes[level], where=owners == owner)

    def block(self, level: int, number: int) -> bytes:
        """The bytes of a block."""
        owner = self._owners[level][number]
        return self._empty if owner < 0 else self._drafts[owner].block(level, number)

    def statistics(self) -> list[Statistics]:
        """Of each band, always gathered in the same order."""
        blocks = [self._statistics[number] for number in sorted(self._statistics)]
        return [Statistics.joined(bands) for bands in zip(*blocks, strict=True)]

    def _sew(self, holders: Sequence[np.ndarray], path: Path) -> None:
        """Make the blocks that several drafts hold a part of."""
        parts, seams = list(self._drafts), self._image.draft(path)
        self._drafts.append(seams)
        for level, held in enumerate(holders):
            for number in np.flatnonzero(held > 1).tolist():
                pixels = self._overlaid(number, parts) if level == 0 else self._halved(level, number)
                if level == 0:
                    self._statistics[number] = _statistics(pixels, missing(pixels, self._image.nodata))
                seams.add(level, number, self._image.compress(pixels))
                self._owners[level][number] = len(parts)
        seams.close()

    def _overlaid(self, number: int, parts: Sequence[Draft]) -> np.ndarray:
        blocks = [
            self._image.decompress(0, number, draft.block(0, number)) for draft in parts if draft.sizes[0][number]
        ]
        pixels = blocks[0].copy()
        for block in blocks[1:]:
            np.copyto(pixels, block, where=~missing(block, self._image.nodata))
        return pixels

    def _halved(self, level: int, number: int) -> np.ndarray:
        y, x = self._image.place(level, number)
        rows, columns = (
            min(BLOCK, side - BLOCK * place) for side, place in zip(self._image.shapes[level], (y, x), strict=True)
        )
        pixels = self._image.empty(rows, columns)
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if BLOCK // 2 * row >= rows or BLOCK // 2 * column >= columns:
                continue
            below = self._image.number(level - 1, 2 * y + row, 2 * x + column)
            if self._owners[level - 1][below] >= 0:
                half = self._image.halve(self._image.decompress(level - 1, below, self.block(level - 1, below)))
                top, left = BLOCK // 2 * row, BLOCK // 2 * column
                pixels[:, top : top + half.shape[1], left : left + half.shape[2]] = half
        return pixels


def _statistics(pixels: np.ndarray, lost: np.ndarray) -> list[Statistics]:
    return [Statistics.of(band[~gone]) for band, gone in zip(pixels, lost, strict=True)]


def _statistics_of(draft: Path) -> Path:
    return draft.with_suffix(".statistics")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the failure to write below `folder` into DiskFull, when that is the cause."""
    try:
        yield
    except (RasterioError, OSError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error)
        if full or shutil.disk_usage(folder).free < MIN_FREE:
            raise DiskFull(
                "There is no space left to write the result.",
                remedy="Delete results that are no longer needed, or choose a smaller area; tell the site's "
                "administrator if it stays so.",
            ) from error
        raise
