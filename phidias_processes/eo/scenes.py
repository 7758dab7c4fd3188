"""Finding scenes: the items of a search that a process can work on.

Reads STAC 1.0 (`eo:bands`, `raster:bands`) and 1.1 (`bands`), projection v1 and v2.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shapely import get_coordinates
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.references import Site
from phidias_processes.eo.bands import Band, band_names, find_band
from phidias_processes.eo.guarded_http import without_query
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.stac import Catalogue, FoundItem, Search, join, open_catalogue

INPUT = "scenes"
MAX_SCENES = 2000
_FARTHEST = 400.0  # degrees: some catalogues write across the date line
CLASSIFICATION = "scl"
"""The asset with Sentinel-2's scene classification"""

log = logging.getLogger(__name__)


def find_scenes(scenes: Scenes, area: AreaOfInterest, bands: Sequence[str], site: Site) -> list[Scene]:
    """The scenes of a search over an area that have all `bands`, in this order, sorted by time.

    Raises InputError naming the input at fault: the catalogue, the collection, the area, the period, the clouds, the
    identifiers or the bands, each with what there is instead.
    """
    try:
        return _found(scenes, area, bands, site)
    except InputError:
        raise
    except Exception as error:  # whatever a document may hold that STAC does not foresee
        log.warning("the catalogue %r cannot be understood", without_query(scenes.catalogue), exc_info=True)
        raise InputError(
            INPUT,
            f"The catalogue's documents are not what STAC says ({type(error).__name__}: {str(error)[:100]}).",
            remedy="Choose another catalogue, or tell its keeper.",
        ) from None


def _found(scenes: Scenes, area: AreaOfInterest, bands: Sequence[str], site: Site) -> list[Scene]:
    catalogue = open_catalogue(scenes.catalogue, site)
    polygon = shape(area.geometry())
    period = _interval(scenes.datetime)
    interval = None if period == (_EARLIEST, _LATEST) else "/".join(_rfc3339(instant) for instant in period)
    search = Search(scenes.collections, scenes.ids, area.geometry(), interval, MAX_SCENES + 1)
    covering = [item for item in catalogue.items(search) if _touches(item, polygon) and _seen_in(item, period)]
    found = [item for item in covering if not scenes.ids or item.document.get("id") in scenes.ids]
    if not found:
        raise _nothing_found(catalogue, scenes, polygon)
    clear = [item for item in found if _cloud_cover(item) is None or _cloud_cover(item) <= scenes.max_cloud_cover]
    if not clear:
        least = min(_cloud_cover(item) for item in found)
        raise InputError(
            INPUT,
            f"All {len(found)} scenes found have more than {scenes.max_cloud_cover:g} % clouds.",
            remedy=f"Allow at least {least:.1f} %, the cloud cover of the clearest.",
        )
    if len(clear) > MAX_SCENES:
        raise InputError(
            INPUT,
            f"More than {MAX_SCENES} scenes match.",
            remedy="Shorten the period, make the area smaller, or name the collections.",
        )
    readable = [scene_of(item) for item in clear]
    chosen = [scene for scene in (with_bands(scene, bands) for scene in readable) if scene]
    if not chosen:
        raise _no_bands(readable, bands)
    if len(chosen) < len(clear):
        log.info("%d of %d scenes lack a band and are left out", len(clear) - len(chosen), len(clear))
    return sorted(chosen, key=lambda scene: (scene.start, scene.id))


def with_bands(scene: Scene, names: Iterable[str]) -> Scene | None:
    """The scene with just the bands of these names, or None if it lacks one."""
    bands = tuple(find_band(scene.bands, name) for name in names)
    return None if None in bands else replace(scene, bands=bands)


def scene_of(item: FoundItem) -> Scene:
    """An item, with all its bands."""
    document, properties = item.document, item.document.get("properties", {})
    start = properties.get("datetime") or properties.get("start_datetime") or properties.get("end_datetime")
    assets = {key: asset for key, asset in document.get("assets", {}).items() if _is_image(asset)}
    if not (abs(get_coordinates(shape(document["geometry"]))) <= _FARTHEST).all():
        raise ValueError("a footprint that is not on the earth")
    # Pictures for the eye repeat the names of the true bands, so they come last.
    ordered = sorted(assets, key=lambda key: bool({"visual", "overview", "thumbnail"} & _roles(key, assets[key])))
    bands = [band for key in ordered for band in _bands(key, assets[key], properties, item.href)]
    return Scene(
        id=str(document.get("id", "")),
        collection=str(document.get("collection") or ""),
        start=_utc(start).isoformat(),
        end=_utc(properties.get("end_datetime") or start).isoformat(),
        href=without_query(item.href),
        geometry=document["geometry"],
        cloud_cover=_cloud_cover(item),
        bands=tuple(bands),
        classification=find_band(bands, CLASSIFICATION),
        collection_href=_collection_href(item),
    )


def _collection_href(item: FoundItem) -> str:
    links = item.document.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") == "collection" and link.get("href"):
            return without_query(join(item.href, str(link["href"])))
    return ""


def _bands(key: str, asset: Mapping[str, Any], properties: Mapping[str, Any], base: str) -> list[Band]:
    entries = asset.get("bands") or [{}] * max(len(asset.get("eo:bands", [])), len(asset.get("raster:bands", [])), 1)
    bands = []
    for index, entry in enumerate(entries):
        # From the most to the least specific: STAC 1.1 lets a band inherit from its asset, and that from the item.
        eo, raster = (_entry(asset, name, index) for name in ("eo:bands", "raster:bands"))
        told = {**properties, **asset, **raster, **eo, **entry}
        offset = told.get("raster:offset", raster.get("offset", 0.0))
        if properties.get("earthsearch:boa_offset_applied"):
            offset = 0.0  # Earth Search states the offset of the original numbers, but has applied it to its COGs
        bands.append(
            Band(
                asset=key,
                href=join(base, asset["href"]),
                index=index + 1,
                name=str(entry.get("name") or eo.get("name") or ""),
                common_name=str(told.get("eo:common_name") or eo.get("common_name") or ""),
                wavelength=_number(told.get("eo:center_wavelength", eo.get("center_wavelength"))),
                scale=_finite(told.get("raster:scale", raster.get("scale", 1.0))),
                offset=_finite(offset),
                nodata=None if told.get("nodata") is None else float(told["nodata"]),
                data_type=str(told.get("data_type") or ""),
                categorical=_is_categorical(key, asset, told),
                resolution=_number(
                    told.get("raster:spatial_resolution", raster.get("spatial_resolution", told.get("gsd")))
                ),
                crs=_crs(told),
                transform=tuple(_finite(number) for number in (told.get("proj:transform") or ())[:6]),
                shape=tuple(int(_finite(number)) for number in told.get("proj:shape") or ()),
            )
        )
    return bands


