"""Results in all their forms, and files to and from the gateway over a bad network."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from backend_client import Cancelled, Gateway, GatewayError, GatewayUnreachable, LimitExceeded, TransferDamaged
from backend_client.patience import Backoff
from backend_client.uploads import ATTEMPTS

from .conftest import Answer, Seen, Server, recording

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = "/jobs/j1/results/index.tif"
WORD = "s3cret-word"


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    following = Backoff.next
    monkeypatch.setattr(Backoff, "next", lambda self, asked=None: following(self, asked) / 50)


class Source:
    """A file on the server, with ranges as in RFC 9110; `cuts` are the bytes after which an answer breaks off."""

    def __init__(self, content: bytes = CONTENT, etag: str = '"v1"', cuts: tuple[int, ...] = ()) -> None:
        self.content, self.etag, self.cuts = content, etag, list(cuts)

    def __call__(self, request: Seen) -> Answer:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        current = request.headers.get("if-range", self.etag) == self.etag
        headers = {"Content-Type": "image/tiff", "ETag": self.etag} if self.etag else {"Content-Type": "image/tiff"}
        cut = self.cuts.pop(0) if self.cuts else None
        if not asked or not current:
            return Answer(200, self.content, headers, cut=cut)
        first, size = int(asked[1]), len(self.content)
        last = min(int(asked[2] or size - 1), size - 1)
        if first >= size:
            return Answer(416, {}, {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Answer(206, self.content[first : last + 1], headers, cut=cut)


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_download_of_a_result(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source())
    link = {"href": f"{server.url}{FILE}?expires=1&signature=s", "type": "image/tiff", "length": len(CONTENT)}
    server.on("GET", "/jobs/j1/results", Answer(body={"index": link}))
    told: list[tuple[int, Any]] = []
    target = tmp_path / "ndvi.tif"
    result = Gateway(server.url, token=WORD).results("j1")["index"]
    assert result.download(target, progress=lambda *at: told.append(at)) == target
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left_behind(tmp_path) == ["ndvi.tif"]
    assert server.seen[-1].query == {"expires": ["1"], "signature": ["s"]}


def test_a_file_elsewhere_is_fetched_without_the_token(server: Server, other: Server, tmp_path: Path) -> None:
    other.on("GET", "/bucket/a.tif", Source())
    Gateway(server.url, token=WORD).download(other.url + "/bucket/a.tif", tmp_path / "a.tif", sha256=SHA256)
    assert "authorization" not in other.seen[0].headers


def test_a_download_goes_on_where_the_connection_was_lost(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(cuts=(100_000, 70_000)))
    Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)
    ranges = [request.headers.get("range") for request in server.seen]
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in ranges[1:] if asked]
    assert ranges[0] is None
    assert 0 < starts[0] <= 100_000 < starts[1] <= 170_000
    assert {request.headers.get("if-range") for request in server.seen[1:]} == {'"v1"'}


def test_a_later_call_goes_on_where_an_earlier_one_was_cancelled(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source())
    gateway, target = Gateway(server.url), tmp_path / "a.tif"
    target.write_bytes(b"the result of before")
    got: list[int] = []
    with pytest.raises(Cancelled):
        gateway.download(
            server.url + FILE + "?signature=old",
            target,
            progress=lambda done, total: got.append(done),
            cancelled=lambda: len(got) >= 2,
        )
    assert target.read_bytes() == b"the result of before"
    assert left_behind(tmp_path) == ["a.tif", "a.tif.part", "a.tif.part.json"]
    assert b"old" not in (tmp_path / "a.tif.part.json").read_bytes()
    Gateway(server.url).download(server.url + FILE + "?signature=new", target, sha256=SHA256)
    assert server.seen[-1].headers["range"] == f"bytes={got[-1]}-"
    assert left_behind(tmp_path) == ["a.tif"]


def test_a_source_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(etag='"v0"', content=CONTENT[::-1], cuts=(100_000,)), Source())
    Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)
    assert (tmp_path / "a.tif").read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ["", 'W/"v1"'])
def test_without_a_strong_etag_nothing_is_patched_together(server: Server, tmp_path: Path, etag: str) -> None:
    server.on("GET", FILE, Source(etag=etag, cuts=(100_000,)))
    Gateway(server.url, piece=50_000).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)
    assert all("if-range" not in request.headers for request in server.seen)


def test_a_download_in_pieces(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source())
    Gateway(server.url, piece=100_000).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)
    asked = [request.headers["range"] for request in server.seen]
    assert asked == ["bytes=0-99999", "bytes=100000-199999", "bytes=200000-299999"]


def test_pieces_over_a_bad_line(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(cuts=(10, 90_000, 99_999)))
    Gateway(server.url, piece=100_000).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)
    assert all(not request.headers["range"].endswith("-") for request in server.seen)


def test_a_part_longer_than_its_source_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(cuts=(100_000,)), Source(cuts=(0,)), Answer(416), Source())
    Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)


@pytest.mark.parametrize("piece", [None, 1000])
def test_an_empty_file(server: Server, tmp_path: Path, piece: int | None) -> None:
    server.on("GET", FILE, Source(content=b""))
    Gateway(server.url, piece=piece).download(server.url + FILE, tmp_path / "a.tif", length=0)
    assert (tmp_path / "a.tif").read_bytes() == b""


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"length": 7}])
def test_damage_leaves_nothing_at_the_destination(server: Server, tmp_path: Path, wrong: dict[str, Any]) -> None:
    server.on("GET", FILE, Source())
    with pytest.raises(TransferDamaged):
        Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif", **wrong)
    assert left_behind(tmp_path) == []


def test_a_server_that_never_gets_on_is_given_up(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(cuts=(0,) * 50))
    with pytest.raises(GatewayUnreachable):
        Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif")


def test_progress_keeps_a_bad_line_going(server: Server, tmp_path: Path) -> None:
    server.on("GET", FILE, Source(cuts=(30_000,) * 9))
    Gateway(server.url).download(server.url + FILE, tmp_path / "a.tif", sha256=SHA256)


# Forms of results


def results(server: Server, document: Any, **headers: str) -> Any:
    server.on("GET", "/jobs/j1/results", Answer(body=document, headers=headers))
    return Gateway(server.url).results("j1")


def test_the_standards_example(server: Server) -> None:
    found = results(server, recording("Result"))
    assert found["stringOutput"].value == "Value2"
    assert found["measureOutput"].value["measurement"] == "10.3"
    assert found["boundingBoxOutput"].value["bbox"] == [51.9, 7, 52, 7.1]
    assert found["arrayOutput"].value == [1, 2, 3, 4, 5, 6]
    assert found["featureCollectionOutput"].media_type == "application/gml+xml; version=3.2"
    assert found["featureCollectionOutput"].value.startswith("<?xml")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"id": "echo", "value": "Hello"}, {"echo": "Hello"}),
        ({"outputs": [{"id": "a", "value": 1}, {"id": "b", "value": [2]}]}, {"a": 1, "b": [2]}),
        ([1, 2], {"result": [1, 2]}),
        ("text", {"result": "text"}),
        ({}, {}),
        ({"a": None, "b": False}, {"a": None, "b": False}),
    ],
)
def test_results_of_other_servers(server: Server, document: Any, expected: Any) -> None:
    assert {name: result.value for name, result in results(server, document).items()} == expected


def test_raw_results(server: Server, tmp_path: Path) -> None:
    found = results(server, b"\x89PNG", **{"Content-Type": "image/png"})
    found["result"].download(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"\x89PNG"
    assert results(server, "é".encode(), **{"Content-Type": "text/plain; charset=utf-8"})["result"].value == "é"


def test_an_output_of_several_files(server: Server, tmp_path: Path) -> None:
    names = ["a.tif", "b.tif", "..%2F..%2Fevil", "c%3A.tif"]
    for name in names:
        server.on("GET", f"/files/{name}", Answer(body=name.encode()))
    found = results(server, {"dates": [{"href": f"/files/{name}?s=1"} for name in names]})["dates"]
    with pytest.raises(GatewayError, match="4 files"):
        _ = found.href
    paths = found.download_all(tmp_path / "out")
    assert [path.name for path in paths] == ["a.tif", "b.tif", "dates-2", "dates-3"]
    assert [path.read_text() for path in paths] == names
    assert left_behind(tmp_path) == ["out"]


# Uploads


class Shelf:
    """The gateway's uploads."""

    def __init__(self, server: Server, digest: str) -> None:
        self.content: bytes | None = None
        self.path = f"/uploads/{digest}"
        server.on("HEAD", self.path, lambda request: Answer(200 if self.content is not None else 404))
        server.on("PUT", self.path, self.put)
        self._server = server

    def put(self, request: Seen) -> Answer:
        self.content = request.body
        return Answer(201, {"href": self._server.url + self.path})


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local é.tif"
    path.write_bytes(CONTENT)
    return path


