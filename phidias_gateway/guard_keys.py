"""What the guard's proxy adds to a request that the site has a credential for. Tokens are kept while they are good."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phidias_gateway.credentials import Credential, SecretUnusable, find_at
from phidias_gateway.hosts import Unreachable

Connect = Callable[[str, int], socket.socket]
"""Makes a TLS connection to a host. Raises PermissionError, Unreachable"""

TOKEN_SECONDS = 20.0
MAX_TOKEN = 64 * 1024
RENEWED_AFTER = 0.8
"""Of a token's life: a request that is sent with it must come to its end"""
ASSUMED_SECONDS = 300.0
"""Life of a token that does not tell its own"""
SHORTEST_SECONDS = 1.0
"""For which a token is kept although it has expired by this machine's clock, which may be wrong"""


@dataclass(frozen=True, repr=False)
class Key:
    """Goes with one request."""

    header: tuple[bytes, bytes] | None = None
    query: bytes = b""

    def added_to(self, path: bytes) -> bytes:
        """The path and query of a request; of what it asks for itself, nothing that the key tells remains."""
        if not self.query:
            return path
        path, _, asked = path.partition(b"?")
        told = {part.partition(b"=")[0] for part in self.query.split(b"&")}
        kept = [part for part in asked.split(b"&") if part and part.partition(b"=")[0] not in told]
        return path + b"?" + b"&".join([*kept, self.query])


class Keys:
    """The keys to all addresses that the site has credentials for. For several threads."""

    def __init__(self, credentials: Sequence[Credential], connect: Connect) -> None:
        self._credentials = credentials
        self._tokens = {entry: _Token(entry.token_url, connect) for entry in credentials if entry.token_url}

    def key(self, host: str, port: int, path: bytes) -> Key | None:
        """The key to an https address, or None if the site has none for it.

        Raises PermissionError if there should be one but its secret cannot be used, Unreachable if its token
        service gives none.
        """
        credential = find_at(self._credentials, host, port, path.partition(b"?")[0].decode("latin-1"))
        if credential is None:
            return None
        if credential.token_url:
            return Key(query=self._tokens[credential].value())
        try:
            return Key(header=(credential.header.encode(), credential.secret().encode("latin-1")))
        except SecretUnusable as error:
            raise PermissionError(f"the site's credential for {credential.prefix} cannot be used: {error}") from None


class _Token:
    """The token of a service, fetched when it is first needed and again before it expires."""

    def __init__(self, url: str, connect: Connect) -> None:
        self._url = url
        self._connect = connect
        self._lock = threading.Lock()
        self._value = b""
        self._renewal = self._end = float("-inf")

    def value(self) -> bytes:
        with self._lock:
            if time.monotonic() >= self._renewal:
                try:
                    self._renew()
                except Unreachable:
                    if time.monotonic() >= self._end:
                        raise
        return self._value

    def _renew(self) -> None:
        begun = time.monotonic()
        try:
            self._value, seconds = _read(self._fetch())
        except (OSError, ValueError) as error:
            raise Unreachable(f"the token service at {self._url.partition('?')[0]} gives no token: {error}") from None
        self._renewal, self._end = begun + RENEWED_AFTER * seconds, begun + seconds

    def _fetch(self) -> bytes:
        # Only who needs a token waits for these to be loaded.
        from http.client import HTTPConnection, HTTPException
        from urllib.parse import urlsplit

        parts = urlsplit(self._url)
        port = parts.port or 443
        with self._connect(parts.hostname or "", port) as connection:
            connection.settimeout(TOKEN_SECONDS)
            client = HTTPConnection(parts.hostname or "", port)
            client.sock = connection
            try:
                target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
                client.request("GET", target, headers={"Host": parts.netloc, "Accept": "application/json"})
                with client.getresponse() as answer:
                    if answer.status != 200:
                        raise ValueError(f"it answers {answer.status}")
                    return answer.read(MAX_TOKEN)
            except HTTPException:
                raise ValueError("it talks no HTTP") from None


def _read(content: bytes) -> tuple[bytes, float]:
    """A token, and for how many seconds it is good. Raises ValueError, with nothing of the token."""
    try:
        document = json.loads(content)
        token, expiry = str(document["token"]).removeprefix("?"), document.get("msft:expiry")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError("its answer is not understood") from None
    if not re.fullmatch(r"[A-Za-z0-9._~%!$&'()*+,;=:@/?-]+", token):
        raise ValueError("its token is no query")
    return token.encode(), ASSUMED_SECONDS if expiry is None else max(_seconds_until(str(expiry)), SHORTEST_SECONDS)


def _seconds_until(moment: str) -> float:
    from datetime import UTC, datetime

    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError("its time of expiry is not understood") from None
    return ((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
