"""A port of this computer behind which the gateway on a login node answers, for as long as it is wanted.

The port and the address stay the same when the SSH connection breaks: it is made anew by the next who needs it.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from concurrent import futures
from contextlib import closing
from typing import TYPE_CHECKING, Any, Callable

import requests
from requests.adapters import BaseAdapter

from backend_client.errors import BadConnection, GatewayError, GatewayUnreachable, PackageMissing
from backend_client.patience import SLICE, Cancel, check, never
from backend_client.ssh import COMMAND, Host, Line, connect

if TYPE_CHECKING:
    import paramiko

PATIENCE = 30
"""Seconds during which what the person has to put right is not tried again: hosts lock out who knocks too often"""
PIECE = 64 * 1024


class SshTunnel:
    """The way to a personal gateway on `host`, given as for ssh: `login`, `ada@login.example.org:2222`.

    Nothing is asked of the host before `open` or the first request. command: path of `phidias-gateway` there.
    The gateway's token is held in memory alone. Safe to use from several threads. Raises BadConnection.
    """

    def __init__(self, host: str, *, command: str = COMMAND) -> None:
        self.host = Host.parse(host)
        self._command = command
        self._lock = threading.Lock()
        self._line: futures.Future[Line] | None = None
        self._failed = 0.0
        self._closed = False
        self._listener = _Listener(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"
        """The gateway's address on this computer"""
        threading.Thread(target=self._listener.serve_forever, args=(0.1,), daemon=True).start()

    def open(self, cancelled: Cancel = never) -> Line:
        """Connect unless that is done, and return the way to the gateway.

        Raises as `ssh.connect`, and Cancelled; an attempt that nobody waits for any more goes on for the next.
        """
        line = self._current()
        while True:
            check(cancelled)
            try:
                return line.result(SLICE)
            except futures.TimeoutError:
                continue

    def forgive(self) -> None:
        """Try what failed again at the next request: the person says that it has been put right."""
        self._failed = float("-inf")

    def channel(self) -> paramiko.Channel:
        """A connection to the gateway, over a new line if the old one turns out to be broken. Raises as `open`."""
        line = self.open()
        try:
            return line.channel()
        except GatewayUnreachable:
            # Or it is the gateway itself that has gone: connecting anew starts it.
            line.close()
        return self.open().channel()

    def transport(self, inner: BaseAdapter, cancelled: Cancel = never) -> BaseAdapter:
        """An adapter for requests to `url`: it opens the tunnel where it is not, and signs in."""
        return _Transport(self, inner, cancelled)

    def close(self) -> None:
        """End the connection for good; the gateway and its jobs run on."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            line = self._line
        self._listener.shutdown()
        self._listener.server_close()
        if line is not None and line.done() and line.exception() is None:
            line.result().close()

    def _current(self) -> futures.Future[Line]:
        """The line that is open, or the attempt to open one."""
        with self._lock:
            if self._closed:
                raise GatewayUnreachable(f"The tunnel to {self.host} is closed.")
            if self._line is None or self._is_over(self._line):
                self._line = futures.Future()
                threading.Thread(target=self._connect, args=(self._line,), daemon=True).start()
            return self._line

    def _is_over(self, line: futures.Future[Line]) -> bool:
        if not line.done():
            return False
        if isinstance(line.exception(), (BadConnection, PackageMissing)):
            return time.monotonic() - self._failed > PATIENCE
        return line.exception() is not None or not line.result().is_open

    def _connect(self, opened: futures.Future[Line]) -> None:
        try:
            line = connect(self.host, self._command)
        except GatewayError as error:
            self._failed = time.monotonic()
            opened.set_exception(error)
            return
        except Exception as error:  # it would be lost with this thread
            opened.set_exception(GatewayUnreachable(f"SSH to {self.host} failed ({type(error).__name__}: {error})."))
            return
        opened.set_result(line)
        if self._closed:
            line.close()
        line.keep()


class _Transport(BaseAdapter):
    def __init__(self, tunnel: SshTunnel, inner: BaseAdapter, cancelled: Cancel) -> None:
        super().__init__()
        self._tunnel, self._inner, self._cancelled = tunnel, inner, cancelled

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Raises as the inner adapter does, and the GatewayError that says why there is no tunnel."""
        request.headers["Authorization"] = self._tunnel.open(self._cancelled).authorization
        return self._inner.send(request, *arguments, **options)

    def close(self) -> None:
        self._inner.close()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], tunnel: SshTunnel) -> None:
        self.tunnel = tunnel
        super().__init__(address, _Forwarded)


class _Forwarded(socketserver.BaseRequestHandler):
    """One connection from a program of this computer, carried to the gateway."""

    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        try:
            channel = self.server.tunnel.channel()
        except GatewayError:
            return  # the program sees its connection end; who asks through `transport` is told why
        with closing(channel):
            threading.Thread(target=self._back, args=(channel,), daemon=True).start()
            _carry(self.request.recv, channel.sendall)

    def _back(self, channel: paramiko.Channel) -> None:
        _carry(channel.recv, self.request.sendall)
        # Both ways: the tunnel may have broken, and the other thread waits for more.
        _shut(self.request)


def _carry(receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
    """Pass on what comes, until either side ends."""
    try:
        while data := receive(PIECE):
            send(data)
    except (OSError, EOFError):
        return


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker
