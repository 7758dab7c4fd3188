"""Running the tiles of a plan: reading overlaps computing, and a few tiles at most are in memory.

`compute_tile` makes one tile and knows of no other; `run_share` makes those of one task, `run_tiles` all that no task
has made, and then one image of them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from shapely.geometry import shape

from phidias_gateway.errors import DiskFull, PhidiasError, ProcessFailed, TileFailed
from phidias_gateway.outputs import sha256
from phidias_gateway.process import Report, Workspace
from phidias_processes.eo.cog import LayerDraft, assemble
from phidias_processes.eo.effort import share
from phidias_processes.eo.encoding import encode
from phidias_processes.eo.grid import Grid, Tile, project, to_wgs84
from phidias_processes.eo.item import Result, ResultImage, write_item
from phidias_processes.eo.plan import TILES_AHEAD, Plan
from phidias_processes.eo.quicklook import write_quicklook
from phidias_processes.eo.sources import Sources, gdal
from phidias_processes.eo.tile_process import Layer, SceneInputs, TileProcess
from phidias_processes.eo.tile_reader import TilePixels, TileReader, days_of, inside

READERS_PER_CPU = 4
"""Threads that read: most of their time they wait for the disk or the network"""

GIVE_UP = 5
"""Tiles that fail before the rest is not tried any more"""

log = logging.getLogger(__name__)
Made = TypeVar("Made")


def run_tiles(
    process: TileProcess[Any, Any], inputs: SceneInputs, workspace: Workspace
) -> tuple[dict[str, str], str, str]:
    """Compute the tiles of the workspace's plan and write the layers, the Item and the quicklook.

    Returns the names of the layers' files by layer, those without any data left out, and the names of the Item and of
    the quicklook. Raises ProcessFailed if there is no data at all, SourceUnreadable, DiskFull.
    """
    plan = Plan.from_json(workspace.plan)
    layers = process.layers(inputs, plan.scenes)
    log_plan(plan)
    if not workspace.finished:
        draft_tiles(process, inputs, plan, layers, plan.tiles, workspace)
    tasks = workspace.finished or (workspace.task,)
    workspace.report(90, "writing the result")
    with ThreadPoolExecutor(workspace.resources.cpus) as pool:
        made = pool.map(lambda layer: _image(layer, plan.grid, tasks, workspace), layers)
        images = list(filter(None, made))
        if not images:
            raise nothing_left()
        workspace.report(96, "describing the result")
        digests = pool.map(sha256, [image.path for image in images])
        quicklook = write_quicklook(images[0].path, workspace.results / "quicklook.png")
        list(digests)
    result = Result(
        process,
        inputs,
        workspace.job_id,
        plan.grid,
        plan.scenes,
        tuple(images),
        process.expression(inputs),
        attribution=plan.attribution,
        summary=process.summary(inputs, workspace.plan),
    )
    item = write_item(result, workspace.results / "item.json", quicklook)
    return {image.layer.name: image.path.name for image in images}, item.name, quicklook.name


def run_share(process: TileProcess[Any, Any], inputs: SceneInputs, workspace: Workspace, part: int, parts: int) -> None:
    """Compute the tiles of one part of the workspace's plan, for `run_tiles`. Raises SourceUnreadable, DiskFull."""
    plan = Plan.from_json(workspace.plan)
    tiles = share(plan.tiles, part, parts)
    log.info("%d of %d tiles", len(tiles), len(plan.tiles))
    draft_tiles(process, inputs, plan, process.layers(inputs, plan.scenes), tiles, workspace)


def _image(layer: Layer, grid: Grid, tasks: Sequence[int], workspace: Workspace) -> ResultImage | None:
    """The image of what the tasks have made; None if no pixel is valid."""
    path = workspace.results / f"{layer.name}.tif"
    statistics = assemble(layer, grid, [draft_path(workspace, layer, task) for task in tasks], path)
    if statistics is None:
        log.info("%s has no valid pixel and is left out", layer.name)
        return None
    return ResultImage(layer, path, statistics)


def draft_path(workspace: Workspace, layer: Layer, task: int) -> Path:
    """Where a task puts what it makes of a layer."""
    return workspace.tiles / f"{layer.name}.{task}.tif"


