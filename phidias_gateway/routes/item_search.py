"""The parameters of a search for Items (STAC API - Item Search 1.0), from a query or a body to what the index knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phidias_gateway.http_errors import BadParameter
from phidias_gateway.item_index import Box, ItemQuery
from phidias_gateway.routes.filters import interval, words

MAX_LIMIT = 500
"""Most Items on a page; who asks for more gets as many, as OGC API - Features wants it"""
DEFAULT_LIMIT = 50
_NAMES = 1000
_GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")

Name = Annotated[str, Field(max_length=200)]
_NULLABLE: dict[str, Any] = {"nullable": True}


class Search(BaseModel):
    """A search; all members are optional."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    collections: Annotated[list[Name], Field(max_length=_NAMES)] = []
    """Ids of processes"""
    ids: Annotated[list[Name], Field(max_length=_NAMES)] = []
    """Ids of jobs"""
    bbox: Annotated[list[float] | None, Field(min_length=4, max_length=6, json_schema_extra=_NULLABLE)] = None
    """West, south, east, north in WGS 84; with heights, six numbers"""
    intersects: Annotated[dict[str, Any] | None, Field(json_schema_extra=_NULLABLE)] = None
    """A GeoJSON geometry"""
    datetime: Annotated[str | None, Field(max_length=80, json_schema_extra=_NULLABLE)] = None
    """Instant or interval (RFC 3339), '..' for an open side"""
    limit: Annotated[int, Field(ge=1)] = DEFAULT_LIMIT
    """Items on a page"""
    cursor: Annotated[str | None, Field(max_length=200, json_schema_extra=_NULLABLE)] = None
    """Taken from the link to the next page"""

    @classmethod
    def parse(cls, body: bytes) -> Search:
        """The search in the body of a POST. Raises BadParameter."""
        try:
            return cls.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise _unusable(error) from None

    @property
    def page_size(self) -> int:
        return min(self.limit, MAX_LIMIT)

    def query(self) -> ItemQuery:
        """What the index is asked. Raises BadParameter."""
        if self.bbox is not None and self.intersects is not None:
            raise BadParameter("Both bbox and intersects are given.", remedy="Give one of them.", input="intersects")
        since, until = interval(self.datetime)
        return ItemQuery(
            processes=self.collections,
            ids=self.ids,
            box=None if self.bbox is None else _box(self.bbox),
            area=None if self.intersects is None else _area(self.intersects),
            since=since,
            until=until,
        )


async def by_query(
    bbox: Annotated[str | None, Query(max_length=400, description="West, south, east, north in WGS 84")] = None,
    intersects: Annotated[str | None, Query(max_length=8000, description="A GeoJSON geometry")] = None,
    datetime: Annotated[str | None, Query(max_length=80, description="Instant or interval (RFC 3339)")] = None,
    ids: Annotated[list[str] | None, Query(description="Ids of jobs")] = None,
    collections: Annotated[list[str] | None, Query(description="Ids of processes")] = None,
    limit: Annotated[int, Query(ge=1, description="Items on a page")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=200, description="Taken from the link to the next page")] = None,
) -> Search:
    """The search in the query of a GET, with its lists written by commas. Raises BadParameter."""
    try:
        return Search(
            bbox=None if bbox is None else _numbers(bbox),
            intersects=None if intersects is None else _object(intersects),
            datetime=datetime,
            ids=words(ids),
            collections=words(collections),
            limit=limit,
            cursor=cursor,
        )
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError) -> BadParameter:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "body"
    known = ", ".join(Search.model_fields)
    return BadParameter(f"{name[:40]!r} cannot be used: {first['msg']}.", remedy=f"A search has {known}.", input=name)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BadParameter(
            f"{text[:80]!r} is no list of numbers.", remedy="Write bbox=4.9,43.9,5.1,44.1.", input="bbox"
        ) from None


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadParameter("The geometry is no JSON.", remedy="Write a GeoJSON geometry.", input="intersects") from None


def _box(bounds: Sequence[float]) -> Box:
    if len(bounds) == 5:
        raise BadParameter("The bbox has five numbers.", remedy="Give four of them, or six.", input="bbox")
    west, south, east, north = bounds if len(bounds) == 4 else (*bounds[:2], *bounds[3:5])
    if not all(abs(bound) <= 1e6 for bound in bounds) or south > north:  # no comparison holds for NaN
        raise BadParameter(
            "The bbox does not reach from west, south to east, north.",
            remedy="Write longitudes and latitudes in WGS 84, such as 4.9,43.9,5.1,44.1.",
            input="bbox",
        )
    return west, south, east if east >= west else east + 360, north


def _area(geometry: dict[str, Any]) -> Any:
    import shapely

    try:
        if geometry.get("type") not in _GEOMETRIES:
            raise ValueError("it is none of " + ", ".join(_GEOMETRIES))
        area = shapely.make_valid(shapely.from_geojson(json.dumps(geometry, allow_nan=False)))
        if area.is_empty or not all(abs(bound) <= 1e6 for bound in area.bounds):
            raise ValueError("it covers nothing")
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise BadParameter(
            f"The geometry cannot be used: {str(error)[:200]}.", remedy="Send a GeoJSON geometry.", input="intersects"
        ) from None
    return area
