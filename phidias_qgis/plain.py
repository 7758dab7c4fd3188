"""Inputs with one plain QGIS widget: choices, numbers, flags, texts, dates, reference systems, lists, JSON."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import Qt

from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, items

SHOWN_CHOICES = 12


def make_choice(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A drop-down list of the values themselves, so that `--INDEX=NDVI` works on the command line."""
    several = target.schema.get("type") == "array"
    default = target.default
    if default is not None:
        default = [_word(value) for value in default] if several else _word(default)
    return [
        QgsProcessingParameterEnum(
            target.name,
            target.title,
            list(_choices(target)),
            allowMultiple=several,
            defaultValue=default,
            optional=target.optional,
            usesStaticStrings=True,
        )
    ]


def read_choice(target: Input, entered: Entered) -> Any:
    """The chosen value, or the list of values of an array."""
    if not entered.given(target.name):
        return None
    choices = _choices(target)
    raw = entered.raw(target.name)
    several = target.schema.get("type") == "array"
    chosen = [str(word) for word in (items(raw) if several else [raw])]
    for word in chosen:
        if word not in choices:
            near = difflib.get_close_matches(word, choices, n=3, cutoff=0.5) or list(choices)[:SHOWN_CHOICES]
            shown = ", ".join(near) + (", ..." if len(near) < len(choices) else "")
            raise target.problem(tr("'{}' is not a choice.").format(word), tr("Choose from {}").format(shown))
    values = [choices[word] for word in chosen]
    return values if several else values[0]


