"""Scenes of a static STAC catalogue or of a STAC API (item search of STAC API 1.0), with nothing but `requests`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from backend_client.connection import Timeout, unreachable
from backend_client.errors import CatalogueError, public_url
from backend_client.models import instant_of
from backend_client.patience import Cancel, check, never

SCENES = 1000
"""Scenes returned at most, unless told otherwise"""
PAGE = 100
"""Scenes that an API is asked for at once"""
QUERY = "item-search#query"
"""End of the name of the conformance class of APIs that can be asked for cloud cover"""
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
    platform: str
    href: str = field(repr=False)
    """Where the Item itself lies, without query"""
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
    auth: AuthBase | None = None,
    cancelled: Cancel = never,
) -> Iterator[Scene]:
    """Yield at most `limit` scenes of the catalogue at `url`, in its order.

    area: a GeoJSON geometry in WGS 84; a static catalogue is searched by its bounding box. period: an instant or a
    closed interval, such as 2018-05-01/2018-05-31 or 2018-05-01/.. . max_cloud_cover: per cent; scenes that do not
    tell are left out. auth: signs the requests, as `requests` has it.
    Raises CatalogueError, Cancelled; both while iterating.
    """
    wanted = _Wanted(area, period, frozenset(collections), max_cloud_cover, frozenset(ids))
    with _Web(session, timeout, auth, cancelled) as web:
        yield from islice(_found(url, web, wanted), limit)


def collections(
    url: str,
    session: requests.Session | None = None,
    *,
    timeout: Timeout = (10.0, 60.0),
    auth: AuthBase | None = None,
    cancelled: Cancel = never,
) -> dict[str, str]:
    """The titles of a catalogue's collections by their ids. Raises CatalogueError, Cancelled."""
    with _Web(session, timeout, auth, cancelled) as web:
        root = web.read(url)
        data = next((link for link in _links(root) if link.get("rel") == "data"), None)
        if data is not None:
            pages = web.pages("GET", urljoin(url, str(data.get("href"))), {})
            found = [document for page in pages for document in _objects(page.get("collections"))]
        else:
            everything = _Wanted(None, None, frozenset(), None, frozenset())
            tree = _tree(url, root, web, everything, relations=("child",))
            found = [document for _, document in tree if document.get("type") == "Collection"]
    return {str(entry["id"]): str(entry.get("title") or entry["id"]) for entry in found if entry.get("id")}


def _found(url: str, web: _Web, wanted: _Wanted) -> Iterator[Scene]:
    root = web.read(url)
    has_search = any(link.get("rel") == "search" for link in _links(root))
    for item in _asked(url, root, web, wanted) if has_search else _walked(url, root, web, wanted):
        web.check()
        try:
            scene = _scene(item, url)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CatalogueError(f"{public_url(url)} has a scene that is no STAC Item.") from None
        if wanted.has(scene):
            yield scene


def _walked(url: str, root: Mapping[str, Any], web: _Web, wanted: _Wanted) -> Iterator[Mapping[str, Any]]:
    """The Items of a static catalogue, in the order of its links."""
    for address, document in _tree(url, root, web, wanted, relations=("child", "item")):
        if document.get("type") == "Feature":
            yield {**document, "links": [{"rel": "self", "href": address}, *_others(document)]}
        else:
            yield from _objects(document.get("features"))


