"""Features as inputs: an address is passed on for the gateway to read, those of all other layers are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingUtils,
    QgsProperty,
    QgsProviderRegistry,
    QgsVectorLayer,
)

from phidias_qgis.area import is_geojson
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, LocalFile
from phidias_qgis.links import href_of, links
from phidias_qgis.local_vectors import SUFFIX, FeaturesOfLayer, InlineFeatures, UploadedFeatures
from phidias_qgis.rasters import address, unsigned

FLATGEOBUF = "application/flatgeobuf"
SOURCES: Mapping[str, QgsProcessing.SourceType] = {
    "Point": QgsProcessing.SourceType.TypeVectorPoint,
    "LineString": QgsProcessing.SourceType.TypeVectorLine,
    "Polygon": QgsProcessing.SourceType.TypeVectorPolygon,
}


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


def make_vector(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A vector layer with the kind of geometry that is wanted."""
    features = target.schema.get("properties", {}).get("features", {})
    types = features.get("items", {}).get("properties", {}).get("geometry", {}).get("properties", {}).get("type", {})
    kinds = [SOURCES[name] for name in types.get("enum", ()) if name in SOURCES]
    kinds = kinds or [QgsProcessing.SourceType.TypeVectorAnyGeometry]
    return [VectorParameter(target.name, target.title, kinds, optional=target.optional)]


def read_vector(target: Input, entered: Entered) -> FeaturesOfLayer | LocalFile | dict[str, Any] | None:
    """A link for what the gateway can read itself, what is still to be sent for all else; None if it was left out."""
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
    send = UploadedFeatures if FLATGEOBUF in target.media_types else InlineFeatures
    return send(target, source, check, entered.context.transformContext())


def write_vector(target: Input, value: Any) -> dict[str, Any]:
    """The address, or the features themselves as GeoJSON."""
    if "href" in value:
        return {target.name: unsigned(value["href"])}
    if not isinstance(value["features"], list):
        raise ValueError(value["features"])
    return {target.name: json.dumps(value)}


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
