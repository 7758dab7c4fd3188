"""The kinds of input a process can ask for: each has one JSON schema, and so one widget in QGIS.

Plain kinds need no class: `str`, `int`, `float`, `bool`, `Literal[...]` (a choice), `list[...]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class BoundingBox(BaseModel):
    """A bounding box as OGC API - Processes writes it: west, south, east, north in the given CRS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bbox: Annotated[list[float], Field(min_length=4, max_length=6)]
    crs: str = CRS84

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "format": "ogc-bbox",
            "required": ["bbox"],
            "properties": {
                "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
                "crs": {"type": "string", "format": "uri", "default": CRS84},
            },
        }


class AreaOfInterest(BaseModel):
    """A GeoJSON Polygon or MultiPolygon in WGS 84, longitude before latitude; a bounding box is taken as well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]

    @model_validator(mode="before")
    @classmethod
    def _from_bounding_box(cls, value: Any) -> Any:
        if not (isinstance(value, dict) and "bbox" in value and "coordinates" not in value):
            return value
        box = BoundingBox.model_validate(value)
        if box.crs != CRS84:
            raise ValueError(f"the bounding box is in {box.crs}; give longitudes and latitudes in {CRS84}")
        west, south, east, north = box.bbox if len(box.bbox) == 4 else [box.bbox[i] for i in (0, 1, 3, 4)]
        if west > east:  # over the antimeridian, as RFC 7946 (5.2) has it
            return {
                "type": "MultiPolygon",
                "coordinates": [_box(west, south, 180, north), _box(-180, south, east, north)],
            }
        return {"type": "Polygon", "coordinates": _box(west, south, east, north)}

    @model_validator(mode="after")
    def _is_valid(self) -> AreaOfInterest:
        from shapely.geometry import shape
        from shapely.validation import explain_validity

        try:
            geometry = shape(self.geometry())
        except Exception as error:  # shapely raises many types on malformed coordinates
            raise ValueError(f"its coordinates are not those of a GeoJSON {self.type}: {error}") from None
        if geometry.is_empty:
            raise ValueError("the polygon is empty; draw an area")
        west, south, east, north = geometry.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise ValueError(
                f"its coordinates reach from ({west:g}, {south:g}) to ({east:g}, {north:g}), which are no longitudes "
                "and latitudes; reproject the area to WGS 84 (EPSG:4326)"
            )
        if not geometry.is_valid:
            raise ValueError(f"the polygon crosses itself ({explain_validity(geometry)}); repair its geometry")
        if geometry.area == 0:
            raise ValueError("the polygon has no surface; draw a larger area")
        return self

    def geometry(self) -> dict[str, Any]:
        """The area as a GeoJSON geometry."""
        return {"type": self.type, "coordinates": self.coordinates}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "format": "geojson-geometry",
            "required": ["type", "coordinates"],
            "properties": {
                "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
                "coordinates": {"type": "array", "items": {"type": "array", "items": {}}},
            },
        }


def _box(west: float, south: float, east: float, north: float) -> list[Any]:
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


class Scenes(BaseModel):
    """Scenes of a STAC catalogue, by search or by name; the members carry the names of a STAC API item search."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    catalogue: Annotated[str, Field(min_length=1, max_length=2000)]
    """Address of a STAC API or of a static catalogue (catalog.json), or the name of an archive of the site"""
    collections: Annotated[list[str], Field(max_length=20)] = []
    """Collections to search; none means all"""
    datetime: Annotated[str, Field(max_length=80)] = "../.."
    """Period as a closed interval, such as 2018-05-01/2018-05-31; '..' leaves a side open"""
    max_cloud_cover: Annotated[float, Field(ge=0, le=100)] = 100.0
    """Largest eo:cloud_cover in per cent"""
    ids: Annotated[list[str], Field(max_length=10000)] = []
    """Identifiers of chosen scenes; none means every scene of the search"""

    @field_validator("datetime")
    @classmethod
    def _is_interval(cls, value: str) -> str:
        start, slash, end = value.partition("/")
        for instant in (start, end) if slash else (start,):
            if instant in ("", ".."):
                continue
            if not _INSTANT.fullmatch(instant):
                raise ValueError(f"{instant!r} is no date; write the period as 2018-05-01/2018-05-31")
            datetime.fromisoformat(instant)
        if slash and start not in ("", "..") and end not in ("", "..") and start[:10] > end[:10]:
            raise ValueError(f"the period ends ({end}) before it starts ({start}); exchange the dates")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler.resolve_ref_schema(handler(core)), "format": "stac-scenes"}


GEOTIFF = "image/tiff; application=geotiff"


