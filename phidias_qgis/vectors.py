"""Features as inputs: those of a layer are written to a file and uploaded, an address is passed on to the gateway.

A layer is looked at on the main thread, and its features are fetched on the worker thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSink,
    QgsGeometry,
    QgsJsonExporter,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingUtils,
    QgsProperty,
    QgsProviderRegistry,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)

from backend_client import Cancelled
from phidias_qgis.area import EDGE_PARTS, WGS84, geometry_of, is_geojson
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, LocalFile
from phidias_qgis.links import href_of, links
from phidias_qgis.rasters import address, unsigned

FLATGEOBUF = "application/flatgeobuf"
SUFFIX = ".fgb"
SOURCES: Mapping[str, QgsProcessing.SourceType] = {
    "Point": QgsProcessing.SourceType.TypeVectorPoint,
    "LineString": QgsProcessing.SourceType.TypeVectorLine,
    "Polygon": QgsProcessing.SourceType.TypeVectorPolygon,
}
Check = QgsFeatureRequest.InvalidGeometryCheck


class VectorParameter(QgsProcessingParameterFeatureSource):
    """A vector layer that QGIS's history and logs call by its id if its source is a link, which may be signed."""

    def clone(self) -> VectorParameter:
        return VectorParameter(self)

    def valueAsPythonString(self, value: Any, context: QgsProcessingContext) -> str:
        link = _link_of(value)
        if link:
            return repr(unsigned(link))
        layer = _layer_of(value, context)
        if layer is not None and href_of(layer.source()):
            return repr(layer.id())
        return str(super().valueAsPythonString(value, context))


@dataclass(frozen=True)
class LocalFeatures:
    """The value of an input whose features are still to be fetched from their layer."""

    target: Input
    source: QgsProcessingFeatureSource
    check: Check
    """What is to become of invalid geometries"""
    transforms: QgsCoordinateTransformContext


