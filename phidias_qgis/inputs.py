"""One input of a process as its description gives it, and what a person entered for it in QGIS."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProperty,
)
from qgis.PyQt.QtCore import QVariant

LIMITED_BY = "limited-by"
"""Role of an input's metadata that names the input with its area"""


class InputProblem(Exception):
    """What was entered cannot be used; the text names the input and says what to do."""


@dataclass(frozen=True)
class Input:
    """One input: `name` is the name of its QGIS parameter, where it has only one."""

    id: str
    title: str
    help: str
    schema: Mapping[str, Any]
    required: bool
    limited_by: str = ""
    """Id of the input with an area outside of which the process reads nothing of this one, if it says so"""
    media_types: frozenset[str] = frozenset()
    """Of the files that it takes"""

    @classmethod
    def from_description(cls, identifier: str, member: Mapping[str, Any]) -> Input:
        """Read a member of `inputs`. An input that may occur several times is an array of its schema."""
        schema = flatten(member.get("schema"))
        if member.get("maxOccurs", 1) != 1:
            schema = {"type": "array", "items": schema}
        metadata = [entry for entry in member.get("metadata") or () if isinstance(entry, Mapping)]
        return cls(
            id=identifier,
            title=str(member.get("title") or identifier),
            help=str(member.get("description") or ""),
            schema=schema,
            required=member.get("minOccurs", 1) != 0,
            limited_by=next((str(entry.get("title")) for entry in metadata if entry.get("role") == LIMITED_BY), ""),
            media_types=frozenset(_media_types(member.get("schema"))),
        )

    def problem(self, detail: str, remedy: str = "") -> InputProblem:
        """The exception to raise when what was entered for this input cannot be used."""
        return InputProblem(f"{self.title} ({self.name}): {detail} {remedy}".strip())

    @property
    def name(self) -> str:
        return parameter_name(self.id)

    @property
    def default(self) -> Any:
        return self.schema.get("default")

    @property
    def optional(self) -> bool:
        """True if QGIS may leave the parameter empty: a default stands in otherwise."""
        return not self.required and self.default is None


@dataclass(frozen=True)
class Entered:
    """What a person entered for the parameters of one run."""

    algorithm: QgsProcessingAlgorithm
    parameters: Mapping[str, Any]
    context: QgsProcessingContext

    def raw(self, name: str) -> Any:
        """The value as QGIS holds it, or the parameter's default; None if there is neither."""
        definition = self.algorithm.parameterDefinition(name)
        value = self.parameters.get(name, definition.defaultValue() if definition else None)
        if isinstance(value, QVariant) and value.isNull():
            return None
        if isinstance(value, QgsProperty):
            value, known = value.value(self.context.expressionContext(), None)
            return value if known else None
        return value

    def given(self, name: str) -> bool:
        """True if there is a value, or a default."""
        value = self.raw(name)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def text(self, name: str) -> str:
        """The value as text without surrounding blanks, empty if there is none."""
        value = self.raw(name)
        return "" if value is None else str(value).strip()


class ToUpload(ABC):
    """The value of an input that must be uploaded before the job can read it."""

    original: str = ""
    """Where a gateway has its content already, if it still has"""

    @abstractmethod
    def ready(self, feedback: QgsProcessingFeedback) -> AbstractContextManager[Path]:
        """The file to send, as long as the block lasts; made on the worker thread if it has to be.

        Raises InputProblem, Cancelled, OSError.
        """


class ToFetch(ABC):
    """The value of an input that is still to be read."""

    @abstractmethod
    def fetched(self, feedback: QgsProcessingFeedback) -> Any:
        """The value, read on the worker thread. Raises InputProblem, Cancelled."""


@dataclass(frozen=True)
class LocalFile(ToUpload):
    """A file that is sent as it is."""

    path: Path
    original: str = field(default="", repr=False)

    @contextmanager
    def ready(self, feedback: QgsProcessingFeedback) -> Iterator[Path]:
        yield self.path


@dataclass(frozen=True)
class Unread(ToFetch):
    """What a function reads, such as a layer of many polygons: before the values that depend on it."""

    read: Callable[[QgsFeedback], Any]

    def fetched(self, feedback: QgsFeedback) -> Any:
        return self.read(feedback)


def all_read(values: Mapping[str, Any], feedback: QgsFeedback) -> dict[str, Any]:
    """The values, with those that are Unread. Raises InputProblem, Cancelled."""
    return {name: value.fetched(feedback) if isinstance(value, Unread) else value for name, value in values.items()}


def parameter_name(identifier: str) -> str:
    """The name of the QGIS parameter for an input or output: `range_radius` -> `RANGE_RADIUS`."""
    return re.sub(r"\W", "_", identifier).upper()


def flatten(schema: Any) -> Mapping[str, Any]:
    """A schema with its `allOf` merged and the first understandable one of its alternatives taken."""
    if not isinstance(schema, Mapping):
        return {}
    merged = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf", "anyOf")}
    for part in schema.get("allOf") or ():
        merged.update(flatten(part))
    alternatives = [flatten(part) for key in ("oneOf", "anyOf") for part in schema.get(key) or ()]
    plain = [part for part in alternatives if part.get("type") != "object" or "format" in part]
    return {**plain[0], **merged} if plain else merged


def _media_types(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        yield str(schema.get("contentMediaType", "")).partition(";")[0].strip()
        for key in ("allOf", "oneOf", "anyOf"):
            for part in schema.get(key) or ():
                yield from _media_types(part)


def items(value: Any) -> list[Any]:
    """A list from what a person wrote: a list, or a text with commas."""
    if isinstance(value, (list, tuple)):
        return list(value)
    return [part.strip() for part in str(value).split(",") if part.strip()]


def described(
    definition: QgsProcessingParameterDefinition, text: str, *, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """The definition with its help, and among the advanced parameters if so wished."""
    definition.setHelp(text)
    if advanced:
        definition.setFlags(definition.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return definition