class Raster(BaseModel):
    """A raster by reference: an upload, a result of an earlier job, or a public GeoTIFF."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    href: Annotated[str, Field(min_length=1, max_length=4000)]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "contentEncoding": "binary", "contentMediaType": GEOTIFF}


@dataclass(frozen=True)
class LimitedBy:
    """Promises that a process reads nothing of a raster, or no features, outside of the area in another of its inputs.

    Then a client need not send more than that: `Annotated[Raster | None, LimitedBy("area")]`. The description of the
    input says so in its metadata.
    """

    area: str
    """Name of the input with the area, which may be left out"""


FLATGEOBUF = "application/flatgeobuf"
GEOJSON = "application/geo+json"
_LONGITUDE_LATITUDE = re.compile(
    r"urn:ogc:def:crs:OGC:[\d.]*:CRS84|(urn:ogc:def:crs:EPSG:[\d.]*:|EPSG:)4326|" + re.escape(CRS84)
)


class Vector(BaseModel):
    """Features: a GeoJSON FeatureCollection in WGS 84 (RFC 7946), or the address of a FlatGeobuf or GeoJSON file, which
    may be an upload, a result of an earlier job, or public.

    A process that can do with one kind of geometry only asks for `Polygons`, `Lines` or `Points`.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    geometries: ClassVar[tuple[str, ...]] = ()
    """Types of geometry, as GeoJSON names them, that features may have; none means any"""

    type: Literal["FeatureCollection"] | None = None
    features: list[dict[str, Any]] | None = None
    href: Annotated[str, Field(min_length=1, max_length=4000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_link_or_in_wgs84(cls, value: Any) -> Any:
        """GeoJSON of 2008 could name another reference system; to leave it unread would put the features elsewhere."""
        if isinstance(value, dict) and "href" in value and "features" not in value:
            return {"href": value["href"]}  # the type of a link is a media type
        crs = value.get("crs") if isinstance(value, dict) else None
        if crs is not None:
            properties = crs.get("properties") if isinstance(crs, dict) else None
            name = properties.get("name") if isinstance(properties, dict) else None
            if not (isinstance(name, str) and _LONGITUDE_LATITUDE.fullmatch(name)):
                raise ValueError(
                    f"its coordinates are in {str(name or crs)[:80]!r}, but GeoJSON has longitudes and latitudes "
                    "(RFC 7946); reproject it to WGS 84 (EPSG:4326), or give a FlatGeobuf"
                )
        return value

    @model_validator(mode="after")
    def _is_either(self) -> Vector:
        if self.href is not None:
            if self.features is not None:
                raise ValueError("features and an address are given; give one of the two")
        elif self.type is None or self.features is None:
            raise ValueError('give a GeoJSON FeatureCollection, or {"href": ...} of a FlatGeobuf or GeoJSON file')
        elif not self.features:
            raise ValueError("it has no feature; give one at least")
        for number, feature in enumerate(self.features or (), 1):
            geometry = feature.get("geometry")
            if feature.get("type") != "Feature" or not (geometry is None or isinstance(geometry, dict)):
                raise ValueError(f"its feature {number} is no GeoJSON Feature")
            if geometry is not None:
                self.check_type(geometry.get("type"), number)
        return self

    @model_serializer
    def _as_given(self) -> dict[str, Any]:
        return {"href": self.href} if self.href else {"type": self.type, "features": self.features}

    @classmethod
    def check_type(cls, geometry: Any, number: int) -> None:
        """Raises ValueError if the geometry of feature `number` is of a type that is not asked for."""
        if cls.geometries and geometry not in cls.geometries:
            wanted = " or ".join(cls.geometries)
            raise ValueError(f"its feature {number} is a {str(geometry)[:40]}; every one must be a {wanted}")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        geometry: JsonSchemaValue = {"type": "object", "nullable": True}
        if cls.geometries:
            geometry["properties"] = {"type": {"type": "string", "enum": list(cls.geometries)}}
        feature = {
            "type": "object",
            "required": ["type", "geometry", "properties"],
            "properties": {"geometry": geometry},
        }
        collection = {
            "type": "object",
            "format": "geojson-feature-collection",
            "required": ["type", "features"],
            "properties": {
                "type": {"type": "string", "enum": ["FeatureCollection"]},
                "features": {"type": "array", "items": feature},
            },
        }
        files = [
            {"type": "string", "contentEncoding": "binary", "contentMediaType": FLATGEOBUF},
            {"type": "string", "contentMediaType": GEOJSON},
        ]
        return {"oneOf": [collection, *files]}


class Polygons(Vector):
    """Features that are areas."""

    geometries = ("Polygon", "MultiPolygon")


class Lines(Vector):
    """Features that are lines."""

    geometries = ("LineString", "MultiLineString")


class Points(Vector):
    """Features that are points."""

    geometries = ("Point", "MultiPoint")


def _is_crs(value: str) -> str:
    if not re.fullmatch(r"EPSG:\d{4,6}", value):
        raise ValueError(f"{value[:40]!r} is no coordinate reference system; write it as EPSG:32631")
    return value


Crs = Annotated[
    str,
    AfterValidator(_is_crs),
    WithJsonSchema({"type": "string", "format": "crs", "pattern": "^EPSG:[0-9]{4,6}$"}),
]
"""A coordinate reference system, written as EPSG:32631"""
