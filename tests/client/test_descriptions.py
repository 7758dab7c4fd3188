"""What a gateway offers, read leniently, and kept on disk."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from backend_client import DescriptionCache, Gateway, GatewayUnreachable
from backend_client.models import description_of, instant_of, job_of

from .conftest import Answer, Seen, Server, recording

ECHO = recording("ProcessDescription")
WORD = "s3cret-word"


def described(etag: str, **changes: Any) -> Any:
    def answer(request: Seen) -> Answer:
        if request.headers.get("if-none-match") == etag:
            return Answer(304, headers={"ETag": etag})
        return Answer(body={**ECHO, **changes}, headers={"ETag": etag})

    return answer


@pytest.fixture
def offering(server: Server) -> Server:
    server.on("GET", "/processes", Answer(body=recording("ProcessList")))
    server.on("GET", "/processes/EchoProcess", described('"1"'))
    return server


def test_the_standards_example() -> None:
    process = description_of(ECHO)
    assert (process.id, process.title, process.version) == ("EchoProcess", "Echo Process", "1.0.0")
    assert process.job_control == ("async-execute", "sync-execute")
    assert process.inputs["doubleInput"]["schema"]["maximum"] == 10
    assert process.raw == ECHO


def test_group_keywords_and_lists_of_drafts() -> None:
    process = description_of(
        {
            "id": "x",
            "metadata": [7, {"role": "group", "title": "Optical"}],
            "keywords": ["a"],
            "inputs": [{"id": "area", "schema": {}}, "odd"],
            "outputs": None,
        }
    )
    assert (process.title, process.group, process.keywords) == ("x", "Optical", ("a",))
    assert list(process.inputs) == ["area"]
    assert process.outputs == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-05-04T10:13:00+05:00", (2021, 5, 4, 5, 13, 0, 0)),
        ("2021-05-04T10:13:00Z", (2021, 5, 4, 10, 13, 0, 0)),
        ("2021-05-04T10:13:00.1234567Z", (2021, 5, 4, 10, 13, 0, 123456)),
        ("2021-05-04T10:13:00.5", (2021, 5, 4, 10, 13, 0, 500000)),
        ("2021-05-04 10:13:00+0000", (2021, 5, 4, 10, 13, 0, 0)),
        ("2021-13-04T10:13:00Z", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("yesterday", None),
        (5, None),
    ],
)
def test_instants(text: Any, expected: Any) -> None:
    assert instant_of(text) == (datetime(*expected, tzinfo=timezone.utc) if expected else None)


@pytest.mark.parametrize(("told", "read"), [(40, 40), (40.9, 40), (-3, 0), (250, 100), (True, None), ("40", None)])
def test_progress(told: Any, read: Any) -> None:
    assert job_of({"id": "1", "status": "running", "progress": told}, "http://h/").progress == read


# The cache


def test_only_changes_are_transferred(offering: Server, tmp_path: Path) -> None:
    cache = DescriptionCache(tmp_path, offering.url)
    assert cache.descriptions() == []
    first = Gateway(offering.url, cache=cache).descriptions()
    second = Gateway(offering.url, cache=DescriptionCache(tmp_path, offering.url + "/")).descriptions()
    assert first == second == cache.descriptions()
    asked = offering.requests("GET", "/processes/EchoProcess")
    assert [request.headers.get("if-none-match") for request in asked] == [None, '"1"']


def test_a_change_a_new_process_and_one_that_is_gone(offering: Server, tmp_path: Path) -> None:
    cache = DescriptionCache(tmp_path, offering.url)
    Gateway(offering.url, cache=cache).descriptions()
    offering.on("GET", "/processes", Answer(body={"processes": [{"id": "new"}, {"id": "EchoProcess"}]}))
    offering.on("GET", "/processes/EchoProcess", described('"2"', title="Changed"))
    offering.on("GET", "/processes/new", Answer(body={"id": "new"}))
    Gateway(offering.url, cache=cache).descriptions()
    assert [entry.title for entry in cache.descriptions()] == ["new", "Changed"]
    offering.on("GET", "/processes", Answer(body={"processes": [{"id": "new"}]}))
    Gateway(offering.url, cache=cache).descriptions()
    assert [entry.id for entry in cache.descriptions()] == ["new"]


def test_a_failed_fetch_keeps_what_was_known(offering: Server, tmp_path: Path) -> None:
    cache = DescriptionCache(tmp_path, offering.url)
    kept = Gateway(offering.url, cache=cache).descriptions()
    offering.on("GET", "/processes/EchoProcess", Answer(500))
    assert Gateway(offering.url, cache=cache).descriptions() == kept
    offering.on("GET", "/processes", Answer(cut=-1))
    with pytest.raises(GatewayUnreachable):
        Gateway(offering.url, cache=cache).descriptions()
    assert cache.descriptions() == kept


def test_one_process_through_the_cache(offering: Server, tmp_path: Path) -> None:
    gateway = Gateway(offering.url, cache=DescriptionCache(tmp_path, offering.url))
    assert gateway.process("EchoProcess") == gateway.process("EchoProcess")
    offering.on("GET", "/processes/EchoProcess", described('"2"', title="Changed"))
    assert gateway.process("EchoProcess").title == "Changed"
    assert [entry.title for entry in DescriptionCache(tmp_path, offering.url).descriptions()] == ["Changed"]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 99}', b'{"version": 1, "processes": [7]}', b"[" * 100_000]
)
def test_a_damaged_file_is_an_empty_cache(offering: Server, tmp_path: Path, damage: bytes) -> None:
    cache = DescriptionCache(tmp_path, offering.url)
    Gateway(offering.url, cache=cache).descriptions()
    cache.path.write_bytes(damage)
    assert cache.descriptions() == []
    Gateway(offering.url, cache=cache).descriptions()
    assert [entry.id for entry in cache.descriptions()] == ["EchoProcess"]


def test_gateways_do_not_share_a_file_and_no_secret_is_kept(offering: Server, tmp_path: Path) -> None:
    address = "https://ada:pass@hpc.example.org/ogc?token=hush"
    caches = [DescriptionCache(tmp_path, url) for url in (offering.url, offering.url + "/sub", address)]
    assert len({cache.path for cache in caches}) == 3
    Gateway(offering.url, user="ada", token=WORD, cache=caches[2]).descriptions()
    kept = caches[2].path.read_text()
    assert not any(word in kept for word in ("pass", "hush", WORD))
    assert json.loads(kept)["url"] == "https://hpc.example.org/ogc"
    assert stat.S_IMODE(caches[2].path.stat().st_mode) & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [caches[2].path.name]
