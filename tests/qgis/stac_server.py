"""A small STAC API on this machine: scenes along a coast, a few a page, with quicklooks; open or behind a password."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 4
PASSWORD = "hush"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAF0lEQVR4nGNgaPhPGhrVMKqBAi0jWwMAgZP/AV4oLEwAAAAASUVORK5CYII="
)


def item(number: int) -> dict[str, Any]:
    """A scene of a tenth of a degree; every third is cloudy, every second of Landsat."""
    west = 5 + number / 10
    ring = [[west, 43.0], [west + 0.2, 43.0], [west + 0.2, 43.2], [west, 43.2], [west, 43.0]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"scene-{number:02}",
        "collection": "landsat" if number % 2 else "sentinel",
        "bbox": [west, 43.0, west + 0.2, 43.2],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": f"2018-05-{number + 1:02}T10:30:00Z",
            "eo:cloud_cover": 80.0 if number % 3 == 2 else 5.0,
            "platform": "sentinel-2a",
        },
        "assets": {"thumbnail": {"href": "./quicklook.png", "type": "image/png", "roles": ["thumbnail"]}},
    }


class StacServer(ThreadingHTTPServer):
    """Knows no filter: everybody gets all, and must look themselves. `searches` tells what was asked for."""

    daemon_threads = True

    def __init__(self, count: int, *, protected: bool) -> None:
        self.count, self.protected = count, protected
        self.searches: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def page(self, search: dict[str, Any]) -> dict[str, Any]:
        self.searches.append(search)
        start = int(search.get("token", 0))
        features = []
        for number in range(start, min(start + PAGE, self.count)):
            own = {"rel": "self", "href": f"{self.url}/items/{number}/item.json?signature=secret"}
            features.append({**item(number), "links": [own]})
        links = []
        if start + PAGE < self.count:
            body = {**search, "token": start + PAGE}
            links = [{"rel": "next", "href": f"{self.url}/search", "method": "POST", "body": body}]
        return {"type": "FeatureCollection", "features": features, "links": links}

    def root(self) -> dict[str, Any]:
        links = [{"rel": "search", "href": f"{self.url}/search", "method": "POST"}]
        links += [{"rel": "data", "href": f"{self.url}/collections"}]
        return {"type": "Catalog", "id": "api", "conformsTo": [], "links": links}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StacServer

    def do_GET(self) -> None:
        if self.path.endswith(".png"):
            self._send(PICTURE, "image/png")
        elif self.path == "/collections":
            names = [{"id": "sentinel", "title": "Sentinel"}, {"id": "landsat", "title": "Landsat"}]
            self._answer({"collections": names, "links": []})
        else:
            self._answer(self.server.root())

    def do_POST(self) -> None:
        self._answer(self.server.page(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

    def _answer(self, document: dict[str, Any]) -> None:
        signed = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        if self.server.protected and self.headers.get("Authorization") != f"Basic {signed}":
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(json.dumps(document).encode(), "application/json")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def stac_server(count: int = 10, *, protected: bool = False) -> Iterator[StacServer]:
    """A catalogue of so many scenes that is there as long as the block."""
    server = StacServer(count, protected=protected)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
