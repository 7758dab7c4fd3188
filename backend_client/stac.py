"""Scenes of a static STAC catalogue or of a STAC API. The only file that knows pystac-client, which only APIs need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from backend_client.connection import Timeout, unreachable
from backend_client.errors import CatalogueError, PackageMissing, public_url
from backend_client.models import instant_of
from backend_client.patience import Cancel, check, never

SCENES = 1000
"""Scenes returned at most, unless told otherwise"""
QUICKLOOKS = ("thumbnail", "overview", "preview", "quicklook")


@dataclass(frozen=True)
class Scene:
    """One STAC Item of a catalogue."""

    id: str
    collection: str
    datetime: datetime | None
    """When it was taken, in UTC; the beginning, if it took a while"""
    cloud_cover: float | None
    """Per cent"""
    geometry: Mapping[str, Any] | None = field(repr=False)
    """GeoJSON in WGS 84"""
    bbox: tuple[float, ...]
    """West, south, east, north in WGS 84"""
    quicklook: str = field(repr=False)
    """Address of a small picture; empty if there is none"""
    item: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole Item, its assets' addresses made absolute"""


def search(
    url: str,
    session: requests.Session | None = None,
    *,
    area: Mapping[str, Any] | None = None,
    period: str | None = None,
    collections: Sequence[str] = (),
    max_cloud_cover: float | None = None,
    ids: Sequence[str] = (),
    limit: int = SCENES,
    timeout: Timeout = (10.0, 60.0),
    cancelled: Cancel = never,
) -> Iterator[Scene]:
    """Yield at most `limit` scenes of the catalogue at `url`, in its order.

    area: a GeoJSON geometry in WGS 84; a static catalogue is searched by its bounding box. period: an instant or a
    closed interval, such as 2018-05-01/2018-05-31 or 2018-05-01/.. . max_cloud_cover: per cent; scenes that do not
    tell are left out. Raises PackageMissing, CatalogueError, Cancelled; all while iterating.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise CatalogueError(f"{public_url(url)!r} is no web address of a catalogue.")
    wanted = _Wanted(area, period, frozenset(collections), max_cloud_cover, frozenset(ids))
    if session is not None:
        yield from islice(_found(url, session, timeout, wanted, cancelled), limit)
        return
    with requests.Session() as own_session:
        yield from islice(_found(url, own_session, timeout, wanted, cancelled), limit)


def _found(
    url: str, session: requests.Session, timeout: Timeout, wanted: _Wanted, cancelled: Cancel
) -> Iterator[Scene]:
    root = _read(session, url, timeout)
    has_search = any(link.get("rel") == "search" for link in _links(root))
    for item in _asked(url, session, timeout, wanted) if has_search else _walked(url, root, session, timeout):
        check(cancelled)
        scene = _scene(item, url)
        if wanted.has(scene):
            yield scene


def _walked(
    url: str, root: Mapping[str, Any], session: requests.Session, timeout: Timeout
) -> Iterator[Mapping[str, Any]]:
    """The Items of a static catalogue, in the order of its links."""
    waiting: list[tuple[str, Mapping[str, Any] | None]] = [(url, root)]
    seen = {url}
    while waiting:
        address, document = waiting.pop()
        document = document if document is not None else _read(session, address, timeout)
        if document.get("type") == "Feature":
            yield {**document, "links": [{"rel": "self", "href": address}, *_others(document)]}
            continue
        yield from document.get("features") or ()
        hrefs = [
            urljoin(address, str(link.get("href"))) for link in _links(document) if link.get("rel") in ("child", "item")
        ]
        new = [href for href in dict.fromkeys(hrefs) if href not in seen]
        seen.update(new)
        waiting += [(href, None) for href in reversed(new)]


def _read(session: requests.Session, url: str, timeout: Timeout) -> Mapping[str, Any]:
    if urlsplit(url).scheme not in ("http", "https"):
        raise CatalogueError(f"The catalogue leads to {public_url(url)!r}, which is not on the web.")
    try:
        response = session.get(url, timeout=timeout, headers={"Accept": "application/json, */*;q=0.1"})
        response.raise_for_status()
        document = response.json()
    except requests.exceptions.HTTPError as error:
        raise _unusable(url, getattr(error.response, "status_code", None)) from None
    except requests.exceptions.JSONDecodeError:
        raise CatalogueError(f"{public_url(url)} is no STAC catalogue.") from None
    except requests.exceptions.RequestException as error:
        raise CatalogueError(unreachable(error, url).detail) from None
    except (ValueError, RecursionError):
        raise CatalogueError(f"{public_url(url)} is no STAC catalogue.") from None
    if not isinstance(document, dict) or "type" not in document:
        raise CatalogueError(f"{public_url(url)} is no STAC catalogue.")
    return document


def _links(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    links = document.get("links")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []


def _others(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [link for link in _links(item) if link.get("rel") != "self"]


def _asked(url: str, session: requests.Session, timeout: Timeout, wanted: _Wanted) -> Iterator[Mapping[str, Any]]:
    """The Items that a STAC API finds, page by page."""
    try:
        from pystac import STACError, STACTypeError
        from pystac_client import Client
        from pystac_client.exceptions import APIError
        from pystac_client.stac_api_io import StacApiIO
        from pystac_client.warnings import PystacClientWarning
    except ImportError:
        raise PackageMissing(
            "Searching a STAC API needs the Python package pystac-client.",
            remedy="Install it with 'python -m pip install pystac-client' in the Python that runs this, and restart.",
        ) from None
    io = StacApiIO(timeout=timeout, max_retries=None)
    io.session = session
    try:
        api = Client.open(url, stac_io=io, timeout=timeout)
        posts = any(link.rel == "search" and link.extra_fields.get("method") == "POST" for link in api.links)
        asks_clouds = wanted.max_cloud_cover is not None and api.conforms_to("QUERY")
        yield from api.search(
            method="POST" if posts else "GET",
            intersects=dict(wanted.area) if wanted.area else None,
            datetime=wanted.period,
            collections=sorted(wanted.collections) or None,
            ids=sorted(wanted.ids) or None,
            query={"eo:cloud_cover": {"lte": wanted.max_cloud_cover}} if asks_clouds else None,
        ).items_as_dicts()
    except (APIError, STACError, STACTypeError, PystacClientWarning, ValueError, KeyError) as error:
        raise _unusable(url, getattr(error, "status_code", None)) from None


def _unusable(url: str, status: object) -> CatalogueError:
    told = f" (it answered {status})" if status else ""
    return CatalogueError(f"The catalogue {public_url(url)} cannot be read or searched{told}.")


def _scene(item: Mapping[str, Any], base: str) -> Scene:
    properties = item.get("properties") or {}
    clouds = properties.get("eo:cloud_cover")
    own = urljoin(base, str(next((link.get("href") for link in _links(item) if link.get("rel") == "self"), None) or ""))
    assets = {
        name: {**asset, "href": urljoin(own, str(asset.get("href") or ""))}
        for name, asset in (item.get("assets") or {}).items()
    }
    return Scene(
        id=str(item["id"]),
        collection=str(item.get("collection") or ""),
        datetime=instant_of(properties.get("datetime") or properties.get("start_datetime")),
        cloud_cover=float(clouds) if isinstance(clouds, (int, float)) else None,
        geometry=item.get("geometry"),
        bbox=tuple(float(number) for number in item.get("bbox") or ()),
        quicklook=_quicklook(assets),
        item={**item, "assets": assets},
    )


def _quicklook(assets: Mapping[str, Mapping[str, Any]]) -> str:
    for role in QUICKLOOKS:
        for name, asset in assets.items():
            media = str(asset.get("type") or "")
            shown = media.startswith(("image/png", "image/jpeg", "image/webp")) or not media
            if shown and (role in (asset.get("roles") or ()) or name == role):
                return str(asset["href"])
    return ""


class _Wanted:
    """What is searched for. An API has been asked for it already, but not every API heeds every wish."""

    def __init__(
        self,
        area: Mapping[str, Any] | None,
        period: str | None,
        collections: frozenset[str],
        max_cloud_cover: float | None,
        ids: frozenset[str],
    ) -> None:
        self.area, self.period, self.collections = area, period, collections
        self.max_cloud_cover, self.ids = max_cloud_cover, ids
        self._box = _box_of(area) if area else None
        self._start, self._end = _interval(period) if period else (None, None)

    def has(self, scene: Scene) -> bool:
        return (
            (not self.ids or scene.id in self.ids)
            and (not self.collections or scene.collection in self.collections)
            and self._has_clouds(scene)
            and self._has_time(scene)
            and (self._box is None or _overlap(self._box, scene.bbox))
        )

    def _has_clouds(self, scene: Scene) -> bool:
        if self.max_cloud_cover is None or self.max_cloud_cover >= 100:
            return True
        return scene.cloud_cover is not None and scene.cloud_cover <= self.max_cloud_cover

    def _has_time(self, scene: Scene) -> bool:
        if scene.datetime is None:
            return self._start is None and self._end is None
        after = self._start is None or scene.datetime >= self._start
        return after and (self._end is None or scene.datetime <= self._end)


def _interval(period: str) -> tuple[datetime | None, datetime | None]:
    """Begin and end; a day stands for all of it. Raises CatalogueError."""
    first, slash, last = period.partition("/")
    start, end = (_instant(first, "00:00:00"), _instant(last if slash else first, "23:59:59.999999"))
    if start and end and start > end:
        raise CatalogueError(f"The period {period!r} ends before it starts.", remedy="Exchange the dates.")
    return start, end


def _instant(text: str, clock: str) -> datetime | None:
    if text.strip() in ("", ".."):
        return None
    instant = instant_of(text) or instant_of(f"{text}T{clock}")
    if instant is None:
        raise CatalogueError(f"{text[:40]!r} is no date.", remedy="Write the period as 2018-05-01/2018-05-31.")
    return instant.astimezone(timezone.utc)


def _box_of(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Bounding box of a GeoJSON geometry. Raises CatalogueError if it has no coordinates."""
    points = list(_points(geometry.get("coordinates")))
    for part in geometry.get("geometries") or ():
        points += _points(part.get("coordinates"))
    if not points:
        raise CatalogueError("The area has no coordinates.", remedy="Give a GeoJSON geometry in WGS 84.")
    xs, ys = zip(*points)
    return min(xs), min(ys), max(xs), max(ys)


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(coordinates, (list, tuple)):
        return
    if len(coordinates) >= 2 and isinstance(coordinates[0], (int, float)):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for part in coordinates:
        yield from _points(part)


def _overlap(box: tuple[float, float, float, float], other: tuple[float, ...]) -> bool:
    if len(other) not in (4, 6):
        return False
    half = len(other) // 2
    west, south, east, north = other[0], other[1], other[half], other[half + 1]
    if west > east:  # across the antimeridian
        return _overlap(box, (west, south, 180.0, north)) or _overlap(box, (-180.0, south, east, north))
    return box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south
