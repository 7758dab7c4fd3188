"""The kinds of input, in one table: how each is recognised by its JSON schema, shown in QGIS, and read back.

A new kind is one row here. An input that no row recognises is the last row's: a text field with JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from qgis.core import QgsFeedback, QgsProcessingParameterDefinition

from phidias_qgis import area, plain, rasters, scenes, vectors
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, Unread, all_read, described, flatten
from phidias_qgis.local_rasters import LocalRaster
from phidias_qgis.local_vectors import FeaturesOfLayer

Schema = Mapping[str, Any]


class Kind(NamedTuple):
    """One kind of input. `read` gives the JSON value, a ToUpload or ToFetch, or None if nothing was entered.

    `write` gives the parameters from which `read` would make a value.
    """

    name: str
    recognise: Callable[[Schema], bool]
    make: Callable[[Input], list[QgsProcessingParameterDefinition]]
    read: Callable[[Input, Entered], Any]
    write: Callable[[Input, Any], dict[str, Any]]


def _format(name: str) -> Callable[[Schema], bool]:
    return lambda schema: schema.get("format") == name


def _type(*names: str) -> Callable[[Schema], bool]:
    return lambda schema: schema.get("type") in names


def _is_choice(schema: Schema) -> bool:
    holder = flatten(schema.get("items")) if schema.get("type") == "array" else schema
    return bool(holder.get("enum")) and holder.get("type") != "array"


def _is_raster(schema: Schema) -> bool:
    return str(schema.get("contentMediaType", "")).startswith("image/tiff")


def _is_list(schema: Schema) -> bool:
    return schema.get("type") == "array" and flatten(schema.get("items")).get("type") in ("string", "number", "integer")


def _is_date(schema: Schema) -> bool:
    return schema.get("type") == "string" and schema.get("format") in ("date", "date-time")


KINDS = (
    Kind("area", _format("geojson-geometry"), area.make_area, area.read_area, area.write_area),
    Kind("scenes", _format("stac-scenes"), scenes.make_scenes, scenes.read_scenes, scenes.write_scenes),
    Kind("bounding box", _format("ogc-bbox"), area.make_box, area.read_box, area.write_box),
    Kind("raster", _is_raster, rasters.make_raster, rasters.read_raster, rasters.write_raster),
    Kind(
        "vector", _format("geojson-feature-collection"), vectors.make_vector, vectors.read_vector, vectors.write_vector
    ),
    Kind("reference system", _format("crs"), plain.make_crs, plain.read_crs, plain.write_value),
    Kind("choice", _is_choice, plain.make_choice, plain.read_choice, plain.write_choice),
    Kind("date", _is_date, plain.make_date, plain.read_date, plain.write_value),
    Kind("number", _type("number", "integer"), plain.make_number, plain.read_number, plain.write_value),
    Kind("flag", _type("boolean"), plain.make_flag, plain.read_flag, plain.write_value),
    Kind("text", _type("string"), plain.make_text, plain.read_text, plain.write_value),
    Kind("list", _is_list, plain.make_list, plain.read_list, plain.write_list),
    Kind("JSON", lambda schema: True, plain.make_json, plain.read_json, plain.write_json),
)


def kind_of(schema: Schema) -> Kind:
    """The row of the table for a schema."""
    return next(kind for kind in KINDS if kind.recognise(schema))


def make(target: Input) -> list[QgsProcessingParameterDefinition]:
    """The QGIS parameters of an input, with their help."""
    definitions = kind_of(target.schema).make(target)
    for definition in definitions:
        if not definition.help():
            described(definition, target.help)
    return definitions


def read(inputs: Iterable[Input], entered: Entered) -> dict[str, Any]:
    """What was entered, as the inputs of an execution. Raises InputProblem for what cannot be used.

    A ToUpload or ToFetch stands for what is still to be sent or read. Inputs left empty are left out.
    """
    values = {}
    for target in inputs:
        value = kind_of(target.schema).read(target, entered)
        if value is not None:
            values[target.id] = value
        elif target.required:
            raise target.problem(tr("a value is needed."))
    return _limited(inputs, values)


def complete(inputs: Iterable[Input], values: Mapping[str, Any], feedback: QgsFeedback) -> dict[str, Any]:
    """The values with what `read` has left for the worker thread. Raises InputProblem, Cancelled."""
    return _limited(inputs, all_read(values, feedback))


def _limited(inputs: Iterable[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, of rasters and features of this computer only what the job needs, where its area is read."""
    limited = dict(values)
    for target in inputs:
        value, area = values.get(target.id), values.get(target.limited_by)
        if isinstance(value, (LocalRaster, FeaturesOfLayer)) and not isinstance(area, Unread):
            limited[target.id] = value.within(area)
    return limited


def write(inputs: Iterable[Input], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters that make the inputs of an execution, and the titles of the inputs that no parameter can make."""
    parameters: dict[str, Any] = {}
    strange = []
    for target in inputs:
        value = values.get(target.id)
        if isinstance(value, Mapping) and "value" in value:
            value = value["value"]
        if value is None:
            continue
        try:
            parameters.update(kind_of(target.schema).write(target, value))
        except (
            AttributeError,
            KeyError,
            IndexError,
            TypeError,
            ValueError,
        ):  # made by another client, in a way of its own
            strange.append(target.title)
    return parameters, strange
