"""Scenes or a raster as one image: tile by tile, or in one file for programs that read files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry import box, shape

from phidias_gateway.errors import InputError, SourceUnreadable
from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.process import Workspace
from phidias_gateway.references import Site
from phidias_processes.eo.bands import Band
from phidias_processes.eo.cog import disk_errors
from phidias_processes.eo.engine import READERS_PER_CPU, each_tile, log_plan
from phidias_processes.eo.grid import Grid, Tile, project, tiles
from phidias_processes.eo.plan import Plan, grid_of_file
from phidias_processes.eo.reading import Pixels, read_onto
from phidias_processes.eo.reducers import median
from phidias_processes.eo.sources import Sources, gdal
from phidias_processes.eo.tile_reader import TilePixels, TileReader, inside

MISSING = -1e9
"""Stored where there is no data: far from every value, for programs that know no nodata"""
STRIP = 1024

log = logging.getLogger(__name__)


def each_tile_of_scenes(
    plan: Plan, make: Callable[[TilePixels], np.ndarray], workspace: Workspace, *, mask_clouds: bool
) -> Iterator[tuple[Tile, np.ndarray | None]]:
    """Each tile of a plan and what `make` makes of its pixels, several at once; None where no scene shows anything."""

    def read_and_make(tile: Tile) -> np.ndarray | None:
        read = reader.read(tile)
        return None if read is None else make(read)

    cpus = workspace.resources.cpus
    with (
        gdal(),
        closing(Sources(workspace.site)) as sources,
        ThreadPoolExecutor(READERS_PER_CPU * cpus) as pool,
    ):
        reader = TileReader(plan, sources, pool, mask_clouds=mask_clouds, halo=0)
        yield from each_tile(plan.tiles, read_and_make, cpus, workspace.report)


def median_of_scenes(plan: Plan, area: AreaOfInterest, scale: float, target: Path, workspace: Workspace) -> None:
    """The median of the scenes' dates without clouds, times `scale`: float32, MISSING where there is none."""
    log_plan(plan)
    polygon = project(shape(area.geometry()), plan.grid.crs)

    def make(read: TilePixels) -> np.ndarray:
        tile = read.tile
        image = np.empty((len(plan.bands), tile.height, tile.width), "float32")
        for rows, block in read.pieces():
            for band, name in zip(image, plan.bands, strict=True):
                band[rows] = median(block.bands[name])
        image *= np.float32(scale)
        return _filled(image, inside(polygon, plan.grid, tile))

    told = replace(workspace, report=lambda done, text="": workspace.report(done / 5, text))
    with _writing(target, plan.grid, plan.bands) as write:
        for tile, image in each_tile_of_scenes(plan, make, told, mask_clouds=True):
            if image is not None:
                write(tile, image)


def grid_of_raster(href: str, area: AreaOfInterest | None, site: Site) -> tuple[Grid, list[str]]:
    """The part of a raster's own grid that lies in the area, and the names of its bands. Raises InputError."""
    site.locate(href, input="raster")
    try:
        with closing(Sources(site, input="raster")) as sources:
            whole, names = sources.read("", Band("", href), lambda open_at: _header(open_at("")))
    except SourceUnreadable as error:
        raise InputError("raster", error.detail, remedy=error.remedy) from None
    if whole is None:
        raise InputError(
            "raster",
            "The raster is not georeferenced, or not north up.",
            remedy="Give it a reference system, or warp it to one (gdalwarp).",
        )
    if area is None:
        return whole, names
    part = shapely.intersection(project(shape(area.geometry()), whole.crs), box(*whole.bounds))
    if part.is_empty or not part.area:
        raise InputError("area", "The area lies outside the raster.", remedy="Choose an area on the raster, or none.")
    west, south, east, north = part.bounds
    return whole.around(west, south, east, north), names


def each_tile_of_raster(
    href: str, grid: Grid, bands: int, parts: Sequence[Tile], workspace: Workspace
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Tiles of a raster on a part of its own grid, in physical values: float64 (bands, rows, columns), NaN for none."""

    def make(tile: Tile) -> np.ndarray:
        read = [_read(sources, href, index, grid, tile) for index in range(1, bands + 1)]
        return np.stack([_physical(*band) for band in zip(read, scales, offsets, strict=True)])

    with gdal(), closing(Sources(workspace.site, input="raster")) as sources:
        scales, offsets = sources.read(
            "", Band("", href), lambda open_at: (open_at("").scales[:bands], open_at("").offsets[:bands])
        )
        yield from each_tile(parts, make, workspace.resources.cpus, workspace.report)


def _physical(pixels: Pixels, scale: float, offset: float) -> np.ndarray:
    values = np.where(pixels.missing(), np.nan, pixels.stored.astype("float64"))
    return values if (scale, offset) == (1, 0) else values * scale + offset


def window_of_raster(
    href: str, grid: Grid, bands: Sequence[str], area: AreaOfInterest | None, target: Path, workspace: Workspace
) -> None:
    """All bands of a raster on a part of its own grid, in its stored numbers: float32, MISSING where there is none."""
    polygon = project(shape(area.geometry()), grid.crs) if area else box(*grid.bounds)
    with (
        gdal(),
        closing(Sources(workspace.site, input="raster")) as sources,
        _writing(target, grid, bands) as write,
    ):
        strips = list(tiles(grid, STRIP, polygon))
        for done, tile in enumerate(strips):
            read = [_read(sources, href, index, grid, tile) for index in range(1, len(bands) + 1)]
            image = np.stack([np.where(pixels.missing(), np.nan, pixels.stored).astype("float32") for pixels in read])
            write(tile, _filled(image, inside(polygon, grid, tile) if area else None))
            workspace.report(18 * (done + 1) / len(strips), "reading the raster")


def _read(sources: Sources, href: str, index: int, grid: Grid, tile: Tile) -> Pixels:
    return sources.read(
        "", Band("", href), lambda open_at: read_onto(open_at, index, None, grid, tile, categorical=False)
    )


def _header(dataset: DatasetReader) -> tuple[Grid | None, list[str]]:
    names = [name or f"band_{index}" for index, name in enumerate(dataset.descriptions, 1)]
    names = names if len(set(names)) == len(names) else [f"band_{index}" for index in dataset.indexes]
    return grid_of_file(dataset), names


def _filled(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Where one band is missing, all are: a pixel is compared over all bands."""
    missing = np.isnan(image).any(axis=0)
    if mask is not None:
        missing |= ~mask
    image[:, missing] = MISSING
    return image


@contextmanager
def _writing(target: Path, grid: Grid, bands: Sequence[str]) -> Iterator[Any]:
    profile: dict[str, Any] = {"driver": "GTiff", "count": len(bands), "dtype": "float32", "nodata": MISSING}
    profile |= {"width": grid.width, "height": grid.height, "crs": grid.crs, "transform": grid.affine}
    profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "bigtiff": "IF_SAFER", "sparse_ok": False}
    with disk_errors(target.parent):
        dataset = rasterio.open(target, "w", **profile)

    def write(tile: Tile, image: np.ndarray) -> None:
        with disk_errors(target.parent):
            dataset.write(image, window=Window(tile.column, tile.row, tile.width, tile.height))

    yield write
    with disk_errors(target.parent):
        for index, name in enumerate(bands, 1):
            dataset.set_band_description(index, name)
        dataset.close()


def valid_pixels(image: Path) -> np.ndarray:
    """Where an image written here has data: (rows, columns)."""
    with rasterio.open(image) as dataset:
        return dataset.read(1) != np.float32(MISSING)
