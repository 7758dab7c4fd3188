"""A laboratory's own pack of processes, as a test finds it: installed beside the gateway, with an entry point."""

from __future__ import annotations

import json

from phidias_gateway.outputs import FileOutput, StacItem
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Workspace


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
