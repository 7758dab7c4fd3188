"""Every body against the schemas of OGC API - Processes 1.0 as published, and what can be told without them.

The schemas are no part of this repository: PHIDIAS_SHARED names the folder that holds `ogc/processes-1.0`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.gateway.running import Running

SHARED = Path(os.environ.get("PHIDIAS_SHARED", Path(__file__).parents[3] / "shared"))
ONE = SHARED / "ogc" / "processes-1.0"
TWO = SHARED / "ogc" / "processes-2.0rc1" / "ogcapi-processes.bundled.json"

# Alternatives that overlap (a whole number is a number, a string may be base64 as well), so that `oneOf` fits nothing.
OVERLAPPING = {"inputValueNoObject.yaml", "inputValue.yaml", "inlineOrRefData.yaml", "execute.yaml"}

Validate = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running.start(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


@cache
def schema_file(uri: str) -> Resource[Any]:
    path = Path(uri.removeprefix("file://"))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return DRAFT4.create_resource(_widened(content) if path.name in OVERLAPPING else content)


def _widened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {"anyOf" if key == "oneOf" else key: _widened(value) for key, value in schema.items()}
    return [_widened(entry) for entry in schema] if isinstance(schema, list) else schema


@pytest.fixture
def validate() -> Validate:
    """Validate a document against a schema of version 1.0, by its file's name."""
    if not ONE.is_dir():
        pytest.skip(f"the OGC schemas are not in {ONE.parent}: set PHIDIAS_SHARED to the folder that holds ogc/")
    registry: Registry[Any] = Registry(retrieve=schema_file)

    def check(name: str, document: Any) -> None:
        schema = {"$ref": f"file://{ONE}/schemas/{name}.yaml"}
        jsonschema.Draft4Validator(schema, registry=registry).validate(document)

    return check


def relations(document: dict[str, Any]) -> set[str]:
    return {link["rel"] for link in document["links"]}