def test_upload_once(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    told: list[tuple[int, Any]] = []
    gateway = Gateway(server.url, token=WORD)
    href = gateway.upload(local, progress=lambda *at: told.append(at))
    assert shelf.content == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(told) > 3
    assert gateway.upload(local) == href == server.url + shelf.path
    assert [request.method for request in server.seen] == ["HEAD", "PUT", "HEAD"]


def test_an_upload_that_broke_off_is_sent_again(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    server.on("PUT", shelf.path, Answer(cut=-1), Answer(503), shelf.put)
    Gateway(server.url).upload(local)
    assert shelf.content == CONTENT


def test_only_the_rest_is_sent_of_what_has_arrived_in_part(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    part = {"Upload-Offset": "1000", "Upload-Complete": "?0"}
    told: list[tuple[int, Any]] = []
    grown = Answer(409, {"detail": "It has grown."}, {"Upload-Offset": "1200"})
    server.on("HEAD", shelf.path, Answer(204, headers=part), Answer(204, headers={**part, "Upload-Offset": "1200"}))
    server.on("PATCH", shelf.path, grown, Answer(cut=-1), Answer(201, {"href": server.url + shelf.path}))
    Gateway(server.url).upload(local, progress=lambda *at: told.append(at))
    first, _, last = server.requests("PATCH", shelf.path)
    assert (first.headers["upload-offset"], first.body) == ("1000", CONTENT[1000:])
    assert (last.headers["upload-offset"], last.body) == ("1200", CONTENT[1200:])
    assert last.headers["content-type"] == "application/partial-upload"
    assert told[0][0] > 1000
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_part_larger_than_the_file_is_none_of_it(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    server.on("HEAD", shelf.path, Answer(204, headers={"Upload-Offset": str(len(CONTENT) + 1)}))
    Gateway(server.url).upload(local)
    assert shelf.content == CONTENT


def test_an_upload_is_given_up_when_nothing_more_arrives(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    server.on("PUT", shelf.path, Answer(cut=-1))
    with pytest.raises(GatewayUnreachable):
        Gateway(server.url).upload(local)
    assert len(server.requests("PUT", shelf.path)) == ATTEMPTS


def test_an_answer_that_was_lost_does_not_send_the_file_twice(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)

    def stored_but_lost(request: Seen) -> Answer:
        shelf.put(request)
        return Answer(cut=-1)

    server.on("PUT", shelf.path, stored_but_lost)
    Gateway(server.url).upload(local)
    assert len(server.requests("PUT", shelf.path)) == 1


def test_cancel_of_an_upload(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    told: list[int] = []
    with pytest.raises(Cancelled):
        Gateway(server.url).upload(local, progress=lambda done, total: told.append(done), cancelled=lambda: bool(told))
    assert shelf.content is None


def test_a_file_too_large_is_not_tried_again(server: Server, local: Path) -> None:
    shelf = Shelf(server, SHA256)
    server.on("PUT", shelf.path, Answer(413, {"detail": "The limit is 1 MB."}, {"Connection": "close"}))
    with pytest.raises(LimitExceeded, match="1 MB"):
        Gateway(server.url).upload(local)
    assert len(server.requests("PUT", shelf.path)) == 1


def test_an_empty_file_can_be_uploaded(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    shelf = Shelf(server, hashlib.sha256(b"").hexdigest())
    Gateway(server.url).upload(tmp_path / "empty")
    assert shelf.content == b""
