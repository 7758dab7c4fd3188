"""Every STAC document against the published JSON schemas of STAC 1.1 and of the extensions it names.

The schemas are no part of this repository: PHIDIAS_SHARED names the folder that holds `stac_schemas`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.gateway.running import Running

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("PHIDIAS_SHARED", ROOT.parent / "shared"))
SCHEMAS = SHARED / "stac_schemas"
CORE = "https://schemas.stacspec.org/v1.1.0/"
NOT_AT_HAND = {"https://stac-extensions.github.io/render/v2.0.0/schema.json"}
AREA = [-75.60, 37.66, -75.57, 37.69]

Validate = Callable[[str, Any], None]


@cache
def schema_file(uri: str) -> Resource[Any]:
    content = json.loads((SCHEMAS / uri.removeprefix("https://").partition("#")[0]).read_text(encoding="utf-8"))
    content.pop("$id", None)  # a schema is known by its address; some state another one
    return DRAFT7.create_resource(content)


@pytest.fixture
def validate() -> Validate:
    """Validate a document against a schema, by its address."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"the STAC schemas are not in {SCHEMAS}: set PHIDIAS_SHARED to the folder that holds stac_schemas/")
    registry: Registry[Any] = Registry(retrieve=schema_file)

    def check(address: str, document: Any) -> None:
        jsonschema.Draft7Validator({"$ref": address}, registry=registry).validate(document)

    return check


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway whose user has an NDVI of a real Sentinel-2 scene, and a laboratory's item."""
    sys.path.insert(0, str(ROOT / "tools"))
    import demo_archive

    archive = demo_archive.build(ROOT / ".cache" / "demo-archive").parent
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(archive)}]
    running = Running.start(tmp_path_factory.mktemp("gateway"), PHIDIAS_ARCHIVES=json.dumps(archives))
    inputs = {"index": "NDVI", "area": {"value": {"bbox": AREA}}, "scenes": {"value": {"catalogue": "demo"}}}
    for job in (running.start_job("spectral-index", inputs=inputs), running.start_job("lab-scene", inputs={})):
        ended = running.finished(job["id"])
        assert ended["status"] == "successful", ended
    yield running
    running.stop()


def test_the_schemas_refuse_what_is_wrong(validate: Validate) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(CORE + "item-spec/json-schema/item.json", {"type": "Feature", "stac_version": "1.1.0"})


def test_the_landing_page_is_a_catalogue(gateway: Running, validate: Validate) -> None:
    page = gateway.get("/stac").json()
    validate(CORE + "catalog-spec/json-schema/catalog.json", page)
    relations = {link["rel"] for link in page["links"]}
    assert relations >= {"self", "root", "service-desc", "conformance", "data", "search", "child"}
    searches = {(link["method"], link["type"]) for link in page["links"] if link["rel"] == "search"}
    assert searches == {("GET", "application/geo+json"), ("POST", "application/geo+json")}
    assert page["conformsTo"] == gateway.get("/stac/conformance").json()["conformsTo"]
    for link in page["links"]:
        assert gateway.get(link["href"]).status_code == 200, link


def test_every_collection(gateway: Running, validate: Validate) -> None:
    collections = gateway.get("/stac/collections").json()["collections"]
    assert [collection["id"] for collection in collections] == ["lab-scene", "spectral-index"]
    for collection in collections:
        validate(CORE + "collection-spec/json-schema/collection.json", collection)
        alone = gateway.get(next(link["href"] for link in collection["links"] if link["rel"] == "self")).json()
        assert alone == collection


def test_every_item_with_its_extensions(gateway: Running, validate: Validate) -> None:
    found = gateway.get("/stac/search").json()
    validate("https://geojson.org/schema/Feature.json", {**found["features"][0]})
    assert {item["collection"] for item in found["features"]} == {"lab-scene", "spectral-index"}
    for item in found["features"]:
        validate(CORE + "item-spec/json-schema/item.json", item)
        for extension in sorted(set(item.get("stac_extensions", ())) - NOT_AT_HAND):
            validate(extension, item)
    (computed,) = (item for item in found["features"] if item["collection"] == "spectral-index")
    assert len(computed["stac_extensions"]) >= 3
    assert any(link["rel"] == "derived_from" for link in computed["links"])
