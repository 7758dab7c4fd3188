"""The main job, from a QGIS tool to a job of the scheduler and back to pixels, on a real Sentinel-2 scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.windows import Window, from_bounds

from tests.end_to_end.conftest import QgisProcess, RunningGateway, StartGateway
from tests.slurm_cluster import SlurmCluster

AREA = [-75.66, 37.64, -75.60, 37.69]
REQUEST = {"index": "NDVI", "area": {"bbox": AREA}, "scenes": {"catalogue": "demo"}}


def source_ndvi(archive: Path, result: rasterio.DatasetReader) -> np.ndarray:
    """(B08 - B04) / (B08 + B04) of the scene's own numbers, over the window of the result."""
    bands = []
    for name in ("B08", "B04"):
        with rasterio.open(next(archive.rglob(f"{name}.tif"))) as band:
            bands.append(band.read(1, window=from_bounds(*result.bounds, band.transform)).astype("float64"))
    nir, red = bands
    return (nir - red) / (nir + red)


def assert_is_ndvi_of(archive: Path, path: Path) -> None:
    with rasterio.open(path) as result:
        stored = result.read(1, masked=True)
        values = stored * result.scales[0] + result.offsets[0]
        expected = source_ndvi(archive, result)
        assert expected.shape == values.shape
        # An area in longitudes and latitudes is a little askew on the scene's grid: its corners stay empty.
        assert 0.95 < 1 - np.ma.getmaskarray(values).mean() < 1
        # Half a step of the stored numbers, and the precision of float32, in which it is computed.
        assert np.abs(values - expected).max() <= 0.5 * result.scales[0] + 2e-7


def finished(gateway: RunningGateway, job_id: str) -> Any:
    last = None
    for status in gateway.client().follow(job_id):
        last = status
    assert last is not None
    assert last.status == "successful", (last.message, gateway.client().log(job_id).text)
    return gateway.client().results(job_id)


def test_a_qgis_tool_gives_the_index_of_the_source_scene(
    start_gateway: StartGateway,
    qgis_process: Callable[[RunningGateway], QgisProcess],
    demo_archive: Path,
    tmp_path: Path,
) -> None:
    qgis = qgis_process(start_gateway())
    west, south, east, north = AREA
    run = qgis(
        "run",
        "phidias:spectralindex",
        f"--AREA={west},{east},{south},{north} [EPSG:4326]",
        "--SCENES=demo",
        "--INDEX=NDVI",
        f"--OUTPUT_INDEX={tmp_path / 'index.tif'}",
    )
    assert run.returncode == 0, run.stdout
    assert_is_ndvi_of(demo_archive, tmp_path / "index.tif")


def test_a_local_raster_is_uploaded_and_segmented(
    start_gateway: StartGateway,
    qgis_process: Callable[[RunningGateway], QgisProcess],
    demo_archive: Path,
    tmp_path: Path,
) -> None:
    gateway = start_gateway()
    qgis = qgis_process(gateway)
    with rasterio.open(next(demo_archive.rglob("B08.tif"))) as scene:
        window = Window(600, 600, 200, 150)
        profile = {
            **scene.profile,
            "driver": "GTiff",
            "width": 200,
            "height": 150,
            "blockxsize": 256,
            "blockysize": 256,
        }
        profile["transform"] = scene.window_transform(window)
        with rasterio.open(tmp_path / "nir.tif", "w", **profile) as image:
            image.write(scene.read(window=window))
            bounds = image.bounds
    run = qgis(
        "run",
        "phidias:segmentation",
        f"--RASTER={tmp_path / 'nir.tif'}",
        "--RANGE_RADIUS=200",
        f"--OUTPUT_SEGMENTS={tmp_path / 'segments.fgb'}",
    )
    assert run.returncode == 0, run.stdout
    meta, _, geometries, columns = pyogrio.raw.read(tmp_path / "segments.fgb")
    fields = dict(zip(meta["fields"], columns, strict=True))
    assert meta["crs"] == "EPSG:32618"
    # The segments divide the image among them: every pixel is in one of them.
    assert fields["pixels"].sum() == 200 * 150
    assert shapely.union_all(shapely.from_wkb(geometries)).equals(shapely.box(*bounds))
    assert len(list((gateway.root / "uploads").iterdir())) == 1


def test_slurm_gives_the_same_pixels_on_both_nodes(
    start_gateway: StartGateway, slurm_cluster: SlurmCluster, demo_archive: Path, tmp_path: Path
) -> None:
    local = start_gateway()
    slurm = start_gateway(**slurm_cluster.environment, PHIDIAS_SCHEDULER__KIND="slurm")
    job = local.client().execute("spectral-index", REQUEST)
    finished(local, job.id)["index"].download(tmp_path / "local.tif")
    assert_is_ndvi_of(demo_archive, tmp_path / "local.tif")

    with rasterio.open(tmp_path / "local.tif") as image:
        expected = image.read()
    for used, drained in (("n1", "n2"), ("n2", "n1")):
        with slurm_cluster.without(drained):
            submitted = slurm.client().execute("spectral-index", REQUEST)
            path = tmp_path / f"slurm-{used}.tif"
            finished(slurm, submitted.id)["index"].download(path)
        assert slurm_cluster.node_of(slurm.root / "jobs" / submitted.id) == used
        with rasterio.open(path) as image:
            assert np.array_equal(image.read(), expected)