def draft_tiles(
    process: TileProcess[Any, Any],
    inputs: SceneInputs,
    plan: Plan,
    layers: Sequence[Layer],
    tiles: Sequence[Tile],
    workspace: Workspace,
) -> None:
    """Compute tiles and write them to a draft of each layer, where they can be looked at from then on.

    A tile that fails does not keep the others from being made. Raises SourceUnreadable, TileFailed, DiskFull.
    """
    area = project(shape(inputs.area.geometry()), plan.grid.crs)
    drafts = [
        LayerDraft(layer, plan.grid, draft_path(workspace, layer, workspace.task), tiles, len(plan.tiles))
        for layer in layers
    ]

    def make(tile: Tile) -> Exception | None:
        try:
            read = reader.read(tile)
            if read is None:
                return None
            mask = inside(area, plan.grid, tile)
            for draft, stored in zip(drafts, compute_tile(process, inputs, layers, read), strict=True):
                if mask is not None:
                    stored[:, ~mask] = draft.layer.encodings[0].nodata
                draft.write(tile, stored)
        except DiskFull:
            raise
        except Exception as error:  # an author's code may raise anything
            log.error("tile at column %d, row %d", tile.column, tile.row, exc_info=not isinstance(error, PhidiasError))
            return error
        return None

    cpus = workspace.resources.cpus
    failed: dict[Tile, Exception] = {}
    with (
        gdal(),
        closing(Sources(workspace.site)) as sources,
        ThreadPoolExecutor(READERS_PER_CPU * cpus) as pool,
    ):
        reader = TileReader(plan, sources, pool, mask_clouds=inputs.mask_clouds, halo=process.halo)
        for tile, error in each_tile(tiles, make, cpus, workspace.report):
            if error is not None:
                failed[tile] = error
            if len(failed) >= GIVE_UP:
                break
    for draft in drafts:
        draft.finish()
    if failed:
        raise _failure(failed, plan.grid)


def _failure(failed: Mapping[Tile, Exception], grid: Grid) -> PhidiasError:
    """One error for tiles that could not be made: it says where the first is, and what was wrong with it."""
    tile, error = next(iter(failed.items()))
    _, (west, south, east, north) = to_wgs84(grid.crop(tile.column, tile.row, tile.width, tile.height))
    which = (
        f"The tile at column {tile.column}, row {tile.row} ({west:.3f} to {east:.3f} E, {south:.3f} to {north:.3f} N)"
    )
    others = f" So it is with {len(failed) - 1} other tiles." if len(failed) > 1 else ""
    if isinstance(error, PhidiasError):
        error.detail = f"{which} cannot be made: {error.detail}{others}"
        return error
    first_line = (str(error).strip().splitlines() or [""])[0]
    return TileFailed(
        f"{which} cannot be computed: {type(error).__name__}: {first_line}.{others}"[:1000],
        remedy="Read the job's log, and send it to the author of the process. The finished tiles can be previewed.",
    )


def compute_tile(
    process: TileProcess[Any, Any], inputs: SceneInputs, layers: Sequence[Layer], read: TilePixels
) -> list[np.ndarray]:
    """The stored numbers of each layer (bands, rows, columns) on one tile."""
    tile, halo = read.tile, process.halo
    results = [
        np.full((len(layer.bands), tile.height, tile.width), layer.encodings[0].nodata, layer.encodings[0].dtype)
        for layer in layers
    ]
    for rows, block in read.pieces():
        values = process.compute(block, inputs)
        for layer, result in zip(layers, results, strict=True):
            if layer.name not in values:  # a day without a scene here
                continue
            bands = np.asarray(values[layer.name])
            bands = bands[None] if bands.ndim == 2 else bands
            bands = bands[:, halo : bands.shape[1] - halo, halo : halo + tile.width]
            for number, (band, encoding) in enumerate(zip(bands, layer.encodings, strict=True)):
                result[number, rows] = encode(band, encoding)
    return results


def each_tile(
    tiles: Sequence[Tile], make: Callable[[Tile], Made], cpus: int, report: Report
) -> Iterator[tuple[Tile, Made]]:
    """Each tile and what `make` makes of it, in order; a few are made at once, and progress is told."""
    pending: deque[tuple[Tile, Future[Made]]] = deque()
    waiting = iter(tiles)
    at_once = cpus + TILES_AHEAD
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for done in range(len(tiles)):
                while len(pending) < at_once and (tile := next(waiting, None)) is not None:
                    pending.append((tile, pool.submit(make, tile)))
                tile, future = pending.popleft()
                yield tile, future.result()
                report(90 * (done + 1) / len(tiles), f"tile {done + 1} of {len(tiles)}")
        finally:
            for _, future in pending:
                future.cancel()


def log_plan(plan: Plan) -> None:
    """Tell what is going to be worked on."""
    days = days_of(plan.scenes)
    period = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    log.info("%d scenes of %d days (%s), bands %s", len(plan.scenes), len(days), period, ", ".join(plan.bands))
    unscaled = {band.asset for scene in plan.scenes for band in scene.bands if band.scale == 1 and not band.categorical}
    if unscaled and any(band.data_type.startswith(("u", "int")) for scene in plan.scenes for band in scene.bands):
        log.info("the catalogue gives no scale for %s: its numbers are taken as stored", ", ".join(sorted(unscaled)))
    grid = plan.grid
    log.info("grid: %d x %d pixels of %g x %g, %s", grid.width, grid.height, grid.dx, grid.dy, grid.crs[:60])
    width, height = (max(getattr(tile, side) for tile in plan.tiles) for side in ("width", "height"))
    log.info("%d tiles of up to %d x %d pixels", len(plan.tiles), width, height)


def nothing_left() -> ProcessFailed:
    """The error of a job whose every pixel is without data."""
    return ProcessFailed(
        "There is no valid pixel in the area: the scenes have no data there, or nothing but clouds.",
        remedy="Choose a longer period or a larger area, or do not leave out clouds.",
    )