def _number(value: Any) -> float | None:
    """The value, if it is a number that one can calculate with."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _finite(value: Any) -> float:
    if _number(value) is None:
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return float(value)


def _entry(asset: Mapping[str, Any], name: str, index: int) -> Mapping[str, Any]:
    entries = asset.get(name, [])
    return entries[index] if index < len(entries) else {}


def _crs(told: Mapping[str, Any]) -> str:
    if told.get("proj:code"):
        return str(told["proj:code"])
    return f"EPSG:{told['proj:epsg']}" if told.get("proj:epsg") else str(told.get("proj:wkt2") or "")


def _roles(key: str, asset: Mapping[str, Any]) -> set[str]:
    return {key.lower(), *asset.get("roles", [])}


def _is_image(asset: Mapping[str, Any]) -> bool:
    kind, path = str(asset.get("type", "")).lower(), str(asset.get("href", "")).lower().partition("?")[0]
    return "tiff" in kind or "jp2" in kind or (not kind and path.endswith((".tif", ".tiff", ".jp2")))


def _is_categorical(key: str, asset: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    named = {"scl", "qa_pixel", "fmask", "cloud", "data-mask", "snow-ice", "water-mask"} & _roles(key, asset)
    return bool(named) or "classification:classes" in told


def _cloud_cover(item: FoundItem) -> float | None:
    return _number(item.document.get("properties", {}).get("eo:cloud_cover"))


_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def _utc(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def _rfc3339(instant: datetime) -> str:
    return ".." if instant in (_EARLIEST, _LATEST) else instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _interval(text: str) -> tuple[datetime, datetime]:
    """Begin and end of a period as a STAC API writes it; a date stands for the whole day."""
    start, slash, end = text.partition("/")
    end = end if slash else start
    first = _EARLIEST if start in ("", "..") else _utc(start)
    last = _LATEST if end in ("", "..") else _utc(end)
    return first, last + timedelta(hours=23, minutes=59, seconds=59) if len(end) == 10 else last


def _seen_in(item: FoundItem, period: tuple[datetime, datetime]) -> bool:
    properties = item.document.get("properties", {})
    start = properties.get("datetime") or properties.get("start_datetime") or properties.get("end_datetime")
    if not start:
        return False
    return _utc(start) <= period[1] and _utc(properties.get("end_datetime") or start) >= period[0]


def _touches(item: FoundItem, polygon: BaseGeometry) -> bool:
    geometry = item.document.get("geometry")
    return bool(geometry) and shape(geometry).intersects(polygon)


def _nothing_found(catalogue: Catalogue, scenes: Scenes, polygon: BaseGeometry) -> InputError:
    """Why the search is empty: what is there without the identifiers, at other times, elsewhere."""
    area = polygon.__geo_interface__
    anytime = catalogue.items(Search(scenes.collections, (), area, None, 1000))
    here = [item for item in anytime if _touches(item, polygon)]
    period = _interval(scenes.datetime)
    if scenes.ids and any(_seen_in(item, period) for item in here):
        known = ", ".join(sorted(str(item.document["id"]) for item in here)[:10])
        return InputError(
            INPUT,
            f"No scene over the area has one of the {len(scenes.ids)} identifiers given.",
            remedy=f"Choose from the scenes there are, such as {known}.",
        )
    if here:
        days = sorted(scene_of(item).start[:10] for item in here if _seen_in(item, (_EARLIEST, _LATEST)))
        return InputError(
            INPUT,
            f"No scene was taken over the area in the period {scenes.datetime}.",
            remedy=f"There are {len(here)} scenes from {days[0]} to {days[-1]}{_nearest(days, scenes.datetime)}.",
        )
    boxes = catalogue.collection_boxes(scenes.collections)
    boxes = boxes or [item.document["bbox"] for item in catalogue.items(Search(scenes.collections, most=100))]
    places = "; ".join(
        f"{box[0]:.2f} to {box[len(box) // 2]:.2f} E, {box[1]:.2f} to {box[-2 if len(box) == 6 else 3]:.2f} N"
        for box in boxes[:5]
    )
    return InputError(
        "area",
        "The area lies outside all scenes of the catalogue" + (" in these collections." if scenes.collections else "."),
        remedy=f"Choose an area within {places}." if places else "The catalogue is empty: choose another.",
    )


def _place(box: Sequence[float]) -> str:
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    return f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"


def _nearest(days: Sequence[str], period: str) -> str:
    start = period.partition("/")[0]
    later = [day for day in days if day >= start[:10]] if start not in ("", "..") else []
    return f"; the next is of {later[0]}" if later else ""


def _no_bands(scenes: Sequence[Scene], bands: Sequence[str]) -> InputError:
    lacking = [name for name in bands if not any(find_band(scene.bands, name) for scene in scenes)]
    kinds = {}
    for scene in scenes:
        kinds.setdefault(scene.collection or scene.id, ", ".join(band_names(scene.bands)) or "(no image)")
    there = "; ".join(f"{name}: {listed}" for name, listed in list(kinds.items())[:6])
    what = f"have no band {', '.join(lacking)}" if lacking else f"have not all bands ({', '.join(bands)}) together"
    return InputError(INPUT, f"The scenes {what}.", remedy=f"Choose other scenes, or other bands. There are: {there}.")
