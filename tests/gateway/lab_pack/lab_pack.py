"""A laboratory's own pack of processes, as a test finds it: installed beside the gateway, with an entry point."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from phidias_gateway.errors import ProcessFailed
from phidias_gateway.inputs import AreaOfInterest, BoundingBox
from phidias_gateway.outputs import Cog, FileOutput, StacItem
from phidias_gateway.process import Effort, Process, ProcessInputs, ProcessOutputs, Resources, Workspace


class Binary(FileOutput):
    media_type = "application/x-lab"


class FilesInputs(ProcessInputs):
    size: int = 1000
    """Bytes"""


class FilesOutputs(ProcessOutputs):
    data: Binary
    """Bytes that count up"""
    notes: StacItem
    """Some JSON"""
    pieces: list[Binary]
    """Two files"""
    count: int
    """Bytes written"""
    facts: dict[str, int]
    """An object"""


class Files(Process[FilesInputs, FilesOutputs]):
    """Files

    Writes a few."""

    id = "lab-files"
    version = "0.1.0"
    group = "Laboratory"
    synchronous = True
    Inputs = FilesInputs
    Outputs = FilesOutputs

    def run(self, inputs: FilesInputs, workspace: Workspace) -> FilesOutputs:
        (workspace.results / "data.bin").write_bytes(bytes(index % 256 for index in range(inputs.size)))
        (workspace.results / "notes.json").write_text(json.dumps({"lab": 7}))
        for name in ("one.bin", "two.bin"):
            (workspace.results / name).write_bytes(name.encode())
        return FilesOutputs(
            data=Binary(file="data.bin"),
            notes=StacItem(file="notes.json"),
            pieces=[Binary(file="one.bin"), Binary(file="two.bin")],
            count=inputs.size,
            facts={"size": inputs.size},
        )


class HungryInputs(ProcessInputs):
    area: AreaOfInterest | None = None
    """Area"""
    scenes: int = 1
    """Scenes"""
    pixels: int = 100
    """Pixels"""
    seconds: float = 0.0
    """Time it takes"""
    megabytes: int = 0
    """Memory it takes"""


class HungryOutputs(ProcessOutputs):
    gigabytes: float
    """Memory it was given"""
    minutes: float
    """Time it was given"""


class Hungry(Process[HungryInputs, HungryOutputs]):
    """Hungry

    Takes as much time and memory as it is told, and says what it was given."""

    id = "lab-hungry"
    version = "0.1.0"
    group = "Laboratory"
    resources = Resources(cpus=1, memory_gb=0.5, minutes=0.05)
    Inputs = HungryInputs
    Outputs = HungryOutputs

    def effort(self, inputs: HungryInputs, plan: Mapping[str, Any]) -> Effort:
        return Effort(scenes=inputs.scenes, tiles=1, pixels=inputs.pixels, bytes_read=2 * inputs.pixels)

    def run(self, inputs: HungryInputs, workspace: Workspace) -> HungryOutputs:
        if inputs.megabytes > 1024 * workspace.resources.memory_gb:
            raise MemoryError
        time.sleep(inputs.seconds)
        return HungryOutputs(gigabytes=workspace.resources.memory_gb, minutes=workspace.resources.minutes)


class TilesInputs(ProcessInputs):
    done: int = 1
    """Halves that are finished before the pause"""
    pause: float = 0.0
    """Seconds"""
    fail: bool = False
    """End as failed"""


class TilesOutputs(ProcessOutputs):
    count: int
    """Halves"""


class Tiles(Process[TilesInputs, TilesOutputs]):
    """Tiles

    Leaves halves of an image to be looked at."""

    id = "lab-tiles"
    version = "0.1.0"
    group = "Laboratory"
    Inputs = TilesInputs
    Outputs = TilesOutputs

    def run(self, inputs: TilesInputs, workspace: Workspace) -> TilesOutputs:
        import numpy as np
        import rasterio
        from rasterio.windows import Window

        profile = {
            "driver": "GTiff",
            "width": 1024,
            "height": 512,
            "count": 1,
            "dtype": "int16",
            "nodata": -1,
            "crs": "EPSG:32631",
            "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000),
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
            "SPARSE_OK": "TRUE",
        }
        band = {"type": "int16", "nodata": -1, "scale": 0.5, "offset": 1, "name": "halves & more"}
        image = {"size": [1024, 512], "crs": "EPSG:32631", "tiles": 2, "bands": [band], "classes": []}
        image["transform"] = list(profile["transform"])[:6]
        (workspace.tiles / "halves.json").write_text(json.dumps(image))
        for half in range(inputs.done):
            with rasterio.open(workspace.tiles / f"halves.{half}.tif", "w", **profile) as target:
                target.write(np.full((1, 512, 512), half + 1, "int16"), window=Window(512 * half, 0, 512, 512))
            render = {"assets": ["halves"], "rescale": [[0, half + 1]]}
            told = {"window": [512 * half, 0, 512, 512], "done": 1, "render": render}
            (workspace.tiles / f"halves.{half}.json").write_text(json.dumps(told))
        workspace.report(50, "halves are there")
        time.sleep(inputs.pause)
        if inputs.fail:
            raise ProcessFailed("It was told to.")
        return TilesOutputs(count=inputs.done)


class SceneInputs(ProcessInputs):
    bbox: BoundingBox = BoundingBox(bbox=[3.0, 50.0, 3.1, 50.1])
    """Where it lies, in WGS 84"""
    start: str = "2018-05-06T10:00:00Z"
    """First moment"""
    end: str = "2018-05-06T10:00:00Z"
    """Last moment"""
    changes: dict[str, Any] | None = None
    """Members of the Item that are to be otherwise"""


class SceneOutputs(ProcessOutputs):
    image: Cog
    """Image"""
    item: StacItem
    """Description"""


class Scene(Process[SceneInputs, SceneOutputs]):
    """Scene

    Makes a small image with its STAC Item."""

    id = "lab-scene"
    version = "0.1.0"
    group = "Laboratory"
    keywords = ("laboratory",)
    references = ("doi:10.5555/12345678",)
    Inputs = SceneInputs
    Outputs = SceneOutputs

    def run(self, inputs: SceneInputs, workspace: Workspace) -> SceneOutputs:
        import numpy
        import rasterio
        from rasterio.transform import from_bounds

        west, south, east, north = inputs.bbox.bbox[:4]
        shape = {"width": 16, "height": 8, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
        place = from_bounds(west, south, east if east > west else east + 360, north, 16, 8)
        with rasterio.open(workspace.results / "scene.tif", "w", driver="COG", transform=place, **shape) as image:
            image.write(numpy.full((1, 8, 16), 7, "uint8"))
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        item = {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": "anything",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "bbox": [west, south, east, north],
            "properties": {"datetime": None, "start_datetime": inputs.start, "end_datetime": inputs.end},
            "assets": {
                "image": {"href": "./scene.tif", "type": Cog.media_type, "roles": ["data"]},
                "path": {"href": "/etc/hostname"},
                "source": {"href": "https://example.org/scene.tif", "type": "image/tiff"},
            },
            "links": [
                {"rel": "self", "href": "./item.json"},
                {"rel": "derived_from", "href": "https://example.org/items/1"},
            ],
            **(inputs.changes or {}),
        }
        (workspace.results / "item.json").write_text(json.dumps(item))
        return SceneOutputs(image=Cog(file="scene.tif"), item=StacItem(file="item.json"))
