"""Results of tasks that share an image are those of one task, byte by byte; and what can be seen meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from phidias_gateway.preview import previews, virtual_raster
from phidias_gateway.process import Resources, Workspace
from phidias_gateway.registry import processes
from phidias_processes.eo.effort import share
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.plan import Plan
from phidias_processes.eo.preview import Shown
from phidias_processes.eo.statistics import Statistics
from tests.processes.conftest import FLANDERS
from tests.processes.conftest import VIRGINIA as BOX

DEMO = {"catalogue": "demo"}
VIRGINIA = {"bbox": BOX}


def everything(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tif")}


@pytest.mark.parametrize(("tile", "parts"), [(256, 2), (200, 3), (333, 7)])
def test_an_image_does_not_depend_on_the_tasks(run: Any, tile: int, parts: int) -> None:
    """Also where tiles begin within the blocks of the file, so that several tasks hold a part of one."""
    whole = run("spectral-index", scenes=DEMO, area=VIRGINIA, tile=256)
    shared = run("spectral-index", scenes=DEMO, area=VIRGINIA, tile=tile, parts=parts)
    assert everything(shared.folder) == everything(whole.folder)


def test_neither_do_the_images_of_many_dates(run: Any, flanders: Path) -> None:
    scenes = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-06-30"}
    search = {"scenes": scenes, "area": {"bbox": FLANDERS}, "bands": ["red", "nir"]}
    whole = run("extract", **search, tile=64)
    shared = run("extract", **search, tile=16, parts=4)
    assert len(everything(whole.folder)) > 5
    assert everything(shared.folder) == everything(whole.folder)


def test_a_task_that_was_lost_spoils_nothing(run: Any, site: Any, tmp_path: Path) -> None:
    """Its draft lies there, half made; the task that came after it has a draft of its own."""
    whole = run("spectral-index", scenes=DEMO, area=VIRGINIA, tile=256)
    process = processes()["spectral-index"]
    inputs = process.Inputs.model_validate({"scenes": DEMO, "area": VIRGINIA})
    folders = [tmp_path / name for name in ("results", "scratch", "tiles")]
    for folder in folders:
        folder.mkdir()
    workspace = Workspace("01JOB", *folders, whole.plan, site, Resources(cpus=1), lambda *_: None)
    (workspace.tiles / "index.1.tif").write_bytes(b"cut short")
    for task, part in ((0, 0), (3, 1)):
        process.run_part(inputs, replace(workspace, task=task), part, 2)
    process.run(inputs, replace(workspace, finished=(0, 3)))
    assert everything(workspace.results) == everything(whole.folder)


def test_what_is_finished_can_be_seen(run: Any, site: Any, tmp_path: Path) -> None:
    whole = run("spectral-index", scenes=DEMO, area=VIRGINIA, tile=256)
    process = processes()["spectral-index"]
    inputs = process.Inputs.model_validate({"scenes": DEMO, "area": VIRGINIA})
    workspace = Workspace("01JOB", tmp_path, tmp_path, tmp_path, whole.plan, site, Resources(cpus=1), lambda *_: None)
    process.run_part(inputs, replace(workspace, task=1), 1, 3)
    preview = previews(tmp_path)["index"]
    tiles = Plan.from_json(whole.plan).tiles
    assert (preview.done, preview.tiles) == (len(share(tiles, 1, 3)), len(tiles))
    (tmp_path / "index.vrt").write_bytes(virtual_raster(preview, lambda part: str(tmp_path / part.file)))
    with rasterio.open(tmp_path / "index.vrt") as shown, whole.image() as image:
        assert (shown.crs, shown.transform, shown.shape) == (image.crs, image.transform, image.shape)
        assert (shown.scales, shown.nodata, shown.descriptions) == (image.scales, image.nodata, image.descriptions)
        seen, expected = shown.read(1), image.read(1)
    there = seen != preview.image["bands"][0]["nodata"]
    assert there.any()
    np.testing.assert_array_equal(seen[there], expected[there])
    for tile in share(tiles, 1, 3):
        window = np.s_[tile.row : tile.row + tile.height, tile.column : tile.column + tile.width]
        np.testing.assert_array_equal(seen[window], expected[window])


@pytest.mark.parametrize(
    ("index", "count", "rescale"),
    [
        ("NDVI", 0, [[0.0, 9000.0]]),  # the range is the process's own, in stored numbers
        ("EVI", 0, None),
        ("EVI", 2, [[-1.0, 3.0]]),  # two standard deviations around the mean, within the extremes
    ],
)
def test_a_preview_is_drawn_as_soon_as_its_range_is_known(
    tmp_path: Path, index: str, count: int, rescale: list[list[float]] | None
) -> None:
    process = processes()["spectral-index"]
    inputs = process.Inputs.model_validate({"scenes": DEMO, "area": VIRGINIA, "index": index})
    layer = process.layers(inputs, [])[0]
    grid = Grid("EPSG:32631", 500_000, 5_000_000, 10, 10, 512, 512)
    statistics = Statistics.of(np.array([-1.0, 3.0])[:count])
    (tmp_path / "index.0.tif").touch()
    Shown(tmp_path / "index.0.tif", layer, grid, [Tile(0, 0, 512, 512)], 4, lambda: [statistics]).tile_done()
    assert previews(tmp_path)["index"].render.get("rescale") == rescale


def test_parts_share_all_tiles_in_order() -> None:
    tiles = [Tile(column, 0, 1, 1) for column in range(2500)]
    for parts in (1, 2, 7, 999, 1000):
        shares = [share(tiles, part, parts) for part in range(parts)]
        assert [tile for one in shares for tile in one] == tiles
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_large_plans_are_divided_and_small_ones_are_not(run: Any) -> None:
    plan = run("spectral-index", scenes=DEMO, area=VIRGINIA, tile=64).plan
    process = processes()["spectral-index"]
    inputs = process.Inputs.model_validate({"scenes": DEMO, "area": VIRGINIA})
    assert process.parts(inputs, plan, 200) == 1
    effort = process.effort(inputs, plan)
    assert effort.pixels is not None
    assert effort.bytes_read is not None
    assert effort.scenes == len(plan["scenes"])
    assert effort.tiles == len(plan["tiles"])
    area = sum(width * height for _, _, width, height in plan["tiles"])
    assert effort.pixels == area
    assert effort.bytes_written == 2 * area

    class Slow(type(process)):  # type: ignore[misc]
        worth_a_task = 10_000

    assert 10 < Slow().parts(inputs, plan, 200) <= len(plan["tiles"])
    assert Slow().parts(inputs, plan, 7) == 7
