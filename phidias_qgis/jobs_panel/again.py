"""A job's request in the words of QGIS: to fill the tool's dialog with it, or to copy it into a script."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsJsonUtils,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)

from backend_client import Definition, Job, ProcessDescription
from phidias_qgis import parameters
from phidias_qgis.algorithm import algorithm_name
from phidias_qgis.area import WGS84, geometry_of, is_geojson
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Input
from phidias_qgis.rasters import unsigned


def tool_of(job: Job) -> QgsProcessingAlgorithm | None:
    """The tool in QGIS of a job's process, None if there is none."""
    return QgsApplication.processingRegistry().createAlgorithmById(f"phidias:{algorithm_name(job.process_id)}")


def entered(definition: Definition, description: ProcessDescription) -> tuple[dict[str, Any], list[str]]:
    """The parameters of the tool that make this request, and the titles of the inputs that none can make."""
    inputs = [Input.from_description(name, member) for name, member in description.inputs.items()]
    return parameters.write(inputs, definition.inputs)


def with_layers(values: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The parameters for a dialog: an area that is no rectangle, and features, become layers of the project, seen and
    editable. Features of several kinds of geometry, which no layer holds, stay as they are."""
    result = dict(values)
    for name, value in values.items():
        if is_geojson(value):
            document = json.loads(value)
            layer = _features_layer(value, title) if "features" in document else _layer(document, title)
            if layer is not None:
                QgsProject.instance().addMapLayer(layer)
                result[name] = layer.id()
    return result


def as_python(tool: QgsProcessingAlgorithm, values: Mapping[str, Any]) -> str:
    """The call of `processing.run`."""
    return str(tool.asPythonCommand(dict(values), QgsProcessingContext()))


def as_command(tool: QgsProcessingAlgorithm, values: Mapping[str, Any]) -> str:
    """The call of qgis_process, for a shell of Unix."""
    parts = ["qgis_process", "run", tool.id()]
    for name, value in values.items():
        several = value if isinstance(value, list) else [value]
        parts += [f"--{name}={_plain(each)}" for each in several]
    return " ".join(shlex.quote(part) for part in parts)


def as_json(definition: Definition) -> str:
    """The execute request, as it can be sent to the gateway."""
    return json.dumps(_without_signatures(definition.raw), indent=2, ensure_ascii=False)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_signatures(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_signatures(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_signatures(member) for member in value]
    return unsigned(value) if isinstance(value, str) and "signature=" in value else value


def _layer(geojson: Mapping[str, Any], title: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(f"{geojson['type']}?crs={WGS84}", tr("Area of {}").format(title), "memory")
    layer.setCrs(QgsCoordinateReferenceSystem(WGS84))
    feature = QgsFeature()
    feature.setGeometry(geometry_of(geojson))
    layer.dataProvider().addFeatures([feature])
    layer.updateExtents()
    return layer


def _features_layer(geojson: str, title: str) -> QgsVectorLayer | None:
    fields = QgsJsonUtils.stringToFields(geojson)
    features = QgsJsonUtils.stringToFeatureList(geojson, fields)
    types = {QgsWkbTypes.multiType(feature.geometry().wkbType()) for feature in features if feature.hasGeometry()}
    if len(types) != 1:
        return None
    kind = QgsWkbTypes.displayString(types.pop())
    layer = QgsVectorLayer(f"{kind}?crs={WGS84}", tr("Features of {}").format(title), "memory")
    layer.dataProvider().addAttributes(fields.toList())
    layer.updateFields()
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer
