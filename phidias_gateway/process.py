"""What a process is: a class whose fields are its inputs, whose docstrings are its labels.

A pack offers its processes under the entry-point group `phidias.processes` (see `registry`). Heavy imports
(numpy, rasterio, scikit-learn...) belong inside `plan()` and `run()`: the gateway lists every process without them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from phidias_gateway.references import Site


class Resources(BaseModel):
    """What one task asks of the scheduler."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: int = 1
    memory_gb: float = 2
    minutes: float = 30
    gpus: int = 0


class Effort(BaseModel):
    """How large a planned job is, as far as its process can tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: int | None = None
    tiles: int | None = None
    pixels: int | None = None
    """Of the result"""
    bytes_read: int | None = None
    bytes_written: int | None = None


class ProcessInputs(BaseModel):
    """Base of a process's inputs. The first line under a field is its label, the rest its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class ProcessOutputs(BaseModel):
    """Base of a process's outputs. A field that is None was not produced."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Report(Protocol):
    """How a running process tells how far it is: per cent from 0 to 100, and what it does now."""

    def __call__(self, percent: float, message: str = "") -> None: ...


@dataclass(frozen=True)
class Workspace:
    """The place where one job runs. Whatever is logged with `logging` or printed goes to the job's log."""

    job_id: str
    results: Path
    """Output files are written here"""
    scratch: Path
    """Temporary files; removed when the job ends"""
    tiles: Path
    """What is finished, to be looked at while the job runs and after it has failed: see `preview`"""
    plan: Mapping[str, Any]
    """What `Process.plan` returned before the job was submitted"""
    site: Site
    resources: Resources
    report: Report
    task: int = 0
    """Number of the task that runs now, never given twice within a job: a name for its files in `tiles`"""
    finished: tuple[int, ...] = ()
    """In `run` of a job in parts: the tasks that have done them, in the order of the parts"""


In = TypeVar("In", bound=ProcessInputs)
Out = TypeVar("Out", bound=ProcessOutputs)


class Process(ABC, Generic[In, Out]):
    """One algorithm. Title and description are the first line and the rest of the class's docstring."""

    id: ClassVar[str]
    version: ClassVar[str]
    group: ClassVar[str] = ""
    """Folder of the tool in QGIS's toolbox"""
    keywords: ClassVar[tuple[str, ...]] = ()
    references: ClassVar[tuple[str, ...]] = ()
    """DOIs or addresses of the papers and standards behind the algorithm"""
    resources: ClassVar[Resources] = Resources()
    environment: ClassVar[str] = "default"
    """Name of a software stack; the site says what it is"""
    synchronous: ClassVar[bool] = False
    """Quick enough to be answered in the same request"""

    Inputs: ClassVar[type[ProcessInputs]]
    Outputs: ClassVar[type[ProcessOutputs]]

    def plan(self, inputs: In, site: Site) -> Mapping[str, Any]:
        """What can be known before the job is submitted, such as the scenes found; kept as the job's `plan.json`.

        Runs in the gateway: keep it to metadata. Raises InputError for inputs that cannot lead to a result.
        """
        return {}

    def summary(self, inputs: In, plan: Mapping[str, Any]) -> str:
        """What tells one job from the others of the process, in a few words: "NDVI, 2018-05-03 to 2018-05-28"."""
        return ""

    def effort(self, inputs: In, plan: Mapping[str, Any]) -> Effort:
        """How large the job of this plan is: for the site's limits, and the estimate that a user asks for."""
        return Effort()

    def parts(self, inputs: In, plan: Mapping[str, Any], most: int) -> int:
        """Into how many parts, `most` at the most, the work is divided, each for a task of its own. 1: not at all."""
        return 1

    def run_part(self, inputs: In, workspace: Workspace, part: int, parts: int) -> None:
        """Do one of several parts, numbered from 0, and leave what it made in `workspace.tiles`.

        A part whose node was lost is done again by another task. Raises PhidiasError with cause and remedy.
        """
        raise NotImplementedError

    @abstractmethod
    def run(self, inputs: In, workspace: Workspace) -> Out:
        """Do the work, or what is left of it when all parts are done; write the output files to `workspace.results`.

        Raises PhidiasError with cause and remedy.
        """
