"""A gateway of someone who has a great many jobs: an OGC server that makes them up, with a log that grows and grows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = datetime(2024, 3, 1, tzinfo=timezone.utc)
LINE = b"2024-03-01 10:00:00  a line of a log as long as lines of logs are, with a number at its end: %07d\n"


class CrowdServer(ThreadingHTTPServer):
    """`jobs` jobs, all successful; a log of `log` bytes in pieces of 64 KB."""

    daemon_threads = True

    def __init__(self, jobs: int, log: int, picture: bytes) -> None:
        self.ids = [f"job-{number:05}" for number in range(jobs)]
        self.log = b"".join(LINE % number for number in range(log // len(LINE % 0)))
        self.picture = picture
        self.log_end = 0
        """How much of the log there is yet"""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def job(self, identifier: str) -> dict[str, Any]:
        began = START - timedelta(minutes=int(identifier[4:]))
        times = {"created": began, "started": began, "finished": began + timedelta(seconds=int(identifier[4:]) % 999)}
        links = [{"rel": rel, "href": f"{self.url}/jobs/{identifier}/{rel}"} for rel in ("logs", "results")]
        return {
            "jobID": identifier,
            "type": "process",
            "processID": "spectral-index",
            "status": "successful",
            "message": f"tile {identifier}",
            **{name: f"{instant:%Y-%m-%dT%H:%M:%SZ}" for name, instant in times.items()},
            "links": links,
        }

    def page(self, first: int, limit: int) -> dict[str, Any]:
        links = []
        if first + limit < len(self.ids):
            links = [{"rel": "next", "href": f"{self.url}/jobs?limit={limit}&first={first + limit}"}]
        return {"jobs": [self.job(identifier) for identifier in self.ids[first : first + limit]], "links": links}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CrowdServer

    def do_GET(self) -> None:
        parts, server = urlsplit(self.path), self.server
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items() if values[0].isdigit()}
        if parts.path == "/jobs":
            self._answer(server.page(query.get("first", 0), query.get("limit", 100)))
        elif parts.path.endswith("/logs"):
            first = min(query["offset"], server.log_end)
            text = server.log[first : min(first + 65536, server.log_end)].decode()
            following = first + len(text)
            self._answer({"text": text, "next": following, "complete": following == len(server.log)})
        elif parts.path.endswith("/results"):
            self._answer({"quicklook": {"href": f"{server.url}/picture.png", "type": "image/png"}})
        elif parts.path == "/picture.png":
            self._send(200, server.picture, "image/png")
        else:
            self._answer(server.job(parts.path.rpartition("/")[2]))

    def do_DELETE(self) -> None:
        self.server.ids.remove(urlsplit(self.path).path.rpartition("/")[2])
        self._send(204, b"", "application/json")

    def _answer(self, document: dict[str, Any]) -> None:
        self._send(200, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def crowd_server(jobs: int = 0, *, log: int = 0, picture: bytes = b"") -> Iterator[CrowdServer]:
    """A gateway that is there as long as the block."""
    server = CrowdServer(jobs, log, picture)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
