"""Whatever a user can get wrong gets a message that names the input and the remedy, before anything is submitted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend_client import InputRefused, JobFailed
from tests.end_to_end.conftest import RunningGateway, StartGateway, start_gateway_at
from tests.processes.servers import FileServer

REQUEST: dict[str, Any] = {
    "index": "NDVI",
    "area": {"bbox": [-75.66, 37.64, -75.60, 37.69]},
    "scenes": {"catalogue": "demo"},
}
BOW_TIE = [[[-75.66, 37.64], [-75.60, 37.69], [-75.60, 37.64], [-75.66, 37.69], [-75.66, 37.64]]]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, demo_archive: Path) -> Iterator[RunningGateway]:
    running = start_gateway_at(tmp_path_factory.mktemp("refusals"), demo_archive)
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("change", "named", "words"),
    [
        ({"index": "NDVY"}, "index", "NDVY"),
        ({"area": {"bbox": [10, 50, 10.1, 50.1]}}, "area", "outside"),
        ({"area": {"bbox": [435000, 4160000, 436000, 4161000]}}, "area", "longitudes"),
        ({"area": {"bbox": [0, 0, 1, 1], "crs": "http://www.opengis.net/def/crs/EPSG/0/32618"}}, "area", "32618"),
        ({"area": {"type": "Polygon", "coordinates": BOW_TIE}}, "area", "crosses itself"),
        ({"scenes": {"catalogue": "demo", "datetime": "2023-01-01/2023-02-01"}}, "scenes", "period"),
        ({"scenes": {"catalogue": "demo", "datetime": "2023-02-01/2023-01-01"}}, "scenes", "before it starts"),
        ({"scenes": {"catalogue": "demo", "collections": ["landsat"]}}, "scenes", "landsat"),
        ({"scenes": {"catalogue": "https://unknown.invalid/catalog.json"}}, "scenes", "unknown.invalid"),
        ({"scenes": {"catalogue": "http://127.0.0.1:9/catalog.json"}}, "scenes", "not a public address"),
        ({"scenes": {"catalogue": "/etc/passwd"}}, "scenes", "neither"),
        ({"crs": "Lambert"}, "crs", "Lambert"),
        ({"expression": "nir + __import__('os')"}, "expression", "expression"),
        ({"expression": "nir + thermal"}, "scenes", "thermal"),
    ],
)
def test_it_is_refused_before_anything_is_submitted(
    gateway: RunningGateway, change: dict[str, Any], named: str, words: str
) -> None:
    client = gateway.client()
    with pytest.raises(InputRefused) as refused:
        client.execute("spectral-index", {**REQUEST, **change})
    assert refused.value.input == named
    assert words in refused.value.detail
    assert refused.value.remedy
    assert list(client.jobs()) == []


@pytest.fixture
def catalogue_without_red(demo_archive: Path, tmp_path: Path) -> Iterator[str]:
    """The demo's catalogue over http, on a server that has lost the file of one band."""
    folder = tmp_path / "catalogue"
    shutil.copytree(demo_archive, folder)
    next(folder.rglob("B04.tif")).unlink()

    with FileServer(folder) as server:
        yield f"{server.url}/catalog.json"


def test_an_asset_that_is_gone_ends_the_job_with_its_name(
    start_gateway: StartGateway, catalogue_without_red: str
) -> None:
    client = start_gateway(PHIDIAS_REFERENCES__ALLOW_HOSTS='["127.0.0.1"]').client()
    job = client.execute("spectral-index", {**REQUEST, "scenes": {"catalogue": catalogue_without_red}})
    *_, last = client.follow(job.id)
    assert last.status == "failed"
    with pytest.raises(JobFailed) as failed:
        client.results(job.id)
    for word in ("red", "S2A_MSIL1C_virginia", "B04.tif", "404"):
        assert word in failed.value.detail
    assert failed.value.remedy
    assert "404" in client.log(job.id).text


def test_an_unreachable_catalogue_is_refused(start_gateway: StartGateway) -> None:
    client = start_gateway(PHIDIAS_REFERENCES__ALLOW_HOSTS='["127.0.0.1"]').client()
    with pytest.raises(InputRefused) as refused:
        client.execute("spectral-index", {**REQUEST, "scenes": {"catalogue": "http://127.0.0.1:9/catalog.json"}})
    assert refused.value.input == "scenes"
    assert "cannot be read" in refused.value.detail
