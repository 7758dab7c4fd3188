"""The signed links of this session: which result each of them reads, how long it serves, and fresh ones."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from qgis.core import QgsFeedback

from phidias_qgis import connection
from phidias_qgis.references import Reference, file_of

STREAMED = "/vsicurl/"
"""How GDAL reads an address by range"""
STREAMED_VECTOR = "/vsicurl?empty_dir=yes&url="
"""The same with the address encoded. QGIS empties GDAL's cache of the other form before it opens a vector layer, and so
would ask the gateway in the main thread for what another thread has just read"""
WORN = 0.75
"""Part of its life after which a link is renewed"""


def streamed(href: str, *, raster: bool) -> str:
    """What a layer of the file behind a link is opened on."""
    return STREAMED + href if raster else STREAMED_VECTOR + quote(href, safe="")


def href_of(source: str) -> str:
    """The link that a layer's source reads; empty if it reads something else."""
    plain = source.partition("|")[0]
    if plain.startswith(STREAMED_VECTOR):
        return unquote(plain[len(STREAMED_VECTOR) :])
    return plain[len(STREAMED) :] if plain.startswith(STREAMED) else ""


@dataclass(frozen=True)
class Link:
    """A link as the gateway gave it; times in seconds since 1970."""

    href: str
    given: float
    expires: float | None
    by: str
    """Address of the gateway that gave it"""

    @property
    def due(self) -> float | None:
        """When it is time for a fresh one; None if it serves for ever."""
        return None if self.expires is None else self.given + WORN * (self.expires - self.given)


class Links:
    """All links that were given in this session. May be used on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._references: dict[str, Reference] = {}
        self._newest: dict[Reference, Link] = {}
        self._copies: dict[Path, tuple[tuple[int, int], str]] = {}

    def remember(self, reference: Reference, href: str) -> None:
        """Note that the file of `reference` can be read at `href`."""
        with self._lock:
            self._references[href] = reference
            self._newest[reference] = Link(href, time.time(), _expiry(href), _address(reference.connection))

    def remember_copy(self, path: Path, href: str) -> None:
        """Note that the file at `path` is what lies at `href`."""
        with self._lock:
            self._copies[path] = (_stamp(path), href)

    def original_of(self, path: Path) -> str:
        """Where the very content of a file can be read on a gateway; empty if that is not known."""
        with self._lock:
            stamp, href = self._copies.get(path, ((0, 0), ""))
        return href if href and _stamp(path) == stamp else ""

    def newest(self, reference: Reference) -> Link | None:
        """The link that was given last for this file, whether it still serves or not."""
        with self._lock:
            return self._newest.get(reference)

    def source_of(self, reference: Reference) -> str:
        """The source of a layer of this file: its newest link, or the reference itself, which opens nothing."""
        newest = self.newest(reference)
        return streamed(newest.href, raster=reference.is_raster) if newest else str(reference)

    def ask(self, name: str, job: str, feedback: QgsFeedback | None = None, *, seconds: float = 45.0) -> None:
        """Ask a connection for links to the results of a job; blocks. Raises GatewayError, NotConnected."""
        results = connection.load(name).gateway(feedback, seconds=seconds).results(job)
        for result in results.values():
            for link in result.links:
                self.remember(Reference(name, job, file_of(link.href)), link.href)

    def reference_of(self, source: str) -> Reference | None:
        """The result that a layer's source streams or waits for, None for any other source."""
        href = href_of(source)
        if not href:
            return Reference.parse(source.partition("|")[0])
        with self._lock:
            known = self._references.get(href)
        return known or _recognised(href)

    def serves(self, source: str, now: float) -> bool:
        """True if a source of ours can be read: it is a link that has not expired, to where the gateway still is."""
        reference = self.reference_of(source)
        newest = self.newest(reference) if reference else None
        if reference is None or newest is None or href_of(source) != newest.href:
            return False
        return newest.by == _address(reference.connection) and (newest.expires is None or now < newest.expires)

    def is_worn(self, source: str, now: float) -> bool:
        """True if a source of ours should get a fresh link: it cannot be read, or not for long any more."""
        reference = self.reference_of(source)
        if reference is None:
            return False
        newest = self.newest(reference)
        is_due = newest is not None and newest.due is not None and now >= newest.due
        return is_due or not self.serves(source, now)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes with a file's content: time and size."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _address(name: str) -> str:
    """The address that a connection has now; empty if there is none of this name."""
    try:
        return connection.load(name).url
    except connection.NotConnected:
        return ""


def _expiry(href: str) -> float | None:
    values = parse_qs(urlsplit(href).query).get("expires", [])
    return float(values[0]) if len(values) == 1 and values[0].isdigit() else None


def _recognised(href: str) -> Reference | None:
    """The result behind a link of an earlier session, by the addresses of the connections."""
    for name in connection.names():
        base = connection.load(name).url.rstrip("/") + "/jobs/"
        parts = urlsplit(href).path[len(urlsplit(base).path) :].split("/")
        if href.startswith(base) and len(parts) == 3 and parts[1] == "results":
            return Reference(name, unquote(parts[0]), unquote(parts[2]))
    return None


links = Links()
"""Those of this process"""
