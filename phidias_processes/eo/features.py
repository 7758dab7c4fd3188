"""Features of an input, read under the site's guard, and features of a result, written as FlatGeobuf.

Only FlatGeobuf and GeoJSON, formats of one file that name no other; GeoJSON is read without GDAL, which would follow
the addresses in its outdated member `crs`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from pydantic import ValidationError
from pydantic_core import from_json
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.validation import explain_validity

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, Vector
from phidias_gateway.references import Site
from phidias_processes.eo.grid import names_a_file
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable, without_query

MAX_BYTES = 128 * 2**20
MAX_FEATURES = 1_000_000
WGS84 = "EPSG:4326"
EDGE_PARTS = 100
"""Edges are divided before they are projected, since they become curves: the longest side of a feature in so many"""
EARTH_RADIUS = 6_371_008.8
STRAIGHT = 1000.0
"""Metres of an edge that need not be divided: it bends by two centimetres, as much as the earth does"""
_MAGIC = b"fgb\x03fgb"
_DEGREES = shapely.box(-180, -90, 180, 90)
_NO_ZONE, _UTC = 0, 100
_MARGIN = 1e-6  # degrees: rounding, and points have no surface
_INT64 = np.iinfo("int64")


@dataclass(frozen=True)
class Features:
    """Geometries and their attributes."""

    geometries: np.ndarray
    """Of shapely, two-dimensional, in `crs`; None for a feature without one: (features,)"""
    columns: Mapping[str, np.ma.MaskedArray]
    """Attributes by their names, what is missing masked: (features,) each; times are of Python, as their offset is"""
    crs: str
    """As EPSG:32631, or WKT"""

    def on(self, crs: str) -> np.ndarray:
        """The geometries in another reference system; None for what that cannot show: (features,)."""
        source, target = CRS.from_user_input(self.crs), CRS.from_user_input(crs)
        if source == target:
            return self.geometries
        west, south, east, north = shapely.bounds(self.geometries).T
        longest = np.nan_to_num(np.maximum(east - west, north - south))
        divided = shapely.segmentize(self.geometries, np.maximum(longest / EDGE_PARTS, _straight(source)))
        transformer = Transformer.from_crs(source, target, always_xy=True)
        moved = shapely.transform(
            divided, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
        )
        moved[~np.isfinite(shapely.bounds(moved)).all(axis=1)] = None
        return shapely.make_valid(moved)

    @property
    def digest(self) -> str:
        """SHA-256 of the geometries: whether they are still the same."""
        there = ~shapely.is_missing(self.geometries)
        return hashlib.sha256(b"".join(shapely.to_wkb(self.geometries[there]))).hexdigest()

    def around(self, *, input: str) -> AreaOfInterest:
        """A box of longitudes and latitudes around all of them. Raises InputError if they lie nowhere on earth."""
        bounds = shapely.total_bounds(self.on(WGS84))
        box = shapely.intersection(shapely.box(*bounds).buffer(_MARGIN, join_style="mitre"), _DEGREES)
        if not np.isfinite(bounds).all() or box.is_empty:
            raise InputError(
                input,
                f"The features lie outside of their coordinate reference system, {self.crs[:80]}.",
                remedy="Check which system their coordinates are in.",
            )
        return AreaOfInterest.model_validate({"bbox": list(box.bounds)})


def read_features(vector: Vector, site: Site, *, input: str) -> Features:
    """The features that an input gives. Raises InputError, naming `input`, for any that cannot be used."""
    try:
        features = _read(vector, site, input)
        _check(features, type(vector))
    except _Unusable as error:
        raise InputError(input, error.detail, remedy=error.remedy) from None
    return features


def _straight(crs: CRS) -> float:
    """STRAIGHT in units of a reference system."""
    factor = crs.axis_info[0].unit_conversion_factor  # to metres, or to radians
    return STRAIGHT / (EARTH_RADIUS if crs.is_geographic else 1.0) / factor


class _Unusable(Exception):
    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail, self.remedy = detail, remedy


def _read(vector: Vector, site: Site, input: str) -> Features:
    if vector.href is None:
        return _of_geojson(vector)
    name = without_query(vector.href)[:200]
    try:
        with closing(GuardedReader(site, input=input)) as reader:
            content = reader.content(vector.href, limit=MAX_BYTES)
    except Unreadable as error:
        raise _Unusable(
            f"The features cannot be read at {name}: {error}.",
            f"Give the address of a FlatGeobuf or GeoJSON file of up to {MAX_BYTES >> 20} MB.",
        ) from None
    if content.startswith(_MAGIC):
        return _of_flatgeobuf(content, name)
    try:
        document = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise _Unusable(
            f"There is neither FlatGeobuf nor GeoJSON at {name}.", "Convert the features to one of them (ogr2ogr)."
        ) from None
    try:
        collection = type(vector).model_validate(document)
        if collection.href is not None:
            raise ValueError("it refers to another file")
    except ValueError as error:  # pydantic's ValidationError is one
        reason = error.errors()[0]["msg"].removeprefix("Value error, ") if isinstance(error, ValidationError) else error
        raise _Unusable(
            f"The GeoJSON at {name} cannot be used: {reason}.", "Correct it, or give other features."
        ) from None
    return _of_geojson(collection)


def _of_flatgeobuf(content: bytes, name: str) -> Features:
    try:
        if names_a_file(_header(content)):  # PROJ would open it
            raise ValueError("its reference system refers to other files")
        meta, _, wkb, values = pyogrio.raw.read(
            content, force_2d=True, max_features=MAX_FEATURES + 1, datetime_as_string=True
        )
        columns = {
            field: _with_nulls(column, dtype, is_time=kind == "OFTDateTime")
            for field, column, dtype, kind in zip(
                meta["fields"], values, meta["dtypes"], meta["ogr_types"], strict=True
            )
            if kind != "OFTBinary"
        }
        geometries = shapely.from_wkb(wkb)
    except (RuntimeError, ValueError, IndexError, ShapelyError) as error:
        raise _Unusable(
            f"The FlatGeobuf at {name} cannot be read: {str(error)[:200].rstrip('.')}.",
            "Write it anew, such as with ogr2ogr.",
        ) from None
    return Features(geometries, columns, meta["crs"] or "")


def _header(content: bytes) -> str:
    """All text before the features, among it the reference system; its length is the number after the magic bytes."""
    return content[: 12 + int.from_bytes(content[8:12], "little")].decode("utf-8", errors="replace")


def _with_nulls(column: np.ndarray, dtype: str, *, is_time: bool) -> np.ma.MaskedArray:
    """Whole numbers and flags come as floats if one is missing, times as text."""
    if column.dtype == object:
        missing = np.array([value is None for value in column], bool)
        if is_time:
            column = np.array([None if value is None else datetime.fromisoformat(value) for value in column], object)
    else:
        missing = np.isnan(column) if column.dtype.kind == "f" else False
        if column.dtype.kind == "f" and np.dtype(dtype).kind in "iub":
            column = np.where(missing, 0, column).astype(dtype)
    return np.ma.array(column, mask=missing)


def _of_geojson(collection: Vector) -> Features:
    features = collection.features or []
    geometries = np.full(len(features), None, object)
    for number, feature in enumerate(features):
        if (geometry := feature.get("geometry")) is not None:
            try:
                geometries[number] = shapely.force_2d(shape(geometry))
            except Exception as error:  # shapely raises many types on malformed coordinates
                raise _Unusable(
                    f"The coordinates of the feature {number + 1} are not those of a GeoJSON "
                    f"{str(geometry.get('type'))[:40]}: {str(error)[:200]}.",
                    "Correct them.",
                ) from None
    rows = [_properties(feature) for feature in features]
    names = dict.fromkeys(name for row in rows for name in row)
    return Features(geometries, {name: _column([row.get(name) for row in rows]) for name in names}, WGS84)


def _properties(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    return {"id": feature["id"], **properties} if "id" in feature else properties


def _column(values: Sequence[Any]) -> np.ma.MaskedArray:
    """Values of JSON as one type; text for those that have none in common."""
    missing = [value is None for value in values]
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        filled = np.array([bool(value) for value in values])
    elif kinds == {int} and all(_INT64.min <= value <= _INT64.max for value in values if value is not None):
        filled = np.array([value or 0 for value in values], "int64")
    elif kinds and kinds <= {int, float}:
        filled = np.array([value or 0.0 for value in values], "float64")
    else:
        filled = np.array(
            [value if value is None or isinstance(value, str) else json.dumps(value) for value in values], object
        )
    return np.ma.array(filled, mask=missing)


def _check(features: Features, kind: type[Vector]) -> None:
    geometries = features.geometries
    if len(geometries) > MAX_FEATURES:
        raise _Unusable(f"There are more than {MAX_FEATURES:,} features.", "Give fewer of them.")
    there = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    if not there.any():
        raise _Unusable("There is no feature with a geometry.", "Give one at least.")
    _, firsts = np.unique(shapely.get_type_id(geometries[there]), return_index=True)
    for number in np.flatnonzero(there)[np.sort(firsts)] + 1:
        try:
            kind.check_type(geometries[number - 1].geom_type, number)
        except ValueError as error:
            text = str(error)
            raise _Unusable(f"{text[0].upper()}{text[1:]}.", "Choose other features.") from None
    if not features.crs:
        raise _Unusable(
            "The features have no coordinate reference system.", "Write it into their file (ogr2ogr -a_srs)."
        )
    try:
        Transformer.from_crs(CRS.from_user_input(features.crs), WGS84)
    except ProjError:
        raise _Unusable(
            f"The coordinate reference system of the features cannot be used: {features.crs[:80]}.",
            "Reproject them, such as to EPSG:4326.",
        ) from None
    if features.crs == WGS84 and not shapely.box(*shapely.total_bounds(geometries)).within(_DEGREES):
        raise _Unusable(
            "The coordinates of the features are no longitudes and latitudes.", "Reproject them to WGS 84 (EPSG:4326)."
        )
    for number in np.flatnonzero(there & ~shapely.is_valid(geometries))[:1]:
        raise _Unusable(
            f"The feature {number + 1} crosses itself or is malformed ({explain_validity(geometries[number])}).",
            "Repair the geometries, such as with QGIS's tool 'Fix geometries'.",
        )


def write_features(target: Path, features: Features) -> None:
    """A FlatGeobuf of the features, spatially indexed unless one is without geometry."""
    geometries = features.geometries
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    kind, several = _common_type({geometry.geom_type for geometry in geometries[~missing]})
    columns, zones = {}, {}
    for name, column in features.columns.items():
        columns[name] = np.ma.getdata(column)
        if any(isinstance(value, datetime) for value in column.compressed()):
            columns[name], zones[name] = _times(column)
    pyogrio.raw.write(
        str(target),
        geometry=shapely.to_wkb(np.where(missing, None, geometries)),
        field_data=list(columns.values()),
        field_mask=[np.ma.getmaskarray(column) for column in features.columns.values()],
        fields=list(columns),
        gdal_tz_offsets=zones,
        crs=features.crs,
        geometry_type=kind,
        promote_to_multi=several,
        driver="FlatGeobuf",
        layer=target.stem,
        SPATIAL_INDEX="NO" if missing.any() else "YES",
    )


def _times(column: np.ma.MaskedArray) -> tuple[np.ndarray, np.ndarray]:
    """Times as numpy has them, those with an offset in UTC, and what GDAL calls their zones."""
    times = [value or None for value in column]  # what is masked is false
    zones = np.array([_UTC if value is not None and value.tzinfo else _NO_ZONE for value in times])
    plain = [value.astimezone(UTC).replace(tzinfo=None) if value and value.tzinfo else value for value in times]
    return np.array(plain, "datetime64[ms]"), zones


def _common_type(types: Iterable[str]) -> tuple[str, bool]:
    """The type of geometry for a file that holds these, and whether single ones become multiple ones."""
    plain = {name.removeprefix("Multi") for name in types}
    if len(plain) != 1:
        return "Unknown", False
    several = any(name.startswith("Multi") for name in types)
    return f"{'Multi' if several else ''}{plain.pop()}", several
