"""What a person wants of a job's outputs once it has ended: kept as JSON, and turned into parameters again then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProject,
)

from phidias_qgis.destination import Destination
from phidias_qgis.outputs import Output, kind_of


def wanted(outputs: Iterable[Output], parameters: Mapping[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
    """By output: the path to keep it at (empty: none) and whether to load it. Outputs not asked for are left out."""
    found = {}
    for output in outputs:
        several = kind_of(output).name == "rasters"
        destination = Destination.of(parameters, output.folder_name if several else output.name, context)
        load = bool(parameters.get(output.load_name)) if several else destination.project is not None
        if load or destination.path:
            found[output.id] = {"path": str(destination.path or ""), "load": load}
    return found


def every_layer(outputs: Iterable[Output]) -> dict[str, Any]:
    """All layers of a job, loaded and kept nowhere."""
    return {output.id: {"path": "", "load": True} for output in outputs if is_layer(output)}


def is_layer(output: Output) -> bool:
    """Whether an output can be drawn on a map."""
    return kind_of(output).name == "rasters" or isinstance(
        kind_of(output).make(output), QgsProcessingParameterDefinition
    )


def parameters_for(outputs: Iterable[Output], wishes: Mapping[str, Any], project: QgsProject) -> dict[str, Any]:
    """The destination parameters that say what `wanted` had read from them."""
    parameters: dict[str, Any] = {}
    for output in outputs:
        wish = wishes.get(output.id)
        if not wish:
            continue
        sink, load = wish["path"] or QgsProcessing.TEMPORARY_OUTPUT, wish["load"]
        if kind_of(output).name == "rasters":
            parameters.update({output.folder_name: sink, output.load_name: load})
        else:
            parameters[output.name] = QgsProcessingOutputLayerDefinition(sink, project) if load else sink
    return parameters
