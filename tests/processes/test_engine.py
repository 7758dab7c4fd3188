"""The tile engine: what it gives does not depend on how the work is divided, and it reads no more than it must."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import rasterio

from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.outputs import Cog, Quicklook, StacItem
from phidias_gateway.process import ProcessInputs, ProcessOutputs, Resources
from phidias_processes.eo.grid import Grid
from phidias_processes.eo.plan import plan_scenes
from phidias_processes.eo.tile_process import Block, Layer, MaskClouds, OutputCrs, OutputResolution, TileProcess
from tests.processes.conftest import VIRGINIA
from tests.processes.made_scenes import Made, write_catalogue

DEMO = {"catalogue": "demo"}
MADE = {"catalogue": "made"}


def red(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    return 2000 + 800 * np.sin(longitude % 360 * 150) * np.cos(latitude * 170)


def nir(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    return 4000 + 900 * np.cos(longitude % 360 * 130 + latitude * 90)


FIELDS = {"red": red, "nir": nir}


class RoughnessInputs(ProcessInputs):
    scenes: Scenes
    area: AreaOfInterest
    mask_clouds: MaskClouds = False
    resolution: OutputResolution = None
    crs: OutputCrs = None


class RoughnessOutputs(ProcessOutputs):
    roughness: Cog
    item: StacItem
    quicklook: Quicklook


class Roughness(TileProcess[RoughnessInputs, RoughnessOutputs]):
    """Roughness

    Largest difference to the pixels around: needs a halo."""

    id, version = "roughness", "1.0.0"
    halo: ClassVar[int] = 3
    Inputs, Outputs = RoughnessInputs, RoughnessOutputs

    def bands(self, inputs: RoughnessInputs) -> Sequence[str]:
        return ["nir"]

    def layers(self, inputs: RoughnessInputs, scenes: Sequence[Any]) -> Sequence[Layer]:
        return [Layer("roughness", ("difference", "mean"), (Layer("", ()).encodings[0],) * 2)]

    def compute(self, block: Block, inputs: RoughnessInputs) -> Mapping[str, Any]:
        values = block.bands["nir"][0]
        padded = np.pad(values, self.halo, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, (2 * self.halo + 1,) * 2)
        difference = np.nanmax(around, axis=(2, 3), initial=0) - np.nanmin(around, axis=(2, 3), initial=9)
        return {"roughness": np.stack([np.where(np.isnan(values), np.nan, difference), values])}

    def outputs(self, files: Mapping[str, str], item: str, quicklook: str) -> RoughnessOutputs:
        return RoughnessOutputs(
            roughness=Cog(file=files["roughness"]), item=StacItem(file=item), quicklook=Quicklook(file=quicklook)
        )


def files(run, process: Any, name: str, tiles: Sequence[int | None], **inputs: Any) -> list[bytes]:
    """The image's file, whole, for several sizes of tiles (None: as planned)."""
    return [(run(process, tile=size, **inputs).folder / name).read_bytes() for size in tiles]


@pytest.mark.parametrize("wish", [{}, {"crs": "EPSG:3857"}, {"resolution": 35.0}, {"resolution": 20.0}])
def test_the_file_is_the_same_to_the_last_bit_whatever_the_tiles(run, wish):
    """Pixels, overviews and statistics. NDMI has a band of 20 m on a grid of 10 m."""
    area = {"bbox": [-75.66, 37.64, -75.62, 37.68]}
    planned, *others = files(
        run, "spectral-index", "index.tif", (None, 130, 256, 512), scenes=DEMO, area=area, index="NDMI", **wish
    )
    assert all(other == planned for other in others)


def test_neither_does_a_result_that_needs_a_halo_depend_on_them(run):
    area = {"bbox": [-75.66, 37.64, -75.64, 37.66]}
    planned, *others = files(run, Roughness(), "roughness.tif", (None, 61, 128), scenes=DEMO, area=area)
    assert all(other == planned for other in others)


def test_nor_on_the_number_of_threads(run):
    one, many = (run("spectral-index", scenes=DEMO, area={"bbox": VIRGINIA}, cpus=cpus) for cpus in (1, 5))
    assert (one.folder / "index.tif").read_bytes() == (many.folder / "index.tif").read_bytes()


def check_ndvi(ran, most: float) -> None:
    """Compare an image of made scenes with the fields they show."""
    with ran.image() as image:
        stored = image.read(1)
        rows, columns = np.indices(image.shape)
        x, y = image.transform * (columns + 0.5, rows + 0.5)
        (longitude,), (latitude,) = ([values] for values in rasterio.warp.transform(
            image.crs, "EPSG:4326", x.ravel(), y.ravel()
        ))  # fmt: skip
    place = np.reshape(longitude, stored.shape), np.reshape(latitude, stored.shape)
    expected = 1e4 * (nir(*place) - red(*place)) / (nir(*place) + red(*place))
    there = stored != -32768
    assert there.mean() > 0.5
    assert np.abs(stored - expected)[there].max() <= most


