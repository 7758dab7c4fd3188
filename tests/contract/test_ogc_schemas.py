"""Every body against the schemas of OGC API - Processes 1.0 as published and of 2.0rc1, and what can be told without.

The schemas are no part of this repository: PHIDIAS_SHARED names the folder that holds `ogc/`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from phidias_gateway.links import Signer
from tests.gateway.running import Running

SHARED = Path(os.environ.get("PHIDIAS_SHARED", Path(__file__).parents[3] / "shared"))
ONE = SHARED / "ogc" / "processes-1.0"
TWO = SHARED / "ogc" / "processes-2.0rc1" / "ogcapi-processes.bundled.json"

# Alternatives that overlap (a whole number is a number, a string may be base64 as well), so that `oneOf` fits nothing.
OVERLAPPING = {"inputValueNoObject", "inputValue", "inlineOrRefData", "execute"}
OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"

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
    return DRAFT4.create_resource(_widened(content) if path.stem in OVERLAPPING else content)


@cache
def two() -> Registry[Any]:
    content = json.loads(TWO.read_text(encoding="utf-8"))
    # Bundled as if JSON Schema's and OGC API - Features' schemas of this name were one.
    content["components"]["schemas"]["schema"] = {"type": "object"}
    return Registry().with_resource("urn:two", DRAFT4.create_resource(content))


def of_two(name: str) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator({"$ref": f"urn:two#/components/schemas/{name}"}, registry=two())


def _widened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {"anyOf" if key == "oneOf" else key: _widened(value) for key, value in schema.items()}
    return [_widened(entry) for entry in schema] if isinstance(schema, list) else schema


@pytest.fixture
def validate() -> Validate:
    """Validate a document against a schema of version 1.0, by its file's name, and of 2.0 where that has it too."""
    if not (ONE.is_dir() and TWO.is_file()):
        pytest.skip(f"the OGC schemas are not in {ONE.parent}: set PHIDIAS_SHARED to the folder that holds ogc/")
    registry: Registry[Any] = Registry(retrieve=schema_file)

    def check(name: str, document: Any) -> None:
        one = {"$ref": f"file://{ONE}/schemas/{name}.yaml"}
        jsonschema.Draft4Validator(one, registry=registry).validate(document)
        if name != "execute":
            of_two(name).validate(document)

    return check


def relations(document: dict[str, Any]) -> set[str]:
    return {link["rel"] for link in document["links"]}


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("statusInfo", {"jobID": "x", "type": "process", "status": "done"}),
        ("landingPage", {"title": "x"}),
        ("exception", {"title": "x"}),
        ("process", {"id": "x"}),
        ("confClasses", {}),
        ("jobList", {"jobs": []}),
        ("results", {"x": {"href": 5}}),
    ],
)
def test_the_schemas_refuse_what_is_wrong(validate: Validate, name: str, document: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(name, document)
    with pytest.raises(jsonschema.ValidationError):
        of_two(name).validate(document)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/", "landingPage"),
        ("/conformance", "confClasses"),
        ("/processes", "processList"),
        ("/processes?limit=1", "processList"),
        ("/jobs", "jobList"),
    ],
)
def test_documents(gateway: Running, validate: Validate, path: str, schema: str) -> None:
    validate(schema, gateway.get(path).json())


def test_every_description(gateway: Running, validate: Validate) -> None:
    for process in gateway.get("/processes").json()["processes"]:
        validate("processSummary", process)
        description = gateway.get(f"/processes/{process['id']}").json()
        validate("process", description)
        assert description["inputs"]
        assert description["outputs"]


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Running]:
    """A gateway that runs one job at a time: the second has to wait."""
    running = Running.start(tmp_path / "narrow", PHIDIAS_SCHEDULER__MAX_PARALLEL="1")
    yield running
    running.stop()


