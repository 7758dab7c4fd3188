"""Reading a tile: the scenes that touch it, their windows, without clouds, joined by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from phidias_processes.eo.reading import Pixels, read_onto
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.sources import Sources
from phidias_processes.eo.tile_process import Block

# Classes of Sentinel-2's scene classification that show no clear surface: no data, saturated, cloud shadow, cloud of
# medium and of high probability, cirrus (Sen2Cor).
UNCLEAR = (0, 1, 3, 8, 9, 10)
_UNCLEAR_BITS = np.uint16(sum(1 << number for number in UNCLEAR))
PIECE_VALUES = 2**17
"""Values of a band that are worked on at once: what a processor's cache holds"""
HALOS = 16
"""How many halos high a piece is at least, since the halo is computed again for the next"""
_SMALL_PIECE = 32  # pixels
_MARGIN = 4  # pixels: footprints in catalogues are rounded


class TileReader:
    """Reads the tiles of a plan. Its methods may be called from several threads; `pool` does the reading."""

    def __init__(self, plan: Plan, sources: Sources, pool: Executor, *, mask_clouds: bool, halo: int) -> None:
        self._plan = plan
        self._sources = sources
        self._pool = pool
        self._mask_clouds = mask_clouds
        self._halo = halo
        self._boxes = np.array([box_on(plan.grid, scene) for scene in plan.scenes])

    def read(self, tile: Tile) -> TilePixels | None:
        """The tile with its halo, or None if no scene shows anything of it. Raises SourceUnreadable."""
        halo = self._halo
        part = Tile(tile.column - halo, tile.row - halo, tile.width + 2 * halo, tile.height + 2 * halo)
        touched = shapely.intersects(self._boxes, _centres(self._plan.grid, part))
        touching = [self._plan.scenes[number] for number in np.flatnonzero(touched)]
        if not touching:
            return None
        hidden = [self._begin_mask(scene, part) for scene in touching]
        begun = [self._begin_bands(scene, part, mask) for scene, mask in zip(touching, hidden, strict=True)]
        read = tuple(
            ScenePixels(scene, tuple(band.result() for band in bands), mask and mask.result())
            for scene, bands, mask in zip(touching, begun, hidden, strict=True)
            if bands
        )
        return TilePixels(self._plan.grid, tile, halo, self._plan.bands, read) if read else None

    def _begin_mask(self, scene: Scene, part: Tile) -> Future[np.ndarray] | None:
        if not self._mask_clouds or scene.classification is None:
            return None
        return self._pool.submit(lambda band: _unclear(self._read(scene, band, part)), scene.classification)

    def _begin_bands(self, scene: Scene, part: Tile, mask: Future[np.ndarray] | None) -> list[Future[Pixels]]:
        """Start to read the bands, unless clouds hide them all."""
        if mask is not None and mask.result().all():
            return []
        return [self._pool.submit(self._read, scene, band, part) for band in scene.bands]

    def _read(self, scene: Scene, band: Band, part: Tile) -> Pixels:
        categorical = band.categorical or band is scene.classification
        return self._sources.read(
            scene.id,
            band,
            lambda open_at: read_onto(open_at, band.index, band.nodata, self._plan.grid, part, categorical=categorical),
        )


@dataclass(frozen=True)
class ScenePixels:
    """What a scene has of a tile, as stored."""

    scene: Scene
    bands: tuple[Pixels, ...]
    unclear: np.ndarray | None
    """Where clouds hide it, if these are masked"""


