"""Writing Cloud-Optimized GeoTIFFs: tiles in any order, then overviews, statistics and the final order in one pass.

ZSTD with a predictor, blocks of 512 pixels: read by GDAL from 2.3 on, so by every QGIS that PHIDIAS supports.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from phidias_gateway.errors import DiskFull
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.tile_process import Encoding, Layer

BLOCK = 512
MIN_FREE = 16 * 2**20


def encode(values: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Values as stored numbers. NaN becomes nodata; what is out of range, or would be taken for nodata, the nearest
    number that is not."""
    dtype = np.dtype(encoding.dtype)
    missing = np.isnan(values)
    stored = values
    if encoding.scale != 1 or encoding.offset != 0:
        stored = (values - values.dtype.type(encoding.offset)) / values.dtype.type(encoding.scale)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        stored = np.clip(np.rint(np.where(missing, 0, stored)), limits.min, limits.max).astype(dtype)
        beside = encoding.nodata + 1 if encoding.nodata < limits.max else encoding.nodata - 1
        stored[~missing & (stored == encoding.nodata)] = beside
    else:
        stored = stored.astype(dtype)
    stored[missing] = encoding.nodata
    return stored


@dataclass
class Statistics:
    """Count, extremes, mean and spread of a band's stored numbers, gathered tile by tile."""

    count: int = 0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared distances to the mean"""

    def add(self, numbers: np.ndarray) -> None:
        """Take in valid numbers (Chan, Golub and LeVeque 1979: no loss of digits)."""
        if not numbers.size:
            return
        count, mean = numbers.size, float(numbers.mean(dtype="float64"))
        distance, total = mean - self.mean, self.count + count
        self.squares += float(numbers.var(dtype="float64")) * count + distance**2 * self.count * count / total
        self.mean += distance * count / total
        self.count = total
        self.minimum = min(self.minimum, float(numbers.min()))
        self.maximum = max(self.maximum, float(numbers.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return (self.squares / self.count) ** 0.5 if self.count else 0.0

    def as_tags(self, pixels: int) -> dict[str, str]:
        """In GDAL's words."""
        if not self.count:
            return {}
        return {
            "STATISTICS_MINIMUM": f"{self.minimum:.9g}",
            "STATISTICS_MAXIMUM": f"{self.maximum:.9g}",
            "STATISTICS_MEAN": f"{self.mean:.9g}",
            "STATISTICS_STDDEV": f"{self.deviation:.9g}",
            "STATISTICS_VALID_PERCENT": f"{100 * self.count / pixels:.4g}",
        }


@dataclass
class CogWriter:
    """Writes one layer. `write` takes encoded tiles in any order; `finish` makes the file in `folder`."""

    layer: Layer
    grid: Grid
    scratch: Path
    folder: Path
    threads: int
    tags: dict[str, str] = field(default_factory=dict)
    statistics: list[Statistics] = field(init=False)

    def __post_init__(self) -> None:
        self.statistics = [Statistics() for _ in self.layer.bands]
        self._draft = self.scratch / f"{self.layer.name}.draft.tif"
        encoding = self.layer.encodings[0]
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": self.grid.width,
            "height": self.grid.height,
            "count": len(self.layer.bands),
            "dtype": encoding.dtype,
            "nodata": encoding.nodata,
            "crs": self.grid.crs,
            "transform": self.grid.affine,
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
            "interleave": "band",
            "compress": "ZSTD",
            "zstd_level": 1,
            "num_threads": self.threads,
            "sparse_ok": True,
            "bigtiff": "IF_SAFER",
        }
        with disk_errors(self.scratch):
            self._dataset = rasterio.open(self._draft, "w", **profile)

    @property
    def path(self) -> Path:
        """Where the finished file lies."""
        return self.folder / f"{self.layer.name}.tif"

    def write(self, tile: Tile, stored: np.ndarray) -> None:
        """One tile of all bands: (bands, rows, columns), encoded."""
        with disk_errors(self.scratch):
            self._dataset.write(stored, window=Window(tile.column, tile.row, tile.width, tile.height))
        nodata = self.layer.encodings[0].nodata
        for statistics, band in zip(self.statistics, stored, strict=True):
            statistics.add(band[~np.isnan(band)] if np.isnan(nodata) else band[band != nodata])

    def finish(self) -> Path | None:
        """The Cloud-Optimized GeoTIFF, or None if the layer has no valid pixel at all."""
        pixels = self.grid.width * self.grid.height
        with disk_errors(self.folder):
            self._dataset.update_tags(**self.tags)
            for index, name in enumerate(self.layer.bands, 1):
                self._dataset.set_band_description(index, name)
                self._dataset.update_tags(index, **self.statistics[index - 1].as_tags(pixels))
            self._dataset.scales = [encoding.scale for encoding in self.layer.encodings]
            self._dataset.offsets = [encoding.offset for encoding in self.layer.encodings]
            self._dataset.close()
            if any(statistics.count for statistics in self.statistics):
                write_cog(self._draft, self.path, categorical=self.layer.categorical, threads=self.threads)
        self._draft.unlink()
        return self.path if self.path.exists() else None


def write_cog(source: Path, target: Path, *, categorical: bool, threads: int) -> None:
    """A Cloud-Optimized copy of a GeoTIFF, with overviews."""
    copy_raster(
        str(source),
        str(target),
        driver="COG",
        blocksize=BLOCK,
        compress="ZSTD",
        level=3,
        predictor="YES",
        bigtiff="IF_SAFER",
        overviews="IGNORE_EXISTING",
        overview_resampling="NEAREST" if categorical else "AVERAGE",
        num_threads=threads,
    )


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
