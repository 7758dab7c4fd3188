"""Processes that end in every way a process can; each run leaves a line in a file, so that runs can be counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from phidias_gateway.errors import ProcessFailed
from phidias_gateway.inputs import Raster
from phidias_gateway.outputs import FileOutput
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Resources, Workspace
from phidias_gateway.references import Site


class TroubleInputs(ProcessInputs):
    way: Literal[
        "well", "raise", "exit", "kill", "children", "stragglers", "forks", "deaf", "fill", "allocate", "talk", "early"
    ] = "well"
    seconds: float = 0.0
    runs: str = ""
    """File that gets a line per run"""


class Data(FileOutput):
    media_type = "application/x-data"


class TroubleOutputs(ProcessOutputs):
    data: Data | None = None
    pid: int


class Trouble(Process[TroubleInputs, TroubleOutputs]):
    """Trouble"""

    id = "trouble"
    version = "1.0.0"
    resources = Resources(cpus=1, memory_gb=0.25, minutes=10)
    Inputs = TroubleInputs
    Outputs = TroubleOutputs

    def run(self, inputs: TroubleInputs, workspace: Workspace) -> TroubleOutputs:
        _count(inputs.runs, workspace.job_id)
        data = workspace.results / "data"
        if inputs.way == "raise":
            raise RuntimeError("something broke")
        if inputs.way == "exit":
            os._exit(7)
        if inputs.way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if inputs.way == "deaf":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        if inputs.way in ("children", "stragglers", "deaf"):
            _spawn_tree(workspace.job_id)
        if inputs.way == "forks" and os.fork() == 0:  # as a pool of processes does, whose parent is then killed
            time.sleep(1000)
        if inputs.way == "early":
            data.write_bytes(b"data")
        if inputs.way == "fill":
            _fill(data)
        if inputs.way == "allocate":
            _allocate()
        if inputs.way == "talk":
            print("première ligne: été à l'île\n" * 50, flush=True)
        time.sleep(inputs.seconds)
        if inputs.way != "early":
            data.write_bytes(b"data")
        return TroubleOutputs(data=Data(file="data"), pid=os.getpid())


class Hasty(Trouble):
    """Hasty

    The same with three seconds to run."""

    id = "hasty"
    resources = Resources(cpus=1, memory_gb=0.25, minutes=0.05)


def _fill(path: Path) -> None:
    with open(path, "wb") as file:
        while True:
            file.write(bytes(1 << 16))


def _allocate() -> None:
    held = []
    while True:
        held.append(os.urandom(1 << 24))
        time.sleep(0.02)


def _spawn_tree(mark: str) -> None:
    """A child, a grandchild whose parent has ended, and one in a session of its own; the mark is in their commands."""
    sleep = f"import time; time.sleep(1000)  # {mark}"
    subprocess.Popen([sys.executable, "-c", sleep])
    subprocess.run(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}])"],
        check=True,
    )
    subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True)


class ReadInputs(ProcessInputs):
    raster: Raster
    """Raster"""


class ReadOutputs(ProcessOutputs):
    content: str


class Read(Process[ReadInputs, ReadOutputs]):
    """Read

    Gives the text of a file that is called a raster."""

    id = "read"
    version = "1.0.0"
    Inputs = ReadInputs
    Outputs = ReadOutputs

    def run(self, inputs: ReadInputs, workspace: Workspace) -> ReadOutputs:
        return ReadOutputs(content=Path(workspace.site.locate(inputs.raster.href, input="raster")).read_text())


class PonderInputs(ProcessInputs):
    until: str = ""
    """File that ends the planning; without it there is none"""


class PonderOutputs(ProcessOutputs): ...


class Ponder(Process[PonderInputs, PonderOutputs]):
    """Ponder

    Is planned for a long time."""

    id = "ponder"
    version = "1.0.0"
    Inputs = PonderInputs
    Outputs = PonderOutputs

    def plan(self, inputs: PonderInputs, site: Site) -> Mapping[str, Any]:
        if inputs.until:
            Path(f"{inputs.until}.begun").touch()
            while not Path(inputs.until).exists():
                time.sleep(0.02)
        return {}

    def run(self, inputs: PonderInputs, workspace: Workspace) -> PonderOutputs:
        return PonderOutputs()


class SharedInputs(ProcessInputs):
    parts: int = 4
    seconds: float = 0.0
    """Of each part"""
    end_seconds: float = 0.0
    """Of the job's end"""
    fail: Annotated[list[int], Field(default_factory=list)]
    """Parts that fail"""
    runs: str = ""
    """File that gets a line with the part's number per run; `end` for the end"""


class SharedOutputs(ProcessOutputs):
    made: list[str]
    """What the parts have left"""


class Shared(Process[SharedInputs, SharedOutputs]):
    """Shared

    Is divided into parts."""

    id = "shared"
    version = "1.0.0"
    resources = Resources(cpus=1, memory_gb=0.25, minutes=10)
    Inputs = SharedInputs
    Outputs = SharedOutputs

    def parts(self, inputs: SharedInputs, plan: Mapping[str, Any], most: int) -> int:
        return min(inputs.parts, most)

    def run_part(self, inputs: SharedInputs, workspace: Workspace, part: int, parts: int) -> None:
        _count(inputs.runs, str(part))
        workspace.report(50, "half of it")
        time.sleep(inputs.seconds)
        if part in inputs.fail:
            raise ProcessFailed(f"Part {part} was told to fail.", remedy="Tell it otherwise.")
        (workspace.tiles / str(workspace.task)).write_text(f"{part} of {parts}")

    def run(self, inputs: SharedInputs, workspace: Workspace) -> SharedOutputs:
        _count(inputs.runs, "end")
        time.sleep(inputs.end_seconds)
        return SharedOutputs(made=[(workspace.tiles / str(task)).read_text() for task in workspace.finished])


def _count(path: str, line: str) -> None:
    if path:
        with open(path, "a") as file:
            file.write(f"{line}\n")
