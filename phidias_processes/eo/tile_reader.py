"""Reading a tile: the scenes that touch it, their windows, without clouds, joined by day."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from phidias_gateway.errors import InputError
from phidias_processes.eo.bands import Band
from phidias_processes.eo.grid import Grid, Tile, native_grid, prepared_copy, project
from phidias_processes.eo.plan import Plan
from phidias_processes.eo.reading import read_onto
from phidias_processes.eo.scenes import Scene
from phidias_processes.eo.sources import Sources
from phidias_processes.eo.tile_process import Block

# Classes of Sentinel-2's scene classification that show no clear surface: no data, saturated, cloud shadow, cloud of
# medium and of high probability, cirrus (Sen2Cor).
UNCLEAR = (0, 1, 3, 8, 9, 10)
_SMALL_PIECE = 32  # pixels
_MARGIN = 4  # pixels: footprints in catalogues are rounded


@dataclass(frozen=True)
class Reads:
    """The reads under way for one scene and tile."""

    classification: Future[tuple[np.ndarray, np.ndarray]] | None
    bands: tuple[Future[tuple[np.ndarray, np.ndarray]], ...]


class TileReader:
    """Reads the blocks of a plan. Its methods may be called from several threads; `pool` does the reading."""

    def __init__(self, plan: Plan, sources: Sources, pool: Executor, *, mask_clouds: bool, halo: int) -> None:
        self._plan = plan
        self._sources = sources
        self._pool = pool
        self._mask_clouds = mask_clouds
        self._halo = halo
        self._boxes = [_box_on(plan.grid, scene) for scene in plan.scenes]

    def block(self, tile: Tile) -> Block | None:
        """The tile with its halo, or None if no scene touches it. Raises SourceUnreadable."""
        halo = self._halo
        part = Tile(tile.column - halo, tile.row - halo, tile.width + 2 * halo, tile.height + 2 * halo)
        grid = self._plan.grid.crop(part.column, part.row, part.width, part.height)
        here = box(*grid.bounds)
        touching = [
            scene for scene, place in zip(self._plan.scenes, self._boxes, strict=True) if place.intersects(here)
        ]
        if not touching:
            return None
        reads = [(scene, self._start(scene, part)) for scene in touching]
        days = tuple(sorted({scene.day for scene in touching}))
        bands = {
            name: np.full((len(days), grid.height, grid.width), np.nan, dtype="float32") for name in self._plan.bands
        }
        for scene, pending in reads:
            day = days.index(scene.day)
            clear = None
            if pending.classification is not None:
                classes, known = pending.classification.result()
                clear = known & ~np.isin(classes, UNCLEAR)
            for name, band, read in zip(self._plan.bands, scene.bands, pending.bands, strict=True):
                stored, valid = read.result()
                if clear is not None:
                    valid &= clear
                _join(bands[name][day], stored, valid, band)
        return Block(grid, days, bands)

    def _start(self, scene: Scene, part: Tile) -> Reads:
        masked = self._mask_clouds and scene.classification is not None
        return Reads(
            self._pool.submit(self._read, scene, scene.classification, part) if masked else None,
            tuple(self._pool.submit(self._read, scene, band, part) for band in scene.bands),
        )

    def _read(self, scene: Scene, band: Band, part: Tile) -> tuple[np.ndarray, np.ndarray]:
        categorical = band.categorical or band is scene.classification
        return self._sources.read(
            scene.id,
            band,
            lambda open_at: read_onto(open_at, band.index, band.nodata, self._plan.grid, part, categorical=categorical),
        )


def inside(area: BaseGeometry, grid: Grid, tile: Tile) -> np.ndarray | None:
    """Which pixels of a tile have their centre in the area (rows, columns); None if all have.

    The same for a pixel whatever the tile: quarters that lie inside or outside as a whole are filled, down to small
    pieces whose centres are compared one by one.
    """
    area = prepared_copy(area)
    if shapely.contains_properly(area, _outline(grid, tile)):
        return None
    mask = np.zeros((tile.height, tile.width), bool)
    pieces = [tile]
    while pieces:
        piece = pieces.pop()
        outline = _outline(grid, piece)
        if not shapely.intersects(area, outline):
            continue
        rows, columns = (
            np.arange(piece.row, piece.row + piece.height),
            np.arange(piece.column, piece.column + piece.width),
        )
        here = np.ix_(rows - tile.row, columns - tile.column)
        if shapely.contains_properly(area, outline):
            mask[here] = True
        elif max(piece.width, piece.height) <= _SMALL_PIECE:
            x, y = grid.x + (columns + 0.5) * grid.dx, grid.y - (rows + 0.5) * grid.dy
            mask[here] = shapely.intersects_xy(area, *np.meshgrid(x, y))
        else:
            pieces += _quarters(piece)
    return mask


def _outline(grid: Grid, tile: Tile) -> BaseGeometry:
    return box(*grid.crop(tile.column, tile.row, tile.width, tile.height).bounds)


def _quarters(tile: Tile) -> list[Tile]:
    width, height = (tile.width + 1) // 2, (tile.height + 1) // 2
    return [
        Tile(column, row, min(width, tile.column + tile.width - column), min(height, tile.row + tile.height - row))
        for row in range(tile.row, tile.row + tile.height, height)
        for column in range(tile.column, tile.column + tile.width, width)
    ]


def _join(target: np.ndarray, stored: np.ndarray, valid: np.ndarray, band: Band) -> None:
    """Fill what no earlier scene of the day has seen with physical values."""
    fill = valid & np.isnan(target)
    numbers = stored.astype("float32")
    if band.scale != 1:
        numbers *= np.float32(band.scale)
    if band.offset:
        numbers += np.float32(band.offset)
    np.copyto(target, numbers, where=fill)


def _box_on(grid: Grid, scene: Scene) -> BaseGeometry:
    """What a scene covers of the grid, at most: from its pixel grid if that is known, otherwise from its footprint."""
    images = [native_grid(band.crs, band.transform, band.shape) for band in scene.bands]
    if all(image is not None and image.crs == grid.crs for image in images):
        return shapely.union_all([box(*image.bounds) for image in images])
    try:
        return project(shape(scene.geometry), grid.crs).envelope.buffer(_MARGIN * grid.dx)
    except InputError:  # a footprint that the reference system cannot show: let the reading decide
        return box(*grid.bounds)


def days_of(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """The solar days of the scenes, in order."""
    return tuple(sorted({scene.day for scene in scenes}))
