"""Areas: an extent or a polygon layer becomes a GeoJSON geometry in WGS 84, longitude before latitude."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeature,
    QgsFeedback,
    QgsGeometry,
    QgsJsonUtils,
    QgsProcessing,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsRectangle,
    QgsWkbTypes,
)

from backend_client import Cancelled
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, InputProblem, Unread, described

WGS84 = "EPSG:4326"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEGREES = QgsRectangle(-180, -90, 180, 90)
EDGE_PARTS = 64
"""An edge as long as the area's side is cut into so many parts before it is reprojected"""
DECIMALS = 9


def make_area(target: Input) -> list[QgsProcessingParameterDefinition]:
    """An extent, and a polygon layer that goes before it."""
    either = "" if target.optional else tr("Give an extent or a layer of polygons.")
    return [
        described(
            QgsProcessingParameterExtent(target.name, tr("{} (extent)").format(target.title), optional=True),
            f"{target.help} {either}".strip(),
        ),
        described(
            QgsProcessingParameterFeatureSource(
                _layer(target),
                tr("{} (polygon layer)").format(target.title),
                [QgsProcessing.SourceType.TypeVectorPolygon],
                optional=True,
            ),
            tr(
                "The polygons of this layer, or the selected ones of them; goes before the extent. In a script, a text "
                "of GeoJSON does as well."
            ),
        ),
    ]


def read_area(target: Input, entered: Entered) -> dict[str, Any] | Unread | None:
    """The area as a GeoJSON Polygon or MultiPolygon, that of a layer unread; None if an optional one was left out."""
    if entered.given(_layer(target)):
        return _of_layer(target, entered)
    if entered.given(target.name):
        return _geojson(target, _of_extent(target, entered))
    if target.optional:
        return None
    raise target.problem(tr("no area is given."), tr("Draw an extent, or choose a layer of polygons."))


def _geojson(target: Input, geometry: QgsGeometry) -> dict[str, Any]:
    if geometry.area() == 0:
        raise target.problem(tr("the area has no surface."), tr("Draw a larger area."))
    return dict(json.loads(geometry.asJson(DECIMALS)))


def write_area(target: Input, value: Any) -> dict[str, Any]:
    """The extent for a bounding box or an upright rectangle, the polygon itself for all others."""
    box = value.get("bbox") or _rectangle(value)
    if box:
        return {target.name: _extent(box)}
    return {_layer(target): json.dumps(value)}


def make_box(target: Input) -> list[QgsProcessingParameterDefinition]:
    """An extent."""
    return [QgsProcessingParameterExtent(target.name, target.title, optional=target.optional)]


def read_box(target: Input, entered: Entered) -> dict[str, Any] | None:
    """The extent as an OGC bounding box in WGS 84; None if it was left out."""
    if not entered.given(target.name):
        return None
    box = _of_extent(target, entered).boundingBox()
    corners = [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()]
    return {"bbox": [round(corner, DECIMALS) for corner in corners], "crs": CRS84}


def write_box(target: Input, value: Any) -> dict[str, Any]:
    """The extent. Raises ValueError for another reference system than longitudes and latitudes."""
    if value.get("crs", CRS84) != CRS84:
        raise ValueError(value["crs"])
    return {target.name: _extent(value["bbox"])}


def _extent(box: list[float]) -> str:
    """West, south, east, north, or the same with heights between, as QGIS writes an extent."""
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    return f"{west!r},{east!r},{south!r},{north!r} [{WGS84}]"


def _rectangle(polygon: Mapping[str, Any]) -> list[float] | None:
    """The bounding box of a GeoJSON polygon that is nothing more than that."""
    if polygon["type"] != "Polygon" or len(polygon["coordinates"]) != 1:
        return None
    ring = [tuple(corner[:2]) for corner in polygon["coordinates"][0]]
    west, south = min(x for x, _ in ring), min(y for _, y in ring)
    east, north = max(x for x, _ in ring), max(y for _, y in ring)
    corners = {(west, south), (east, south), (east, north), (west, north)}
    return [west, south, east, north] if len(ring) == 5 and set(ring) == corners else None


def _layer(target: Input) -> str:
    return f"{target.name}_LAYER"


