"""A laboratory's own pack of processes, as a test finds it: installed beside the gateway, with an entry point."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.outputs import FileOutput, StacItem
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