def _tree(
    url: str, root: Mapping[str, Any], web: _Web, wanted: _Wanted, *, relations: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The documents of a static catalogue with their addresses; of collections, those that may hold what is wanted."""
    waiting: list[tuple[str, Mapping[str, Any] | None]] = [(url, root)]
    seen = {url}
    while waiting:
        address, document = waiting.pop()
        document = document if document is not None else web.read(address)
        if not wanted.may_be_in(document):
            continue
        yield address, document
        hrefs = [urljoin(address, str(link.get("href"))) for link in _links(document) if link.get("rel") in relations]
        new = [href for href in dict.fromkeys(hrefs) if href not in seen]
        seen.update(new)
        waiting += [(href, None) for href in reversed(new)]


def _asked(url: str, root: Mapping[str, Any], web: _Web, wanted: _Wanted) -> Iterator[Mapping[str, Any]]:
    """The Items that a STAC API finds, page by page."""
    searches = {str(link.get("method") or "GET"): link for link in _links(root) if link.get("rel") == "search"}
    method = "POST" if "POST" in searches else "GET"
    address = urljoin(url, str((searches.get(method) or next(iter(searches.values()))).get("href")))
    has_query = any(str(name).endswith(QUERY) for name in root.get("conformsTo") or ())
    for page in web.pages(method, address, wanted.as_search(has_query)):
        yield from _objects(page.get("features"))


class _Web:
    """The way to one catalogue's documents. A session of the caller's own is never closed."""

    def __init__(
        self, session: requests.Session | None, timeout: Timeout, auth: AuthBase | None, cancelled: Cancel
    ) -> None:
        self._session = session if session is not None else requests.Session()
        self._is_own = session is None
        self._timeout, self._auth, self._cancelled = timeout, auth, cancelled

    def __enter__(self) -> _Web:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            self._session.close()

    def check(self) -> None:
        """Raises Cancelled if the caller wants to stop."""
        check(self._cancelled)

    def pages(self, method: str, address: str, search: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The pages of an answer, over its `next` links (STAC API 1.0, paging)."""
        asked: set[str] = set()
        headers: Mapping[str, str] = {}
        while (question := json.dumps([method, address, search])) not in asked:
            asked.add(question)
            page = self.read(address, method, search, headers)
            yield page
            following = next((link for link in _links(page) if link.get("rel") == "next"), None)
            if following is None:
                return
            method = str(following.get("method") or "GET").upper()
            address = urljoin(address, str(following.get("href")))
            told = following.get("body")
            body: Mapping[str, Any] = told if isinstance(told, dict) else {}
            # Where a link repeats what is searched for, it does so in its address or its body.
            search = {**search, **body} if following.get("merge") else body
            told = following.get("headers")
            headers = {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}

    def read(
        self,
        url: str,
        method: str = "GET",
        search: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """A document, or the answer to a search: of a GET in its query, of a POST in its body.

        Raises CatalogueError, Cancelled.
        """
        self.check()
        if urlsplit(url).scheme not in ("http", "https"):
            raise CatalogueError(f"{public_url(url)!r} is no web address of a catalogue.")
        query = {name: _in_query(value) for name, value in (search or {}).items()} if method == "GET" else None
        try:
            response = self._session.request(
                method,
                url,
                params=query,
                json=search if method == "POST" else None,
                timeout=self._timeout,
                auth=self._auth,
                headers={"Accept": "application/geo+json, application/json, */*;q=0.1", **(headers or {})},
            )
            response.raise_for_status()
            document = response.json()
        except requests.exceptions.HTTPError as error:
            raise _unusable(url, error.response) from None
        except requests.exceptions.JSONDecodeError:
            raise CatalogueError(f"{public_url(url)} is no STAC catalogue.") from None
        except requests.exceptions.RequestException as error:
            self.check()
            raise CatalogueError(unreachable(error, url).detail) from None
        except (ValueError, RecursionError):
            raise CatalogueError(f"{public_url(url)} is no STAC catalogue.") from None
        if not isinstance(document, dict) or not ("type" in document or "collections" in document):
            raise CatalogueError(f"{public_url(url)} is no STAC catalogue.")
        return document


def _in_query(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _links(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects(document.get("links"))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _others(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [link for link in _links(item) if link.get("rel") != "self"]


def _unusable(url: str, response: requests.Response) -> CatalogueError:
    address, status = public_url(url), response.status_code
    if status in (401, 403):
        return CatalogueError(
            f"The catalogue {address} refuses to be read (it answered {status}).",
            remedy="Give credentials that it accepts.",
        )
    return CatalogueError(f"The catalogue {address} cannot be read or searched (it answered {status}).")


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
        platform=str(properties.get("platform") or properties.get("constellation") or ""),
        href=public_url(own),
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

    def as_search(self, has_query: bool) -> dict[str, Any]:
        """The members of an item search. Clouds are asked for where that is understood."""
        search: dict[str, Any] = {"limit": PAGE}
        if self.area:
            search["intersects"] = dict(self.area)
        if self._start or self._end:
            search["datetime"] = f"{_rfc3339(self._start)}/{_rfc3339(self._end)}"
        if self.collections:
            search["collections"] = sorted(self.collections)
        if self.ids:
            search["ids"] = sorted(self.ids)
        if has_query and self.max_cloud_cover is not None and self.max_cloud_cover < 100:
            search["query"] = {"eo:cloud_cover": {"lte": self.max_cloud_cover}}
        return search

    def may_be_in(self, document: Mapping[str, Any]) -> bool:
        """False for a collection of a static catalogue that is not wanted, or lies elsewhere or in another time."""
        if document.get("type") != "Collection":
            return True
        if self.collections and document.get("id") not in self.collections:
            return False
        extent = document.get("extent")
        extent = extent if isinstance(extent, dict) else {}
        boxes = _parts(extent.get("spatial"), "bbox")
        if self._box is not None and boxes and not any(_overlap(self._box, _numbers(box)) for box in boxes):
            return False
        times = _parts(extent.get("temporal"), "interval")
        return not times or any(self._meets(time) for time in times)

    def _meets(self, interval: Any) -> bool:
        if not isinstance(interval, list) or len(interval) != 2:
            return True
        first, last = map(instant_of, interval)
        before = first is None or self._end is None or first <= self._end
        return before and (last is None or self._start is None or last >= self._start)

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


def _rfc3339(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else ".."


def _parts(value: Any, name: str) -> list[Any]:
    parts = value.get(name) if isinstance(value, dict) else None
    return parts if isinstance(parts, list) else []


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, list) and all(isinstance(entry, (int, float)) for entry in value) else ()


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
