"""Extraction of bands from scenes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phidias_gateway.inputs import AreaOfInterest, Crs, Scenes
from phidias_gateway.outputs import Cog, Quicklook, StacItem
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Resources, Workspace


class ExtractInputs(ProcessInputs):
    scenes: Scenes
    """Scenes

    Scenes of a STAC catalogue; those of one day are joined."""
    area: AreaOfInterest
    """Area

    Pixels whose centre lies outside are left empty."""
    bands: list[str] = Field(["blue", "green", "red", "nir"], min_length=1, max_length=30)
    """Bands

    Common names (blue, nir, swir16...) or names of assets, in the order wanted."""
    compose: Literal["per-date", "mosaic"] = "per-date"
    """Result

    One file for each date, or one mosaic in which the latest date with data is on top."""
    mask_clouds: bool = False
    """Leave out clouds

    Uses the scene classification (SCL) of Sentinel-2: no data, saturated, cloud shadow, cloud and cirrus are left out.
    Scenes without one are used as they are."""
    resolution: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Resolution

    In metres (in degrees if the reference system is geographic). Default: that of the finest band used."""
    crs: Crs | None = None
    """Reference system

    Default: that of the first scene, so that no pixel is resampled."""


class ExtractOutputs(ProcessOutputs):
    images: list[Cog]
    """Images

    The bands as stored, with their scale and offset; one image for each date, or the mosaic."""
    item: StacItem
    """Description of the result with its provenance"""
    quicklook: Quicklook
    """Quicklook"""


class Extract(Process[ExtractInputs, ExtractOutputs]):
    """Extract bands

    Cuts chosen bands of the scenes of a period to an area, on one grid: one image for each date, or a mosaic."""

    id = "extract"
    version = "1.0.0"
    group = "Extraction"
    keywords = ("clip", "subset", "mosaic", "time series", "sentinel-2")
    resources = Resources(cpus=2, memory_gb=4, minutes=60)
    environment = "eo"
    Inputs = ExtractInputs
    Outputs = ExtractOutputs

    def run(self, inputs: ExtractInputs, workspace: Workspace) -> ExtractOutputs:
        raise NotImplementedError
