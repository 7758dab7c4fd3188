"""The plan of a tile process: which scenes, which grid, which tiles. Made before the job is submitted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from rasterio.io import DatasetReader
from shapely.geometry import shape

from phidias_gateway.errors import InputError, SourceUnreadable
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.process import Resources
from phidias_gateway.references import Site
from phidias_processes.eo.bands import Band
from phidias_processes.eo.grid import Grid, Tile, native_grid, output_grid, project, tiles
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.sources import Sources
from phidias_processes.eo.tile_process import SceneInputs, TileProcess

TILE_SIZES = (1024, 512, 256)
WITH_HALO = 2048
"""Size of tiles that have a halo: the larger they are, the less is read twice"""
FILE_BLOCK = 1024
"""Tiles begin where blocks of the scenes' files do, so that none is decoded twice: they measure this or a part of it"""
BYTES_PER_VALUE = 4
"""Of a pixel as it was read, at most"""
TILES_AHEAD = 1
"""Tiles worked on beyond one for each CPU: while these are computed, it is read"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a job works on."""

    scenes: tuple[Scene, ...]
    bands: tuple[str, ...]
    grid: Grid
    tiles: tuple[Tile, ...]
    attribution: Mapping[str, Any] = field(default_factory=dict)
    """Licence and providers of the scenes, in the words of STAC"""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "scenes": [scene.to_json() for scene in self.scenes],
            "bands": list(self.bands),
            "grid": self.grid.to_json(),
            "tiles": [[tile.column, tile.row, tile.width, tile.height] for tile in self.tiles],
            "attribution": dict(self.attribution),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        return cls(
            scenes=tuple(Scene.from_json(scene) for scene in document["scenes"]),
            bands=tuple(document["bands"]),
            grid=Grid.from_json(document["grid"]),
            tiles=tuple(Tile(*tile) for tile in document["tiles"]),
            attribution=document.get("attribution", {}),  # of a job that an older gateway has planned
        )


def make_plan(process: TileProcess[Any, Any], inputs: SceneInputs, site: Site) -> Plan:
    """The plan of a tile process. Raises InputError for whatever can be known to fail."""
    return plan_scenes(
        inputs.scenes,
        inputs.area,
        process.bands(inputs),
        site,
        resources=process.resources,
        crs=inputs.crs,
        resolution=inputs.resolution,
        halo=process.halo,
    )


def plan_scenes(
    scenes: Scenes,
    area: AreaOfInterest,
    bands: Sequence[str],
    site: Site,
    *,
    resources: Resources,
    crs: str | None = None,
    resolution: float | None = None,
    halo: int = 0,
) -> Plan:
    """The plan to read `bands` of the scenes over an area. Raises InputError."""
    # Whoever only reads a plan needs no catalogues.
    from phidias_processes.eo.attribution import attribution
    from phidias_processes.eo.scenes import find_scenes

    found = find_scenes(scenes, area, bands, site)
    _check_places(found, site)
    finest = min(found[0].bands, key=lambda band: band.resolution or (band.transform or (0.0,))[0])
    with closing(Sources(site)) as sources:
        sources.check_access(found[0].id, finest)
    native = _native_grid(found[0], finest, site)
    polygon = shape(area.geometry())
    grid = output_grid(native, [shape(scene.geometry) for scene in found], polygon, crs, resolution)
    size = tile_size(len(found) * (len(bands) + 1), halo, resources)
    first = _first_block(native, grid)
    parts = tuple(tiles(grid, size, project(polygon, grid.crs), first))
    return Plan(tuple(found), tuple(bands), grid, parts, attribution(found, site))


def _first_block(native: Grid, grid: Grid) -> tuple[int, int]:
    """Column and row of the grid at which blocks of the scenes' files begin; 0 where pixels are resampled anyway."""
    if grid.crs != native.crs or not (grid.dx / native.dx).is_integer():
        return 0, 0
    return round((native.x - grid.x) / grid.dx) % FILE_BLOCK, round((grid.y - native.y) / grid.dy) % FILE_BLOCK


def tile_size(values_per_pixel: int, halo: int, resources: Resources) -> int:
    """Side of a tile in pixels: the largest with which the tiles that are worked on at once fit in half the memory."""
    budget = resources.memory_gb * 2**30 / 2 / (resources.cpus + TILES_AHEAD)
    for size in (WITH_HALO, *TILE_SIZES) if halo else TILE_SIZES:
        if (size + 2 * halo) ** 2 * values_per_pixel * BYTES_PER_VALUE <= budget:
            return size
    return TILE_SIZES[-1]


def _native_grid(scene: Scene, band: Band, site: Site) -> Grid:
    """The pixel grid of a band, from the catalogue or, if that does not tell, from the file."""
    grid = native_grid(band.crs, band.transform, band.shape)
    if grid is None:
        sources = Sources(site)
        try:
            grid = sources.read(scene.id, band, lambda open_at: grid_of_file(open_at("")))
        except SourceUnreadable as error:
            raise InputError(
                "scenes", error.detail, remedy="Leave this scene out, or choose another catalogue."
            ) from None
        finally:
            sources.close()
    if grid is None:
        raise InputError(
            "scenes",
            f"The asset {band.asset!r} of the scene {scene.id} is not georeferenced, or not north up.",
            remedy="Choose orthorectified scenes.",
        )
    return grid


def grid_of_file(dataset: DatasetReader) -> Grid | None:
    """The pixel grid of an open image, or None if it is not georeferenced or not north up."""
    code = dataset.crs.to_epsg() if dataset.crs else None
    crs = f"EPSG:{code}" if code else dataset.crs.to_wkt() if dataset.crs else ""
    return native_grid(crs, dataset.transform[:6], dataset.shape)


def _check_places(scenes: Sequence[Scene], site: Site) -> None:
    """Refuse, before anything runs, assets that lie where this site does not let a job read."""
    hosts = set()
    for scene in scenes:
        for band in (*scene.bands, *([scene.classification] if scene.classification else [])):
            parts = urlsplit(band.href)
            host = (parts.scheme, parts.netloc) if parts.scheme in ("http", "https") else band.href
            if host not in hosts:
                site.locate(band.href, input="scenes")
                hosts.add(host)
