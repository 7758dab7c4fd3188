"""Spectral indices of optical scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.outputs import Cog, Quicklook, StacItem
from phidias_gateway.process import ProcessInputs, ProcessOutputs, Resources
from phidias_processes.eo.indices import IndexName, applicable_indices
from phidias_processes.eo.rendering import Ramp, Range
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

RAMPS: Mapping[str, tuple[str, Range]] = {
    "vegetation": ("ylgn", (0.0, 0.9)),
    "water": ("brbg", (-0.7, 0.7)),
    "snow": ("gnbu", (0.0, 0.9)),
    "burn": ("rdylgn", (-0.5, 0.7)),
    "soil": ("ylorbr", (-0.5, 0.5)),
    "urban": ("ylorbr", (-0.5, 0.5)),
}
"""Colours of each family of indices, and the values of its normalised differences from the first to the last colour"""


class SpectralIndexInputs(ProcessInputs):
    scenes: Scenes
    """Scenes

    Optical scenes of a STAC catalogue; those of one day are joined."""
    area: AreaOfInterest
    """Area

    Pixels whose centre lies outside are left empty."""
    index: IndexName = "NDVI"
    """Index

    A name of the Awesome Spectral Indices catalogue; its constants take their usual values."""
    expression: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """Own expression

    Replaces the index. Write it over the names of the bands, such as (nir - red) / (nir + red + 0.5). Operators:
    + - * / ** and comparisons; functions: sqrt, abs, log, exp, minimum, maximum, clip, where. Bands are
    reflectances from 0 to 1."""
    reducer: Literal["median", "mean", "min", "max", "latest"] = "median"
    """Combine the dates by

    What becomes of a pixel that was seen on several dates."""
    mask_clouds: MaskClouds = True
    resolution: OutputResolution = None
    crs: OutputCrs = None


class SpectralIndexOutputs(ProcessOutputs):
    index: Cog
    """Index"""
    item: StacItem
    """Description of the result with its provenance"""
    quicklook: Quicklook
    """Quicklook"""


class SpectralIndex(TileProcess[SpectralIndexInputs, SpectralIndexOutputs]):
    """Spectral index

    Computes a vegetation, water, soil, snow or burn index, or an own expression, over the scenes of a period, and
    combines the dates into one image."""

    id = "spectral-index"
    version = "1.0.0"
    group = "Optical"
    keywords = ("ndvi", "vegetation", "water", "index", "sentinel-2", "band math")
    references = ("https://doi.org/10.1038/s41597-023-02096-0",)
    resources = Resources(cpus=2, memory_gb=4, minutes=60)
    environment = "eo"
    Inputs = SpectralIndexInputs
    Outputs = SpectralIndexOutputs

    def bands(self, inputs: SpectralIndexInputs) -> Sequence[str]:
        from phidias_processes.eo.expression import ExpressionError, parse

        try:
            return parse(self.expression(inputs)).names
        except ExpressionError as error:
            raise InputError(
                "expression",
                f"The expression cannot be computed: {error}.",
                remedy="Write it over the names of the bands, such as (nir - red) / (nir + red).",
            ) from None

    def layers(self, inputs: SpectralIndexInputs, scenes: Sequence[Scene]) -> Sequence[Layer]:
        from phidias_processes.eo.expression import parse

        bounded = parse(self.expression(inputs)).is_normalized_difference
        name = "expression" if inputs.expression else inputs.index
        encoding = Encoding("int16", 1e-4, 0.0, -32768.0) if bounded else Encoding()
        return [Layer("index", (name,), (encoding,), style=self._style(inputs, bounded))]

    def compute(self, block: Block, inputs: SpectralIndexInputs) -> Mapping[str, Any]:
        from phidias_processes.eo.expression import parse
        from phidias_processes.eo.reducers import REDUCERS

        values = parse(self.expression(inputs)).evaluate(block.bands)
        return {"index": REDUCERS[inputs.reducer](values)}

    def outputs(self, files: Mapping[str, str], item: str, quicklook: str) -> SpectralIndexOutputs:
        return SpectralIndexOutputs(
            index=Cog(file=files["index"]), item=StacItem(file=item), quicklook=Quicklook(file=quicklook)
        )

    @staticmethod
    def _style(inputs: SpectralIndexInputs, bounded: bool) -> Ramp:
        family = "" if inputs.expression else applicable_indices()[inputs.index].family
        colours, values = RAMPS.get(family, ("viridis", None))
        return Ramp(colours, values if bounded else None)

    def expression(self, inputs: SpectralIndexInputs) -> str:
        return inputs.expression or applicable_indices()[inputs.index].expression
