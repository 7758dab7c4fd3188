"""How large the job of a plan is: what it reads and writes, and into how many parts it is worth dividing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from shapely.geometry import shape

from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.process import Effort
from phidias_processes.eo.bands import Band
from phidias_processes.eo.grid import Tile, project
from phidias_processes.eo.plan import Plan
from phidias_processes.eo.tile_process import Layer
from phidias_processes.eo.tile_reader import box_on

UNKNOWN_TYPE = "uint16"
"""Of bands whose catalogue does not tell: that of most scenes"""


def effort(plan: Plan, area: AreaOfInterest, layers: Sequence[Layer]) -> Effort:
    """Bytes are counted as they are without compression, at the result's resolution."""
    return Effort(
        scenes=len(plan.scenes),
        tiles=len(plan.tiles),
        pixels=pixels(plan.tiles),
        bytes_read=sum(seen * _bytes(bands) for seen, bands in _reads(plan, area)),
        bytes_written=pixels(plan.tiles) * sum(_written(layer) for layer in layers),
    )


def parts(plan: Plan, area: AreaOfInterest, worth: int, most: int) -> int:
    """Into how many parts the plan is divided: each reads at least `worth` values, and has a tile at least."""
    values = sum(seen * len(bands) for seen, bands in _reads(plan, area))
    return max(1, min(math.ceil(values / worth) if values >= 2 * worth else 1, len(plan.tiles), most))


def share(tiles: Sequence[Tile], part: int, parts: int) -> Sequence[Tile]:
    """The tiles of one part: neighbours, since they share blocks of the scenes' files and of the result."""
    return tiles[part * len(tiles) // parts : (part + 1) * len(tiles) // parts]


def pixels(tiles: Sequence[Tile]) -> int:
    """How many pixels tiles have."""
    return sum(tile.width * tile.height for tile in tiles)


def _reads(plan: Plan, area: AreaOfInterest) -> list[tuple[int, Sequence[Band]]]:
    """For each scene, how many pixels of the result it shows, at most, and the bands that are read."""
    polygon = project(shape(area.geometry()), plan.grid.crs)
    size = plan.grid.dx * plan.grid.dy
    return [
        (
            round(box_on(plan.grid, scene).intersection(polygon).area / size),
            (*scene.bands, *_masks(scene.classification)),
        )
        for scene in plan.scenes
    ]


def _masks(classification: Band | None) -> Sequence[Band]:
    return [] if classification is None else [classification]


def _bytes(bands: Sequence[Band]) -> int:
    return sum(np.dtype(band.data_type or UNKNOWN_TYPE).itemsize for band in bands)


def _written(layer: Layer) -> int:
    return sum(np.dtype(encoding.dtype).itemsize for encoding in layer.encodings)
