"""The catalogues of the site's archives, as they can be read from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from backend_client import CatalogueError, Gateway
from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

ITEM = {
    "type": "Feature",
    "id": "a",
    "bbox": [1, 43, 2, 44],
    "geometry": {"type": "Point", "coordinates": [1.5, 43.5]},
    "properties": {"datetime": "2018-05-01T10:00:00Z"},
    "assets": {"red": {"href": "./red.tif"}},
    "links": [],
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("archives")
    archive, bare = folder / "one & only", folder / "bare"
    (archive / "a").mkdir(parents=True)
    bare.mkdir()
    root = {"type": "Catalog", "id": "root", "links": [{"rel": "item", "href": "./a/a.json"}]}
    (archive / "catalog.json").write_text(json.dumps(root))
    (archive / "a" / "a.json").write_text(json.dumps(ITEM))
    (archive / "a" / "red.tif").write_bytes(b"pixels")
    (folder / "outside.json").write_text("{}")
    (archive / "link.json").symlink_to(folder / "outside.json")
    archives = [
        {"name": name, "prefix": f"https://{number}.invalid/", "path": str(path)}
        for number, (name, path) in enumerate({"one & only": archive, "bare": bare}.items())
    ]
    running = Running.start(tmp_path_factory.mktemp("gateway"), PHIDIAS_ARCHIVES=json.dumps(archives))
    yield running
    running.stop()


def test_archives_with_a_catalogue_are_listed_and_can_be_searched(gateway: Running) -> None:
    (link,) = [link for link in gateway.request("GET", "/").json()["links"] if link["rel"] == "archives"]
    assert link["href"] == f"{gateway.url}/archives"
    client = Gateway(gateway.url, token=gateway.token)
    assert list(client.archives()) == ["one & only"]
    assert [scene.id for scene in client.scenes("one & only", period="2018-05-01")] == ["a"]
    assert client.collections("one & only") == {}
    with pytest.raises(CatalogueError, match="Choose from one & only"):
        list(client.scenes("bare"))


@pytest.mark.parametrize(
    "path",
    [
        "/archives/one%20&%20only/a/red.tif",
        "/archives/one%20&%20only/a",
        "/archives/one%20&%20only/link.json",
        "/archives/one%20&%20only/%2e%2e/outside.json",
        "/archives/one%20&%20only/..%2Foutside.json",
        "/archives/bare/catalog.json",
        "/archives/nobodys/catalog.json",
    ],
)
def test_nothing_but_its_documents_leaves_an_archive(gateway: Running, path: str) -> None:
    request = requests.Request("GET", gateway.url, headers=dict(gateway.session.headers)).prepare()
    request.url = gateway.url + path  # as it is: requests would tidy the dots away
    assert_problem(requests.Session().send(request, timeout=10), 404)


def test_archives_are_for_users_alone(gateway: Running) -> None:
    for path in ("/archives", "/archives/one%20&%20only/catalog.json"):
        assert_problem(requests.get(gateway.url + path, timeout=10), 401)
