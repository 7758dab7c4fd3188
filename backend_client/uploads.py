"""Local files for a job's inputs: stored under the hash of their content, so that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from backend_client.connection import Connection
from backend_client.download import CHUNK, Progress, file_sha256
from backend_client.errors import GatewayFailed, GatewayUnreachable, NotFound
from backend_client.patience import Backoff, Cancel, check, never, pause

ATTEMPTS = 4


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
    failures = Backoff()
    for attempt in range(1, ATTEMPTS + 1):
        check(cancelled)
        try:
            return _present(connection, address) or _send(connection, address, source, progress, cancelled)
        except (GatewayUnreachable, GatewayFailed) as error:
            check(cancelled)
            if attempt == ATTEMPTS or (isinstance(error, GatewayUnreachable) and not error.maybe_received):
                raise
            pause(failures.next(error.retry_after), cancelled)
    raise GatewayUnreachable("The file could not be sent.")


def _present(connection: Connection, address: str) -> str:
    """Where the gateway has the content already; empty if it has not."""
    try:
        connection.request("HEAD", address)
    except NotFound:
        return ""
    return connection.url + address


def _send(connection: Connection, address: str, source: Path, progress: Progress | None, cancelled: Cancel) -> str:
    with source.open("rb") as file:
        body = _Body(file, source.stat().st_size, progress, cancelled)
        document, _ = connection.document(
            "PUT", address, data=body, headers={"Content-Type": "application/octet-stream"}
        )
    href = document.get("href")
    return href if isinstance(href, str) and href else connection.url + address


class _Body:
    """A request's body that tells how much of it was read, and breaks off when the caller cancels."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None, cancelled: Cancel) -> None:
        self._file, self._progress, self._cancelled = file, progress, cancelled
        self._sent = 0
        self.len = size
        """Bytes in all, under the name by which `requests` asks for it"""

    def read(self, size: int = -1) -> bytes:
        check(self._cancelled)
        data = self._file.read(size)
        self._sent += len(data)
        if data and self._progress:
            self._progress(self._sent, self.len)
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(CHUNK):
            yield data
