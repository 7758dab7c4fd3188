"""Scenes of a STAC API or of a static STAC catalogue. The only file that knows pystac-client, which is optional."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from backend_client.connection import Timeout
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
    """The whole Item"""


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
    client_module, failures = _pystac_client()
    found = 0
    try:
        catalogue = _opened(client_module, url, session, timeout)
        for item in _items(catalogue, wanted):
            check(cancelled)
            scene = _scene(item, url)
            if wanted.has(scene):
                yield scene
                found += 1
                if found >= limit:
                    return
    except failures as error:
        status = getattr(error, "status_code", None)
        told = f" (it answered {status})" if status else ""
        raise CatalogueError(f"The catalogue {public_url(url)} cannot be read or searched{told}.") from None


def _pystac_client() -> tuple[Any, tuple[type[Exception], ...]]:
    """The package, and the exceptions by which it says that a catalogue is unusable."""
    try:
        import pystac_client
        from pystac import STACError, STACTypeError
        from pystac_client.exceptions import APIError
    except ImportError:
        raise PackageMissing(
            "Searching a catalogue needs the Python package pystac-client.",
            remedy="Install it with 'python -m pip install pystac-client' in the Python that runs this, and restart.",
        ) from None
    return pystac_client, (APIError, STACError, STACTypeError, requests.RequestException, ValueError, KeyError, OSError)


def _opened(package: Any, url: str, session: requests.Session | None, timeout: Timeout) -> Any:
    """The catalogue, read through the session: an API as a Client, a static one as a pystac Catalog or Collection."""
    import pystac

    class WebOnly(package.stac_api_io.StacApiIO):  # type: ignore[misc]
        """Reads through the given session, and never a file of this computer, whatever a catalogue links to."""

        def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
            if isinstance(source, str) and urlsplit(source).scheme not in ("http", "https"):
                raise ValueError("a link that leaves the web")
            return str(super().read_text(source, *args, **kwargs))

    io = WebOnly(timeout=timeout, max_retries=None)
    if session is not None:
        io.session = session
    root = io.read_json(url)
    if any(link.get("rel") == "search" for link in root.get("links", [])):
        return package.Client.open(url, stac_io=io, timeout=timeout)
    return pystac.read_file(url, stac_io=io)


def _items(catalogue: Any, wanted: _Wanted) -> Iterator[Mapping[str, Any]]:
    if not hasattr(catalogue, "search"):
        for item in catalogue.get_items(recursive=True):
            item.make_asset_hrefs_absolute()
            yield item.to_dict(include_self_link=True, transform_hrefs=False)
        return
    clouds = {"eo:cloud_cover": {"lte": wanted.max_cloud_cover}}
    posts = any(
        link.rel == "search" and str(link.extra_fields.get("method", "GET")).upper() == "POST"
        for link in catalogue.links
    )
    yield from catalogue.search(
        method="POST" if posts else "GET",
        intersects=wanted.area,
        datetime=wanted.period,
        collections=sorted(wanted.collections) or None,
        ids=sorted(wanted.ids) or None,
        query=clouds if wanted.max_cloud_cover is not None and catalogue.conforms_to("QUERY") else None,
    ).items_as_dicts()


def _scene(item: Mapping[str, Any], base: str) -> Scene:
    properties = item.get("properties") or {}
    clouds = properties.get("eo:cloud_cover")
    own = next((link.get("href") for link in item.get("links") or [] if link.get("rel") == "self"), None) or base
    return Scene(
        id=str(item["id"]),
        collection=str(item.get("collection") or ""),
        datetime=instant_of(properties.get("datetime") or properties.get("start_datetime")),
        cloud_cover=float(clouds) if isinstance(clouds, (int, float)) else None,
        geometry=item.get("geometry"),
        bbox=tuple(float(number) for number in item.get("bbox") or ()),
        quicklook=_quicklook(item.get("assets") or {}, urljoin(base, own)),
        item=item,
    )


def _quicklook(assets: Mapping[str, Any], base: str) -> str:
    for role in QUICKLOOKS:
        for name, asset in assets.items():
            media = str(asset.get("type") or "")
            shown = media.startswith(("image/png", "image/jpeg", "image/webp")) or not media
            if shown and (role in (asset.get("roles") or ()) or name == role):
                return urljoin(base, str(asset.get("href") or ""))
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
