"""The STAC Item among a job's outputs: read from its folder, and what a search looks at taken from it."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from phidias_gateway.item_index import Entry
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.outputs import StacItem

log = logging.getLogger(__name__)
_LARGEST = 20_000_000
"""Bytes; what is larger are features, not one Item"""


class _Reference(BaseModel):
    href: str


class _Link(_Reference):
    rel: str


class _Shape(BaseModel):
    """What a document must have to be taken for a STAC Item."""

    type: Literal["Feature"]
    stac_version: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]
    assets: dict[str, _Reference]
    links: list[_Link]


def read_item(folder: JobFolder, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """The STAC Item of a successful job, by the content of its `result.json`; None if it has none.

    Raises OSError where the file cannot be read just now.
    """
    for entry in result["outputs"].values():
        for file in entry.get("files", [entry]):
            if file.get("media_type") == StacItem.media_type and file["size"] <= _LARGEST:
                item = _parse((folder.results(int(result["attempt"])) / file["file"]).read_bytes())
                if item is not None:
                    return item
    return None


def index_entry(folder: JobFolder, result: Mapping[str, Any]) -> Entry | None:
    """What is searched of the job with this outcome; None where that cannot be known just now."""
    try:
        item = read_item(folder, result)
        return Entry() if item is None else entry_of(item)
    except OSError as error:
        log.error("the item of %s cannot be read: %s", folder.path.name, error)
    except Exception as error:  # another's Item may be wrong in any way, which must not keep its job from ending
        log.warning("%s has an item that is none: %s", folder.path.name, error)
        return Entry()
    return None


def entry_of(item: Mapping[str, Any]) -> Entry:
    """What is searched of an Item. Raises an error of any kind for one that breaks the rules of STAC."""
    properties = item["properties"]
    start, end = (properties.get(name) or properties["datetime"] for name in ("start_datetime", "end_datetime"))
    since, until = _seconds(start), _seconds(end)
    if since > until:
        raise ValueError(f"it ends ({end}) before it starts ({start})")
    return Entry(since, until, *_place(item))


def _parse(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
        _Shape.model_validate(document, strict=True)
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()  # infinities, halves of characters
    except ValueError:
        return None
    return dict(document)


def _seconds(moment: str) -> float:
    found = datetime.fromisoformat(moment)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _place(item: Mapping[str, Any]) -> tuple[float, float, float, float, bytes] | tuple[()]:
    """The Item's box and its geometry as WKB; nothing for an Item that is nowhere."""
    import shapely

    if item["geometry"] is None:
        return ()
    geometry = shapely.make_valid(shapely.from_geojson(json.dumps(item["geometry"], allow_nan=False)))
    bounds = list(item.get("bbox") or geometry.bounds)
    west, south, east, north = (float(bound) for bound in (bounds if len(bounds) == 4 else bounds[:2] + bounds[3:5]))
    if not all(math.isfinite(bound) for bound in (west, south, east, north)) or south > north:
        raise ValueError(f"its bbox is {bounds}")
    return west, south, east if west <= east else east + 360, north, shapely.to_wkb(geometry)