def test_the_schemas_refuse_what_is_wrong(validate: Validate) -> None:
    for name, document in (
        ("statusInfo", {"jobID": "x", "type": "process", "status": "done"}),
        ("landingPage", {"title": "x"}),
        ("exception", {"title": "x"}),
        ("process", {"id": "x"}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            validate(name, document)


@pytest.mark.parametrize(
    ("path", "schema"),
    [("/", "landingPage"), ("/conformance", "confClasses"), ("/processes", "processList"), ("/jobs", "jobList")],
)
def test_documents(gateway: Running, validate: Validate, path: str, schema: str) -> None:
    validate(schema, gateway.get(path).json())


def test_every_description(gateway: Running, validate: Validate) -> None:
    for process in gateway.get("/processes").json()["processes"]:
        validate("process", gateway.get(f"/processes/{process['id']}").json())


@pytest.mark.parametrize("fail", [False, True])
def test_a_job_from_start_to_end(gateway: Running, validate: Validate, fail: bool) -> None:
    request = {"inputs": {"integer": 5, "bbox": {"bbox": [1, 2, 3, 4]}, "object": {"value": {"a": 1}}, "fail": fail}}
    validate("execute", request)
    job = gateway.start_job(**request)
    validate("statusInfo", job)
    validate("statusInfo", gateway.finished(job["jobID"]))
    validate("jobList", gateway.get("/jobs").json())
    validate("exception" if fail else "results", gateway.get(f"/jobs/{job['jobID']}/results").json())
    validate("statusInfo", gateway.request("DELETE", f"/jobs/{job['jobID']}").json())


def test_results_that_are_files(gateway: Running, validate: Validate) -> None:
    for mode in ("value", "reference"):
        wanted = {name: {"transmissionMode": mode} for name in ("data", "notes", "pieces", "count", "facts")}
        answer = gateway.execute("lab-files", inputs={"size": 3}, outputs=wanted, response="document")
        assert set(answer.json()) == set(wanted)
        validate("results", answer.json())


@pytest.mark.parametrize("path", ["/nothing", "/jobs/x", "/processes/x", "/jobs?limit=0"])
def test_errors(gateway: Running, validate: Validate, path: str) -> None:
    validate("exception", gateway.get(path).json())


def test_a_status_fits_version_2_as_well(gateway: Running) -> None:
    if not TWO.is_file():
        pytest.skip(f"the OGC schemas are not in {TWO.parents[1]}: set PHIDIAS_SHARED to the folder that holds ogc/")
    resource = DRAFT4.create_resource(json.loads(TWO.read_text(encoding="utf-8")))
    registry: Registry[Any] = Registry().with_resource("urn:two", resource)
    validator = jsonschema.Draft4Validator({"$ref": "urn:two#/components/schemas/statusInfo"}, registry=registry)
    job = gateway.start_job(inputs={})
    validator.validate(job)
    validator.validate(gateway.finished(job["id"]))


def test_the_essence_without_the_schemas(gateway: Running) -> None:
    ogc = "http://www.opengis.net/def/rel/ogc/1.0/"
    landing = gateway.get("/").json()
    assert relations(landing) >= {"self", "service-desc", ogc + "conformance", ogc + "processes", ogc + "job-list"}
    classes = gateway.get("/conformance").json()["conformsTo"]
    for name in ("core", "json", "oas30", "ogc-process-description", "job-list", "dismiss"):
        assert f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}" in classes
    assert not any("callback" in name for name in classes)
    assert ogc + "execute" in relations(gateway.get("/processes/echo").json())
    job = gateway.start_job(inputs={})
    assert job["jobID"] == job["id"]
    assert (job["type"], job["processID"], job["processingEntityType"]) == ("process", "echo", "ogc-api-processes")
    assert relations(job) >= {"self", "monitor", "up", "logs"}
    ended = gateway.finished(job["id"])
    assert ogc + "results" in relations(ended)
    assert ended["created"] <= ended["started"] <= ended["finished"] <= ended["updated"]


# --- the OpenAPI document ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(gateway: Running) -> dict[str, Any]:
    answer = requests.get(f"{gateway.url}/api", timeout=10)
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    return dict(answer.json())


def parts(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from parts(value)


def test_it_is_openapi_3_0(api: dict[str, Any], gateway: Running) -> None:
    assert api["openapi"].startswith("3.0.")
    assert api["servers"] == [{"url": gateway.url}]
    for part in parts(api):
        assert part.get("type") != "null"
        assert isinstance(part.get("exclusiveMinimum", False), bool)
        assert isinstance(part.get("exclusiveMaximum", False), bool)
        assert "const" not in part
        assert "prefixItems" not in part
        reference = part.get("$ref", "#")
        target: Any = api
        for step in filter(None, reference.removeprefix("#").split("/")):
            target = target[step]  # raises KeyError for a reference that leads nowhere


def test_every_operation_is_served_and_answers_as_documented(api: dict[str, Any], gateway: Running) -> None:
    job = gateway.start_job("lab-files", inputs={"size": 10})["id"]
    gateway.finished(job)
    values = {"process_id": "echo", "job_id": job, "name": "data.bin", "sha256": "0" * 64}
    operations = {(path, method) for path, item in api["paths"].items() for method in item}
    assert len(operations) > 20
    for path, method in sorted(operations, key=lambda operation: (operation[1] == "delete", -len(operation[0]))):
        documented = api["paths"][path][method]["responses"]
        address = path.format(**values)
        answers = [
            gateway.request(method.upper(), address),
            requests.request(method, gateway.url + address, timeout=10),
        ]
        for answer in answers:
            assert str(answer.status_code) in documented, (method, path, answer.status_code)
            assert answer.status_code not in (404, 405) or "upload" in path or "preview/" in path
            content = documented[str(answer.status_code)].get("content", {})
            if answer.content and "binary" not in str(content):
                media = answer.headers["Content-Type"]
                assert media in content or answer.status_code in (200, 206), (method, path, media)


def test_operation_ids_are_unique(api: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in api["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))
