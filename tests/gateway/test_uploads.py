"""Uploads that break off: what has arrived is kept for its owner alone, and the rest makes it whole."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from phidias_gateway import limits
from phidias_gateway.app import prepare
from phidias_gateway.http_errors import TooSlow
from phidias_gateway.partial_uploads import KEPT_SECONDS, PartialUploads
from phidias_gateway.retention import Sweeper
from phidias_gateway.routes import uploads
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store
from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

CONTENT = os.urandom(700_000)
HALF = 400_000
REST = "application/partial-upload"


def name_of(content: bytes) -> str:
    return f"/uploads/{hashlib.sha256(content).hexdigest()}"


def folder(gateway: Running) -> Path:
    return Path(gateway.environment["PHIDIAS_STORE__ROOT"]) / "uploads"


def begun(
    gateway: Running, path: str, data: bytes, announced: int, method: str = "PUT", **headers: str
) -> socket.socket:
    """The connection of an upload of which `data` has been sent."""
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=30)
    connection.putrequest(method, path)
    for name, value in {
        "Authorization": f"Bearer {gateway.token}",
        "Content-Length": str(announced),
        **headers,
    }.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(data)
    assert isinstance(connection.sock, socket.socket)
    return connection.sock


def arrived(gateway: Running, path: str) -> int | None:
    """What HEAD says of an upload that is not whole."""
    answer = gateway.request("HEAD", path)
    assert answer.status_code in (204, 404)
    if answer.status_code == 404:
        return None
    assert answer.headers["Upload-Complete"] == "?0"
    return int(answer.headers["Upload-Offset"])


def broken_off(gateway: Running, path: str, data: bytes, announced: int, **options: str) -> int:
    """Break an upload off after `data`; how much the gateway has then."""
    begun(gateway, path, data, announced, **options).close()
    for _ in range(200):
        if arrived(gateway, path):
            break
        time.sleep(0.02)
    # It may still grow. An offset that is surely wrong is answered, with the right one, when nobody writes any more.
    answer = rest(gateway, path, b"", announced)
    assert_problem(answer, 409)
    return int(answer.headers["Upload-Offset"])


def rest(gateway: Running, path: str, data: bytes, offset: int | str, **headers: str) -> requests.Response:
    given = {"Content-Type": REST, "Upload-Offset": str(offset), **headers}
    return gateway.request("PATCH", path, data=data, headers=given)


@pytest.fixture(autouse=True)
def nothing_left(gateway: Running) -> Iterator[None]:
    yield
    for path in folder(gateway).iterdir():
        assert path.suffix == ".part" or hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        if path.suffix == ".part":
            path.unlink()


def test_the_rest_makes_it_whole(gateway: Running) -> None:
    path = name_of(CONTENT)
    first = broken_off(gateway, path, CONTENT[:HALF], len(CONTENT))
    assert 0 < first <= HALF
    # It is no upload yet, and breaks off once more.
    used = gateway.execute(inputs={"object": {"href": gateway.url + path}})
    assert_problem(used, 400)
    headers = {"method": "PATCH", "Content_Type": REST, "Upload_Offset": str(first)}
    begun(gateway, path, CONTENT[first : first + 100_000], len(CONTENT) - first, **headers).close()
    while (second := arrived(gateway, path) or 0) == first:
        time.sleep(0.02)  # it arrives in one piece
    answer = rest(gateway, path, CONTENT[second:], second)
    assert (answer.status_code, answer.json()) == (201, {"href": gateway.url + path})
    assert gateway.request("HEAD", path).status_code == 200
    assert (folder(gateway) / path.rpartition("/")[2]).read_bytes() == CONTENT
    assert not list(folder(gateway).glob("*.part"))
    assert rest(gateway, path, b"", 0).status_code == 200


def test_a_put_begins_anew(gateway: Running) -> None:
    content = CONTENT[1:]
    broken_off(gateway, name_of(content), content[:HALF], len(content))
    assert gateway.request("PUT", name_of(content), data=content).status_code == 201


def test_a_wrong_offset_or_media_type_changes_nothing(gateway: Running) -> None:
    content = CONTENT[2:]
    path = name_of(content)
    size = broken_off(gateway, path, content[:HALF], len(content))
    for wrong in (0, size - 1, size + 1):
        answer = rest(gateway, path, content[wrong:], wrong)
        assert_problem(answer, 409)
        assert answer.headers["Upload-Offset"] == str(size)
    for bad in ("-1", "x", "1.5", str(2**64)):
        assert_problem(rest(gateway, path, b"", bad), 400)
    assert_problem(rest(gateway, path, b"", size, **{"Content-Type": "application/octet-stream"}), 415)
    assert_problem(rest(gateway, path, b"", size, **{"Upload-Complete": "?0"}), 400)
    assert_problem(gateway.request("PATCH", path, headers={"Content-Type": REST}), 400)
    assert arrived(gateway, path) == size


def test_content_that_does_not_match_is_thrown_away(gateway: Running) -> None:
    content = CONTENT[3:]
    path = name_of(content)
    size = broken_off(gateway, path, content[:HALF], len(content))
    answer = rest(gateway, path, bytes(len(content) - size), size)
    assert_problem(answer, 400)
    assert "thrown away" in answer.json()["detail"]
    assert arrived(gateway, path) is None


def test_a_part_is_its_owners_alone(gateway: Running) -> None:
    content = CONTENT[4:]
    path = name_of(content)
    size = broken_off(gateway, path, content[:HALF], len(content))
    other = gateway.another_user("another")
    assert arrived(other, path) is None
    assert_problem(rest(other, path, content[size:], size), 409)
    assert other.request("PUT", path, data=content).status_code == 201
    # That it is there for the other one says nothing to the first.
    assert arrived(gateway, path) == size


def test_two_requests_do_not_write_into_each_other(gateway: Running) -> None:
    content = CONTENT[5:]
    path = name_of(content)
    with closing(begun(gateway, path, content[:HALF], len(content))) as first:
        while arrived(gateway, path) is None:
            time.sleep(0.02)
        answer = gateway.request("PUT", path, data=content)
        assert_problem(answer, 409)
        assert int(answer.headers["Retry-After"]) > 0
        other = gateway.another_user("simultaneous")
        assert other.request("PUT", path, data=content).status_code == 201
        first.sendall(content[HALF:])
        assert first.recv(12) == b"HTTP/1.1 201"
    assert gateway.request("HEAD", path).status_code == 200


def test_what_is_too_large_is_refused_in_pieces_as_well(gateway: Running) -> None:
    content = bytes(1_000_001)
    path = name_of(content)
    size = broken_off(gateway, path, content[:HALF], len(content) - 1)
    assert_problem(rest(gateway, path, content[size:], size), 413)
    assert arrived(gateway, path) is None


def test_a_part_outlives_the_gateway_and_counts_as_its_owners(tmp_path: Path) -> None:
    first = Running.start(tmp_path, PHIDIAS_LIMITS__DISK_GB_PER_USER="0.001")
    content = CONTENT[6:]
    path = name_of(content)
    size = broken_off(first, path, content[:HALF], len(content))
    another = name_of(CONTENT)
    assert_problem(first.request("PUT", another, data=CONTENT), 429)
    first.stop()
    second = Running.start(tmp_path)
    try:
        assert arrived(second, path) == size
        assert rest(second, path, content[size:], size).status_code == 201
    finally:
        second.stop()


def test_stale_parts_go(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"root": tmp_path}})
    prepare(settings)
    partial = PartialUploads(settings.store.uploads)
    for name in ("stale", "fresh"):
        partial.path("ada", name).write_bytes(b"123")
    old = time.time() - KEPT_SECONDS - 1
    os.utime(partial.path("ada", "stale"), (old, old))
    assert partial.bytes_of("ada") == 6
    with closing(Store(settings.store.database)) as store:
        Sweeper(settings, store).sweep()
    assert (partial.size("ada", "stale"), partial.size("ada", "fresh")) == (None, 3)
    assert (partial.bytes_of("ada"), partial.bytes_of("eve")) == (3, 0)


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def taken() -> None:
        async for piece in uploads._unless_stalled(pieces()):
            came.append(piece)

    monkeypatch.setattr(uploads, "STALL_SECONDS", 0.05)
    came: list[bytes] = []
    with pytest.raises(TooSlow):
        asyncio.run(taken())
    assert came == [b"first"]


def test_room_is_asked_for_before_a_file_comes(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"root": tmp_path}, "limits": {"min_free_gb": 0.001}})
    assert not list(limits.of_disk(settings))
    (excess,) = limits.of_disk(settings, coming=10**18)
    assert excess.limit == "limits.min_free_gb"
