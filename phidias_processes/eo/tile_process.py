"""Processes that work pixel by pixel, or on a neighbourhood: the author writes a function on arrays.

The engine finds and reads the scenes, masks clouds and the area, divides the grid into tiles, runs them and writes
Cloud-Optimized GeoTIFFs with their description and quicklook. Memory depends on the tile, not on the area.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

from pydantic import Field

from phidias_gateway.inputs import AreaOfInterest, Crs, Scenes
from phidias_gateway.process import Effort, Process, ProcessOutputs, Workspace
from phidias_gateway.references import Site
from phidias_processes.eo.rendering import Style

if TYPE_CHECKING:
    from phidias_processes.eo.grid import Grid
    from phidias_processes.eo.scene import Scene


MaskClouds = Annotated[
    bool,
    Field(
        description="Leave out clouds\n\nUses the scene classification (SCL) of Sentinel-2: no data, saturated, cloud "
        "shadow, cloud and cirrus are left out. Scenes without one are used as they are."
    ),
]
OutputResolution = Annotated[
    Annotated[float, Field(gt=0, le=100_000)] | None,
    Field(
        description="Resolution\n\nIn metres (in degrees if the reference system is geographic). Default: that of the "
        "finest band used."
    ),
]
OutputCrs = Annotated[
    Crs | None,
    Field(description="Reference system\n\nDefault: that of the first scene, so that no pixel is resampled."),
]


class SceneInputs(Protocol):
    """The inputs that every tile process has; the last three have their types, with label and help, above."""

    scenes: Scenes
    area: AreaOfInterest
    mask_clouds: bool
    resolution: float | None
    crs: str | None


@dataclass(frozen=True)
class Encoding:
    """How values are stored: number = (value - offset) / scale, rounded for whole-number types of up to 16 bits."""

    dtype: str = "float32"
    scale: float = 1.0
    offset: float = 0.0
    nodata: float = float("nan")


@dataclass(frozen=True)
class Layer:
    """One Cloud-Optimized GeoTIFF that a process writes."""

    name: str
    """Name of the file without its ending, and key of the arrays that `compute` gives"""
    bands: tuple[str, ...]
    """Descriptions of its bands"""
    encodings: tuple[Encoding, ...] = (Encoding(),)
    """One for each band; their types and nodata agree"""
    categorical: bool = False
    """Its numbers name classes: overviews take the nearest, never a mean"""
    date: str = ""
    """The day it shows, if it is one"""
    style: Style | None = None
    """How it wants to be drawn"""


@dataclass(frozen=True)
class Block:
    """What `compute` works on: the pixels of one tile with its halo."""

    grid: Grid
    days: tuple[str, ...]
    """Solar days, in order; the scenes of a day are joined"""
    bands: Mapping[str, Any]
    """By the names that `bands()` gave: float32 (days, rows, columns) of physical values; NaN where there is no data,
    or a cloud if these are masked"""


SEVERAL = 4
"""Bands that are named in a summary"""

In = TypeVar("In", bound=Any)
Out = TypeVar("Out", bound=ProcessOutputs)


class TileProcess(Process[In, Out]):
    """A process that computes tiles of scenes. Its inputs have the members of SceneInputs."""

    halo: ClassVar[int] = 0
    """Pixels around a tile that `compute` needs to see"""
    worth_a_task: ClassVar[int] = 2_000_000_000
    """Values (pixels times bands times dates) below which a task of its own does not pay: about a minute of one CPU for
    a simple `compute`. Give less for a slow one"""

    @abstractmethod
    def bands(self, inputs: In) -> Sequence[str]:
        """Names of the bands to read. Raises InputError for an input that names none."""

    @abstractmethod
    def layers(self, inputs: In, scenes: Sequence[Scene]) -> Sequence[Layer]:
        """The images to write."""

    @abstractmethod
    def compute(self, block: Block, inputs: In) -> Mapping[str, Any]:
        """Values of each layer: arrays (rows, columns) or (bands, rows, columns) as large as the block, NaN for none.

        Runs in several threads at once.
        """

    @abstractmethod
    def outputs(self, files: Mapping[str, str], item: str, quicklook: str) -> Out:
        """The outputs, from the names of the files: those of the layers that have data, the Item's, the quicklook's."""

    def expression(self, inputs: In) -> str:
        """The formula behind the result, for its description."""
        return ""

    def plan(self, inputs: In, site: Site) -> Mapping[str, Any]:
        """Scenes, grid and tiles. Raises InputError."""
        from phidias_processes.eo.plan import make_plan

        return make_plan(self, inputs, site).to_json()

    def summary(self, inputs: In, plan: Mapping[str, Any]) -> str:
        """The bands of the first image, and the period."""
        from phidias_processes.eo.plan import Plan
        from phidias_processes.eo.scene import period

        scenes = Plan.from_json(plan).scenes
        return ", ".join([*self.layers(inputs, scenes)[0].bands[:SEVERAL], period(scenes)])

    def effort(self, inputs: In, plan: Mapping[str, Any]) -> Effort:
        """Scenes, tiles, pixels and bytes."""
        from phidias_processes.eo.effort import effort
        from phidias_processes.eo.plan import Plan

        made = Plan.from_json(plan)
        return effort(made, inputs.area, self.layers(inputs, made.scenes))

    def parts(self, inputs: In, plan: Mapping[str, Any], most: int) -> int:
        """Small areas are one task; large ones are divided by what there is to read."""
        from phidias_processes.eo.effort import parts
        from phidias_processes.eo.plan import Plan

        return parts(Plan.from_json(plan), inputs.area, self.worth_a_task, most)

    def run_part(self, inputs: In, workspace: Workspace, part: int, parts: int) -> None:
        """Compute a share of the tiles."""
        from phidias_processes.eo.engine import run_share

        run_share(self, inputs, workspace, part, parts)

    def run(self, inputs: In, workspace: Workspace) -> Out:
        """Compute every tile, unless tasks have done so; then make one image of them, and describe it."""
        from phidias_processes.eo.engine import run_tiles

        return self.outputs(*run_tiles(self, inputs, workspace))
