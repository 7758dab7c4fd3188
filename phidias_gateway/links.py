"""Signed links to result files: whoever holds one can read that one file until the link expires.

GDAL and every tool that takes a path can stream such a link, where a header with a token would get lost on the way.
The signature is an HMAC-SHA256 (RFC 2104) over the job, the file and the expiry. Keys lie in a file that only the
gateway's user can read; the newest signs, and older ones are honoured while links made with them may still be valid.
The file is looked at for every link: what `phidias-gateway links` does to it counts at once in a gateway that runs.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

STEPS = 24
"""Expiries are rounded up to a 24th of the lifetime: the same result keeps the same link for a while, so caches hit."""

Verdict = Literal["valid", "expired", "forged"]
_State = tuple[int, int] | None


@dataclass(frozen=True)
class Key:
    """One signing key; `created` in seconds since 1970."""

    id: str
    secret: str
    created: float


class Signer:
    """Makes and checks signed links. `lifetime` of a link and `rotation` of the keys are in seconds."""

    def __init__(self, path: Path, *, lifetime: int, rotation: int = 30 * 86400) -> None:
        self._path = path
        self._lifetime = lifetime
        self._rotation = rotation
        self._keys, self._seen = self._renewed()

    def rotate(self) -> None:
        """Sign with a new key from now on; links that are out stay valid until they expire."""
        self._keys, self._seen = self._renewed(new=True)

    def revoke(self) -> None:
        """End all links at once."""
        self._keys, self._seen = self._renewed(new=True, keep=False)

    def url(self, base_url: str, job_id: str, file: str) -> str:
        """The absolute, signed address of a result file below `base_url`."""
        return f"{base_url}/jobs/{job_id}/results/{quote(file)}?{urlencode(self.sign(job_id, file))}"

    def preview_url(self, base_url: str, job_id: str, file: str, done: int) -> str:
        """The same for a file of what is finished so far; another one when more tiles are done.

        GDAL keeps what it has read of an address, and would go on showing the first tiles.
        """
        path = preview_path(file)
        return f"{base_url}/jobs/{job_id}/{quote(path)}?{urlencode({**self.sign(job_id, path), 'done': done})}"

    def sign(self, job_id: str, file: str) -> dict[str, str]:
        """The query parameters `expires` (seconds since 1970) and `signature` for one file of one job."""
        now = time.time()
        key = self._current()[0]
        step = max(1, self._lifetime // STEPS)
        expires = str(int((now + self._lifetime) // step + 1) * step)
        return {"expires": expires, "signature": f"{key.id}.{_digest(key, job_id, file, expires)}"}

    def check(self, job_id: str, file: str, expires: str, signature: str) -> Verdict:
        """Whether the signature is ours, for exactly this file, and still valid."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
            return "forged"
        identifier, _, digest = signature.partition(".")
        key = next((key for key in self._current() if key.id == identifier), None)
        if key is None or not hmac.compare_digest(digest, _digest(key, job_id, file, expires)):
            return "forged"
        return "valid" if time.time() < int(expires) else "expired"

    def _current(self) -> tuple[Key, ...]:
        """The keys, newest first; read anew if another process has replaced them, or if a new one is due."""
        if _state(self._path) != self._seen or time.time() - self._keys[0].created > self._rotation:
            self._keys, self._seen = self._renewed()
        return self._keys

    def _renewed(self, *, new: bool = False, keep: bool = True) -> tuple[tuple[Key, ...], _State]:
        """The keys on disk, with a new one where due; those too old to have a valid link are dropped."""
        with _locked(self._path):
            keys = [Key(**entry) for entry in json.loads(self._path.read_bytes())] if self._path.exists() else []
            now = time.time()
            kept = [key for key in keys if keep and now - key.created < self._rotation + 2 * self._lifetime]
            if new or not kept or now - kept[0].created > self._rotation:
                kept.insert(0, Key(secrets.token_hex(4), secrets.token_urlsafe(32), now))
            if kept != keys:
                _replace(self._path, json.dumps([asdict(key) for key in kept]).encode())
            return tuple(kept), _state(self._path)


def preview_path(file: str) -> str:
    """What is signed for a file of a preview: no result file's name, since these have no slash."""
    return f"preview/{file}"


def _digest(key: Key, job_id: str, file: str, expires: str) -> str:
    message = "\n".join(("v1", job_id, file, expires)).encode()
    digest = hmac.digest(key.secret.encode(), message, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _state(path: Path) -> _State:
    """What tells this content of the file from another: it is only ever replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time: two gateways that start together agree on their first key."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
