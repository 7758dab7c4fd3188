"""Looking at what is finished of a job, as GDAL does, while it runs and after it has failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rasterio
import requests

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem


def shown(gateway: Running, job: str) -> dict[str, Any]:
    answer = gateway.get(f"/jobs/{job}/preview")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@contextmanager
def opened(href: str) -> Iterator[rasterio.DatasetReader]:
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(f"/vsicurl/{href}") as dataset:
        yield dataset


def test_finished_tiles_are_seen_while_the_rest_is_made(gateway: Running) -> None:
    job = gateway.start_job("lab-tiles", inputs={"done": 1, "pause": 300})["id"]
    info = gateway.get(f"/jobs/{job}").json()
    while info["progress"] < 50:
        info = gateway.get(f"/jobs/{job}", headers={"Prefer": "wait=5"}).json()
    link = next(link["href"] for link in info["links"] if link["rel"] == "preview")
    found = gateway.get(link).json()
    assert (found["tilesDone"], found["tiles"]) == (1, 2)
    assert found["item"]["properties"]["renders"] == {"halves": {"assets": ["halves"], "rescale": [[0, 1]]}}
    bands = [{"name": "halves & more", "raster:scale": 0.5, "raster:offset": 1}]
    assert found["item"]["assets"] == {"halves": {"bands": bands}}
    with opened(found["outputs"]["halves"]["href"]) as dataset:
        pixels = dataset.read(1, masked=True)
        assert (pixels[:, :512] == 1).all()
        assert pixels.mask[:, 512:].all()
        assert not pixels.mask[:, :512].any()
        assert dataset.crs.to_epsg() == 32631
        assert dataset.transform[:6] == (10, 0, 500_000, 0, -10, 5_000_000)
        assert (dataset.scales, dataset.offsets) == ((0.5,), (1.0,))
        assert dataset.descriptions == ("halves & more",)
    gateway.request("DELETE", f"/jobs/{job}")
    # A dismissed job keeps what it had, to be looked at.
    assert shown(gateway, job)["tilesDone"] == 1


def test_a_failed_job_keeps_its_tiles_and_a_successful_one_does_not(gateway: Running) -> None:
    job = gateway.start_job("lab-tiles", inputs={"done": 2, "fail": True})["id"]
    assert gateway.finished(job)["status"] == "failed"
    with opened(shown(gateway, job)["outputs"]["halves"]["href"]) as dataset:
        pixels = dataset.read(1)
    assert (pixels[:, :512] == 1).all()
    assert (pixels[:, 512:] == 2).all()
    good = gateway.start_job("lab-tiles", inputs={"done": 2})["id"]
    info = gateway.finished(good)
    assert info["status"] == "successful"
    assert not any(link["rel"] == "preview" for link in info["links"])
    assert shown(gateway, good) == {
        "tilesDone": 0,
        "tiles": 0,
        "outputs": {},
        "item": {"properties": {"renders": {}}, "assets": {}},
    }


def test_a_preview_is_its_owners_alone_and_links_open_one_file(gateway: Running) -> None:
    job = gateway.start_job("lab-tiles", inputs={"done": 1, "fail": True})["id"]
    gateway.finished(job)
    href = shown(gateway, job)["outputs"]["halves"]["href"]
    stranger = gateway.another_user("looker")
    assert_problem(stranger.get(f"/jobs/{job}/preview"), 404)
    assert_problem(stranger.get(f"/jobs/{job}/preview/halves.vrt"), 404)
    address, _, signature = href.partition("?")
    for name in ("halves.0.tif", "halves.0.json", "other.vrt", "..%2Frequest.json"):
        assert_problem(requests.get(f"{address.rpartition('/')[0]}/{name}?{signature}", timeout=10), 404)
    assert_problem(requests.get(f"{gateway.url}/jobs/{job}/results/halves.vrt?{signature}", timeout=10), 404)
    for name in ("halves.0.json", "request.json", "..%2Frequest.json", "halves.json", "none.vrt", "halves.9.tif"):
        assert_problem(gateway.get(f"/jobs/{job}/preview/{name}"), 404)
    whole = requests.get(href, timeout=10)
    assert whole.headers["Content-Type"] == "application/x-gdal-vrt"
    assert whole.headers["Cache-Control"] == "no-store"
    part = requests.get(href, headers={"Range": "bytes=1-4"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole.content[1:5])
    assert part.headers["Content-Range"] == f"bytes 1-4/{len(whole.content)}"
    assert requests.get(href, headers={"Range": "bytes=-3"}, timeout=10).content == whole.content[-3:]
    assert_problem(requests.get(href, headers={"Range": "bytes=999999-"}, timeout=10), 416)
