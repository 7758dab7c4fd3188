"""Files from the gateway to the disk: streamed, resumed after a break, checked, and put in place in one step."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Optional

import requests

from backend_client.connection import Connection, unreachable
from backend_client.errors import (
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    LimitExceeded,
    TransferDamaged,
    UnexpectedAnswer,
    public_url,
)
from backend_client.patience import Backoff, Cancel, check, never, pause

Progress = Callable[[int, Optional[int]], None]
"""Told of the bytes so far and, where known, in all"""

CHUNK = 1 << 14
"""Bytes; of a connection that breaks, what arrived after the last whole chunk is lost"""
ATTEMPTS = 5
"""Attempts in a row that bring not one byte, before giving up"""


def download(
    connection: Connection,
    href: str,
    path: str | Path,
    *,
    length: int | None = None,
    sha256: str | None = None,
    piece: int | None = None,
    progress: Progress | None = None,
    cancelled: Cancel = never,
) -> Path:
    """Write what is at `href` to `path`; its folder must exist. An older file there stays until the new one is whole.

    The bytes gather in `<path>.part`, which a later call takes up again if the source has not changed. `length` (bytes)
    and `sha256` (hexadecimal) are checked where given. `piece`: ask for so many bytes per request, for sessions whose
    transport holds a whole body in memory. Raises GatewayError, Cancelled, TransferDamaged, OSError (disk).
    """
    part = _Part(Path(path), public_url(href))
    transfer = _Transfer(connection, href, part, piece, progress, cancelled)
    failures, fruitless = Backoff(), 0
    while True:
        check(cancelled)
        before = part.size
        try:
            if transfer.step():
                break
        except (GatewayUnreachable, GatewayFailed, LimitExceeded) as error:
            check(cancelled)
            fruitless = 0 if part.size > before else fruitless + 1
            never_there = isinstance(error, GatewayUnreachable) and not error.maybe_received and part.size == 0
            if never_there or fruitless >= ATTEMPTS:
                part.discard_if_empty()
                raise
            pause(failures.next(error.retry_after), cancelled)
        else:
            failures.reset()
            fruitless = 0
    _verify(part, length if length is not None else transfer.total, sha256, cancelled)
    return part.finish()


class _Part:
    """The unfinished file, and beside it what identifies the version of the source that its bytes are of."""

    def __init__(self, target: Path, source: str) -> None:
        self.target, self._source = target, source
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        self.etag = self._noted_etag()
        if not self.etag:
            self.discard()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def reset(self, etag: str = "") -> None:
        """Begin anew with a version of the source; without a strong ETag the part cannot be resumed later."""
        self.path.write_bytes(b"")
        self.etag = etag
        if etag:
            self._note.write_text(json.dumps({"source": self._source, "etag": etag}), encoding="utf-8")
        else:
            self._note.unlink(missing_ok=True)

    def finish(self) -> Path:
        """Make the part the file, which is on the disk before it gets its name."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)
        return self.target

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def discard_if_empty(self) -> None:
        if not self.size:
            self.discard()

    def _noted_etag(self) -> str:
        try:
            note: Any = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return ""
        same = isinstance(note, dict) and note.get("source") == self._source and self.path.exists()
        return str(note.get("etag") or "") if same else ""


class _Transfer:
    """Brings a part to its end, one request at a time."""

    def __init__(
        self,
        connection: Connection,
        href: str,
        part: _Part,
        piece: int | None,
        progress: Progress | None,
        cancelled: Cancel,
    ) -> None:
        self._connection, self._href, self._part = connection, href, part
        self._piece, self._progress, self._cancelled = piece, progress, cancelled
        self.total: int | None = None

    def step(self) -> bool:
        """One request; True if the part is complete then. Raises GatewayUnreachable if the body broke off."""
        start = self._part.size
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start or self._piece:
            end = str(start + self._piece - 1) if self._piece else ""
            headers["Range"] = f"bytes={start}-{end}"
        if start:
            headers["If-Range"] = self._part.etag
        try:
            response = self._connection.request("GET", self._href, headers=headers, stream=True)
        except GatewayError as error:
            if error.status != 416:
                raise
            # The part is longer than the source, or the source is empty: once more from the beginning, in one piece.
            if not headers.get("Range"):
                raise
            self._part.reset()
            self._piece = None
            return False
        with closing(response):
            return self._receive(response, start)

    def _receive(self, response: requests.Response, start: int) -> bool:
        etag = _strong_etag(response)
        if response.status_code == 206:
            first, self.total = _content_range(response)
            if first != start or (start and etag and etag != self._part.etag):
                self._part.reset()
                return False
            if not start:
                self._part.reset(etag)
            if self._piece and not etag:
                # Pieces could be of different versions of the source: ask for it whole.
                self._piece = None
                self._part.reset()
                return False
        else:
            self._part.reset(etag)
            self.total = _content_length(response)
        self._save(response)
        size = self._part.size
        if self.total is None or size >= self.total:
            return True
        if self._piece and response.status_code == 206 and size > start:
            return False
        raise GatewayUnreachable(f"The connection to {public_url(response.url)} was lost before the end of the file.")

    def _save(self, response: requests.Response) -> None:
        size = self._part.size
        with self._part.path.open("ab") as file:
            try:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    size += len(chunk)
                    if self._progress:
                        self._progress(size, self.total)
                    check(self._cancelled)
            except requests.exceptions.RequestException as error:
                raise unreachable(error, self._href) from None


def _strong_etag(response: requests.Response) -> str:
    etag = response.headers.get("ETag", "")
    return "" if etag.startswith("W/") else etag


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return int(length) if length.isdigit() and not encoded else None


def _content_range(response: requests.Response) -> tuple[int, int | None]:
    """First byte and length in all of a partial answer (RFC 9110, 14.4)."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if found is None:
        raise UnexpectedAnswer(f"{public_url(response.url)} sent a part of the file without saying which.")
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _verify(part: _Part, length: int | None, sha256: str | None, cancelled: Cancel) -> None:
    if length is not None and part.size != length:
        size = part.size
        part.discard()
        raise TransferDamaged(f"{part.target.name} has {size} bytes instead of {length}.")
    if sha256 is not None and file_sha256(part.path, cancelled=cancelled) != sha256.lower():
        part.discard()
        raise TransferDamaged(f"The checksum of {part.target.name} is not the one that the gateway gave.")


def file_sha256(path: Path, *, cancelled: Cancel = never) -> str:
    """The SHA-256 of a file's content, hexadecimal. Raises OSError, Cancelled."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            check(cancelled)
    return digest.hexdigest()
