"""The kinds of output, in one table: what each is in QGIS, and how it gets there when the job has ended.

Layers stay on the gateway and are streamed, unless the person gives a path to keep them at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
    QgsProcessingUtils,
    QgsProject,
    QgsProperty,
)

from backend_client import Result
from phidias_qgis import layers
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import described, flatten, parameter_name

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Output:
    """One output of a process."""

    id: str
    title: str
    help: str
    schema: Schema

    @classmethod
    def from_description(cls, identifier: str, member: Mapping[str, Any]) -> Output:
        """Read a member of `outputs`."""
        title = str(member.get("title") or identifier)
        return cls(identifier, title, str(member.get("description") or ""), flatten(member.get("schema")))

    @property
    def name(self) -> str:
        return f"OUTPUT_{parameter_name(self.id)}"

    @property
    def folder_name(self) -> str:
        """The parameter of an output that is several files."""
        return f"{self.name}_FOLDER"


@dataclass(frozen=True)
class Destination:
    """Where an output is wanted: at a path, or nowhere in particular; and the project to add it to, if any."""

    path: Path | None = None
    project: QgsProject | None = None
    name: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, Any], name: str, context: QgsProcessingContext) -> Destination:
        """Read a destination parameter, without having QGIS make a temporary file of it."""
        value, project, title = parameters.get(name), None, ""
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value, project, title = value.sink, value.destinationProject, value.destinationName
        if isinstance(value, QgsProperty):
            value = value.valueAsString(context.expressionContext(), "")[0]
        text = str(value or "").strip()
        if text in ("", QgsProcessing.TEMPORARY_OUTPUT) or text.startswith("memory:"):
            return cls(None, project, title)
        path = Path(text).expanduser().absolute()
        # What a model hands from step to step is given a path there.
        if Path(QgsProcessingUtils.tempFolder()) in path.parents:
            return cls(None, project, title)
        return cls(path, project, title)

    def obstacle(self, *, folder: bool = False) -> str:
        """Why nothing can be written there, empty if it can."""
        if self.path is None:
            return ""
        place = self.path if folder else self.path.parent
        place = next(parent for parent in (place, *place.parents) if parent.exists())
        if not place.is_dir() or not os.access(place, os.W_OK):
            return tr("'{}' cannot be written. Choose another place.").format(self.path)
        return ""


@dataclass(frozen=True)
class Delivery:
    """What it takes to bring the results of one job into QGIS; used on the worker thread."""

    parameters: Mapping[str, Any]
    context: QgsProcessingContext
    feedback: QgsProcessingFeedback
    names: Callable[[Output], str]
    """Name of the layer of an output"""


class Kind(NamedTuple):
    """One kind of output."""

    name: str
    recognise: Callable[[Output], bool]
    make: Callable[[Output], QgsProcessingParameterDefinition | QgsProcessingOutputDefinition]
    deliver: Callable[[Output, Result, Delivery], Any]
    """Gives the value of the QGIS output"""


def _media(schema: Schema) -> str:
    return str(schema.get("contentMediaType", "")).partition(";")[0].strip()


def _is_vector(output: Output) -> bool:
    vector = ("application/flatgeobuf", "application/geo+json", "application/geopackage+sqlite3")
    # The STAC Item is GeoJSON too, but is there to be read, not to be drawn.
    return _media(output.schema) in vector and output.id != "item"


def _are_rasters(output: Output) -> bool:
    return output.schema.get("type") == "array" and _media(flatten(output.schema.get("items"))) == "image/tiff"


def _type(*names: str) -> Callable[[Output], bool]:
    return lambda output: output.schema.get("type") in names


def _layer(hint: Any) -> Callable[[Output, Result, Delivery], Any]:
    def deliver(output: Output, result: Result, delivery: Delivery) -> str:
        destination = Destination.of(delivery.parameters, output.name, delivery.context)
        if destination.path:
            destination.path.parent.mkdir(parents=True, exist_ok=True)
            delivery.feedback.pushInfo(tr("Downloading {}").format(destination.path))
            result.download(
                destination.path, progress=_progress(delivery.feedback), cancelled=delivery.feedback.isCanceled
            )
        path = str(destination.path) if destination.path else layers.streamed(result.href)
        if destination.project is not None:
            name = destination.name or delivery.names(output)
            layers.load(path, name, output.name, hint, destination.project, delivery.context)
        return path

    return deliver


def _deliver_several(output: Output, result: Result, delivery: Delivery) -> list[str]:
    destination = Destination.of(delivery.parameters, output.folder_name, delivery.context)
    if not destination.path:
        return [layers.streamed(link.href) for link in result.links]
    delivery.feedback.pushInfo(tr("Downloading to {}").format(destination.path))
    destination.path.mkdir(parents=True, exist_ok=True)
    paths = result.download_all(
        destination.path, progress=_progress(delivery.feedback), cancelled=delivery.feedback.isCanceled
    )
    return [str(path) for path in paths]


def _deliver_address(output: Output, result: Result, delivery: Delivery) -> str:
    # The address without its signature: results are written to QGIS's history and logs.
    return str(result.links[0]) if result.links else _as_text(result.value)


def _deliver_value(output: Output, result: Result, delivery: Delivery) -> Any:
    return result.value


def _deliver_text(output: Output, result: Result, delivery: Delivery) -> str:
    return str(result.links[0]) if result.links else _as_text(result.value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _progress(feedback: QgsProcessingFeedback) -> Callable[[int, int | None], None]:
    def show(done: int, total: int | None) -> None:
        if total:
            feedback.setProgress(100 * done / total)

    return show


KINDS = (
    Kind(
        "raster",
        lambda output: _media(output.schema) == "image/tiff",
        lambda output: QgsProcessingParameterRasterDestination(output.name, output.title, optional=True),
        _layer(layers.RASTER),
    ),
    Kind(
        "vector",
        _is_vector,
        lambda output: QgsProcessingParameterVectorDestination(output.name, output.title, optional=True),
        _layer(layers.VECTOR),
    ),
    Kind(
        "rasters",
        _are_rasters,
        lambda output: QgsProcessingOutputMultipleLayers(output.name, output.title),
        _deliver_several,
    ),
    Kind(
        "file",
        lambda output: bool(_media(output.schema)),
        lambda output: QgsProcessingOutputString(output.name, tr("{} (address)").format(output.title)),
        _deliver_address,
    ),
    Kind(
        "number",
        _type("number", "integer"),
        lambda output: QgsProcessingOutputNumber(output.name, output.title),
        _deliver_value,
    ),
    Kind(
        "flag",
        _type("boolean"),
        lambda output: QgsProcessingOutputBoolean(output.name, output.title),
        _deliver_value,
    ),
    Kind(
        "text",
        lambda output: True,
        lambda output: QgsProcessingOutputString(output.name, output.title),
        _deliver_text,
    ),
)


def kind_of(output: Output) -> Kind:
    """The row of the table for an output."""
    return next(kind for kind in KINDS if kind.recognise(output))


def add_to(algorithm: QgsProcessingAlgorithm, output: Output) -> None:
    """Declare an output: a destination parameter where the person may choose a place, else an output alone."""
    made = kind_of(output).make(output)
    if isinstance(made, QgsProcessingOutputDefinition):
        algorithm.addOutput(made)
    else:
        place = tr("Left temporary, the layer is streamed from the gateway; with a file name it is downloaded there.")
        algorithm.addParameter(described(made, f"{output.help} {place}".strip()))
    if _are_rasters(output):
        folder = QgsProcessingParameterFolderDestination(
            output.folder_name, tr("{} (folder)").format(output.title), optional=True, createByDefault=False
        )
        place = tr("Left empty, the layers are streamed from the gateway; with a folder they are downloaded there.")
        algorithm.addParameter(described(folder, f"{output.help} {place}".strip()))


def obstacles(outputs: list[Output], parameters: Mapping[str, Any], context: QgsProcessingContext) -> Iterator[str]:
    """What stands in the way of writing the outputs where they are wanted."""
    for output in outputs:
        several = _are_rasters(output)
        destination = Destination.of(parameters, output.folder_name if several else output.name, context)
        obstacle = destination.obstacle(folder=several)
        if obstacle:
            yield f"{output.title} ({output.name}): {obstacle}"


def deliver(output: Output, result: Result, delivery: Delivery) -> Any:
    """Bring one result into QGIS; returns the value of its QGIS output. Raises GatewayError, OSError."""
    return kind_of(output).deliver(output, result, delivery)