def make_number(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A number with its limits."""
    kind = QgsProcessingParameterNumber.Type
    limits = {
        limit: target.schema[key]
        for key, limit in (("minimum", "minValue"), ("maximum", "maxValue"))
        if _is_number(target.schema.get(key))
    }
    return [
        QgsProcessingParameterNumber(
            target.name,
            target.title,
            kind.Integer if target.schema.get("type") == "integer" else kind.Double,
            target.default,
            target.optional,
            **limits,
        )
    ]


def read_number(target: Input, entered: Entered) -> float | int | None:
    """The number; an integer where the schema asks for one."""
    if not entered.given(target.name):
        return None
    as_number = entered.algorithm.parameterAsDouble
    if target.schema.get("type") == "integer":
        as_number = entered.algorithm.parameterAsInt
    number = as_number(entered.parameters, target.name, entered.context)
    for key, limit in (("Minimum", "minimum"), ("Maximum", "maximum")):
        exclusive = target.schema.get(f"exclusive{key}")
        bound = target.schema.get(limit) if exclusive is True else exclusive
        if _is_number(bound) and (number <= bound if limit == "minimum" else number >= bound):
            wanted = tr("larger than {}") if limit == "minimum" else tr("smaller than {}")
            raise target.problem(tr("it is {}.").format(number), tr("Give {}.").format(wanted.format(bound)))
    return number


def make_flag(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A check box."""
    return [QgsProcessingParameterBoolean(target.name, target.title, target.default, target.optional)]


def read_flag(target: Input, entered: Entered) -> bool | None:
    """True or false."""
    if not entered.given(target.name):
        return None
    return bool(entered.algorithm.parameterAsBoolean(entered.parameters, target.name, entered.context))


def make_text(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A line of text, or several for plain-text documents."""
    several = str(target.schema.get("contentMediaType", "")).startswith("text/")
    return [
        QgsProcessingParameterString(
            target.name, target.title, target.default, multiLine=several, optional=target.optional
        )
    ]


def read_text(target: Input, entered: Entered) -> str | None:
    """The text, if there is any."""
    if not entered.given(target.name):
        return None
    text = entered.algorithm.parameterAsString(entered.parameters, target.name, entered.context)
    longest = target.schema.get("maxLength")
    if _is_number(longest) and len(text) > longest:
        raise target.problem(tr("it has {} characters.").format(len(text)), tr("Use at most {}.").format(longest))
    return text


def make_date(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A day, or a day and time."""
    kind = QgsProcessingParameterDateTime.Type
    kind = kind.Date if target.schema.get("format") == "date" else kind.DateTime
    return [QgsProcessingParameterDateTime(target.name, target.title, kind, target.default, target.optional)]


def read_date(target: Input, entered: Entered) -> str | None:
    """The day or time as ISO 8601; times in UTC."""
    if not entered.given(target.name):
        return None
    moment = entered.algorithm.parameterAsDateTime(entered.parameters, target.name, entered.context)
    if target.schema.get("format") == "date":
        return moment.date().toString("yyyy-MM-dd")
    return moment.toUTC().toString(Qt.DateFormat.ISODate)


def make_crs(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A coordinate reference system."""
    return [QgsProcessingParameterCrs(target.name, target.title, target.default, target.optional)]


def read_crs(target: Input, entered: Entered) -> str | None:
    """The system as EPSG:32631."""
    if not entered.given(target.name):
        return None
    crs = entered.algorithm.parameterAsCrs(entered.parameters, target.name, entered.context)
    if not re.fullmatch(r"EPSG:\d+", crs.authid()):
        raise target.problem(
            tr("'{}' is not a system of the EPSG register.").format(crs.authid() or entered.text(target.name)),
            tr("Choose one with an EPSG code, such as EPSG:32631."),
        )
    return crs.authid()


def make_list(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A line of values with commas between them."""
    default = ", ".join(_word(value) for value in target.default) if target.default else None
    return [QgsProcessingParameterString(target.name, target.title, default, optional=target.optional)]


def read_list(target: Input, entered: Entered) -> list[Any] | None:
    """The values as a list, numbers where the schema asks for them."""
    if not entered.given(target.name):
        return None
    kind = target.schema["items"].get("type")
    words = items(entered.raw(target.name))
    if kind == "string":
        return [str(word) for word in words]
    try:
        return [int(word) if kind == "integer" else float(word) for word in words]
    except (TypeError, ValueError):
        raise target.problem(
            tr("'{}' is not a list of numbers.").format(entered.text(target.name)),
            tr("Write them with commas between, as in 1, 2.5, 3."),
        ) from None


def make_json(target: Input) -> list[QgsProcessingParameterDefinition]:
    """A text of several lines that holds JSON: what every input becomes that is not understood."""
    default = None if target.default is None else json.dumps(target.default)
    return [
        QgsProcessingParameterString(
            target.name, tr("{} (JSON)").format(target.title), default, multiLine=True, optional=target.optional
        )
    ]


def read_json(target: Input, entered: Entered) -> Any:
    """The parsed JSON; a plain word is taken as a text, unless the schema asks for an object or a list."""
    value = entered.raw(target.name)
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        if target.schema.get("type") in (None, "string"):
            return value
        raise target.problem(
            tr("it is not valid JSON ({}).").format(error), tr('Write it as in {"name": [1, 2]}.')
        ) from None


def write_choice(target: Input, value: Any) -> dict[str, Any]:
    """The word, or the words."""
    return {target.name: [_word(each) for each in value] if isinstance(value, list) else _word(value)}


def write_value(target: Input, value: Any) -> dict[str, Any]:
    """The value as it is. Raises ValueError for what has no place in a line."""
    if isinstance(value, (dict, list)):
        raise ValueError(target.name)
    return {target.name: value}


def write_list(target: Input, value: Any) -> dict[str, Any]:
    """The values with commas between them."""
    return {target.name: ", ".join(_word(each) for each in value)}


def write_json(target: Input, value: Any) -> dict[str, Any]:
    """The value as JSON."""
    return {target.name: json.dumps(value)}


def _choices(target: Input) -> dict[str, Any]:
    schema = target.schema["items"] if target.schema.get("type") == "array" else target.schema
    return {_word(value): value for value in schema["enum"]}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
