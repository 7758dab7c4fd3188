"""Statistics of bands, of a spectral index or of a raster in each polygon of a layer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from phidias_gateway.errors import InputError, ProcessFailed
from phidias_gateway.inputs import AreaOfInterest, LimitedBy, Polygons, Raster, Scenes
from phidias_gateway.outputs import Quicklook, StacItem, Vector
from phidias_gateway.process import Effort, Process, ProcessInputs, ProcessOutputs, Resources, Workspace
from phidias_gateway.references import Site
from phidias_processes.eo.indices import IndexName, applicable_indices
from phidias_processes.eo.tile_process import SEVERAL, MaskClouds

if TYPE_CHECKING:
    import numpy as np

    from phidias_processes.eo.features import Features
    from phidias_processes.eo.grid import Tile
    from phidias_processes.eo.tile_reader import TilePixels

Statistic = Literal["count", "sum", "mean", "std", "min", "max", "median", "p10", "p90", "majority"]

log = logging.getLogger(__name__)


class ZonalStatisticsInputs(ProcessInputs):
    zones: Annotated[Polygons, LimitedBy("area")]
    """Polygons

    The layer whose polygons get the statistics; they may overlap. A pixel counts when its centre lies inside a polygon
    or on its edge; a polygon between the centres has a count of 0 and no other statistics."""
    scenes: Scenes | None = None
    """Scenes

    Scenes of a STAC catalogue, needed unless a raster is given; the dates are combined into one image."""
    raster: Annotated[Raster | None, LimitedBy("area")] = None
    """Raster

    A GeoTIFF in place of scenes: all its bands are used, with the scale and offset that the file gives them."""
    bands: list[str] = Field(["blue", "green", "red", "nir"], min_length=1, max_length=30)
    """Bands of the scenes

    Common names (blue, nir, swir16...) or names of assets."""
    index: IndexName | None = None
    """Spectral index of the scenes

    In place of bands: a name of the Awesome Spectral Indices catalogue; its constants take their usual values."""
    statistics: list[Statistic] = Field(["count", "mean", "std", "min", "median", "max"], min_length=1, max_length=10)
    """Statistics

    std is the standard deviation of the pixels themselves (divided by their number); p10 and p90 are percentiles,
    linear between two values; majority is the most frequent value, the smallest of several, for classes."""
    prefix: Annotated[str, Field(max_length=30)] | None = None
    """Prefix

    What the names of the new columns begin with, before band and statistic."""
    area: AreaOfInterest | None = None
    """Area

    Only pixels whose centre lies inside count. Default: that of the polygons."""
    reducer: Literal["median", "mean", "min", "max", "latest"] = "median"
    """Combine the dates by

    What becomes of a pixel that was seen on several dates."""
    mask_clouds: MaskClouds = True


class ZonalStatisticsOutputs(ProcessOutputs):
    zones: Vector
    """Polygons with statistics

    The polygons with all their attributes, and a column for each band and statistic, such as nir_mean."""
    item: StacItem
    """Description of the result with its provenance"""
    quicklook: Quicklook
    """Quicklook"""


class ZonalStatistics(Process[ZonalStatisticsInputs, ZonalStatisticsOutputs]):
    """Statistics per polygon

    Mean, spread, percentiles and other statistics of the pixels of scenes, of a spectral index or of a raster in each
    polygon of a layer, such as fields or segments."""

    id = "zonal-statistics"
    version = "1.0.0"
    group = "Extraction"
    keywords = ("zonal", "fields", "parcels", "mean", "percentiles", "majority", "objects", "OBIA")
    references = ("https://doi.org/10.1080/00031305.1983.10483115", "https://doi.org/10.1080/00031305.1996.10473566")
    resources = Resources(cpus=2, memory_gb=4, minutes=120)
    environment = "eo"
    Inputs = ZonalStatisticsInputs
    Outputs = ZonalStatisticsOutputs

    def plan(self, inputs: ZonalStatisticsInputs, site: Site) -> Mapping[str, Any]:
        from phidias_processes.eo.features import read_features
        from phidias_processes.eo.grid import Grid, Tile
        from phidias_processes.eo.zones import touched

        if (inputs.scenes is None) == (inputs.raster is None):
            given, what = ("scenes", "Neither scenes nor") if inputs.scenes is None else ("raster", "Scenes and")
            raise InputError(given, f"{what} a raster are given.", remedy="Give one of the two.")
        if inputs.raster is not None and inputs.index is not None:
            raise InputError(
                "index", "An index is of scenes, and a raster is given.", remedy="Leave out one of the two."
            )
        zones = read_features(inputs.zones, site, input="zones")
        try:
            plan = _plan(inputs, inputs.area or zones.around(input="zones"), site, self.resources)
        except InputError as error:
            if inputs.area is None and error.input == "area":
                error.input = "zones"
            raise
        _check_names(inputs, zones, _bands(inputs, plan))
        grid = Grid.from_json(plan["grid"])
        tiles = touched([Tile(*tile) for tile in plan["tiles"]], grid, zones.on(grid.crs))
        if not tiles:
            raise InputError(
                "zones", "No polygon lies where there are pixels.", remedy="Choose others, or another area."
            )
        return {**plan, "tiles": _as_json(tiles), "zones": zones.digest}

    def summary(self, inputs: ZonalStatisticsInputs, plan: Mapping[str, Any]) -> str:
        from phidias_processes.eo.guarded_http import file_name
        from phidias_processes.eo.plan import Plan
        from phidias_processes.eo.scene import period

        if inputs.raster is not None:
            return file_name(inputs.raster.href)
        return ", ".join([*_bands(inputs, plan)[:SEVERAL], period(Plan.from_json(plan).scenes)])

    def effort(self, inputs: ZonalStatisticsInputs, plan: Mapping[str, Any]) -> Effort:
        scenes = len(plan["scenes"]) if "scenes" in plan else None
        pixels = sum(width * height for _, _, width, height in plan["tiles"])
        return Effort(scenes=scenes, tiles=len(plan["tiles"]), pixels=pixels)

    def run(self, inputs: ZonalStatisticsInputs, workspace: Workspace) -> ZonalStatisticsOutputs:
        from phidias_processes.eo.engine import nothing_left
        from phidias_processes.eo.features import Features, read_features, write_features
        from phidias_processes.eo.grid import Grid
        from phidias_processes.eo.item import Result, ResultVector, write_item
        from phidias_processes.eo.quicklook import write_quicklook
        from phidias_processes.eo.rendering import Outline
        from phidias_processes.eo.scene import Scene
        from phidias_processes.eo.zones import IN_ORDER, ZoneStatistics, draw_zones

        plan = workspace.plan
        zones = read_features(inputs.zones, workspace.site, input="zones")
        if zones.digest != plan["zones"]:
            raise ProcessFailed("The polygons have changed since the job was planned.", remedy="Run it again.")
        grid, bands = Grid.from_json(plan["grid"]), _bands(inputs, plan)
        geometries = zones.on(grid.crs)
        log.info("%d polygons, %s of %s", len(geometries), ", ".join(inputs.statistics), ", ".join(bands))
        scratch = workspace.scratch if set(IN_ORDER) & set(inputs.statistics) else None
        with ZoneStatistics(geometries, grid, len(bands), scratch) as gathered:
            for tile, image in _images(inputs, workspace):
                gathered.add(tile, image)
            if gathered.is_empty:
                raise nothing_left()
            workspace.report(90, "sorting and writing")
            columns = [
                column
                for number in range(len(bands))
                for column in gathered.columns(number, inputs.statistics).values()
            ]
        new = dict(zip(_names(inputs, bands), columns, strict=True))
        target = workspace.results / "zones.fgb"
        write_features(target, Features(zones.geometries, {**zones.columns, **new}, zones.crs))
        workspace.report(96, "describing the result")
        picture = draw_zones(workspace.scratch / "zones.tif", geometries, columns[0], grid)
        quicklook = write_quicklook(picture, workspace.results / "quicklook.png")
        result = Result(
            self,
            inputs,
            workspace.job_id,
            grid,
            [Scene.from_json(scene) for scene in plan.get("scenes", ())],
            expression=_expression(inputs),
            vectors=[ResultVector(target, Outline("FFDD00"))],
            attribution=plan.get("attribution", {}),
            summary=self.summary(inputs, plan),
        )
        item = write_item(result, workspace.results / "item.json", quicklook)
        return ZonalStatisticsOutputs(
            zones=Vector(file=target.name), item=StacItem(file=item.name), quicklook=Quicklook(file=quicklook.name)
        )


def _plan(inputs: ZonalStatisticsInputs, place: AreaOfInterest, site: Site, resources: Resources) -> Mapping[str, Any]:
    """Grid, bands to read and tiles of a place, and the scenes if there are any."""
    from shapely.geometry import shape

    from phidias_processes.eo.composite import grid_of_raster
    from phidias_processes.eo.expression import parse
    from phidias_processes.eo.grid import project, tiles
    from phidias_processes.eo.plan import plan_scenes, tile_size

    if inputs.scenes is not None:
        bands = parse(_expression(inputs)).names if inputs.index else inputs.bands
        return plan_scenes(inputs.scenes, place, bands, site, resources=resources).to_json()
    grid, bands = grid_of_raster(inputs.raster.href, place, site)
    size = tile_size(2 * len(bands), 0, resources)  # twice, since values are float64
    outline = project(shape(place.geometry()), grid.crs)
    return {"grid": grid.to_json(), "bands": bands, "tiles": _as_json(tiles(grid, size, outline))}


def _images(inputs: ZonalStatisticsInputs, workspace: Workspace) -> Iterator[tuple[Tile, np.ndarray]]:
    """The tiles with anything in them: (bands, rows, columns), NaN where there is no data or the area has ended."""
    from shapely.geometry import shape

    from phidias_processes.eo.composite import each_tile_of_raster, each_tile_of_scenes
    from phidias_processes.eo.engine import log_plan
    from phidias_processes.eo.grid import Grid, Tile, project
    from phidias_processes.eo.plan import Plan
    from phidias_processes.eo.tile_reader import inside

    if inputs.scenes is not None:
        plan = Plan.from_json(workspace.plan)
        log_plan(plan)
        grid = plan.grid
        images = each_tile_of_scenes(plan, _composing(inputs), workspace, mask_clouds=inputs.mask_clouds)
    else:
        grid, parts = Grid.from_json(workspace.plan["grid"]), [Tile(*tile) for tile in workspace.plan["tiles"]]
        images = each_tile_of_raster(inputs.raster.href, grid, len(workspace.plan["bands"]), parts, workspace)
    area = inputs.area and project(shape(inputs.area.geometry()), grid.crs)
    for tile, image in images:
        if image is None:
            continue
        if area is not None and (mask := inside(area, grid, tile)) is not None:
            image[:, ~mask] = float("nan")
        yield tile, image


def _composing(inputs: ZonalStatisticsInputs) -> Callable[[TilePixels], np.ndarray]:
    """What makes one image of a tile's dates: float32 (bands, rows, columns)."""
    import numpy as np

    from phidias_processes.eo.expression import parse
    from phidias_processes.eo.reducers import REDUCERS

    reduce, index = REDUCERS[inputs.reducer], parse(_expression(inputs)) if inputs.index else None

    def make(read: TilePixels) -> np.ndarray:
        pieces = []
        for _, block in read.pieces():
            bands = block.bands.values() if index is None else [index.evaluate(block.bands)]
            pieces.append(np.stack([reduce(band) for band in bands]))
        image = np.concatenate(pieces, axis=1)
        image[~np.isfinite(image)] = np.nan  # a quotient by zero
        return image

    return make


