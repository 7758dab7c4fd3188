"""The OGC process description of a process, made from its class, so that it cannot drift.

OGC API - Processes 1.0 (18-062r2), 7.9; its schemas follow OpenAPI 3.0.
"""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from phidias_gateway.inputs import LimitedBy
from phidias_gateway.process import Process

AnyProcess = Process[Any, Any]


def summarize(process: AnyProcess) -> dict[str, Any]:
    """The process as an entry of the process list."""
    title, description = _title_and_text(inspect.getdoc(type(process)) or process.id)
    control = ["sync-execute", "async-execute"] if process.synchronous else ["async-execute"]
    return {
        "id": process.id,
        "version": process.version,
        "title": title,
        "description": description,
        "keywords": list(process.keywords),
        "metadata": [
            *([{"role": "group", "title": process.group}] if process.group else []),
            *({"role": "reference", "href": reference} for reference in process.references),
        ],
        "jobControlOptions": [*control, "dismiss"],
        "outputTransmission": ["reference", "value"],
    }


def describe(process: AnyProcess) -> dict[str, Any]:
    """The whole description: the summary with every input and output."""
    return {
        **summarize(process),
        "inputs": _members(process.Inputs, "validation"),
        "outputs": _members(process.Outputs, "serialization"),
    }


def _members(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode)
    definitions = schema.get("$defs", {})
    return {
        name: _member(name, field, to_openapi_30(schema["properties"][name], definitions))
        for name, field in model.model_fields.items()
    }


def _member(name: str, field: FieldInfo, schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("description", None)
    title, description = _title_and_text(field.description or name.replace("_", " ").capitalize())
    member: dict[str, Any] = {"title": title, "schema": schema}
    if description:
        member["description"] = description
    if not field.is_required():
        member["minOccurs"] = 0
    limits = [entry.area for entry in field.metadata if isinstance(entry, LimitedBy)]
    if limits:
        member["metadata"] = [{"role": "limited-by", "title": area} for area in limits]
    return member


def _title_and_text(docstring: str) -> tuple[str, str]:
    title, _, text = inspect.cleandoc(docstring).partition("\n")
    return title.strip(), "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def to_openapi_30(schema: Any, definitions: dict[str, Any], *, named: bool = False) -> Any:
    """Pydantic's JSON Schema (2020-12) in the words of OpenAPI 3.0: definitions inlined, no null type, no const.

    `named` is true where the keys are the user's own names, not schema keywords.
    """
    if isinstance(schema, list):
        return [to_openapi_30(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if named:
        return {key: to_openapi_30(value, definitions) for key, value in schema.items()}
    if str(schema.get("$ref", "")).startswith("#/$defs/"):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return to_openapi_30({**definitions[schema["$ref"].rsplit("/", 1)[1]], **rest}, definitions)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        if len(options) == 1:
            return to_openapi_30({**options[0], **rest}, definitions)
        schema = {**rest, "oneOf": options}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value is None:
            continue
        if key == "const":
            result["enum"] = [value]
        elif key in ("exclusiveMinimum", "exclusiveMaximum"):
            result[key.replace("exclusiveM", "m")] = value
            result[key] = True
        elif key in ("default", "enum", "examples"):
            result[key] = value
        else:
            result[key] = to_openapi_30(value, definitions, named=key == "properties")
    return result
