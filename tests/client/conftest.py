"""A real HTTP server on this machine whose answers are laid down by each test, also the broken ones."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

RECORDINGS = Path(__file__).parent / "recordings"


def recording(name: str) -> Any:
    """A recorded answer of OGC's examples."""
    return json.loads((RECORDINGS / f"{name}.json").read_bytes())


@dataclass
class Answer:
    """What the server says. `cut`: break the connection after so many bytes of the body; -1: before the status line."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    until: threading.Event | None = None
    """Hold the answer back until this is set"""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers in the order laid down per method and path; the last one stays."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._answers: dict[tuple[str, str], list[Answer | Callable[[Seen], Answer]]] = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def on(self, method: str, path: str, *answers: Answer | Callable[[Seen], Answer]) -> None:
        with self._lock:
            self._answers[method, path] = list(answers)

    def answer(self, request: Seen) -> Answer:
        with self._lock:
            self.seen.append(request)
            answers = self._answers.get((request.method, request.path), [Answer(404)])
            chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        return chosen if isinstance(chosen, Answer) else chosen(request)

    def requests(self, method: str, path: str) -> list[Seen]:
        return [request for request in self.seen if (request.method, request.path) == (method, path)]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

        def _respond(self) -> None:
            parts = urlsplit(self.path)
            announced = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(announced)
            if len(body) < announced:
                self.close_connection = True
                return None
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.answer(Seen(self.command, parts.path, parse_qs(parts.query), headers, body))
            if answer.until:
                answer.until.wait(30)
            if answer.cut == -1:
                return self._break()
            content = answer.content
            self.send_response(answer.status)
            plain = {"Content-Type": "application/json", "Content-Length": str(len(content))}
            for name, value in {**plain, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD" and answer.status != 304:
                self.wfile.write(content if answer.cut is None else content[: answer.cut])
                self.wfile.flush()
            if answer.cut is not None:
                self._break()
            return None

        def _break(self) -> None:
            """End the connection with a reset, not a farewell."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def do_GET(self) -> None:
            self._respond()

        def do_HEAD(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def do_PUT(self) -> None:
            self._respond()

        def do_PATCH(self) -> None:
            self._respond()

        def do_DELETE(self) -> None:
            self._respond()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def other() -> Iterator[Server]:
    """A second server: another host, as far as credentials go."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def free_port() -> int:
    """A port at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
