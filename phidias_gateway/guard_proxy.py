"""The proxy on the loopback that holds every connection of a job to what its site allows.

Libraries that read (GDAL, requests) follow redirects and look names up by themselves, after any check of ours. Through
this proxy they cannot: for every connection it looks the name up, refuses what is not public, and connects to the very
address that it has checked.

To a request for what the site has a credential for, it adds the credential (see `guard_keys`). Such an address is asked
for by http with the port of https (`http://host:443/path`), and read by https: what reads knows no secret, tells none,
and takes none along to where it is redirected.

A process of its own (see `guard`), since GDAL can wait for the network while it holds Python's lock: a thread would
never answer. It starts with every job, so it needs the standard library alone, and little of that.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from io import BufferedReader
from typing import TYPE_CHECKING

from phidias_gateway.credentials import Credential
from phidias_gateway.guard_keys import Key, Keys
from phidias_gateway.hosts import Hosts, Unreachable

if TYPE_CHECKING:
    from ssl import SSLContext

USER = "phidias"
MARK = "Proxy-Status"
"""A header of the answers that are the proxy's own (RFC 9209)"""
CONNECT_SECONDS = 10.0
HEAD_SECONDS = 10.0
"""Time for a new client to say who it is: the loopback of a node is shared"""
IDLE_SECONDS = 300.0
MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 2**20
BUFFER = 256 * 1024
_BETWEEN_NEIGHBOURS = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"transfer-encoding"}
_BETWEEN_NEIGHBOURS |= {b"content-length", b"proxy-authorization", b"proxy-connection", b"proxy-authenticate"}
_BETWEEN_NEIGHBOURS |= {MARK.lower().encode()}
"""Headers that are not passed on (RFC 9110, 7.6.1); the body's framing is written anew"""


