"""Result files and uploads: ranges, entity tags, signed links, side files, hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

CONTENT = bytes(index % 256 for index in range(1000))


@pytest.fixture(scope="module")
def link(gateway: Running) -> str:
    """The signed link to a file of 1000 bytes."""
    return str(gateway.execute("lab-files", inputs={"size": 1000}).json()["data"]["href"])


def anonymous(method: str, url: str, **headers: str) -> requests.Response:
    return requests.request(method, url, headers=headers, timeout=10)


def test_the_link_needs_no_token_and_head_tells_all(link: str) -> None:
    got, head = anonymous("GET", link), anonymous("HEAD", link)
    assert got.content == CONTENT
    assert got.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert head.content == b""
    for name in ("ETag", "Content-Length", "Content-Type", "Accept-Ranges", "Last-Modified"):
        assert head.headers[name] == got.headers[name]
    assert head.headers["Content-Length"] == "1000"
    assert head.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("header", "expected", "shown"),
    [
        ("bytes=0-0", CONTENT[:1], "bytes 0-0/1000"),
        ("bytes=10-19", CONTENT[10:20], "bytes 10-19/1000"),
        ("bytes=990-", CONTENT[990:], "bytes 990-999/1000"),
        ("bytes=-5", CONTENT[-5:], "bytes 995-999/1000"),
        ("bytes=-5000", CONTENT, "bytes 0-999/1000"),
        ("bytes=500-99999", CONTENT[500:], "bytes 500-999/1000"),
        ("bytes=2000-3000,0-1", CONTENT[:2], "bytes 0-1/1000"),
        ("Bytes= 3-4 ", CONTENT[3:5], "bytes 3-4/1000"),
    ],
)
def test_a_range(link: str, header: str, expected: bytes, shown: str) -> None:
    answer = anonymous("GET", link, Range=header)
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["Content-Range"] == shown
    head = anonymous("HEAD", link, Range=header)
    assert (head.status_code, head.content) == (206, b"")
    assert head.headers["Content-Length"] == str(len(expected))


def test_several_ranges(link: str) -> None:
    answer = anonymous("GET", link, Range="bytes=0-1,10-11")
    assert answer.status_code == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert CONTENT[:2] in answer.content
    assert CONTENT[10:12] in answer.content


@pytest.mark.parametrize("header", ["items=0-1", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "bytes=1-2,x", "lines=1"])
def test_a_range_that_says_nothing_is_ignored(link: str, header: str) -> None:
    answer = anonymous("GET", link, Range=header)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_is_416(link: str, header: str) -> None:
    answer = anonymous("GET", link, Range=header)
    assert_problem(answer, 416)
    assert answer.headers["Content-Range"] == "bytes */1000"


def test_if_range_and_if_none_match(link: str) -> None:
    tag = anonymous("HEAD", link).headers["ETag"]
    assert anonymous("GET", link, **{"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert anonymous("GET", link, **{"Range": "bytes=0-1", "If-Range": '"old"'}).content == CONTENT
    fresh = anonymous("GET", link, **{"If-None-Match": tag})
    assert (fresh.status_code, fresh.content) == (304, b"")


@pytest.mark.parametrize("suffix", [".aux.xml", ".ovr", ".msk"])
def test_side_files_are_404_wherever_gdal_puts_the_suffix(link: str, suffix: str) -> None:
    path, _, query = link.partition("?")
    for url in (f"{path}{suffix}?{query}", f"{link}{suffix}", f"{path.rpartition('/')[0]}/?{query}"):
        for method in ("GET", "HEAD"):
            assert anonymous(method, url).status_code == 404


def test_a_link_opens_nothing_else(gateway: Running, link: str) -> None:
    path, _, query = link.partition("?")
    folder = path.rpartition("/")[0]
    assert_problem(anonymous("GET", f"{folder}/notes.json?{query}"), 404)
    assert_problem(anonymous("GET", path), 401)
    assert_problem(anonymous("GET", folder), 401)
    assert gateway.get(path).content == CONTENT


@pytest.mark.parametrize(
    "name", ["..%2Fresult.json", "%2e%2e/result.json", "..%5cresult.json", "%00", "unknown.tif", "request.json", "."]
)
def test_only_results_are_served(gateway: Running, link: str, name: str) -> None:
    job = link.partition("/results/")[0]
    answer = gateway.session.get(f"{job}/results/{name}", timeout=10)
    assert answer.status_code == 404


def test_a_removed_job_takes_its_links_with_it(gateway: Running) -> None:
    answer = gateway.execute("lab-files", inputs={"size": 1})
    link = answer.json()["data"]["href"]
    assert anonymous("GET", link).status_code == 200
    gateway.request("DELETE", f"/jobs/{link.partition('/jobs/')[2].partition('/')[0]}")
    assert_problem(anonymous("GET", link), 404)


def test_signatures_and_tokens_are_in_no_log(gateway: Running, link: str) -> None:
    anonymous("GET", link)
    log = (Path(gateway.environment["PHIDIAS_STORE__ROOT"]) / "gateway.log").read_text()
    assert "/results/data.bin" in log
    assert "signature" not in log
    assert gateway.token not in log


def test_an_upload_is_known_by_its_hash(gateway: Running) -> None:
    content = b'{"a": 1}'
    path = f"/uploads/{hashlib.sha256(content).hexdigest()}"
    assert gateway.request("HEAD", path).status_code == 404
    assert_problem(gateway.get(path), 404)
    first = gateway.request("PUT", path, data=content)
    assert (first.status_code, first.json()) == (201, {"href": gateway.url + path})
    assert gateway.request("HEAD", path).status_code == 200
    assert gateway.request("PUT", path, data=content).status_code == 200
    # Another user has not uploaded it, and must show that he has it.
    other = gateway.another_user("uploader")
    assert other.request("HEAD", path).status_code == 404
    assert_problem(other.request("PUT", path, data=b"guess"), 400)
    assert other.request("PUT", path, data=content).status_code == 201
    used = gateway.execute(inputs={"object": {"href": gateway.url + path}}, outputs={"object": {}}, response="document")
    assert used.json() == {"object": {"value": {"a": 1}}}


def test_a_damaged_or_large_upload_leaves_nothing(gateway: Running) -> None:
    name = hashlib.sha256(b"whole").hexdigest()
    damaged = gateway.request("PUT", f"/uploads/{name}", data=b"half")
    assert_problem(damaged, 400)
    large = bytes(1_000_001)
    for data in (large, iter([large[:600_000], large[600_000:]])):
        answer = gateway.request("PUT", f"/uploads/{hashlib.sha256(large).hexdigest()}", data=data)
        assert_problem(answer, 413)
    for bad in ("x", name.upper(), name + "0", f"..%2F{name}"):
        assert gateway.request("PUT", f"/uploads/{bad}", data=b"").status_code in (400, 404)
    uploads = Path(gateway.environment["PHIDIAS_STORE__ROOT"]) / "uploads"
    assert not list(uploads.glob("*.part"))
    assert not (uploads / name).exists()
