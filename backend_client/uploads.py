"""Local files for a job's inputs: stored under the hash of their content, so that nothing is sent twice.

An upload that breaks off goes on where it stopped (draft-ietf-httpbis-resumable-upload), also when asked for anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from backend_client.connection import Connection
from backend_client.download import CHUNK, Progress, file_sha256
from backend_client.errors import GatewayError, GatewayFailed, GatewayUnreachable, NotFound
from backend_client.patience import Backoff, Cancel, check, never, pause

ATTEMPTS = 4
"""In a row that bring nothing further"""
REST = "application/partial-upload"
_LATER = (408, 409)
"""Nothing came for a while; the part has grown meanwhile, or another request of this user is sending it"""


def upload(
    connection: Connection,
    path: str | Path,
    *,
    progress: Progress | None = None,
    cancelled: Cancel = never,
) -> str:
    """Bring a file to the gateway, unless it is there, and return the address by which inputs can refer to it.

    `progress(bytes sent, bytes in all)`. Raises LimitExceeded if the file is too large, GatewayError, Cancelled,
    OSError.
    """
    source = Path(path)
    address = f"/uploads/{file_sha256(source, cancelled=cancelled)}"
    failures, attempt, furthest = Backoff(), 0, -1
    while True:
        check(cancelled)
        try:
            arrived = _arrived(connection, address)
            if arrived is None:
                return connection.url + address
            if arrived > furthest:
                attempt, furthest = 0, arrived
                failures.reset()
            return _send(connection, address, source, arrived, progress, cancelled)
        except GatewayError as error:
            check(cancelled)
            attempt += 1
            if attempt == ATTEMPTS or not _may_pass(error, begun=furthest >= 0):
                raise
            pause(failures.next(error.retry_after), cancelled)


def _may_pass(error: GatewayError, *, begun: bool) -> bool:
    """Whether it is worth trying again. A gateway that was there a moment ago may be back soon."""
    if isinstance(error, GatewayUnreachable):
        return begun or error.maybe_received
    return isinstance(error, GatewayFailed) or error.status in _LATER


def _arrived(connection: Connection, address: str) -> int | None:
    """How many bytes the gateway has of the content; None if it has all."""
    try:
        answer = connection.request("HEAD", address)
    except NotFound:
        return 0
    if answer.status_code != 204:
        return None
    offset = answer.headers.get("Upload-Offset", "")
    return int(offset) if offset.isdigit() else 0


def _send(
    connection: Connection, address: str, source: Path, arrived: int, progress: Progress | None, cancelled: Cancel
) -> str:
    """Send what comes after the first `arrived` bytes."""
    with source.open("rb") as file:
        size = source.stat().st_size
        if not 0 < arrived <= size:
            method, arrived, headers = "PUT", 0, {"Content-Type": "application/octet-stream"}
        else:
            method = "PATCH"
            headers = {"Content-Type": REST, "Upload-Offset": str(arrived), "Upload-Complete": "?1"}
        file.seek(arrived)
        body = _Body(file, size, arrived, progress, cancelled)
        document, _ = connection.document(method, address, data=body, headers=headers)
    href = document.get("href")
    return href if isinstance(href, str) and href else connection.url + address


class _Body:
    """A request's body that tells how much of it was read, and breaks off when the caller cancels."""

    def __init__(self, file: BinaryIO, size: int, arrived: int, progress: Progress | None, cancelled: Cancel) -> None:
        self._file, self._progress, self._cancelled = file, progress, cancelled
        self._sent, self._size = arrived, size
        self.len = size - arrived
        """Bytes that come, under the name by which `requests` asks for it"""

    def read(self, size: int = -1) -> bytes:
        check(self._cancelled)
        data = self._file.read(size)
        self._sent += len(data)
        if data and self._progress:
            self._progress(self._sent, self._size)
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(CHUNK):
            yield data
