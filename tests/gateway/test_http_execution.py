"""Running processes: values and references, waiting or not, forms of the results, and requests that are refused."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
VALUES: dict[str, Any] = {
    "string": "héllo\n'$(touch x)'\u0000",
    "number": 2.5,
    "integer": 7,
    "boolean": True,
    "choice": "medium",
    "array": [1.0, 2.5, -3.0],
    "bbox": {"bbox": [5.0, 44.0, 6.0, 45.0], "crs": CRS84},
    "object": {"a": {"b": [1, None, "c"]}, "é": False},
    "vector": {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"n": None}, "geometry": {"type": "Point", "coordinates": [5.0, 44.0]}}
        ],
    },
}
FILES = ("raster", "vector")
"""Kinds that are given by reference as they are, for the process to read"""
Serve = Callable[[Any], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve JSON documents from this machine; returns the address of each."""
    documents: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = documents.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def add(value: Any) -> str:
        path = f"/{len(documents)}.json"
        documents[path] = json.dumps(value).encode()
        return f"http://127.0.0.1:{server.server_port}{path}"

    yield add
    server.shutdown()
    thread.join()
    server.server_close()


def unwrapped(name: str, value: Any) -> Any:
    return value["value"] if name in ("object", "vector") else value


@pytest.mark.parametrize("name", VALUES)
def test_each_kind_comes_back_as_given(gateway: Running, name: str) -> None:
    answer = gateway.execute(inputs={name: VALUES[name]}, response="document")
    assert answer.status_code == 200, answer.text
    assert unwrapped(name, answer.json()[name]) == VALUES[name]
    assert set(answer.json()) <= {name, "string"}


@pytest.mark.parametrize("name", VALUES)
def test_each_kind_comes_back_by_reference_and_qualified(gateway: Running, serve: Serve, name: str) -> None:
    reference = {"href": serve(VALUES[name]), "type": "application/json"}
    for given in ({"value": VALUES[name]}, *([reference] if name not in FILES else [])):
        answer = gateway.execute(inputs={name: given}, outputs={name: {}}, response="document")
        assert answer.status_code == 200, answer.text
        assert unwrapped(name, answer.json()[name]) == VALUES[name]


@pytest.mark.parametrize("name", FILES)
def test_references_to_files_are_the_processs_to_read(gateway: Running, name: str) -> None:
    given = {"href": "https://example.org/file", "type": "image/tiff"}
    answer = gateway.execute(inputs={name: given}, outputs={name: {}}, response="document")
    assert answer.json()[name] == {"value": {"href": "https://example.org/file"}}


