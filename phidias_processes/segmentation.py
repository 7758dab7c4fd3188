"""Mean-shift segmentation of scenes or of a raster, by Orfeo ToolBox."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, LimitedBy, Raster, Scenes
from phidias_gateway.outputs import Quicklook, StacItem, Vector
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Resources, Workspace
from phidias_gateway.references import Site

if TYPE_CHECKING:
    import numpy as np

    from phidias_processes.eo.scene import Scene

APPLICATION = "LargeScaleMeanShift"
MAX_PIXELS = 60_000_000
REFLECTANCE_SCALE = 10_000.0
"""Scenes are segmented in 1/10000 of reflectance, so that the range radius has its usual size"""
TILE = 1000
"""Side in pixels of what OTB segments at once; it adds a margin to it that depends on the spatial radius"""
STAGES = (("Smoothing step", 20.0), ("Tile shifting", 45.0), ("Small regions pruning", 60.0), ("Final clean-up", 75.0))

log = logging.getLogger(__name__)


class SegmentationInputs(ProcessInputs):
    scenes: Scenes | None = None
    """Scenes

    Scenes of a STAC catalogue, needed unless a raster is given; several dates are combined by their median, without
    clouds where a scene classification (SCL) tells them."""
    area: AreaOfInterest | None = None
    """Area

    Needed with scenes; limits a raster as well."""
    raster: Annotated[Raster | None, LimitedBy("area")] = None
    """Raster

    A GeoTIFF to segment in place of scenes: all its bands are used."""
    bands: list[str] = Field(["blue", "green", "red", "nir"], min_length=1, max_length=30)
    """Bands of the scenes

    Common names (blue, nir, swir16...) or names of assets."""
    spatial_radius: Annotated[int, Field(ge=1, le=50)] = 5
    """Spatial radius

    In pixels: how far the mean shift looks around each pixel."""
    range_radius: Annotated[float, Field(gt=0, le=100_000)] = 60.0
    """Range radius

    How different two pixels of one segment may be, as a distance over all bands. For scenes in 1/10000 of
    reflectance, the usual numbers of Sentinel-2; for a raster in its stored numbers."""
    min_size: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    """Smallest segment

    In pixels; smaller ones join their most similar neighbour."""


class SegmentationOutputs(ProcessOutputs):
    segments: Vector
    """Segments

    Polygons with their number of pixels, and the mean and variance of each band."""
    item: StacItem
    """Description of the result with its provenance"""
    quicklook: Quicklook
    """Quicklook"""


class Segmentation(Process[SegmentationInputs, SegmentationOutputs]):
    """Segmentation

    Divides an image into segments of similar pixels with the large-scale mean shift of Orfeo ToolBox, the first step
    of an object-based analysis."""

    id = "segmentation"
    version = "1.0.0"
    group = "Computer vision"
    keywords = ("mean shift", "LSMS", "objects", "OBIA", "polygons", "OTB")
    references = ("https://doi.org/10.1109/TGRS.2014.2330857",)
    resources = Resources(cpus=2, memory_gb=4, minutes=120)
    environment = "otb"
    Inputs = SegmentationInputs
    Outputs = SegmentationOutputs

    def plan(self, inputs: SegmentationInputs, site: Site) -> Mapping[str, Any]:
        from phidias_processes.eo.composite import grid_of_raster
        from phidias_processes.eo.plan import plan_scenes

        if inputs.raster is None:
            scenes, area = _scenes_and_area(inputs)
            plan = plan_scenes(scenes, area, inputs.bands, site, resources=self.resources)
            _check_size(plan.grid.width, plan.grid.height)
            return plan.to_json()
        if inputs.scenes is not None:
            raise InputError("raster", "Scenes and a raster are given.", remedy="Give one of the two.")
        grid, bands = grid_of_raster(inputs.raster.href, inputs.area, site)
        _check_size(grid.width, grid.height)
        return {"grid": grid.to_json(), "bands": bands}

    def summary(self, inputs: SegmentationInputs, plan: Mapping[str, Any]) -> str:
        from phidias_processes.eo.guarded_http import file_name
        from phidias_processes.eo.plan import Plan
        from phidias_processes.eo.scene import period

        if inputs.raster is None:
            return period(Plan.from_json(plan).scenes)
        return file_name(inputs.raster.href)

    def run(self, inputs: SegmentationInputs, workspace: Workspace) -> SegmentationOutputs:
        from phidias_processes.eo.composite import median_of_scenes, valid_pixels, window_of_raster
        from phidias_processes.eo.engine import nothing_left
        from phidias_processes.eo.grid import Grid
        from phidias_processes.eo.item import Result, ResultVector, write_item
        from phidias_processes.eo.otb import otb_version
        from phidias_processes.eo.plan import Plan
        from phidias_processes.eo.quicklook import write_quicklook
        from phidias_processes.eo.rendering import Outline
        from phidias_processes.eo.segments import summarize, write_segments

        version = otb_version(APPLICATION)
        image = workspace.scratch / "image.tif"
        grid, bands = Grid.from_json(workspace.plan["grid"]), workspace.plan["bands"]
        scenes: Sequence[Scene] = ()
        attribution: Mapping[str, Any] = {}
        if inputs.raster is None:
            plan, (_, area) = Plan.from_json(workspace.plan), _scenes_and_area(inputs)
            scenes, attribution = plan.scenes, plan.attribution
            median_of_scenes(plan, area, REFLECTANCE_SCALE, image, workspace)
        else:
            window_of_raster(inputs.raster.href, grid, bands, inputs.area, image, workspace)
        valid = valid_pixels(image)
        if not valid.any():
            raise nothing_left()
        labels = _label(image, inputs, workspace)
        workspace.report(85, "drawing polygons")
        segments = summarize(image, labels, valid)
        log.info("%d segments of %.0f pixels on average", len(segments.labels), segments.pixels.mean())
        target = workspace.results / "segments.fgb"
        write_segments(target, segments, bands, labels, valid, grid)
        workspace.report(96, "describing the result")
        quicklook = write_quicklook(image, workspace.results / "quicklook.png", labels)
        software = [("Orfeo ToolBox", version)]
        vectors = [ResultVector(target, Outline("FFDD00"))]
        result = Result(
            self,
            inputs,
            workspace.job_id,
            grid,
            scenes,
            vectors=vectors,
            attribution=attribution,
            software=software,
            summary=self.summary(inputs, workspace.plan),
        )
        item = write_item(result, workspace.results / "item.json", quicklook)
        return SegmentationOutputs(
            segments=Vector(file=target.name), item=StacItem(file=item.name), quicklook=Quicklook(file=quicklook.name)
        )


def _label(image: Path, inputs: SegmentationInputs, workspace: Workspace) -> np.ndarray:
    """The label of each pixel's segment, (rows, columns)."""
    import rasterio

    from phidias_processes.eo.cog import disk_errors
    from phidias_processes.eo.otb import run_otb

    target = workspace.scratch / "labels.tif"
    arguments = ["-in", str(image), "-mode", "raster", "-mode.raster.out", str(target), "uint32"]
    arguments += ["-spatialr", str(inputs.spatial_radius), "-ranger", repr(inputs.range_radius)]
    arguments += ["-minsize", str(inputs.min_size), "-tilesizex", str(TILE), "-tilesizey", str(TILE)]
    with disk_errors(workspace.scratch):
        run_otb(
            APPLICATION,
            arguments,
            folder=workspace.scratch,
            resources=workspace.resources,
            report=workspace.report,
            stages=STAGES,
        )
        with rasterio.open(target) as dataset:
            return dataset.read(1)


def _scenes_and_area(inputs: SegmentationInputs) -> tuple[Scenes, AreaOfInterest]:
    if inputs.scenes is None:
        raise InputError("scenes", "Neither scenes nor a raster are given.", remedy="Give one of the two.")
    if inputs.area is None:
        raise InputError("area", "Scenes need an area.", remedy="Draw the area to segment.")
    return inputs.scenes, inputs.area


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            "area",
            f"The image would have {width} x {height} pixels; {MAX_PIXELS // 1_000_000} million is the most.",
            remedy="Choose a smaller area.",
        )
