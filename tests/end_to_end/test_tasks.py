"""Large areas: several tasks, on Slurm and on this machine, give the same image; and what is finished can be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import requests

from backend_client import Job
from tests.end_to_end.conftest import RunningGateway, StartGateway
from tests.slurm_cluster import SlurmCluster

PACK = Path(__file__).with_name("tile_pack")
AREA = {
    "type": "Polygon",
    "coordinates": [[[-75.69, 37.63], [-75.56, 37.62], [-75.58, 37.72], [-75.68, 37.71], [-75.69, 37.63]]],
}
SEARCH = {"scenes": {"catalogue": "demo"}, "area": AREA}
FINE = {**SEARCH, "resolution": 2.5}
"""The scene has pixels of 10 m: so there are 30 tiles"""


@pytest.fixture
def start(start_gateway: StartGateway) -> Any:
    def start(**variables: str) -> RunningGateway:
        return start_gateway(PYTHONPATH=str(PACK), **variables)

    return start


@pytest.fixture
def on_slurm(start: Any, slurm_cluster: SlurmCluster) -> RunningGateway:
    return start(PHIDIAS_SCHEDULER__KIND="slurm", PHIDIAS_SCHEDULER__POLL_SECONDS="0.5", **slurm_cluster.environment)


def ended(gateway: RunningGateway, process: str, inputs: Mapping[str, Any]) -> Job:
    client = gateway.client()
    job = client.execute(process, inputs)
    return list(client.follow(job.id))[-1]


def image_of(gateway: RunningGateway, job: Job) -> bytes:
    assert job.status == "successful", job
    return next((gateway.root / "jobs" / job.id).glob("results*/index.tif")).read_bytes()


def asked(gateway: RunningGateway, path: str, method: str = "GET") -> dict[str, Any]:
    address = path if "://" in path else gateway.url + path
    answer = requests.request(method, address, headers={"Authorization": f"Bearer {gateway.token}"}, timeout=30)
    answer.raise_for_status()
    return dict(answer.json())


def test_the_image_does_not_depend_on_who_makes_it(start: Any, on_slurm: RunningGateway) -> None:
    here = start(PHIDIAS_SCHEDULER__MAX_PARALLEL="2")
    alone = image_of(here, ended(here, "spectral-index", FINE))
    assert image_of(here, ended(here, "fine", FINE)) == alone
    job = ended(on_slurm, "fine", FINE)
    assert image_of(on_slurm, job) == alone
    tasks = asked(on_slurm, f"/jobs/{job.id}")["tasks"]
    assert tasks["total"] == tasks["done"] > 10
    for task in range(tasks["total"]):
        assert "tiles" in asked(on_slurm, f"/jobs/{job.id}/logs?task={task}")["text"]
    smooth = image_of(here, ended(here, "smooth", FINE))
    assert smooth != alone
    assert image_of(on_slurm, ended(on_slurm, "fine-smooth", FINE)) == smooth


def test_the_first_tiles_can_be_seen_before_a_tenth_is_done(start: Any, tmp_path: Path) -> None:
    gateway = start()
    client = gateway.client()
    inputs = {**FINE, "area": {"bbox": [-75.66, 37.64, -75.56, 37.71]}}
    whole = image_of(gateway, ended(gateway, "spectral-index", inputs))
    (tmp_path / "whole.tif").write_bytes(whole)
    with rasterio.open(tmp_path / "whole.tif") as image:
        expected, (west, _, _, north) = image.read(1), image.bounds
    job = client.execute("gated", {**inputs, "gate": str(tmp_path / "gate"), "x": west, "y": north})
    preview: dict[str, Any] = {}
    while not preview.get("outputs"):
        client.job(job.id, known=client.job(job.id), wait=1)
        preview = asked(gateway, f"/jobs/{job.id}/preview")
    assert 0 < preview["tilesDone"] / preview["tiles"] < 0.1
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open("/vsicurl/" + preview["outputs"]["index"]["href"]) as shown,
    ):
        seen = shown.read(1, masked=True)
    assert 0 < np.ma.count(seen) < 0.2 * seen.size
    np.testing.assert_array_equal(seen.compressed(), expected[~seen.mask])
    (tmp_path / "gate").touch()
    assert image_of(gateway, list(client.follow(job.id))[-1]) == whole


def test_a_tile_that_always_fails_is_named_and_the_others_are_kept(start: Any, tmp_path: Path) -> None:
    gateway = start()
    whole = ended(gateway, "spectral-index", FINE)
    with rasterio.open(next((gateway.root / "jobs" / whole.id).glob("results*/index.tif"))) as image:
        expected = image.read(1, masked=True)
        x, y = image.xy(image.height // 2, image.width // 2)
    job = ended(gateway, "poisoned", {**FINE, "x": x, "y": y})
    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["type"].endswith("#tile-failed")
    assert "The tile at column" in job.problem["detail"]
    assert "ZeroDivisionError: poison" in job.problem["detail"]
    assert "E, 37.6" in job.problem["detail"]
    preview = asked(gateway, f"/jobs/{job.id}/preview")
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open("/vsicurl/" + preview["outputs"]["index"]["href"]) as shown,
    ):
        seen = shown.read(1, masked=True)
    missing = ~expected.mask & seen.mask
    assert 0 < missing.sum() <= 1024 * 1024
    np.testing.assert_array_equal(seen.compressed(), expected.data[~seen.mask])


def test_thousands_of_tiles_fit_in_an_array(start: Any, slurm_cluster: SlurmCluster) -> None:
    """Slurm takes 1000 tasks in an array unless told otherwise."""
    slurm = {"PHIDIAS_SCHEDULER__KIND": "slurm", **slurm_cluster.environment}
    gateway = start(PHIDIAS_LIMITS__TASKS="1000", **slurm)
    body = {"inputs": {**SEARCH, "resolution": 0.19}}
    headers = {"Authorization": f"Bearer {gateway.token}"}
    estimate = requests.post(f"{gateway.url}/processes/fine/estimate", json=body, headers=headers, timeout=60).json()
    assert estimate["tiles"] > 2500
    assert estimate["tasks"] == 1000
    answer = requests.post(f"{gateway.url}/processes/fine/execution", json=body, headers=headers, timeout=60)
    info = answer.json()
    assert answer.status_code == 201, info
    assert info["tasks"]["total"] == 1000
    waiting = asked(gateway, f"/jobs/{info['id']}")
    while waiting["status"] == "accepted":
        waiting = asked(gateway, f"/jobs/{info['id']}")
    assert waiting["status"] == "running", json.dumps(waiting)
    assert asked(gateway, f"/jobs/{info['id']}", "DELETE")["status"] == "dismissed"
