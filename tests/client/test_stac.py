"""Scenes of a STAC API and of a static catalogue."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from backend_client import Cancelled, CatalogueError
from backend_client.stac import collections, search

from .conftest import Answer, Seen, Server


def item(name: str, day: str, clouds: float | None, west: float, collection: str = "s2") -> dict[str, Any]:
    box = [west, 43.0, west + 1, 44.0]
    ring = [[west, 43.0], [west + 1, 43.0], [west + 1, 44.0], [west, 44.0], [west, 43.0]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": f"{day}T10:30:00Z", **({} if clouds is None else {"eo:cloud_cover": clouds})},
        "assets": {
            "B04": {"href": "./B04.tif", "type": "image/tiff; application=geotiff"},
            "look": {"href": "./look.png", "type": "image/png", "roles": ["overview"]},
        },
        "links": [{"rel": "self", "href": f"ITEMS/{name}/{name}.json"}],
    }


ITEMS = [
    item("a", "2018-05-01", 5.0, 1.0),
    item("b", "2018-05-31", 80.0, 1.5),
    item("c", "2018-06-01", None, 1.5),
    item("d", "2018-05-10", 1.0, 30.0),
    item("e", "2018-05-11", 1.0, 1.2, "s1"),
]
AREA = {"type": "Polygon", "coordinates": [[[1.6, 43.5], [1.7, 43.5], [1.7, 43.6], [1.6, 43.5]]]}


@pytest.fixture
def static(server: Server) -> str:
    """A catalogue as files lie on a web server: nothing is asked but GET."""
    links = [{"rel": "item", "href": f"./{each['id']}/{each['id']}.json"} for each in ITEMS]
    inner = {"type": "Catalog", "id": "in", "stac_version": "1.0.0", "description": "x", "links": links}
    root = {**inner, "id": "root", "links": [{"rel": "child", "href": "./in/catalog.json"}]}
    server.on("GET", "/catalog.json", Answer(body=root))
    server.on("GET", "/in/catalog.json", Answer(body=inner))
    for each in ITEMS:
        place = f"/in/{each['id']}/{each['id']}.json"
        body = {**each, "links": [{"rel": "self", "href": server.url + place}]}
        body.pop("collection")
        server.on("GET", place, Answer(body=body))
    return server.url + "/catalog.json"


@pytest.fixture
def api(server: Server) -> str:
    """A STAC API that knows no filter at all: it gives everything, two items a page."""

    def found(request: Seen) -> Answer:
        start = int(request.query.get("token", ["0"])[0]) if request.method == "GET" else 0
        page = {"type": "FeatureCollection", "features": ITEMS[start : start + 2], "links": []}
        if start + 2 < len(ITEMS):
            page["links"] = [{"rel": "next", "href": f"{server.url}/search?token={start + 2}"}]
        return Answer(body=page)

    root = {
        "type": "Catalog",
        "id": "api",
        "stac_version": "1.0.0",
        "description": "x",
        "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
        "links": [
            {"rel": "self", "href": server.url + "/"},
            {"rel": "root", "href": server.url + "/"},
            {"rel": "data", "href": server.url + "/collections"},
            {"rel": "search", "href": server.url + "/search", "method": "GET", "type": "application/geo+json"},
            {"rel": "search", "href": server.url + "/search", "method": "POST", "type": "application/geo+json"},
        ],
    }
    server.on("GET", "/", Answer(body=root))
    server.on("GET", "/search", found)
    server.on("POST", "/search", found)
    return server.url + "/"


def names(url: str, **wishes: Any) -> list[str]:
    return [scene.id for scene in search(url, **wishes)]


@pytest.mark.parametrize("kind", ["static", "api"])
def test_search(kind: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(kind)
    assert names(url) == ["a", "b", "c", "d", "e"]
    assert names(url, area=AREA) == ["a", "b", "c", "e"]
    assert names(url, period="2018-05-01/2018-05-31") == ["a", "b", "d", "e"]
    assert names(url, period="2018-05-31/..") == ["b", "c"]
    assert names(url, period="2018-06-01") == ["c"]
    assert names(url, max_cloud_cover=5) == ["a", "d", "e"]
    assert names(url, max_cloud_cover=100) == ["a", "b", "c", "d", "e"]
    assert names(url, ids=["c", "a"]) == ["a", "c"]
    assert names(url, limit=2) == ["a", "b"]


def test_collections(api: str) -> None:
    assert names(api, collections=["s1"]) == ["e"]


def test_a_scene(static: str, server: Server) -> None:
    scene = next(search(static))
    assert (scene.id, scene.cloud_cover, scene.bbox) == ("a", 5.0, (1.0, 43.0, 2.0, 44.0))
    assert scene.datetime is not None
    assert scene.datetime.isoformat() == "2018-05-01T10:30:00+00:00"
    assert scene.quicklook == server.url + "/in/a/look.png"
    assert scene.item["assets"]["B04"]["href"] == server.url + "/in/a/B04.tif"


def test_an_api_is_asked_for_what_is_wanted(api: str, server: Server) -> None:
    names(api, area=AREA, period="2018-05-01/2018-05-31", collections=["s2"], ids=["a"])
    sent = json.loads(server.requests("POST", "/search")[0].body)
    assert sent["intersects"] == AREA
    assert sent["collections"] == ["s2"]
    assert sent["ids"] == ["a"]
    assert sent["datetime"] == "2018-05-01T00:00:00Z/2018-05-31T23:59:59Z"


def test_the_callers_session_carries_every_request(static: str, server: Server) -> None:
    with requests.Session() as session:
        session.headers["X-Through"] = "the caller's"
        list(search(static, session))
    assert {request.headers.get("x-through") for request in server.seen} == {"the caller's"}


def test_a_catalogue_cannot_make_us_read_local_files(server: Server, tmp_path: Any) -> None:
    (tmp_path / "catalog.json").write_text(json.dumps({**ITEMS[0]}))
    link = {"rel": "item", "href": (tmp_path / "catalog.json").as_uri()}
    root = {"type": "Catalog", "id": "r", "stac_version": "1.0.0", "description": "x", "links": [link]}
    server.on("GET", "/catalog.json", Answer(body=root))
    with pytest.raises(CatalogueError):
        names(server.url + "/catalog.json")


@pytest.mark.parametrize("answer", [Answer(404), Answer(500), Answer(body=b"<html>"), Answer(body={}), Answer(body=[])])
def test_what_is_no_catalogue(server: Server, answer: Answer) -> None:
    server.on("GET", "/catalog.json", answer)
    with pytest.raises(CatalogueError) as caught:
        names(server.url + "/catalog.json?signature=hush")
    assert "hush" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("period", ["soon", "2018-05-31/2018-05-01", "2018-13-01/.."])
def test_a_period_that_is_none_is_refused_before_anything_is_asked(server: Server, period: str) -> None:
    with pytest.raises(CatalogueError):
        names(server.url + "/catalog.json", period=period)
    assert server.seen == []


def test_nobody_answers(free_port: int) -> None:
    with pytest.raises(CatalogueError):
        names(f"http://127.0.0.1:{free_port}/catalog.json")


def test_not_on_the_web() -> None:
    with pytest.raises(CatalogueError, match="no web address"):
        names("/etc/passwd")


def test_cancel(static: str) -> None:
    with pytest.raises(Cancelled):
        names(static, cancelled=lambda: True)


def test_the_next_page_is_asked_for_as_its_link_says(server: Server) -> None:
    """STAC API: by POST with a body that replaces the search, or is merged into it, and with headers."""
    merged = {"rel": "next", "href": server.url + "/search", "method": "POST", "body": {"token": "2"}, "merge": True}
    merged["headers"] = {"X-Page": "2"}
    replaced = {"rel": "next", "href": server.url + "/search", "method": "POST", "body": {"token": "3"}}
    again = {**replaced, "body": {"token": "3"}}

    def found(request: Seen) -> Answer:
        number = int(json.loads(request.body).get("token", "1"))
        links = [[merged], [replaced], [again]][number - 1]
        return Answer(body={"type": "FeatureCollection", "features": [ITEMS[number - 1]], "links": links})

    root = {"type": "Catalog", "id": "api", "links": [{"rel": "search", "href": "./search", "method": "POST"}]}
    server.on("GET", "/", Answer(body=root))
    server.on("POST", "/search", found)
    assert names(server.url + "/", collections=["s2"]) == ["a", "b", "c"]
    first, second, third = server.requests("POST", "/search")
    assert json.loads(first.body) == {"limit": 100, "collections": ["s2"]}
    assert json.loads(second.body) == {"limit": 100, "collections": ["s2"], "token": "2"}
    assert second.headers["x-page"] == "2"
    assert json.loads(third.body) == {"token": "3"}


def test_an_api_that_understands_clouds_is_asked_for_them(api: str, server: Server) -> None:
    root = requests.get(api, timeout=5).json()
    conforms = [*root["conformsTo"], "https://api.stacspec.org/v1.0.0/item-search#query"]
    get_only = [link for link in root["links"] if link.get("method") != "POST"]
    server.on("GET", "/", Answer(body={**root, "conformsTo": conforms, "links": get_only}))
    names(api, area=AREA, max_cloud_cover=20, ids=["a", "b"])
    query = server.requests("GET", "/search")[0].query
    assert json.loads(query["query"][0]) == {"eo:cloud_cover": {"lte": 20}}
    assert json.loads(query["intersects"][0]) == AREA
    assert query["ids"] == ["a,b"]


def test_a_catalogue_that_refuses_asks_for_credentials(server: Server) -> None:
    server.on("GET", "/", Answer(401))
    with pytest.raises(CatalogueError, match="credentials"):
        names(server.url + "/")


def test_collections_are_listed(static: str, api: str, server: Server) -> None:
    inner = {"type": "Collection", "id": "s2", "title": "Sentinel-2", "links": []}
    server.on("GET", "/in/catalog.json", Answer(body=inner))
    assert collections(static) == {"s2": "Sentinel-2"}
    more = {"collections": [{"id": "s1"}], "links": []}
    page = {"collections": [inner], "links": [{"rel": "next", "href": server.url + "/collections?page=2"}]}
    server.on("GET", "/collections", lambda request: Answer(body=more if request.query else page))
    assert collections(api) == {"s2": "Sentinel-2", "s1": "s1"}


def test_collections_that_cannot_hold_a_scene_are_not_opened(static: str, server: Server) -> None:
    extent = {"spatial": {"bbox": [[1, 43, 3, 44]]}, "temporal": {"interval": [["2018-01-01T00:00:00Z", None]]}}
    inner = requests.get(server.url + "/in/catalog.json", timeout=5).json()
    server.on("GET", "/in/catalog.json", Answer(body={**inner, "type": "Collection", "id": "s2", "extent": extent}))
    assert len(names(static)) == 5
    server.seen.clear()
    elsewhere = {"type": "Polygon", "coordinates": [[[9, 9], [9.1, 9], [9, 9.1], [9, 9]]]}
    for wishes in ({"collections": ["s1"]}, {"area": elsewhere}, {"period": "2017-01-01/2017-12-31"}):
        assert names(static, **wishes) == []
    assert len(server.seen) == 6


def test_a_catalogue_that_goes_round_in_circles(server: Server) -> None:
    links = [{"rel": "child", "href": "catalog.json"}, {"rel": "child", "href": "./catalog.json"}]
    server.on("GET", "/catalog.json", Answer(body={"type": "Catalog", "id": "r", "links": links}))
    assert names(server.url + "/catalog.json") == []