def _of_extent(target: Input, entered: Entered) -> QgsGeometry:
    arguments = (entered.parameters, target.name, entered.context)
    extent = entered.algorithm.parameterAsExtent(*arguments)
    if extent.isNull() or extent.isEmpty():
        raise target.problem(tr("the extent is empty."), tr("Draw an area with a width and a height."))
    crs = entered.algorithm.parameterAsExtentCrs(*arguments)
    if not crs.isValid():
        if not DEGREES.contains(extent):
            raise target.problem(
                tr("the extent has no coordinate reference system, and its numbers are no longitudes and latitudes."),
                tr("Add the system, as in 500000,510000,4650000,4660000 [EPSG:32631]."),
            )
        crs = QgsCoordinateReferenceSystem(WGS84)
    return _in_wgs84(target, QgsGeometry.fromRect(extent), crs, entered)


def _of_layer(target: Input, entered: Entered) -> dict[str, Any] | Unread:
    raw = entered.raw(_layer(target))
    if is_geojson(raw):
        features = QgsJsonUtils.stringToFeatureList(_as_features(raw))
        crs = QgsCoordinateReferenceSystem(WGS84)
        return _geojson(target, _joined(target, features, crs, entered, QgsFeedback()))
    source = entered.algorithm.parameterAsSource(entered.parameters, _layer(target), entered.context)
    if source is None:
        raise target.problem(tr("the layer cannot be read."), tr("Choose a layer of polygons."))
    if not source.sourceCrs().isValid():
        raise target.problem(
            tr("the layer '{}' has no coordinate reference system.").format(source.sourceName()),
            tr("Set it in the layer's properties, under Source."),
        )
    if source.featureCount() == 0:
        raise _no_polygon(target)

    def read(feedback: QgsFeedback) -> dict[str, Any]:
        return _geojson(target, _joined(target, source.getFeatures(), source.sourceCrs(), entered, feedback))

    return Unread(read)


def _no_polygon(target: Input) -> InputProblem:
    return target.problem(tr("the layer has no polygon."), tr("Draw one, or choose another layer."))


def geometry_of(geojson: Mapping[str, Any]) -> QgsGeometry:
    """A GeoJSON geometry for QGIS; empty if it is none."""
    feature = {"type": "Feature", "properties": {}, "geometry": geojson}
    features = QgsJsonUtils.stringToFeatureList(json.dumps(feature))
    return features[0].geometry() if features else QgsGeometry()


def is_geojson(value: Any) -> bool:
    """Whether a parameter holds the polygons themselves, in place of the name of a layer."""
    return isinstance(value, str) and value.lstrip().startswith("{")


def _as_features(text: str) -> str:
    """GeoJSON whose outermost object is a feature or a collection of them, as QGIS reads it."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict) and "coordinates" in document:
        document = {"type": "Feature", "properties": {}, "geometry": document}
    return json.dumps(document)


def _joined(
    target: Input,
    features: Iterable[QgsFeature],
    crs: QgsCoordinateReferenceSystem,
    entered: Entered,
    feedback: QgsFeedback,
) -> QgsGeometry:
    polygons = []
    for feature in features:
        if feedback.isCanceled():
            raise Cancelled
        geometry = feature.geometry()
        if geometry.isEmpty():
            continue
        if geometry.type() != QgsWkbTypes.GeometryType.PolygonGeometry:
            raise target.problem(tr("the layer holds no polygons."), tr("Choose a layer of polygons."))
        if not geometry.isGeosValid():
            problem = "; ".join(error.what() for error in geometry.validateGeometry()[:1]) or tr("invalid geometry")
            raise target.problem(
                tr("the polygon {} crosses itself or is malformed ({}).").format(feature.id(), problem),
                tr("Repair the layer with the tool 'Fix geometries'."),
            )
        polygons.append(geometry)
    if not polygons:
        raise _no_polygon(target)
    return _in_wgs84(target, QgsGeometry.unaryUnion(polygons), crs, entered)


def _in_wgs84(target: Input, geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem, entered: Entered) -> QgsGeometry:
    flat = QgsGeometry(geometry.constGet().segmentize())
    flat.get().dropZValue()
    flat.get().dropMValue()
    wgs84 = QgsCoordinateReferenceSystem(WGS84)
    if crs != wgs84:
        box = flat.boundingBox()
        flat = flat.densifyByDistance(max(box.width(), box.height()) / EDGE_PARTS)
        try:
            flat.transform(QgsCoordinateTransform(crs, wgs84, entered.context.transformContext()))
        except QgsCsException as error:
            raise target.problem(
                tr("the area cannot be reprojected from {} to WGS 84: {}").format(crs.authid(), error),
                tr("Check the layer's or the extent's coordinate reference system."),
            ) from None
    box = flat.boundingBox()
    if not (box.isFinite() and DEGREES.contains(box)):
        raise target.problem(
            tr("the area lies outside of the world's longitudes and latitudes."),
            tr("Check the layer's or the extent's coordinate reference system."),
        )
    return flat
