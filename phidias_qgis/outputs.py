"""The kinds of output, in one table: what each is in QGIS, and how it gets there when the job has ended.

Layers stay on the gateway and are streamed, unless the person gives a path to keep them at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from qgis.core import (
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
    QgsProject,
)

from phidias_qgis import groups, layers
from phidias_qgis.destination import Destination
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import described, flatten, parameter_name
from phidias_qgis.job_layers import JobLayers
from phidias_qgis.references import file_of

if TYPE_CHECKING:
    from backend_client import Result

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
    def label(self) -> str:
        """What tells the destination from an input of the same title."""
        return tr("Result: {}").format(self.title)

    @property
    def folder_name(self) -> str:
        """The parameter that says where an output of several files is wanted."""
        return f"{self.name}_FOLDER"

    @property
    def load_name(self) -> str:
        """The parameter that says whether an output of several files is wanted on the map."""
        return f"{self.name}_LOAD"


@dataclass(frozen=True)
class Delivery:
    """What it takes to bring the results of one job into QGIS; used on the worker thread."""

    parameters: Mapping[str, Any]
    context: QgsProcessingContext
    feedback: QgsProcessingFeedback
    job: JobLayers
    name_of: Callable[[Output], str]
    """Name of the layer of an output"""

    def keep(self, layer: QgsMapLayer) -> QgsMapLayer:
        """Hold a layer for the next algorithm, and for the map."""
        return self.context.temporaryLayerStore().addMapLayer(layer)

    def load(self, layer: str, name: str, output: Output, project: QgsProject, *, raster: bool) -> None:
        """Have a layer, by its id or path, added to the job's group in `project` when the algorithm has ended."""
        group = groups.IntoGroup(self.job.job, self.job.title)
        layers.load(layer, name, output.name, project, self.context, raster=raster, then=group)


class Kind(NamedTuple):
    """One kind of output."""

    name: str
    recognise: Callable[[Output], bool]
    make: Callable[[Output], QgsProcessingParameterDefinition | QgsProcessingOutputDefinition]
    deliver: Callable[[Output, Result, Delivery], Any]
    """Gives the value of the QGIS output"""


def _media(schema: Schema) -> str:
    return str(schema.get("contentMediaType", "")).partition(";")[0].strip()


_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "image/tiff": (".tif", ".tiff"),
    "application/flatgeobuf": (".fgb",),
    "application/geo+json": (".geojson", ".json"),
    "application/geopackage+sqlite3": (".gpkg",),
}


def _is_vector(output: Output) -> bool:
    # The STAC Item is GeoJSON too, but is there to be read, not to be drawn.
    return _media(output.schema) in _SUFFIXES and output.id != "item"


def _are_rasters(output: Output) -> bool:
    return output.schema.get("type") == "array" and _media(flatten(output.schema.get("items"))) == "image/tiff"


def _type(*names: str) -> Callable[[Output], bool]:
    return lambda output: output.schema.get("type") in names


def _layer(*, raster: bool) -> Callable[[Output, Result, Delivery], Any]:
    def deliver(output: Output, result: Result, delivery: Delivery) -> str:
        destination = Destination.of(delivery.parameters, output.name, delivery.context)
        name = destination.name or delivery.name_of(output)
        if destination.path:
            destination.path.parent.mkdir(parents=True, exist_ok=True)
            delivery.feedback.pushInfo(tr("Downloading {}").format(destination.path))
            result.download(
                destination.path, progress=_progress(delivery.feedback), cancelled=delivery.feedback.isCanceled
            )
            delivery.keep(delivery.job.downloaded(destination.path, result.href, name, raster=raster))
            layer = str(destination.path)
        else:
            layer = delivery.keep(delivery.job.streamed(result.href, name, raster=raster)).id()
        if destination.project is not None:
            delivery.load(layer, name, output, destination.project, raster=raster)
        return layer

    return deliver


def _deliver_several(output: Output, result: Result, delivery: Delivery) -> list[str]:
    destination = Destination.of(delivery.parameters, output.folder_name, delivery.context)
    files = [file_of(link.href) for link in result.links]
    names = [delivery.job.name_of(file, file.rpartition(".")[0]) for file in files]
    if destination.path:
        delivery.feedback.pushInfo(tr("Downloading to {}").format(destination.path))
        destination.path.mkdir(parents=True, exist_ok=True)
        paths = result.download_all(
            destination.path, progress=_progress(delivery.feedback), cancelled=delivery.feedback.isCanceled
        )
        for path, link, name in zip(paths, result.links, names):
            delivery.keep(delivery.job.downloaded(path, link.href, name, raster=True))
        found = [str(path) for path in paths]
    else:
        # By their ids, as QGIS gives a single layer too: their sources are signed, and results are logged.
        found = [
            delivery.keep(delivery.job.streamed(link.href, name, raster=True)).id()
            for link, name in zip(result.links, names)
        ]
    project = delivery.context.project()
    if project is not None and delivery.parameters.get(output.load_name):
        for layer, name in zip(found, names):
            delivery.load(layer, name, output, project, raster=True)
    return found


def _deliver_text(output: Output, result: Result, delivery: Delivery) -> str:
    # The address without its signature: results are written to QGIS's history and logs.
    if result.links:
        return ", ".join(str(link) for link in result.links)
    return result.value if isinstance(result.value, str) else json.dumps(result.value)


def _deliver_value(output: Output, result: Result, delivery: Delivery) -> Any:
    return result.value


def _progress(feedback: QgsProcessingFeedback) -> Callable[[int, int | None], None]:
    def show(done: int, total: int | None) -> None:
        if total:
            feedback.setProgress(100 * done / total)

    return show


KINDS = (
    Kind(
        "raster",
        lambda output: _media(output.schema) == "image/tiff",
        lambda output: QgsProcessingParameterRasterDestination(output.name, output.label, optional=True),
        _layer(raster=True),
    ),
    Kind(
        "vector",
        _is_vector,
        lambda output: QgsProcessingParameterVectorDestination(output.name, output.label, optional=True),
        _layer(raster=False),
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
        _deliver_text,
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
            output.folder_name, tr("{} (folder)").format(output.label), optional=True
        )
        place = tr("Left temporary, the layers are streamed from the gateway; with a folder they are downloaded there.")
        algorithm.addParameter(described(folder, f"{output.help} {place}".strip()))
        load = QgsProcessingParameterBoolean(output.load_name, tr("Add the layers to the map"), True)
        algorithm.addParameter(load)


def obstacles(outputs: list[Output], parameters: Mapping[str, Any], context: QgsProcessingContext) -> Iterator[str]:
    """What stands in the way of writing the outputs where they are wanted."""
    for output in outputs:
        if _are_rasters(output):
            name, suffixes = output.folder_name, ()
        else:
            name, suffixes = output.name, _SUFFIXES.get(_media(output.schema), ())
        obstacle = Destination.of(parameters, name, context).obstacle(suffixes)
        if obstacle:
            yield f"{output.title} ({name}): {obstacle}"


def deliver(output: Output, result: Result, delivery: Delivery) -> Any:
    """Bring one result into QGIS; returns the value of its QGIS output. Raises GatewayError, OSError."""
    return kind_of(output).deliver(output, result, delivery)
