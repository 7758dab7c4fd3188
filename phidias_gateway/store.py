"""The gateway's memory: jobs and who owns which upload, in one SQLite file on a local disk."""

from __future__ import annotations

from pathlib import Path


class Store:
    """Opens the file, and makes it if need be. May be used from any thread."""

    def __init__(self, path: Path) -> None: ...

    def close(self) -> None: ...

    def add_upload(self, owner: str, sha256: str, size: int) -> None:
        """Record, durably, that `owner` has uploaded `<settings.store.uploads>/<sha256>`; again is no error."""

    def has_upload(self, owner: str, sha256: str) -> bool:
        raise NotImplementedError
