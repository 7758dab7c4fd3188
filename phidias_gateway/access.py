"""Who may use the gateway: tokens, and the check of a request's `Authorization` header.

A token is 256 bits of chance, so it is stored as a salted SHA-256; slow hashes are for passwords that people choose.
The table lives in a database of its own that only the gateway's user can read. It is asked at every request: what
`phidias-gateway token` does to it counts at once in a gateway that runs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phidias_gateway.errors import PHIDIAS
from phidias_gateway.http_errors import HttpError

log = logging.getLogger(__name__)
PREFIX = "phidias"
FAILURES = 10
"""Failed attempts that one address may make on one token within WINDOW seconds"""
WINDOW = 60.0
TRACKED = 10_000
"""Addresses remembered for throttling; beyond it the oldest are forgotten, so that memory stays bounded"""

USED_SECONDS = 3600.0
"""The last use of a token is written down no more often"""

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS token (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, salt BLOB NOT NULL, hash BLOB NOT NULL, label TEXT NOT NULL,
    created REAL NOT NULL, expires REAL, revoked REAL
) STRICT;
CREATE TABLE IF NOT EXISTS token_use (id TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID;
"""


class NotAuthenticated(HttpError):
    """The request carries no valid token."""

    type = PHIDIAS + "not-authenticated"
    title = "A valid token is needed"
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(
            detail,
            remedy="Send a token of this gateway as 'Authorization: Bearer <token>', or as the password of your user "
            "name. 'phidias-gateway token create' makes one.",
            headers={"WWW-Authenticate": 'Bearer realm="phidias", Basic realm="phidias", charset="UTF-8"'},
        )


class TooManyFailures(HttpError):
    """Too many wrong tokens from one address."""

    type = PHIDIAS + "too-many-failures"
    title = "Too many failed attempts"
    status = 429

    def __init__(self, wait: float) -> None:
        seconds = max(1, round(wait))
        super().__init__(
            f"There were more than {FAILURES} failed attempts from this address.",
            remedy=f"Wait {seconds} s, then use a valid token.",
            headers={"Retry-After": str(seconds)},
        )


@dataclass(frozen=True)
class TokenInfo:
    """What may be shown of a token; times in seconds since 1970."""

    id: str
    user: str
    label: str
    created: float
    expires: float | None
    revoked: float | None
    used: float | None
    """To the hour"""


@dataclass(frozen=True)
class Checked:
    """What is known of a token that someone showed."""

    known: bool
    """A token of this id was made; the rest of it may be wrong"""
    user: str | None
    """Whose it is, if it is genuine and valid"""


class Tokens:
    """The tokens of one gateway. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._used: dict[str, float] = {}

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def create(self, user: str, *, lifetime: float | None = None, label: str = "") -> str:
        """A new token for `user`, valid for `lifetime` seconds (None: until revoked); it is seen only here.

        Raises ValueError for a bad name.
        """
        if not _USER.fullmatch(user):
            raise ValueError(f"{user!r} is no user name: use up to 64 letters, digits and '. _ @ -'.")
        identifier, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
        now = time.time()
        with self._lock:
            self._database.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (identifier, user, salt, _hash(salt, secret), label, now, now + lifetime if lifetime else None),
            )
        return f"{PREFIX}_{identifier}_{secret}"

    def list(self) -> list[TokenInfo]:
        """Every token, oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, user, label, created, expires, revoked, at FROM token LEFT JOIN token_use USING (id) "
                "ORDER BY created"
            ).fetchall()
        return [TokenInfo(*row) for row in rows]

    def revoke(self, identifier: str) -> bool:
        """End a token at once. False if there is no valid token of this id."""
        with self._lock:
            changed = self._database.execute(
                "UPDATE token SET revoked = ? WHERE id = ? AND revoked IS NULL", (time.time(), identifier)
            )
        return changed.rowcount == 1

    def revoke_all(self, user: str) -> int:
        """End all tokens of a user at once; returns how many there were."""
        with self._lock:
            query = "UPDATE token SET revoked = ? WHERE user = ? AND revoked IS NULL"
            return self._database.execute(query, (time.time(), user)).rowcount

    def check(self, token: str) -> Checked:
        """Whose token this is, if it is one."""
        identifier, secret = _parts(token)
        with self._lock:
            row = self._database.execute(
                "SELECT user, salt, hash, expires, revoked FROM token WHERE id = ?", (identifier,)
            ).fetchone()
        if row is None:
            return Checked(False, None)
        user, salt, digest, expires, revoked = row
        genuine = hmac.compare_digest(digest, _hash(salt, secret))
        valid = revoked is None and (expires is None or time.time() < expires)
        if not (genuine and valid):
            return Checked(True, None)
        self._note(identifier)
        return Checked(True, str(user))

    def _note(self, identifier: str) -> None:
        now = time.time()
        if 0 <= now - self._used.get(identifier, -USED_SECONDS) < USED_SECONDS:
            return
        self._used[identifier] = now
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO token_use (id, at) VALUES (?, ?)", (identifier, now))
        except sqlite3.OperationalError as error:  # a full disk must not lock anybody out
            log.warning("the use of the token %s cannot be noted: %s", identifier, error)


class Access:
    """Checks who makes a request, and slows down those who guess."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def user(self, headers: Mapping[str, str], address: str) -> str:
        """The user of a request. Raises NotAuthenticated or TooManyFailures."""
        header = headers.get("authorization")
        if not header:
            raise NotAuthenticated("The request carries no token.")
        name, token = _credentials(header)
        checked = self._tokens.check(token)
        # Failures count per address and token: guessing never locks out another user behind the same address.
        place = (address, _parts(token)[0] if checked.known else "")
        self._slow_down(place)
        if checked.user is None or (name is not None and name != checked.user):
            self._failed(place)
            raise NotAuthenticated("The token is not valid here: mistyped, expired, revoked or of another user.")
        return checked.user

    def _slow_down(self, place: tuple[str, str]) -> None:
        times = self._failures.get(place)
        if not times:
            return
        now = time.monotonic()
        while times and now - times[0] > WINDOW:
            times.popleft()
        if len(times) >= FAILURES:
            raise TooManyFailures(WINDOW - (now - times[0]))

    def _failed(self, place: tuple[str, str]) -> None:
        if place not in self._failures and len(self._failures) >= TRACKED:
            del self._failures[next(iter(self._failures))]
        self._failures.setdefault(place, deque()).append(time.monotonic())


def _credentials(header: str) -> tuple[str | None, str]:
    """User name (None for Bearer) and token of an `Authorization` header (RFC 6750, RFC 7617)."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return None, value
    if scheme.lower() == "basic":
        try:
            name, colon, token = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            raise NotAuthenticated("The Basic credentials are not base64 of 'user:token'.") from None
        if colon:
            return name, token
    raise NotAuthenticated("The Authorization header is neither 'Bearer <token>' nor Basic.")


def _parts(token: str) -> tuple[str, str]:
    prefix, _, rest = token.partition("_")
    identifier, _, secret = rest.partition("_")
    return (identifier, secret) if prefix == PREFIX else ("", "")


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8", "replace")).digest()
