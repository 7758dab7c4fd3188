"""A relay in front of a gateway: it counts what comes through for each path, and can be slow."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(?:^|\r\n\r\n)[A-Z]+ (\S+) HTTP/1\.1\r\n")


class Relay:
    """Listens on a port of its own until closed. Links that the gateway makes lead through the relay as well."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.delay = 0.0
        """Seconds that each request is held"""
        self.sent: Counter[str] = Counter()
        """Bytes that left the gateway, by path"""
        self.came: Counter[str] = Counter()
        """Bytes that came for it, by path"""
        self.cut_after = 0
        """Bytes for one path after which its connection is cut, once; 0: never"""
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(self._target)
            except OSError:
                return
            with server:
                path = [""]
                answers = Thread(target=self._answer, args=(server, client, path))
                answers.start()
                self._ask(client, server, path)
                answers.join()

    def _ask(self, client: socket.socket, server: socket.socket, path: list[str]) -> None:
        for data in _pieces(client):
            found = _REQUEST.search(data)
            if found:
                path[0] = urlsplit(found[1].decode()).path
                time.sleep(self.delay)
            self.came[path[0]] += len(data)
            if 0 < self.cut_after < self.came[path[0]]:
                self.cut_after = 0
                _end(client)
                break
            if not _send(server, data):
                break
        _end(server)

    def _answer(self, server: socket.socket, client: socket.socket, path: list[str]) -> None:
        for data in _pieces(server):
            self.sent[path[0]] += len(data)
            if not _send(client, data):
                break
        _end(client)


def _pieces(source: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            data = source.recv(1 << 16)
        except OSError:
            return
        if not data:
            return
        yield data


def _send(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _end(target: socket.socket) -> None:
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