def test_scenes_of_two_utm_zones_make_one_image(run, tmp_path):
    scenes = [
        Made("a-31", "EPSG:32631", 732000, 5000000, 500, FIELDS),
        Made("b-32", "EPSG:32632", 263500, 5000200, 500, FIELDS),
    ]
    site = write_catalogue(tmp_path / "made", scenes)
    area = {"bbox": [5.955, 45.085, 6.045, 45.105]}
    images = [run("spectral-index", site=site, scenes=MADE, area=area, tile=size) for size in (None, 200)]
    assert images[0].plan["grid"]["crs"] == "EPSG:32631"
    assert images[0].plan["grid"]["width"] > 600, "both scenes"
    check_ndvi(images[0], most=60)
    assert (images[0].folder / "index.tif").read_bytes() == (images[1].folder / "index.tif").read_bytes()


def test_an_area_over_the_antimeridian(run, tmp_path):
    scenes = [
        Made("a-60", "EPSG:32760", 817000, 8100000, 400, FIELDS),
        Made("b-01", "EPSG:32701", 180000, 8101000, 400, FIELDS),
    ]
    site = write_catalogue(tmp_path / "made", scenes)
    area = {"bbox": [179.98, -17.19, -179.99, -17.17]}
    images = [run("spectral-index", site=site, scenes=MADE, area=area, tile=size) for size in (None, 150)]
    assert images[0].plan["grid"]["width"] < 600
    check_ndvi(images[0], most=60)
    assert (images[0].folder / "index.tif").read_bytes() == (images[1].folder / "index.tif").read_bytes()
    item = images[0].item()
    assert item["geometry"]["type"] == "MultiPolygon"
    west, _, east, _ = item["bbox"]
    assert west > 179 > -179 > east


def test_scenes_that_miss_a_tile_are_not_opened(run, tmp_path):
    scenes = [Made(f"{number}", "EPSG:32631", 500000 + 6000 * number, 5000000, 600, FIELDS) for number in range(3)]
    site = write_catalogue(tmp_path / "made", scenes)
    for name, band in itertools.product(("1", "2"), FIELDS):
        (tmp_path / "made" / name / f"{band}.tif").unlink()
    inputs = {"site": site, "scenes": MADE, "area": {"bbox": [3.0, 45.0, 3.25, 45.2]}, "tile": 600}
    ran = run("spectral-index", only=lambda tile: tile[0] < 600, **inputs)
    assert len(ran.plan["scenes"]) == 3
    with ran.image() as image:
        assert (image.read(1)[:600, :600] != -32768).all()


def test_thousands_of_tiles_and_hundreds_of_scenes_are_planned(tmp_path, monkeypatch):
    """A grid of 50 x 50 tiles, each touched once."""
    from phidias_processes.eo import plan as planning

    side = 51200
    scenes = [Made(f"{number:03}", "EPSG:32631", 500000, 5000000, 8, FIELDS) for number in range(200)]
    site = write_catalogue(tmp_path / "made", scenes)
    whole = Grid("EPSG:32631", 500000, 5000000, 10, 10, side, side)
    monkeypatch.setattr(planning, "output_grid", lambda *_: whole)
    area = AreaOfInterest.model_validate({"bbox": [2.9, 40.0, 11.0, 45.5]})
    plan = plan_scenes(
        Scenes(catalogue="made"), area, ["red", "nir"], site, resources=Resources(cpus=2, memory_gb=64)
    ).to_json()
    assert len(plan["scenes"]) == 200
    assert len({tuple(tile) for tile in plan["tiles"]}) == len(plan["tiles"]) >= 2400


def test_bands_hidden_by_clouds_are_not_read(run, shared, tmp_path):
    """A wholly clouded date costs its classification only: its bands may be missing."""
    import shutil

    from phidias_gateway.references import Archive, Site

    archive = tmp_path / "archive"
    shutil.copytree(shared / "data" / "archive" / "sentinel-2-l2a", archive / "sentinel-2-l2a")
    site = Site(archives=(Archive(name="shared", prefix="https://shared.example/archive/", path=archive),))
    collection = "https://shared.example/archive/sentinel-2-l2a/collection.json"
    period = {"catalogue": collection, "datetime": "2018-05-01/2018-06-30"}
    area = {"bbox": [3.0195, 50.8132, 3.0283, 50.8187]}
    before = run("spectral-index", site=site, scenes=period, area=area)
    hidden = 0
    for folder in itertools.chain(archive.glob("sentinel-2-l2a/*_201805*"), archive.glob("sentinel-2-l2a/*_201806*")):
        with rasterio.open(folder / "SCL.tif") as image:
            if np.isin(image.read(1), (0, 1, 3, 8, 9, 10)).all():
                (folder / "B04.tif").unlink()
                hidden += 1
    assert hidden
    after = run("spectral-index", site=site, scenes=period, area=area)
    assert (before.folder / "index.tif").read_bytes() == (after.folder / "index.tif").read_bytes()