@dataclass(frozen=True)
class TilePixels:
    """What was read for a tile with its halo, as stored.

    It becomes physical values piece by piece: a piece stays in the processor's cache through all that is done with it.
    """

    grid: Grid
    """The whole grid"""
    tile: Tile
    halo: int
    names: tuple[str, ...]
    """Of the bands"""
    scenes: tuple[ScenePixels, ...]

    @property
    def days(self) -> tuple[str, ...]:
        """Solar days, in order."""
        return days_of([pixels.scene for pixels in self.scenes])

    def pieces(self) -> Iterator[tuple[slice, Block]]:
        """Blocks of a few rows with their halo, and which rows of the tile without halo each stands for."""
        days, width = self.days, self.tile.width + 2 * self.halo
        rows = max(PIECE_VALUES // (width * len(days)), HALOS * self.halo, 1)
        for row in range(0, self.tile.height, rows):
            end = min(row + rows, self.tile.height)
            yield slice(row, end), self._block(slice(row, end + 2 * self.halo), days)

    def _block(self, rows: slice, days: Sequence[str]) -> Block:
        column, row = self.tile.column - self.halo, self.tile.row - self.halo + rows.start
        grid = self.grid.crop(column, row, self.tile.width + 2 * self.halo, rows.stop - rows.start)
        bands = {name: np.empty((len(days), grid.height, grid.width), "float32") for name in self.names}
        seen: set[str] = set()
        for pixels in self.scenes:
            day = pixels.scene.day
            unclear = None if pixels.unclear is None else pixels.unclear[rows]
            for values, band, read in zip(bands.values(), pixels.scene.bands, pixels.bands, strict=True):
                target = values[days.index(day)]
                _fill(target, read.part(rows), band, unclear, joined=day in seen)
            seen.add(day)
        return Block(grid, tuple(days), bands)


def _fill(target: np.ndarray, pixels: Pixels, band: Band, unclear: np.ndarray | None, *, joined: bool) -> None:
    """Set physical values, NaN where there are none; `joined` to what earlier scenes of the day have seen."""
    values = np.empty_like(target) if joined else target
    np.copyto(values, pixels.stored, casting="unsafe")
    if band.scale != 1:
        values *= np.float32(band.scale)
    if band.offset:
        values += np.float32(band.offset)
    missing = pixels.missing()
    if unclear is not None:
        missing |= unclear
    np.copyto(values, np.float32("nan"), where=missing)
    if joined:
        np.copyto(target, values, where=np.isnan(target))


def _unclear(classes: Pixels) -> np.ndarray:
    # The bit of the class in a number: many times quicker than isin. Higher classes shift all bits out.
    bits = np.right_shift(_UNCLEAR_BITS, np.asarray(classes.stored, "uint16"))
    return (bits & np.uint16(1)).astype(bool) | classes.missing()


def inside(area: BaseGeometry, grid: Grid, tile: Tile) -> np.ndarray | None:
    """Which pixels of a tile have their centre in the area (rows, columns); None if all have.

    The same for a pixel whatever the tile: quarters whose centres lie inside or outside as a whole are filled, down to
    small pieces whose centres are compared one by one.
    """
    area = prepared_copy(area)
    if shapely.covers(area, _centres(grid, tile)):
        return None
    mask = np.zeros((tile.height, tile.width), bool)
    pieces = [tile]
    while pieces:
        piece = pieces.pop()
        outline = _centres(grid, piece)
        if not shapely.intersects(area, outline):
            continue
        rows, columns = (
            np.arange(piece.row, piece.row + piece.height),
            np.arange(piece.column, piece.column + piece.width),
        )
        here = np.ix_(rows - tile.row, columns - tile.column)
        if shapely.covers(area, outline):
            mask[here] = True
        elif max(piece.width, piece.height) <= _SMALL_PIECE:
            x, y = grid.x + (columns + 0.5) * grid.dx, grid.y - (rows + 0.5) * grid.dy
            mask[here] = shapely.intersects_xy(area, *np.meshgrid(x, y))
        else:
            pieces += _quarters(piece)
    return mask


def _centres(grid: Grid, tile: Tile) -> BaseGeometry:
    """The smallest box around the centres of a tile's pixels; a little more where they lie in one row or column."""
    west, south, east, north = grid.crop(tile.column, tile.row, tile.width, tile.height).bounds
    x, y = grid.dx / 2 if tile.width > 1 else 0, grid.dy / 2 if tile.height > 1 else 0
    return box(west + x, south + y, east - x, north - y)


def _quarters(tile: Tile) -> list[Tile]:
    width, height = (tile.width + 1) // 2, (tile.height + 1) // 2
    return [
        Tile(column, row, min(width, tile.column + tile.width - column), min(height, tile.row + tile.height - row))
        for row in range(tile.row, tile.row + tile.height, height)
        for column in range(tile.column, tile.column + tile.width, width)
    ]


def box_on(grid: Grid, scene: Scene) -> BaseGeometry:
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