def test_all_kinds_at_once_without_waiting(gateway: Running) -> None:
    job = gateway.start_job(inputs=VALUES)
    assert job["status"] in ("accepted", "running", "successful")
    info = gateway.finished(job["jobID"])
    assert info["status"] == "successful"
    assert info["progress"] == 100
    results = gateway.get(f"/jobs/{job['jobID']}/results").json()
    assert {name: unwrapped(name, value) for name, value in results.items()} == VALUES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "2.5"),
        ("number", True),
        ("integer", 2.5),
        ("integer", False),
        ("boolean", 1),
        ("boolean", "true"),
        ("string", 5),
        ("choice", "huge"),
        ("array", [1, "2"]),
        ("array", 5),
        ("bbox", [1, 2, 3, 4]),
        ("bbox", {"bbox": [1, 2, 3]}),
        ("object", [1]),
        ("raster", {"value": "AAAA"}),
        ("vector", {"type": "FeatureCollection", "features": []}),
        ("vector", {**VALUES["vector"], "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}),
        ("vector", {"value": "AAAA", "mediaType": "application/flatgeobuf", "encoding": "base64"}),
        ("vector", {"type": "FeatureCollection", "features": [{"type": "Point", "coordinates": [5, 44]}]}),
        ("pause", -1),
        ("string", None),
        ("string", "x" * 10_001),
        ("unknown", 1),
        ("number", {"href": "http://127.0.0.1:9/none.json"}),
        ("number", {"href": "file:///etc/hostname"}),
        ("number", {"href": "http://169.254.169.254/"}),
        ("number", {"href": "http://localhost/"}),
    ],
)
def test_a_bad_input_is_400_and_named_and_makes_no_job(gateway: Running, name: str, value: Any) -> None:
    before = gateway.get("/jobs?limit=1").json()["jobs"]
    answer = gateway.execute(inputs={name: value})
    assert_problem(answer, 400)
    assert answer.json()["input"] == name
    assert gateway.get("/jobs?limit=1").json()["jobs"] == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"5",
        b'{"inputs": []}',
        b'{"input": {"number": 1}}',
        b'{"inputs": {"number": NaN}}',
        b'{"inputs": {"number": Infinity}}',
        b'{"inputs": {"number": 1e999}}',
        b'{"inputs": {"string": "\xff"}}',
        b'{"inputs": {"string": "\\ud800"}}',
        '{"inputs": {}}'.encode("utf-16"),
        b'{"inputs": {"object": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}}",
        b'{"inputs": {}, "outputs": []}',
        b'{"inputs": {}, "outputs": {"unknown": {}}}',
        b'{"inputs": {}, "response": "other"}',
        b'{"inputs": {}, "outputs": {"string": {"transmissionMode": "pigeon"}}}',
    ],
)
def test_a_bad_body_is_400(gateway: Running, body: bytes) -> None:
    answer = gateway.request(
        "POST", "/processes/echo/execution", data=body, headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 400)


def test_a_form_is_no_json(gateway: Running) -> None:
    assert_problem(gateway.request("POST", "/processes/echo/execution", data={"inputs": "{}"}), 415)


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_413(gateway: Running, announced: bool) -> None:
    body = json.dumps({"inputs": {"object": {"a": "x" * 200_000}}}).encode()
    data = body if announced else iter([body[:50_000], body[50_000:]])
    answer = gateway.request(
        "POST", "/processes/echo/execution", data=data, headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 413)
    assert "0.1 MB" in answer.json()["detail"]


def test_waiting_is_the_default_where_the_process_allows_it(gateway: Running) -> None:
    answer = gateway.execute(inputs={"integer": 3}, outputs={"integer": {}})
    assert answer.status_code == 200
    assert answer.json() == 3  # one output asked for: raw
    assert 'rel="monitor"' in answer.headers["Link"]


@pytest.mark.parametrize(
    "prefer", ["respond-async", "respond-async; q=1", "return=minimal, Respond-Async", "wait=0, respond-async"]
)
def test_a_client_may_prefer_not_to_wait(gateway: Running, prefer: str) -> None:
    answer = gateway.execute(inputs={}, headers={"Prefer": prefer})
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "respond-async"
    info = answer.json()
    assert answer.headers["Location"] == f"{gateway.url}/jobs/{info['jobID']}"
    assert gateway.get(answer.headers["Location"]).json()["id"] == info["jobID"]


@pytest.mark.parametrize("prefer", ["respond-sync", "", ";;,=", "handling=strict"])
def test_other_preferences_do_no_harm(gateway: Running, prefer: str) -> None:
    assert gateway.execute(inputs={}, headers={"Prefer": prefer}).status_code == 200