def _expression(inputs: ZonalStatisticsInputs) -> str:
    return applicable_indices()[inputs.index].expression if inputs.index else ""


def _bands(inputs: ZonalStatisticsInputs, plan: Mapping[str, Any]) -> Sequence[str]:
    """What the statistics are of."""
    return [inputs.index] if inputs.index else plan["bands"]


def _names(inputs: ZonalStatisticsInputs, bands: Sequence[str]) -> list[str]:
    """The new columns, in the order of bands and, for each, of statistics."""
    return [f"{inputs.prefix or ''}{band}_{statistic}" for band in bands for statistic in inputs.statistics]


def _check_names(inputs: ZonalStatisticsInputs, zones: Features, bands: Sequence[str]) -> None:
    names = _names(inputs, bands)
    if len(set(names)) < len(names):
        name = "bands" if len(set(bands)) < len(bands) else "statistics"
        raise InputError(name, "One of them is named twice.", remedy="Name each once.")
    known = {name.lower() for name in zones.columns}
    if taken := [name for name in names if name.lower() in known]:
        raise InputError(
            "prefix",
            f"The polygons have a column {taken[0][:80]} already.",
            remedy="Choose another prefix for the new columns, such as may_.",
        )


def _as_json(tiles: Iterable[Tile]) -> list[list[int]]:
    return [[tile.column, tile.row, tile.width, tile.height] for tile in tiles]