def main() -> None:
    """Serve on the listening socket of the descriptor given, until standard input ends.

    Its first line is JSON: `secret`, `allowed` and `internal` (see `Hosts`), `upstream`, `credentials` and
    `authorities` (see `Proxy`).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, meant for who started us
    told = json.loads(sys.stdin.buffer.readline())
    listener = socket.socket(fileno=int(sys.argv[-1]))
    hosts = Hosts(frozenset(told["allowed"]), tuple(told["internal"]))
    credentials = [Credential(**entry) for entry in told["credentials"]]
    proxy = Proxy(listener, told["secret"], hosts, told["upstream"], credentials, told["authorities"])
    threading.Thread(target=proxy.serve, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)


class Proxy:
    """An HTTP proxy for whoever knows the secret: CONNECT, and requests for http addresses.

    `upstream` are the site's own proxies as its environment names them (`http`, `https`, `all`, `no`). Through one of
    these, too, a connection goes to the address that was checked; only to a host allowed by name, by its name.

    Where the proxy itself speaks TLS, it believes the certificates of the file or folder `authorities` besides the
    system's.
    """

    def __init__(
        self,
        listener: socket.socket,
        secret: str,
        hosts: Hosts,
        upstream: Mapping[str, str],
        credentials: Sequence[Credential] = (),
        authorities: str = "",
    ) -> None:
        self._listener = listener
        self._credentials = b"Basic " + base64.b64encode(f"{USER}:{secret}".encode())
        self._hosts = hosts
        self._upstream = dict(upstream)
        self._authorities = authorities
        self.keys = Keys(credentials, self.reach_by_tls)

    def serve(self) -> None:
        """Take connections until the listener is shut down."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def reach(self, host: str, port: int, scheme: str) -> socket.socket:
        """A connection to a host. Raises PermissionError if it may not be read, Unreachable."""
        upstream = self._upstream_for(host, scheme)
        try:
            by_name = upstream and self._hosts.is_allowed(host)
            addresses = [host] if by_name else self._hosts.addresses(host, port)
        except PermissionError:
            raise
        except OSError as error:
            raise Unreachable(str(error)) from None
        failure = OSError()
        for address in addresses:
            try:
                connection = _through(upstream, address, port) if upstream else _connected(address, port)
                connection.settimeout(IDLE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except OSError as error:
                failure = error
        raise Unreachable(failure.strerror or str(failure))

    def reach_by_tls(self, host: str, port: int) -> socket.socket:
        """An encrypted connection to a host that has shown its certificate. Raises as `reach`."""
        connection = self.reach(host, port, "https")
        try:
            connection.settimeout(CONNECT_SECONDS)
            encrypted = self._tls.wrap_socket(connection, server_hostname=host)
        except (OSError, ValueError) as error:  # ValueError: a name that no certificate can have
            connection.close()
            raise Unreachable(getattr(error, "verify_message", None) or str(error)) from None
        encrypted.settimeout(IDLE_SECONDS)
        return encrypted

    @cached_property
    def _tls(self) -> SSLContext:
        import ssl  # not needed by most jobs

        context = ssl.create_default_context()
        if self._authorities:
            kind = "capath" if os.path.isdir(self._authorities) else "cafile"
            context.load_verify_locations(**{kind: self._authorities})
        return context

    def _upstream_for(self, host: str, scheme: str) -> str:
        upstream = self._upstream.get(scheme) or self._upstream.get("all", "")
        if not upstream:
            return ""
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        return "" if proxy_bypass_environment(host, self._upstream) else upstream

    def _talk(self, client: socket.socket) -> None:
        """Answer the requests of one client, one after the other."""
        # Where one of the two hangs up or talks no HTTP, the client's connection is closed.
        with suppress(OSError, ValueError), client, client.makefile("rb") as incoming, closing(_Origin(self)) as origin:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.settimeout(HEAD_SECONDS)
            while (head := _Head.read(incoming)) is not None and self._answer(head, incoming, client, origin):
                pass

    def _answer(self, head: _Head, incoming: BufferedReader, client: socket.socket, origin: _Origin) -> bool:
        """Whether the client may ask again."""
        if not hmac.compare_digest(head.value(b"proxy-authorization"), self._credentials):
            _refuse(client, 407, "the guard asks who you are", "Proxy-Authenticate: Basic")
            return False
        client.settimeout(IDLE_SECONDS)
        try:
            if head.start[0] != b"CONNECT":
                return origin.pass_on(head, incoming, client)
            with self.reach(*_place(head.start[1]), "https") as connection:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _join(client, connection)
        except PermissionError as error:
            print(f"refused: {error}", file=sys.stderr, flush=True)
            _refuse(client, 403, str(error))
        except Unreachable as error:
            _refuse(client, 502, str(error))
        return False


@dataclass
class _Link:
    """A connection to a server."""

    to: tuple[str, int, bool]
    connection: socket.socket
    incoming: BufferedReader

    def close(self) -> None:
        self.incoming.close()
        self.connection.close()


class _Origin:
    """The server that a client reads by http; the connection is kept while the client asks for the same one."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._link: _Link | None = None

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def pass_on(self, head: _Head, incoming: BufferedReader, client: socket.socket) -> bool:
        """Pass a request on, and the response back. Whether the client may ask again.

        Raises PermissionError or Unreachable before anything was sent to the client, else OSError or ValueError.
        """
        method, target, _ = head.start
        scheme, _, rest = target.partition(b"://")
        authority, _, path = rest.partition(b"/")
        length = head.length
        if scheme.lower() != b"http" or head.chunked or (length or 0) > MAX_BODY:
            raise ValueError
        (host, port), path, body = _place(authority, 80), b"/" + path, incoming.read(length or 0)
        key = self._proxy.keys.key(host, port, path)
        if key is not None:
            head, path = head.opening(authority.removesuffix(b":443"), key), key.added_to(path)
        request = head.written(b"%s %s HTTP/1.1" % (method, path), _framing(length)) + body
        link, response = self._ask((host, port, key is not None), request, again=method in (b"GET", b"HEAD"))
        bodiless = method == b"HEAD" or response.start[1] in (b"204", b"304")
        reusable = _pass_back(response, link.incoming, client, bodiless=bodiless)
        if response.closing or not reusable:
            self.close()
        return reusable and not head.closing

    def _ask(self, to: tuple[str, int, bool], request: bytes, *, again: bool) -> tuple[_Link, _Head]:
        """The head of the response from a host and a port, by TLS or not.

        Asks `again` where the server has closed a connection that was kept.
        """
        link, kept = self._link, True
        if link is None or link.to != to:
            self.close()
            host, port, encrypted = to
            proxy = self._proxy
            connection = proxy.reach_by_tls(host, port) if encrypted else proxy.reach(host, port, "http")
            link, kept = _Link(to, connection, connection.makefile("rb")), False
            self._link = link
        try:
            link.connection.sendall(request)
            while (response := _Head.read(link.incoming)) is not None:
                if not response.start[1].startswith(b"1"):  # 100 Continue, 103 Early Hints
                    return link, response
            raise ConnectionResetError("the server has hung up")
        except (OSError, ValueError) as error:
            self.close()
            if kept and again and isinstance(error, ConnectionError):
                return self._ask(to, request, again=False)
            raise Unreachable(str(error)) from None


@dataclass(frozen=True)
class _Head:
    """The head of a request or a response, in bytes: headers are passed on as they came."""

    start: tuple[bytes, bytes, bytes]
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def read(cls, stream: BufferedReader) -> _Head | None:
        """The next head, or None at the end. Raises ValueError for what is none."""
        lines: list[bytes] = []
        left = MAX_HEAD
        while (line := stream.readline(left)) not in (b"\r\n", b"\n", b""):
            left -= len(line)
            if left <= 0:
                raise ValueError("a head is too large")
            lines.append(line)
        if not line:
            return None
        start = tuple((lines[:1] or [b""])[0].strip().split(b" ", 2))
        headers = tuple(line.partition(b":")[::2] for line in lines[1:])
        if len(start) < 2 or any(not name or name.strip() != name for name, _ in headers):
            raise ValueError("this is no HTTP")
        return cls((start[0], start[1], b"".join(start[2:])), tuple((name, value.strip()) for name, value in headers))

    def value(self, wanted: bytes) -> bytes:
        """All values of a header, with commas between them; empty if there is none."""
        return b", ".join(value for name, value in self.headers if name.lower() == wanted)

    @property
    def length(self) -> int | None:
        """Of the body, if it is told. Raises ValueError if that is no number."""
        told = self.value(b"content-length")
        if told and not told.isdigit():
            raise ValueError("a length is no number")
        return int(told) if told else None

    @property
    def chunked(self) -> bool:
        return bool(self.value(b"transfer-encoding"))

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this message."""
        return b"HTTP/1.0" in self.start or b"close" in self.value(b"connection").lower()

    def opening(self, authority: bytes, key: Key) -> _Head:
        """For another host, and with the header of a key in place of what was sent under that name."""
        added = ((b"Host", authority), *([key.header] if key.header else []))
        names = {name.lower() for name, _ in added}
        return replace(self, headers=(*added, *(entry for entry in self.headers if entry[0].lower() not in names)))

    def written(self, start: bytes, framing: bytes) -> bytes:
        """With another start line, and another framing of the body."""
        passed = [name + b": " + value for name, value in self.headers if name.lower() not in _BETWEEN_NEIGHBOURS]
        return b"\r\n".join([start, *passed, framing, b""]) + b"\r\n"


def _framing(length: int | None) -> bytes:
    return b"Connection: keep-alive" if length is None else b"Content-Length: %d" % length


def _pass_back(response: _Head, incoming: BufferedReader, client: socket.socket, *, bodiless: bool) -> bool:
    """Pass a response to the client. Whether both connections are at the end of a message then."""
    start, length = b"HTTP/1.1 %s %s" % response.start[1:], response.length
    if bodiless:
        client.sendall(response.written(start, _framing(length)))
    elif response.chunked:
        client.sendall(response.written(start, b"Transfer-Encoding: chunked"))
        while size := _chunk_size(incoming.readline(MAX_HEAD)):
            client.sendall(b"%x\r\n" % size)
            _copy(incoming, client, size + 2)  # with the line's end
        while incoming.readline(MAX_HEAD) not in (b"\r\n", b"\n", b""):
            continue  # a trailer
        client.sendall(b"0\r\n\r\n")
    elif length is not None:
        client.sendall(response.written(start, _framing(length)))
        _copy(incoming, client, length)
    else:
        client.sendall(response.written(start, b"Connection: close"))
        while part := incoming.read1(BUFFER):
            client.sendall(part)
        return False
    return True


def _chunk_size(line: bytes) -> int:
    size = re.match(rb"([0-9A-Fa-f]{1,16})\s*(?:;.*)?$", line, re.DOTALL)
    if size is None:
        raise ValueError("a chunk has no size")
    return int(size[1], 16)


def _copy(incoming: BufferedReader, client: socket.socket, size: int) -> None:
    while size:
        part = incoming.read1(min(size, BUFFER))
        if not part:
            raise ConnectionResetError
        client.sendall(part)
        size -= len(part)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until both sides have ended, or nothing has come for IDLE_SECONDS."""
    ways = {one.fileno(): (one, other), other.fileno(): (other, one)}
    waiting, buffer = select.poll(), memoryview(bytearray(BUFFER))
    for descriptor in ways:
        waiting.register(descriptor, select.POLLIN)
    while ways:
        ready = waiting.poll(IDLE_SECONDS * 1000)
        if not ready:
            return
        for descriptor, _ in ready:
            source, target = ways[descriptor]
            if size := source.recv_into(buffer):
                target.sendall(buffer[:size])
            else:
                waiting.unregister(descriptor)
                del ways[descriptor]
                target.shutdown(socket.SHUT_WR)


def _place(authority: bytes, port: int | None = None) -> tuple[str, int]:
    """Host and port. Raises ValueError for what is no such thing."""
    match = re.fullmatch(rb"(?:\[([0-9A-Fa-f:.%]+)\]|([^\[\]@:/?#\s]+))(?::(\d{1,5}))?", authority)
    found = int(match[3]) if match and match[3] else port
    if match is None or found is None or found > 65535:
        raise ValueError("this is no host and port")
    return (match[1] or match[2]).decode("latin-1"), found


def _connected(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), CONNECT_SECONDS)


def _through(upstream: str, host: str, port: int) -> socket.socket:
    """A connection to a host through a proxy of the site's. Raises OSError."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(upstream if "://" in upstream else f"http://{upstream}")
    headers = []
    if parts.username:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers.append("Proxy-Authorization: Basic " + base64.b64encode(credentials).decode())
    connection = _connected(parts.hostname or "", parts.port or 80)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection.sendall("\r\n".join([f"CONNECT {place} HTTP/1.1", f"Host: {place}", *headers, "", ""]).encode())
    answer = _Head.read(connection.makefile("rb"))
    if answer is None or answer.start[1] != b"200":
        connection.close()
        told = b" ".join(answer.start[1:]).decode("latin-1") if answer else "nothing"
        raise OSError(f"the site's proxy answers {told}")
    return connection


def _refuse(client: socket.socket, status: int, reason: str, *headers: str) -> None:
    lines = [
        f"HTTP/1.1 {status} {reason}",
        f"{MARK}: phidias-guard",
        "Connection: close",
        "Content-Length: 0",
        *headers,
    ]
    client.sendall("\r\n".join([*lines, "", ""]).encode("ascii", "replace"))
