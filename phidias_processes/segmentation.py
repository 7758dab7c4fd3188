"""Mean-shift segmentation of scenes or of a raster, by Orfeo ToolBox."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from phidias_gateway.inputs import AreaOfInterest, Raster, Scenes
from phidias_gateway.outputs import Quicklook, StacItem, Vector
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Resources, Workspace


class SegmentationInputs(ProcessInputs):
    scenes: Scenes | None = None
    """Scenes

    Scenes of a STAC catalogue, needed unless a raster is given; several dates are combined by their median, without
    clouds where a scene classification (SCL) tells them."""
    area: AreaOfInterest | None = None
    """Area

    Needed with scenes; limits a raster as well."""
    raster: Raster | None = None
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

    def run(self, inputs: SegmentationInputs, workspace: Workspace) -> SegmentationOutputs:
        raise NotImplementedError
