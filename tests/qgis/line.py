"""A line to a gateway on which requests are counted, held up, or lost."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Relay(ThreadingHTTPServer):
    """Passes requests on to `upstream`, after `delay` seconds; where `upstream` is empty, it never answers.

    With `instead`, a page with that status comes from somebody on the way who knows nothing of gateways.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        self.upstream, self.delay = upstream, 0.0
        self.instead = 0
        self.requests: list[str] = []
        self._ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *arguments: Any) -> None:
        """A client that hangs up is no error."""

    def hold(self) -> None:
        """Hold up a request as long as it has to be."""
        self._ended.wait(600.0 if not self.upstream else self.delay)

    def end(self) -> None:
        self._ended.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Relay

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(f"{self.command} {urlsplit(self.path).path}")
        self.server.hold()
        if self.server.instead:
            self.send_error(self.server.instead)
            return
        if not self.server.upstream:
            self.close_connection = True
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        with closing(http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=100)) as connection:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = relay  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def relay(upstream: str) -> Iterator[Relay]:
    """A line that is open as long as the block."""
    running = Relay(upstream)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield running
    finally:
        running.end()
        thread.join()