def test_a_job_in_every_state(narrow: Running, validate: Validate) -> None:
    seen = {}
    for inputs in ({}, {"fail": True}):
        ended = narrow.finished(narrow.start_job(inputs=inputs)["id"])
        seen[ended["status"]] = ended
    running = narrow.start_job(inputs={"pause": 600})["id"]
    waiting = narrow.start_job(inputs={})
    seen[waiting["status"]] = waiting
    for _ in range(30):
        info = narrow.get(f"/jobs/{running}", headers={"Prefer": "wait=2"}).json()
        if info["status"] == "running":
            seen["running"] = info
            break
    for job in (waiting["id"], running):
        seen["dismissed"] = narrow.request("DELETE", f"/jobs/{job}").json()
    listed = narrow.get("/jobs").json()
    assert set(seen) == {"accepted", "running", "successful", "failed", "dismissed"}
    for info in seen.values():
        validate("statusInfo", info)
    validate("jobList", listed)
    assert len(listed["jobs"]) == 4


def test_what_a_client_sends_is_what_the_standard_has(validate: Validate) -> None:
    inputs = {"integer": 5, "bbox": {"bbox": [1, 2, 3, 4]}, "object": {"value": {"a": 1}}, "fail": True}
    validate("execute", {"inputs": inputs, "outputs": {"integer": {"transmissionMode": "value"}}, "response": "raw"})


def test_results_of_every_kind(gateway: Running, validate: Validate) -> None:
    values = {
        "number": 2.5,
        "boolean": True,
        "array": [1],
        "bbox": {"bbox": [1, 2, 3, 4]},
        "object": {"value": {"a": 1}},
    }
    job = gateway.start_job(inputs=values)["id"]
    gateway.finished(job)
    answer = gateway.get(f"/jobs/{job}/results").json()
    assert answer.keys() == {"string", *values}
    validate("results", answer)
    for mode in ("value", "reference"):
        wanted = {name: {"transmissionMode": mode} for name in ("data", "notes", "count", "facts")}
        answer = gateway.execute("lab-files", inputs={"size": 3}, outputs=wanted, response="document").json()
        assert set(answer) == set(wanted)
        validate("results", answer)


def test_several_files_of_one_output(gateway: Running) -> None:
    """Version 1.0 has no array in its results; 2.0 has."""
    answer = gateway.execute("lab-files", inputs={"size": 3}, outputs={"pieces": {}}, response="document").json()
    assert [link["title"] for link in answer["pieces"]] == ["one.bin", "two.bin"]
    if not TWO.is_file():
        pytest.skip(f"the OGC schemas are not in {ONE.parent}: set PHIDIAS_SHARED to the folder that holds ogc/")
    of_two("results").validate(answer)


@dataclass(frozen=True)
class Wrong:
    """A request that is answered with an exception."""

    method: str
    path: str
    status: int
    type: str
    options: dict[str, Any]


def wrong(method: str, path: str, status: int, type: str, **options: Any) -> Wrong:
    return Wrong(method, path, status, type, options)


