"""Extraction of bands from scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.outputs import Cog, Quicklook, StacItem
from phidias_gateway.process import ProcessInputs, ProcessOutputs, Resources
from phidias_processes.eo.bands import Band
from phidias_processes.eo.tile_process import (
    Block,
    Encoding,
    Layer,
    MaskClouds,
    OutputCrs,
    OutputResolution,
    TileProcess,
)

if TYPE_CHECKING:
    from phidias_processes.eo.scene import Scene


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
    mask_clouds: MaskClouds = False
    resolution: OutputResolution = None
    crs: OutputCrs = None


class ExtractOutputs(ProcessOutputs):
    images: list[Cog]
    """Images

    One for each date, or the mosaic; the bands as stored, with their scale and offset."""
    item: StacItem
    """Description of the result with its provenance"""
    quicklook: Quicklook
    """Quicklook"""


class Extract(TileProcess[ExtractInputs, ExtractOutputs]):
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

    def bands(self, inputs: ExtractInputs) -> Sequence[str]:
        if len(set(inputs.bands)) < len(inputs.bands):
            raise InputError("bands", "A band is named twice.", remedy="Name each band once.")
        return inputs.bands

    def layers(self, inputs: ExtractInputs, scenes: Sequence[Scene]) -> Sequence[Layer]:
        from phidias_processes.eo.rendering import style_of_bands

        bands = scenes[0].bands
        encodings = _as_stored(bands) or (Encoding(),) * len(bands)
        categorical = any(band.categorical for band in bands)
        style = style_of_bands(inputs.bands, bands)
        if inputs.compose == "mosaic":
            return [Layer("mosaic", tuple(inputs.bands), encodings, categorical, style=style)]
        days = sorted({scene.day for scene in scenes})
        return [Layer(f"image-{day}", tuple(inputs.bands), encodings, categorical, day, style) for day in days]

    def compute(self, block: Block, inputs: ExtractInputs) -> Mapping[str, Any]:
        import numpy as np

        from phidias_processes.eo.reducers import latest

        bands = [block.bands[name] for name in inputs.bands]
        if inputs.compose == "mosaic":
            return {"mosaic": np.stack([latest(band) for band in bands])}
        return {f"image-{day}": np.stack([band[number] for band in bands]) for number, day in enumerate(block.days)}

    def outputs(self, files: Mapping[str, str], item: str, quicklook: str) -> ExtractOutputs:
        return ExtractOutputs(
            images=[Cog(file=file) for file in files.values()],
            item=StacItem(file=item),
            quicklook=Quicklook(file=quicklook),
        )


def _as_stored(bands: Sequence[Band]) -> tuple[Encoding, ...] | None:
    """The encodings that give back the very numbers of the source, or None if one file cannot hold them all."""
    first = bands[0]
    if first.data_type not in ("uint8", "int16", "uint16") or first.nodata is None:
        return None
    if any((band.data_type, band.nodata) != (first.data_type, first.nodata) for band in bands):
        return None
    return tuple(Encoding(band.data_type, band.scale, band.offset, first.nodata) for band in bands)
