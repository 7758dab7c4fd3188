"""Uploads that broke off: what has arrived of each is its owner's alone, and kept for a day unless the rest comes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from phidias_gateway.http_errors import UploadBusy

KEPT_SECONDS = 86_400.0
WAIT_SECONDS = 2.0


class PartialUploads:
    """The parts in a folder, one for each owner and content. They outlive the gateway."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._busy: set[Path] = set()

    def size(self, owner: str, sha256: str) -> int | None:
        """Bytes that have arrived; None if nothing of it is there."""
        return _size(self.path(owner, sha256))

    def bytes_of(self, owner: str) -> int:
        """What the owner's parts take on the disk."""
        return sum(_size(path) or 0 for path in self._folder.glob(f"*.{_key(owner)}.part"))

    @asynccontextmanager
    async def alone(self, owner: str, sha256: str) -> AsyncIterator[Path]:
        """The path of a part, for one request at a time: two would write into each other.

        Waits a moment for one whose connection has just broken. Raises UploadBusy.
        """
        path = self.path(owner, sha256)
        end = time.monotonic() + WAIT_SECONDS
        while path in self._busy and time.monotonic() < end:
            await asyncio.sleep(0.05)
        if path in self._busy:
            raise UploadBusy(
                "This file is being sent by another request.",
                remedy="Ask later how much has arrived, and send the rest if it does not grow.",
                headers={"Retry-After": "10", "Connection": "close"},
            )
        self._busy.add(path)
        try:
            yield path
        finally:
            self._busy.remove(path)

    def remove_stale(self) -> None:
        """Remove the parts to which nothing was added for a day."""
        for path in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):  # it was completed just now
                if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()

    def path(self, owner: str, sha256: str) -> Path:
        """Where the part is."""
        return self._folder / f"{sha256}.{_key(owner)}.part"


def _key(owner: str) -> str:
    """The owner in a file name, whatever characters the name has."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