EXECUTION = "/processes/echo/execution"
MISTAKES = [
    wrong("GET", "/nothing", 404, "#not-found"),
    wrong("GET", "/processes/nothing", 404, OGC + "no-such-process"),
    wrong("POST", "/processes/nothing/execution", 404, OGC + "no-such-process", json={"inputs": {}}),
    wrong("GET", "/jobs/nothing", 404, OGC + "no-such-job"),
    wrong("GET", "/jobs/nothing/results", 404, OGC + "no-such-job"),
    wrong("DELETE", "/jobs/nothing", 404, OGC + "no-such-job"),
    wrong("GET", "/jobs/{running}/results", 404, OGC + "result-not-ready"),
    wrong("GET", "/jobs/{failed}/results", 500, "#process-failed"),
    wrong("GET", "/jobs/{done}/results/nothing", 404, "#no-such-result"),
    wrong("GET", "/jobs/{done}/results/data.bin?{expired}", 403, "#link-expired", headers={"Authorization": None}),
    wrong("GET", "/jobs/{done}/results/data.bin", 416, "#range-not-satisfiable", headers={"Range": "bytes=5000-"}),
    wrong("GET", "/jobs?limit=0", 400, OGC + "invalid-query-parameter-value"),
    wrong("GET", "/jobs?limit=1&limit=2", 400, OGC + "invalid-query-parameter-value"),
    wrong("GET", "/jobs?status=lost", 400, OGC + "invalid-query-parameter-value"),
    wrong("GET", "/processes?limit=x", 400, OGC + "invalid-query-parameter-value"),
    wrong("GET", "/stac/search?bbox=1", 400, OGC + "invalid-query-parameter-value"),
    wrong("GET", "/stac/collections/nothing", 404, "#not-found"),
    wrong("POST", EXECUTION, 400, OGC + "invalid-parameter-value", json={"inputs": {"number": "x"}}),
    wrong("POST", EXECUTION, 400, OGC + "invalid-parameter-value", json={"input": {}}),
    wrong("POST", EXECUTION, 400, OGC + "invalid-parameter-value", json=[]),
    wrong("POST", EXECUTION, 500, "#process-failed", json={"inputs": {"fail": True}}),
    wrong("POST", EXECUTION, 413, "#too-large", json={"inputs": {"string": "x" * 200_000}}),
    wrong("POST", EXECUTION, 415, "#not-json", data="x", headers={"Content-Type": "text/plain"}),
    wrong("PUT", "/processes", 405, "about:blank"),
    wrong("GET", "/jobs", 401, "#not-authenticated", headers={"Authorization": ""}),
    wrong("GET", "/jobs", 401, "#not-authenticated", headers={"Authorization": "Bearer nonsense"}),
]


@pytest.fixture(scope="module")
def names(gateway: Running) -> Iterator[dict[str, str]]:
    """What the paths of MISTAKES speak of."""
    running = gateway.start_job(inputs={"pause": 600})["id"]
    failed = gateway.start_job(inputs={"fail": True})["id"]
    done = gateway.start_job("lab-files", inputs={"size": 10})["id"]
    for job in (failed, done):
        gateway.finished(job)
    keys = Path(gateway.environment["PHIDIAS_STORE__ROOT"]) / "link_keys.json"
    expired = Signer(keys, lifetime=-1000).sign(done, "data.bin")
    query = "&".join(f"{name}={value}" for name, value in expired.items())
    yield {"running": running, "failed": failed, "done": done, "expired": query}
    gateway.request("DELETE", f"/jobs/{running}")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.method} {mistake.path} {mistake.status}")
def test_an_exception_of_every_kind(
    gateway: Running, names: dict[str, str], validate: Validate, mistake: Wrong
) -> None:
    answer = gateway.request(mistake.method, mistake.path.format(**names), **mistake.options)
    assert answer.status_code == mistake.status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith(mistake.type)
    assert answer.json()["status"] == mistake.status
    validate("exception", answer.json())


def test_the_essence_without_the_schemas(gateway: Running) -> None:
    ogc = "http://www.opengis.net/def/rel/ogc/1.0/"
    landing = gateway.get("/").json()
    wanted = {ogc + "conformance", ogc + "processes", ogc + "job-list", "processes", "conformance", "catalog"}
    assert relations(landing) >= {"self", "service-desc", *wanted}
    classes = gateway.get("/conformance").json()["conformsTo"]
    one = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    assert set(classes) == {
        one + name for name in ("core", "json", "oas30", "ogc-process-description", "job-list", "dismiss")
    }
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
    scene = gateway.start_job("lab-scene", inputs={})["id"]
    for each in (job, scene):
        gateway.finished(each)
    values = {"process_id": "echo", "job_id": job, "name": "data.bin", "sha256": "0" * 64}
    values |= {"collection_id": "lab-scene", "item_id": scene, "path": "catalog.json"}
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
            assert answer.status_code not in (404, 405) or any(
                part in path for part in ("upload", "preview/", "archives/")
            )
            content = documented[str(answer.status_code)].get("content", {})
            if answer.content:
                assert {answer.headers["Content-Type"], "*/*"} & content.keys(), (method, path, answer.headers)


def test_operation_ids_are_unique(api: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in api["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))
