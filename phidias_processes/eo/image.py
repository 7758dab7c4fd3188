"""An image as one local GeoTIFF, for programs that read files: from the scenes of a plan, or from a raster given."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_from_bounds
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from phidias_gateway.errors import InputError, ProcessFailed, SourceUnreadable
from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.process import Workspace
from phidias_processes.eo.engine import READERS_PER_CPU, each_tile, log_plan, nothing_left
from phidias_processes.eo.grid import Grid, Tile, native_grid, project, tiles
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable, is_web, without_query
from phidias_processes.eo.plan import Plan
from phidias_processes.eo.reducers import median
from phidias_processes.eo.sources import Sources, gdal
from phidias_processes.eo.tile_reader import TileReader, inside

log = logging.getLogger(__name__)
EMPTY = -1e6
"""What stands for no data: far from every value, so that no program takes it for a neighbour's like"""
_TILE = 1024


@dataclass(frozen=True)
class LocalImage:
    """A float32 GeoTIFF without compression; pixels without data, or outside the area, hold EMPTY."""

    path: Path
    grid: Grid
    bands: tuple[str, ...]
    area: BaseGeometry | None
    """The exact area in the image's reference system, None for all of it"""


def image_of_scenes(plan: Plan, area: AreaOfInterest, workspace: Workspace, scale: float) -> LocalImage:
    """The median over the dates, without clouds, of the plan's bands, times `scale`. Raises ProcessFailed if empty."""
    log_plan(plan)
    polygon = project(shape(area.geometry()), plan.grid.crs)
    cpus = workspace.resources.cpus
    with gdal(), closing(Sources(workspace.site)) as sources, ThreadPoolExecutor(READERS_PER_CPU * cpus) as pool:
        reader = TileReader(plan, sources, pool, mask_clouds=True, halo=0)

        def make(tile: Tile) -> np.ndarray | None:
            block = reader.block(tile)
            if block is None:
                return None
            stack = np.stack([median(block.bands[name]) for name in plan.bands]) * np.float32(scale)
            return _masked(stack, polygon, plan.grid, tile)

        parts = each_tile(plan.tiles, make, cpus, lambda percent, message="": workspace.report(percent / 4, message))
        return _write(parts, plan.grid, plan.bands, polygon, workspace)


def image_of_raster(href: str, area: AreaOfInterest | None, workspace: Workspace) -> LocalImage:
    """All bands of a GeoTIFF, cut to the area. Raises SourceUnreadable, InputError, ProcessFailed if empty."""
    reader = GuardedReader(lambda address: workspace.site.locate(address, input="raster"))
    try:
        place = reader.final_place(href)
        with gdal(), rasterio.open(f"/vsicurl/{place}" if is_web(place) else place, driver="GTiff") as source:
            return _cut(source, area, workspace)
    except (Unreadable, RasterioError) as error:
        raise SourceUnreadable(
            f"The raster cannot be read at {without_query(href)}: {str(error).partition('?')[0][:300]}.",
            remedy="Give a GeoTIFF, as an upload, as a result of an earlier job, or by its address.",
            input="raster",
        ) from None


def _cut(source: Any, area: AreaOfInterest | None, workspace: Workspace) -> LocalImage:
    code = source.crs.to_epsg() if source.crs else None
    crs = f"EPSG:{code}" if code else source.crs.to_wkt() if source.crs else ""
    whole = native_grid(crs, source.transform[:6], source.shape)
    if whole is None:
        raise InputError(
            "raster",
            "The raster is not georeferenced, or not north up.",
            remedy="Give it a reference system, or warp it to one, and run the tool again.",
        )
    grid, polygon = whole, None
    if area is not None:
        polygon = project(shape(area.geometry()), crs)
        window = window_from_bounds(*polygon.bounds, source.transform).round_offsets().round_lengths(op="ceil")
        try:
            window = window.intersection(Window(0, 0, source.width, source.height))
        except rasterio.errors.WindowError:
            raise InputError(
                "area", "The area lies outside the raster.", remedy="Choose an area within it, or leave the area empty."
            ) from None
        grid = whole.crop(int(window.col_off), int(window.row_off), int(window.width), int(window.height))
    column, row = round((grid.x - whole.x) / whole.dx), round((whole.y - grid.y) / whole.dy)
    names = tuple(name or f"band_{index}" for index, name in enumerate(source.descriptions, 1))

    def make(tile: Tile) -> np.ndarray:
        window = Window(column + tile.column, row + tile.row, tile.width, tile.height)
        read = source.read(window=window, masked=True).astype("float32")
        return _masked(read.filled(np.nan), polygon, grid, tile)

    parts = ((tile, make(tile)) for tile in tiles(grid, _TILE, box(*grid.bounds) if polygon is None else polygon))
    return _write(parts, grid, names, polygon, workspace)


def _masked(stack: np.ndarray, polygon: BaseGeometry | None, grid: Grid, tile: Tile) -> np.ndarray:
    """No data in one band, or outside the polygon, is no data in all."""
    valid = np.isfinite(stack).all(axis=0)
    mask = None if polygon is None else inside(polygon, grid, tile)
    if mask is not None:
        valid &= mask
    return np.where(valid, stack, np.float32(EMPTY))


def _write(
    parts: Any, grid: Grid, bands: Sequence[str], polygon: BaseGeometry | None, workspace: Workspace
) -> LocalImage:
    path = workspace.scratch / "image.tif"
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": "float32",
        "nodata": EMPTY,
        "crs": grid.crs,
        "transform": grid.affine,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "interleave": "pixel",
        "bigtiff": "IF_SAFER",
    }
    filled = False
    with rasterio.open(path, "w", **profile) as target:
        for index, name in enumerate(bands, 1):
            target.set_band_description(index, name)
        for tile, stack in parts:
            if stack is not None:
                filled = filled or bool((stack != EMPTY).any())
                target.write(stack, window=Window(tile.column, tile.row, tile.width, tile.height))
    if not filled:
        raise (
            nothing_left()
            if polygon is not None
            else ProcessFailed("The raster has no valid pixel.", remedy="Check its nodata value.")
        )
    return LocalImage(path, grid, tuple(bands), polygon)
