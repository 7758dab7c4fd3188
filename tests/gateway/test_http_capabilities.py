"""What everybody may ask, what a token opens, and how errors look."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
import requests

from phidias_gateway import __version__
from tests.gateway.running import Running

OPEN = ["/", "/conformance", "/api"]
CLOSED = [
    "/status",
    "/processes",
    "/processes/echo",
    "/jobs",
    "/jobs/x",
    "/jobs/x/logs",
    "/jobs/x/results",
    "/jobs/x/results/a.tif",
]


def assert_problem(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith(("http", "about:"))
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize("path", OPEN)
def test_everybody_may_see_what_this_is(gateway: Running, path: str) -> None:
    assert requests.get(gateway.url + path, timeout=10).status_code == 200


@pytest.mark.parametrize("path", CLOSED)
def test_the_rest_needs_a_token(gateway: Running, path: str) -> None:
    answer = requests.get(gateway.url + path, timeout=10)
    assert_problem(answer, 401)
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "token" in answer.json()["remedy"]


def test_basic_works_as_well(gateway: Running) -> None:
    user = gateway.another_user("ada")
    assert requests.get(f"{gateway.url}/jobs", auth=("ada", user.token), timeout=10).status_code == 200
    assert requests.get(f"{gateway.url}/jobs", auth=("bob", user.token), timeout=10).status_code == 401


def test_the_landing_page_leads_everywhere(gateway: Running) -> None:
    for link in gateway.get("/").json()["links"]:
        assert gateway.get(link["href"]).status_code == 200, link


def test_a_user_is_told_what_this_is_and_who_they_are(gateway: Running) -> None:
    told = gateway.another_user("ada").get("/status").json()
    assert told == {"version": __version__, "scheduler": "local", "user": "ada"}


@pytest.mark.parametrize("path", [*OPEN, "/status", "/processes", "/processes/echo", "/jobs"])
def test_head_answers_as_get_without_a_body(gateway: Running, path: str) -> None:
    got, head = gateway.get(path), gateway.request("HEAD", path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers.get(name) == got.headers.get(name)


def test_links_follow_the_address_the_client_uses(gateway: Running) -> None:
    port = urlsplit(gateway.url).port
    page = requests.get(f"{gateway.url}/", headers={"Host": f"gate.example:{port}"}, timeout=10).json()
    assert page["links"][0]["href"] == f"http://gate.example:{port}/"


def test_a_description_is_sent_once(gateway: Running) -> None:
    first = gateway.get("/processes/echo")
    again = gateway.get("/processes/echo", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert gateway.get("/processes/echo", headers={"If-None-Match": '"other"'}).json() == first.json()


def test_a_pack_of_somebody_else_is_served(gateway: Running) -> None:
    listed = {process["id"]: process for process in gateway.get("/processes").json()["processes"]}
    assert listed["lab-files"]["metadata"] == [{"role": "group", "title": "Laboratory"}]
    described = gateway.get("/processes/lab-files").json()
    assert described["outputs"]["data"]["schema"]["contentMediaType"] == "application/x-lab"


def test_the_process_list_comes_in_pages(gateway: Running) -> None:
    whole = [process["id"] for process in gateway.get("/processes").json()["processes"]]
    found, href = [], "/processes?limit=2"
    while href:
        page = gateway.get(href).json()
        assert len(page["processes"]) <= 2
        found += [process["id"] for process in page["processes"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert found == whole == sorted(whole)


@pytest.mark.parametrize(
    "path", ["/nothing", "/processes/nothing", "/jobs/nothing", "/processes/", "//", "/%00", "/a%0Ab"]
)
def test_what_is_not_there_is_404(gateway: Running, path: str) -> None:
    assert_problem(gateway.get(path), 404)


def test_a_missing_process_has_the_type_of_the_standard(gateway: Running) -> None:
    for answer in (gateway.get("/processes/nothing"), gateway.execute("nothing")):
        assert_problem(answer, 404)
        assert answer.json()["type"] == "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process"


def test_a_wrong_method_is_405(gateway: Running) -> None:
    answer = gateway.request("POST", "/processes")
    assert_problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=1.5"])
@pytest.mark.parametrize("path", ["/jobs", "/processes"])
def test_a_bad_parameter_is_400_and_named(gateway: Running, path: str, query: str) -> None:
    answer = gateway.get(f"{path}?{query}")
    assert_problem(answer, 400)
    assert answer.json()["input"] == "limit"


@pytest.mark.parametrize("host", ["[", "a b", "[::1", "x:y:z", "%", ""])
def test_a_malformed_host_header_is_no_fault_of_ours(gateway: Running, host: str) -> None:
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status = connection.makefile("rb").readline().split()[1]
    assert status in (b"200", b"400")


def test_answers_carry_careful_headers(gateway: Running) -> None:
    for answer in (gateway.get("/jobs"), gateway.get("/nothing")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "private" in answer.headers["Cache-Control"]
        assert "Server" not in answer.headers