def test_who_waits_too_long_gets_the_job(gateway: Running) -> None:
    answer = gateway.execute(inputs={"pause": 30}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 201
    assert answer.json()["status"] in ("accepted", "running")
    gone = gateway.request("DELETE", answer.headers["Location"])
    assert gone.json()["status"] == "dismissed"


def test_a_failure_waited_for_is_the_jobs_problem(gateway: Running) -> None:
    answer = gateway.execute(inputs={"fail": True})
    assert_problem(answer, 500)
    assert answer.json()["detail"] == "The process was asked to fail."
    assert "'fail' off" in answer.json()["remedy"]


def test_a_failed_job_tells_why(gateway: Running) -> None:
    job = gateway.start_job(inputs={"fail": True})
    info = gateway.finished(job["id"])
    assert info["status"] == "failed"
    assert info["cause"]
    assert info["exception"]["detail"] == "The process was asked to fail."
    answer = gateway.get(f"/jobs/{job['id']}/results")
    assert_problem(answer, 500)
    assert answer.json() == info["exception"]


def test_the_same_key_makes_one_job(gateway: Running) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "key-1"}
    first = gateway.execute(inputs={"integer": 1}, headers=headers)
    again = gateway.execute(inputs={"integer": 1}, headers=headers)
    assert again.status_code == first.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    other = gateway.execute(inputs={"integer": 2}, headers=headers)
    assert_problem(other, 409)
    stranger = gateway.another_user("key-user").execute(inputs={"integer": 2}, headers=headers)
    assert stranger.status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
def test_a_key_must_be_a_word(gateway: Running, key: str) -> None:
    assert_problem(gateway.execute(inputs={}, headers={"Idempotency-Key": key}), 400)


def test_files_come_as_links_in_the_document(gateway: Running) -> None:
    results = gateway.execute("lab-files", inputs={"size": 300}).json()
    assert results["count"] == 300
    assert results["facts"] == {"value": {"size": 300}}
    assert results["data"]["type"] == "application/x-lab"
    assert results["data"]["length"] == 300
    assert gateway.get(results["data"]["href"]).content == bytes(index % 256 for index in range(300))
    assert [gateway.get(link["href"]).content for link in results["pieces"]] == [b"one.bin", b"two.bin"]


def test_transmission_modes_turn_it_round(gateway: Running) -> None:
    wanted = {
        "data": {"transmissionMode": "value"},
        "notes": {"transmissionMode": "value"},
        "count": {"transmissionMode": "reference"},
    }
    results = gateway.execute("lab-files", inputs={"size": 3}, outputs=wanted, response="document").json()
    assert set(results) == set(wanted)
    assert results["data"] == {"value": "AAEC", "encoding": "base64", "mediaType": "application/x-lab"}
    assert results["notes"]["value"] == {"lab": 7}
    assert gateway.get(results["count"]["href"]).json() == 3


def test_raw_is_the_body_itself(gateway: Running) -> None:
    one = gateway.execute("lab-files", inputs={"size": 3}, outputs={"data": {}}, response="raw")
    assert (one.status_code, one.headers["Content-Type"], one.content) == (200, "application/x-lab", b"\0\1\2")


def test_raw_by_reference_is_a_link_header(gateway: Running) -> None:
    answer = gateway.execute(
        "lab-files", inputs={"size": 3}, outputs={"data": {"transmissionMode": "reference"}}, response="raw"
    )
    assert (answer.status_code, answer.content) == (204, b"")
    links = [link for link in answer.raw.headers.getlist("Link") if 'rel="item"' in link]
    assert gateway.get(links[0].partition("<")[2].partition(">")[0]).content == b"\0\1\2"


def test_several_raw_outputs_come_as_multipart(gateway: Running) -> None:
    answer = gateway.execute(
        "lab-files",
        inputs={"size": 3},
        outputs={"data": {"transmissionMode": "value"}, "count": {}, "notes": {"transmissionMode": "reference"}},
        response="raw",
    )
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + answer.content, policy=HTTP)
    assert message.get_content_type() == "multipart/related"
    assert not message.defects
    parts = {part["Content-ID"]: part for part in message.iter_parts()}
    assert parts["<data>"].get_payload(decode=True) == b"\0\1\2"
    assert json.loads(parts["<count>"].get_payload()) == 3
    assert gateway.get(str(parts["<notes>"]["Content-Location"])).json() == {"lab": 7}


def test_a_job_that_was_started_raw_has_raw_results(gateway: Running) -> None:
    job = gateway.start_job("lab-files", inputs={"size": 3}, outputs={"data": {}}, response="raw")
    gateway.finished(job["id"])
    assert gateway.get(f"/jobs/{job['id']}/results").content == b"\0\1\2"
