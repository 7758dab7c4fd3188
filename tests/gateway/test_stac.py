"""The STAC API over the results: what appears, who sees it, and how it is searched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pystac_client
import pytest
import rasterio
import requests

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

GEOJSON = "application/geo+json"
# Where and when each scene lies: two in Europe, one across the antimeridian, a triangle in the corner of its box.
SCENES: dict[str, dict[str, Any]] = {
    "europe": {"bbox": {"bbox": [3, 50, 4, 51]}},
    "later": {"bbox": {"bbox": [3.5, 50.5, 5, 52]}, "start": "2018-06-01T00:00:00Z", "end": "2018-06-30T00:00:00Z"},
    "fiji": {"bbox": {"bbox": [179, -18, -179, -17]}},
    "corner": {
        "bbox": {"bbox": [10, 50, 20, 60]},
        "changes": {
            "geometry": {"type": "Polygon", "coordinates": [[[10, 50], [20, 50], [10, 60], [10, 50]]]},
        },
    },
}


@dataclass(frozen=True)
class Owner:
    """A user with results: the job of each scene by its name, oldest first."""

    gateway: Running
    jobs: dict[str, str]

    def names(self, items: list[dict[str, Any]]) -> list[str]:
        by_id = {job: name for name, job in self.jobs.items()}
        return [by_id[item["id"]] for item in items]


@pytest.fixture(scope="module")
def owner(gateway: Running) -> Iterator[Owner]:
    ada = gateway.another_user("stac-ada")
    jobs = {name: ada.start_job("lab-scene", inputs=inputs)["id"] for name, inputs in SCENES.items()}
    others = [ada.start_job("lab-files", inputs={"size": 3})["id"], ada.start_job(inputs={})["id"]]
    for job in (*jobs.values(), *others):
        assert ada.finished(job)["status"] == "successful"
    yield Owner(ada, jobs)
    ada.session.close()


def link(document: dict[str, Any], relation: str) -> dict[str, Any]:
    return next(entry for entry in document["links"] if entry["rel"] == relation)


def test_pystac_client_browses_it(owner: Owner) -> None:
    client = pystac_client.Client.open(f"{owner.gateway.url}/stac", headers=dict(owner.gateway.session.headers))
    for name in ("CORE", "COLLECTIONS", "FEATURES", "ITEM_SEARCH"):
        assert client.conforms_to(name)
    (collection,) = client.get_collections()
    assert (collection.id, collection.title, collection.license) == ("lab-scene", "Scene", "other")
    assert collection.extent.spatial.bboxes == [[-180, -18, 180, 60]]
    assert [str(moment.date()) for moment in collection.extent.temporal.intervals[0]] == ["2018-05-06", "2018-06-30"]
    assert [item.id for item in collection.get_items()] == list(owner.jobs.values())[::-1]
    search = client.search(bbox=[2, 49, 3.2, 50.2], datetime="2018-05-01/2018-05-31")
    assert search.matched() == 1
    (item,) = search.items()
    assert item.id == owner.jobs["europe"]
    assert item.get_collection().id == "lab-scene"
    with rasterio.open(item.assets["image"].href) as image:
        assert tuple(image.bounds) == (3, 50, 4, 51)
        assert (image.read() == 7).all()


def test_pystac_client_goes_through_the_pages(owner: Owner) -> None:
    client = pystac_client.Client.open(f"{owner.gateway.url}/stac", headers=dict(owner.gateway.session.headers))
    for method in ("GET", "POST"):
        found = list(client.search(method=method, limit=3, bbox=[-180, -90, 180, 90]).items())
        assert [item.id for item in found] == list(owner.jobs.values())[::-1]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, ["corner", "fiji", "later", "europe"]),
        ({"bbox": [3.6, 50.6, 3.7, 50.7]}, ["later", "europe"]),
        ({"bbox": [3.6, 50.6, 0, 3.7, 50.7, 100]}, ["later", "europe"]),
        ({"bbox": [4, 51, 4, 51]}, ["later", "europe"]),
        ({"bbox": [-180, -20, -179.5, -10]}, ["fiji"]),
        ({"bbox": [170, -20, -170, -10]}, ["fiji"]),
        ({"bbox": [170, -20, 190, -10]}, ["fiji"]),
        ({"bbox": [18, 58, 19, 59]}, ["corner"]),
        ({"intersects": {"type": "Point", "coordinates": [18.5, 58.5]}}, []),
        ({"intersects": {"type": "Point", "coordinates": [11, 51]}}, ["corner"]),
        ({"intersects": {"type": "LineString", "coordinates": [[3.2, 50.2], [12, 51]]}}, ["corner", "europe"]),
        ({"datetime": "2018-05-06T10:00:00Z"}, ["corner", "fiji", "europe"]),
        ({"datetime": "2018-05-06t10:00:00.000z"}, ["corner", "fiji", "europe"]),
        ({"datetime": "2018-06-15T00:00:00Z/.."}, ["later"]),
        ({"datetime": "../2018-05-06"}, ["corner", "fiji", "europe"]),
        ({"datetime": "2017-01-01/2017-12-31"}, []),
        ({"collections": ["lab-scene"], "datetime": "2018-06-01/2018-06-02"}, ["later"]),
        ({"collections": ["lab-files", "echo"]}, []),
        ({"ids": ["none"]}, []),
    ],
)
def test_a_search_finds_what_lies_there(owner: Owner, search: dict[str, Any], expected: list[str]) -> None:
    posted = owner.gateway.request("POST", "/stac/search", json=search)
    assert posted.headers["Content-Type"] == GEOJSON
    assert owner.names(posted.json()["features"]) == expected
    assert posted.json()["numberReturned"] == len(expected)
    if "intersects" not in search:
        assert posted.json()["numberMatched"] == len(expected)
    query = {
        name: json.dumps(value)
        if name == "intersects"
        else ",".join(map(str, value))
        if isinstance(value, list)
        else value
        for name, value in search.items()
    }
    got = owner.gateway.get("/stac/search", params=query).json()
    assert owner.names(got["features"]) == expected
    if not search.keys() & {"ids", "collections", "intersects"}:
        got = owner.gateway.get("/stac/collections/lab-scene/items", params=query).json()
        assert owner.names(got["features"]) == expected


def test_pages_keep_what_was_asked(owner: Owner) -> None:
    seen: list[dict[str, Any]] = []
    search: dict[str, Any] = {"intersects": {"type": "Point", "coordinates": [3.7, 50.7]}, "limit": 1}
    while True:
        page = owner.gateway.request("POST", "/stac/search", json=search).json()
        seen += page["features"]
        if len(seen) == 2:
            assert not [entry for entry in page["links"] if entry["rel"] == "next"]
            break
        following = link(page, "next")
        assert (following["method"], following["href"]) == ("POST", f"{owner.gateway.url}/stac/search")
        search = following["body"]
    assert owner.names(seen) == ["later", "europe"]
    first = owner.gateway.get("/stac/collections/lab-scene/items?limit=1&bbox=3.7,50.7,3.8,50.8").json()
    second = owner.gateway.get(link(first, "next")["href"]).json()
    assert owner.names(first["features"] + second["features"]) == ["later", "europe"]


def test_more_than_a_page_holds_is_no_error(owner: Owner) -> None:
    assert owner.gateway.get("/stac/search?limit=100000").json()["numberReturned"] == 4


def test_an_item_is_served_with_links_that_lead_there(owner: Owner) -> None:
    url, job = owner.gateway.url, owner.jobs["europe"]
    answer = owner.gateway.get(f"/stac/collections/lab-scene/items/{job}")
    item = answer.json()
    assert answer.headers["Content-Type"] == GEOJSON
    assert answer.headers["Cache-Control"] == "no-store"
    assert (item["id"], item["collection"]) == (job, "lab-scene")
    assert item["properties"]["datetime"] is None
    for relation, path in (
        ("self", f"/stac/collections/lab-scene/items/{job}"),
        ("parent", "/stac/collections/lab-scene"),
        ("collection", "/stac/collections/lab-scene"),
        ("root", "/stac"),
        ("related", f"/jobs/{job}"),
    ):
        assert link(item, relation)["href"] == url + path
        assert owner.gateway.get(path).status_code == 200
    assert link(item, "derived_from")["href"] == "https://example.org/items/1"
    assert sum(entry["rel"] == "self" for entry in item["links"]) == 1
    assert set(item["assets"]) == {"image", "source"}, "a path of the cluster was shown"
    assert item["assets"]["source"]["href"] == "https://example.org/scene.tif"
    assert requests.get(item["assets"]["image"]["href"], timeout=10).content[:2] == b"II"


def test_what_the_request_left_out_cannot_be_had(owner: Owner) -> None:
    job = owner.gateway.start_job("lab-scene", inputs={"bbox": {"bbox": [60, 0, 61, 1]}}, outputs={"item": {}})["id"]
    owner.gateway.finished(job)
    item = owner.gateway.get(f"/stac/collections/lab-scene/items/{job}").json()
    assert set(item["assets"]) == {"source"}
    owner.gateway.request("DELETE", f"/jobs/{job}")


def test_a_dismissed_job_vanishes(owner: Owner) -> None:
    job = owner.gateway.start_job("lab-scene", inputs={"bbox": {"bbox": [60, 0, 61, 1]}})["id"]
    path = f"/stac/collections/lab-scene/items/{job}"
    assert_problem(owner.gateway.get(path), 404)
    owner.gateway.finished(job)
    assert owner.gateway.get(path).status_code == 200
    owner.gateway.request("DELETE", f"/jobs/{job}")
    assert_problem(owner.gateway.get(path), 404)
    assert owner.gateway.get("/stac/search?bbox=60,0,61,1").json()["features"] == []


def test_a_document_that_is_no_item_harms_nothing(owner: Owner) -> None:
    job = owner.gateway.start_job("lab-scene", inputs={"changes": {"properties": {"datetime": "yesterday"}}})["id"]
    assert owner.gateway.finished(job)["status"] == "successful"
    assert_problem(owner.gateway.get(f"/stac/collections/lab-scene/items/{job}"), 404)
    assert owner.gateway.get(f"/stac/search?ids={job}").json()["features"] == []
    owner.gateway.request("DELETE", f"/jobs/{job}")


def test_everybody_sees_only_their_own(owner: Owner, gateway: Running) -> None:
    eve = gateway.another_user("stac-eve")
    page = eve.get("/stac").json()
    assert not [entry for entry in page["links"] if entry["rel"] == "child"]
    assert eve.get("/stac/collections").json()["collections"] == []
    assert eve.get("/stac/search").json()["features"] == []
    for path in (
        "/stac/collections/lab-scene",
        "/stac/collections/lab-scene/items",
        f"/stac/collections/lab-scene/items/{owner.jobs['europe']}",
    ):
        assert_problem(eve.get(path), 404)
    assert_problem(owner.gateway.get(f"/stac/collections/echo/items/{owner.jobs['europe']}"), 404)
    for path in ("/stac", "/stac/conformance", "/stac/collections", "/stac/search"):
        assert_problem(requests.get(gateway.url + path, timeout=10), 401)
    eve.session.close()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("bbox=1,2,3", "bbox"),
        ("bbox=1,2,3,4,5", "bbox"),
        ("bbox=1,2,3,x", "bbox"),
        ("bbox=1,9,3,4", "bbox"),
        ("bbox=nan,1,2,3", "bbox"),
        ("bbox=1,2,3,1e999", "bbox"),
        ("datetime=yesterday", "datetime"),
        ("datetime=2018-05-02/2018-05-01", "datetime"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("intersects=x", "intersects"),
        ("intersects=[]", "intersects"),
        ('intersects={"type":"Circle"}', "intersects"),
        ('intersects={"type":"Point","coordinates":[1,NaN]}', "intersects"),
        ('intersects={"type":"Polygon","coordinates":[]}', "intersects"),
        ('bbox=1,2,3,4&intersects={"type":"Point","coordinates":[1,1]}', "intersects"),
        ("filter=eo:cloud_cover<10", "filter"),
    ],
)
def test_a_bad_search_is_refused_and_says_what_is_wrong(owner: Owner, query: str, named: str) -> None:
    answer = owner.gateway.get(f"/stac/search?{query}")
    assert_problem(answer, 400)
    assert answer.json()["input"] == named


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        "nothing",
        '{"limit": 0}',
        '{"limit": "10"}',
        '{"bbox": "1,2,3,4"}',
        '{"bbox": [1, 2, 3, 1e999]}',
        '{"ids": "x"}',
        '{"query": {}}',
        '{"intersects": {"type": "GeometryCollection", "geometries": [' * 500 + "]}}" * 500,
        '{"ids": ["\\ud800"]}',
    ],
)
def test_a_bad_body_is_refused(owner: Owner, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(owner.gateway.request("POST", "/stac/search", data=body, headers=headers), 400)


def test_an_empty_body_asks_for_everything(owner: Owner) -> None:
    assert owner.gateway.request("POST", "/stac/search").json()["numberMatched"] == 4
