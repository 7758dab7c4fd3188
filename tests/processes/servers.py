"""Small real http servers: files with ranges, and enough of a STAC API to search them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from shapely.geometry import shape

PAGE = 3
Answer = tuple[int, Mapping[str, str], bytes]


class Server:
    """Answers requests in threads until closed; `requests` tells what was asked. With `tls`, by https."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: SSLContext | None = None) -> None:
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        """Of each request"""
        self.special: dict[str, Callable[[], Answer]] = {}
        """Paths that are answered otherwise"""
        self.admits: Callable[[str, Mapping[str, str]], bool] = lambda path, headers: True
        """Whether a request gets more than a 401"""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(None)

            def do_HEAD(self) -> None:
                self.reply(None)

            def do_POST(self) -> None:
                self.reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def reply(self, body: bytes | None) -> None:
                outer.requests.append(f"{self.command} {self.path}")
                outer.headers.append(self.headers)
                path = unquote(urlsplit(self.path).path)
                special = outer.special.get(path)
                if not outer.admits(self.path, self.headers):
                    status, headers, content = 401, {}, b""
                else:
                    status, headers, content = special() if special else outer.answer(self.command, self.path, body)
                span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                headers = {"Accept-Ranges": "bytes", **headers}
                if status == 200 and span:
                    first, last = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
                    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                    status, content = 206, content[first : last + 1]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://{host}:{self.port}"

    def answer(self, method: str, path: str, body: bytes | None) -> Answer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FileServer(Server):
    """The files of a folder."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = 0, tls: SSLContext | None = None) -> None:
        super().__init__(host, port, tls)
        self._folder = folder

    def answer(self, method: str, path: str, body: bytes | None) -> Answer:
        file = self._folder / unquote(urlsplit(path).path).lstrip("/")
        if not file.is_file():
            return 404, {}, b"no such file"
        kind = "application/json" if file.suffix == ".json" else "image/tiff"
        return 200, {"Content-Type": kind}, file.read_bytes()


class ApiServer(Server):
    """A STAC API over the items of static collections, a few items a page; `methods` are those of its search."""

    def __init__(
        self,
        collections: Mapping[str, Path],
        methods: tuple[str, ...] = ("GET", "POST"),
        tls: SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self._files = collections
        self._methods = methods
        self._items = self._read_items()

    def answer(self, method: str, path: str, body: bytes | None) -> Answer:
        parts = urlsplit(path)
        if parts.path == "/":
            return self._json(self._landing())
        if parts.path == "/collections":
            return self._json({"collections": [self._collection(name) for name in self._files], "links": []})
        if parts.path.startswith("/collections/"):
            name = parts.path.rpartition("/")[2]
            return self._json(self._collection(name)) if name in self._files else (404, {}, b"{}")
        if parts.path == "/search":
            if method not in self._methods:
                return 405, {}, b"{}"
            query = (
                json.loads(body)
                if method == "POST"
                else {key: values[0] for key, values in parse_qs(parts.query).items()}
            )
            return self._json(self._search(method, query))
        for name, folder in self._files.items():
            if parts.path.startswith(f"/files/{name}/"):
                return 200, {}, (folder / parts.path.removeprefix(f"/files/{name}/")).read_bytes()
        return 404, {}, b"no such page"

    def _landing(self) -> dict[str, Any]:
        conforms = ("core", "collections", "item-search")
        links = [{"rel": "search", "href": f"{self.url}/search", "method": method} for method in self._methods]
        links += [{"rel": "self", "href": self.url}, {"rel": "root", "href": self.url}]
        links += [{"rel": "data", "href": f"{self.url}/collections"}]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "api",
            "description": "api",
            "conformsTo": [f"https://api.stacspec.org/v1.0.0/{name}" for name in conforms],
            "links": links,
        }

    def _collection(self, name: str) -> dict[str, Any]:
        document = json.loads((self._files[name] / "collection.json").read_text("utf-8"))
        return {**document, "links": [{"rel": "items", "href": f"{self.url}/collections/{name}/items"}]}

    def _search(self, method: str, query: dict[str, Any]) -> dict[str, Any]:
        found = [item for item in self._items if self._matches(item, query)]
        start = int(query.get("token", 0))
        links = []
        if start + PAGE < len(found):
            following = {**query, "token": start + PAGE}
            if method == "POST":
                links = [{"rel": "next", "href": f"{self.url}/search", "method": "POST", "body": following}]
            else:
                links = [{"rel": "next", "href": f"{self.url}/search?{urlencode(following)}", "method": "GET"}]
        return {"type": "FeatureCollection", "features": found[start : start + PAGE], "links": links}

    def _read_items(self) -> list[dict[str, Any]]:
        items = []
        for name, folder in self._files.items():
            for file in sorted(folder.glob("*/*.json")):
                item = json.loads(file.read_text("utf-8"))
                base = f"{self.url}/files/{name}/{file.parent.name}"
                for asset in item["assets"].values():
                    asset["href"] = f"{base}/{asset['href'].removeprefix('./')}"
                item["links"] = [{"rel": "self", "href": f"{base}/{file.name}?signature=secret"}]
                items.append(item)
        return items

    @staticmethod
    def _matches(item: dict[str, Any], query: dict[str, Any]) -> bool:
        listed = {key: value.split(",") if isinstance(value, str) else value for key, value in query.items()}
        if "collections" in query and item["collection"] not in listed["collections"]:
            return False
        if "ids" in query and item["id"] not in listed["ids"]:
            return False
        if "intersects" in query:
            area = query["intersects"]
            if not shape(item["geometry"]).intersects(shape(json.loads(area) if isinstance(area, str) else area)):
                return False
        if "datetime" in query:
            first, _, last = query["datetime"].partition("/")
            taken = item["properties"]["datetime"] or item["properties"]["start_datetime"]
            return (first == ".." or first <= taken) and (last == ".." or taken <= last)
        return True

    @staticmethod
    def _json(document: dict[str, Any]) -> Answer:
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