def make_vector(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A vector layer with the kind of geometry that is wanted."""
    features = target.schema.get("properties", {}).get("features", {})
    types = features.get("items", {}).get("properties", {}).get("geometry", {}).get("properties", {}).get("type", {})
    kinds = [SOURCES[name] for name in types.get("enum", ()) if name in SOURCES]
    kinds = kinds or [QgsProcessing.SourceType.TypeVectorAnyGeometry]
    return [VectorParameter(target.name, target.title, kinds, optional=target.optional)]


def read_vector(target: Input, entered: Entered) -> LocalFeatures | LocalFile | dict[str, Any] | None:
    """A link for what is on the network, LocalFeatures for what must be sent; None if it was left out."""
    if not entered.given(target.name):
        return None
    raw = entered.raw(target.name)
    if _link_of(raw) and not _is_part(raw):
        return {"href": _link_of(raw)}
    if is_geojson(raw):
        return _collection(target, raw)
    layer = _layer_of(raw, entered.context)
    if layer is not None and not _is_part(raw) and _is_as_stored(layer):
        if href_of(layer.source()):
            return {"href": href_of(layer.source())}
        path = _file_of(layer)
        original = links.original_of(path) if path else ""
        if original:
            return LocalFile(path, original)
    source = entered.algorithm.parameterAsSource(entered.parameters, target.name, entered.context)
    if source is None:
        raise target.problem(
            tr("the layer {} cannot be read.").format(entered.text(target.name)), tr("Choose a vector layer or file.")
        )
    if not source.sourceCrs().isValid():
        raise target.problem(
            tr("the layer '{}' has no coordinate reference system.").format(source.sourceName()),
            tr("Set it in the layer's properties, under Source."),
        )
    check = entered.context.invalidGeometryCheck()
    if isinstance(raw, QgsProcessingFeatureSourceDefinition):
        own = QgsProcessingFeatureSourceDefinition.Flag.FlagOverrideDefaultGeometryCheck
        check = raw.geometryCheck if raw.flags & own else check
    return LocalFeatures(target, source, check, entered.context.transformContext())


def write_vector(target: Input, value: Any) -> dict[str, Any]:
    """The address, or the features themselves as GeoJSON."""
    if "href" in value:
        return {target.name: unsigned(value["href"])}
    if not isinstance(value["features"], list):
        raise ValueError(value["features"])
    return {target.name: json.dumps(value)}


def fetched(
    values: Mapping[str, Any], area: Mapping[str, Any] | None, folder: Path, feedback: QgsProcessingFeedback
) -> dict[str, Any]:
    """The values with all features fetched: in a file in `folder`, or as GeoJSON for a server that takes no such file.

    Only those that intersect `area`, a GeoJSON geometry in WGS 84, if there is one. The same features make the same
    file, byte by byte, so that they are sent once. For a worker thread. Raises InputProblem, Cancelled.
    """
    return {
        name: _fetched(value, area, folder / f"{name}{SUFFIX}", feedback) if isinstance(value, LocalFeatures) else value
        for name, value in values.items()
    }


def _fetched(
    local: LocalFeatures, area: Mapping[str, Any] | None, path: Path, feedback: QgsProcessingFeedback
) -> LocalFile | dict[str, Any]:
    features = _features(local, area, feedback)
    first = next(features, None)
    if first is None:
        text = tr("the layer '{}' has no feature in the area that can be used.")
        if area is None:
            text = tr("the layer '{}' has no feature that can be used.")
        raise local.target.problem(
            text.format(local.source.sourceName()), tr("Choose another layer, or clear its filter or selection.")
        )
    if FLATGEOBUF in local.target.media_types:
        _write(local, first, features, path)
        return LocalFile(path)
    exporter = QgsJsonExporter()
    exporter.setSourceCrs(local.source.sourceCrs())
    return dict(json.loads(exporter.exportFeatures([first, *features])))


def _features(
    local: LocalFeatures, area: Mapping[str, Any] | None, feedback: QgsProcessingFeedback
) -> Iterator[QgsFeature]:
    """The features with flat geometries, as far as they have any."""
    request = QgsFeatureRequest()
    within = _within(local, area)
    if within is not None:
        request.setFilterRect(within.boundingBox())
    engine = None if within is None else QgsGeometry.createGeometryEngine(within.constGet())
    if engine is not None:
        engine.prepareGeometry()
    # QGIS would raise in the midst of an iteration in C++, and without saying what to do.
    flag = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
    empty = left = 0
    for feature in local.source.getFeatures(request, flag):
        if feedback.isCanceled():
            raise Cancelled
        if not feature.hasGeometry() or feature.geometry().isEmpty():
            empty += 1
            continue
        geometry = _flat(feature.geometry())
        if engine is not None and not engine.intersects(geometry.constGet()):
            continue
        if local.check != Check.GeometryNoCheck and not geometry.isGeosValid():
            if local.check == Check.GeometryAbortOnInvalid:
                raise _invalid(local, feature.id(), geometry)
            left += 1
            continue
        feature.setGeometry(geometry)
        yield feature
    if empty:
        feedback.pushWarning(tr("Features left out for having no geometry: {}").format(empty))
    if left:
        feedback.pushWarning(tr("Features left out for an invalid geometry: {}").format(left))


def _within(local: LocalFeatures, area: Mapping[str, Any] | None) -> QgsGeometry | None:
    """The area in the reference system of the features; None if there is none, or that cannot show it."""
    if area is None:
        return None
    wgs84, crs = QgsCoordinateReferenceSystem(WGS84), local.source.sourceCrs()
    geometry = geometry_of(area)
    box = geometry.boundingBox()
    if crs != wgs84:
        geometry = geometry.densifyByDistance(max(box.width(), box.height()) / EDGE_PARTS)
        try:
            geometry.transform(QgsCoordinateTransform(wgs84, crs, local.transforms))
        except QgsCsException:
            return None
    return geometry


def _flat(geometry: QgsGeometry) -> QgsGeometry:
    """Without curves, heights and measures, which no gateway reads."""
    flat = QgsGeometry(geometry.constGet().segmentize())
    flat.get().dropZValue()
    flat.get().dropMValue()
    return flat


def _invalid(local: LocalFeatures, identifier: int, geometry: QgsGeometry) -> Exception:
    what = "; ".join(error.what() for error in geometry.validateGeometry()[:1]) or tr("invalid geometry")
    return local.target.problem(
        tr("the feature {} of the layer '{}' crosses itself or is malformed ({}).").format(
            identifier, local.source.sourceName(), what
        ),
        tr("Repair the layer with the tool 'Fix geometries', or have QGIS leave out invalid features."),
    )


def _write(local: LocalFeatures, first: QgsFeature, others: Iterator[QgsFeature], path: Path) -> None:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "FlatGeobuf"
    options.layerName = "features"
    options.layerOptions = ["SPATIAL_INDEX=NO"]
    kind = QgsWkbTypes.linearType(QgsWkbTypes.flatType(local.source.wkbType()))
    writer = QgsVectorFileWriter.create(
        str(path), local.source.fields(), kind, local.source.sourceCrs(), local.transforms, options
    )
    for feature in _chained(first, others):
        if not writer.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
            break
    if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
        raise local.target.problem(
            tr("the features cannot be written for the upload: {}").format(writer.errorMessage()),
            tr("Export the layer as FlatGeobuf and choose that."),
        )
    del writer  # closes the file


def _chained(first: QgsFeature, others: Iterator[QgsFeature]) -> Iterator[QgsFeature]:
    yield first
    yield from others


def _entered(value: Any) -> Any:
    """The name of a layer, or the layer, within a parameter's value."""
    value = value.source if isinstance(value, QgsProcessingFeatureSourceDefinition) else value
    return value.staticValue() if isinstance(value, QgsProperty) else value


def _link_of(value: Any) -> str:
    """The http(s) address that a parameter's value names; empty if there is none."""
    text = _entered(value)
    return address(text) or (href_of(text) if isinstance(text, str) else "")


def _layer_of(value: Any, context: QgsProcessingContext) -> QgsVectorLayer | None:
    """The layer that a parameter's value names, if QGIS has opened it or can."""
    found = _entered(value)
    found = QgsProcessingUtils.mapLayerFromString(found, context) if isinstance(found, str) and found else found
    return found if isinstance(found, QgsVectorLayer) else None


def _is_part(value: Any) -> bool:
    """Whether a parameter's value stands for some features of its layer only."""
    if not isinstance(value, QgsProcessingFeatureSourceDefinition):
        return False
    # Filters are of QGIS 3.32 and later.
    return bool(value.selectedFeaturesOnly or value.featureLimit >= 0 or getattr(value, "filterExpression", ""))


def _is_as_stored(layer: QgsVectorLayer) -> bool:
    """Whether a layer shows all that its source holds, as it holds it."""
    if layer.crs() != layer.dataProvider().crs() or layer.fields().count() != layer.dataProvider().fields().count():
        return False
    return not layer.subsetString() and not layer.isModified()


def _file_of(layer: QgsVectorLayer) -> Path | None:
    """The FlatGeobuf file that a layer reads."""
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    path = Path(str(parts.get("path") or ""))
    return path if path.suffix.lower() == SUFFIX and path.is_file() else None


def _collection(target: Input, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise target.problem(tr("it is not valid JSON ({}).").format(error), tr("Give GeoJSON.")) from None
    if document.get("type") != "FeatureCollection":
        raise target.problem(tr("the text is no GeoJSON FeatureCollection."), tr("Give one, or choose a layer."))
    return dict(document)
