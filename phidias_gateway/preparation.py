"""From an execute request to what a job needs: references read, inputs validated, planned; or one readable error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from phidias_gateway.errors import InputError, InvalidRequest
from phidias_gateway.execute_request import ExecuteRequest, refuse_infinite
from phidias_gateway.fetch import Document, fetch
from phidias_gateway.inputs import Raster, Vector
from phidias_gateway.process import Effort, Process, ProcessInputs
from phidias_gateway.references import Archive, Site
from phidias_gateway.settings import Settings

_QUALIFIED = frozenset({"value", "mediaType", "encoding", "schema", "format"})


class OwnFiles(Protocol):
    """The files a user has at this gateway."""

    def __call__(self, href: str) -> Path | None:
        """The file behind an address of this gateway, None for one elsewhere. Raises LookupError if not theirs."""


@dataclass(frozen=True)
class Given:
    """What a request gives, understood."""

    inputs: ProcessInputs
    site: Site
    """The site with the user's own files that the inputs refer to, each as an archive of one file"""


@dataclass(frozen=True)
class Prepared:
    """All that a job needs."""

    inputs: ProcessInputs
    site: Site
    plan: Mapping[str, Any]
    summary: str
    effort: Effort
    parts: int


def read(process: Process[Any, Any], request: ExecuteRequest, settings: Settings, own: OwnFiles) -> Given:
    """References read, inputs validated. Reads over the network; run it in a thread.

    Raises InputError or InvalidRequest.
    """
    for name in request.outputs or ():
        if name not in process.Outputs.model_fields:
            raise InvalidRequest(
                f"The process {process.id!r} has no output {name!r}.",
                remedy=f"Its outputs are: {', '.join(process.Outputs.model_fields)}.",
            )
    resolver = _Resolver(settings, own)
    values = {}
    for name, value in request.inputs.items():
        field = process.Inputs.model_fields.get(name)
        annotation = None if field is None else field.annotation
        values[name] = resolver.resolve(name, value, annotation)
    inputs = _validate(process, values)
    return Given(inputs, settings.site.model_copy(update={"archives": (*resolver.archives, *settings.archives)}))


def plan(process: Process[Any, Any], given: Given, most_parts: int) -> Prepared:
    """Everything else that can be known before a job is submitted. Reads over the network; run it in a thread.

    `most_parts` is into how many parts the work may be divided. Raises whatever PhidiasError `Process.plan` raises.
    """
    made = process.plan(given.inputs, given.site)
    summary, effort = process.summary(given.inputs, made), process.effort(given.inputs, made)
    parts = process.parts(given.inputs, made, most_parts)
    return Prepared(given.inputs, given.site, made, summary, effort, max(1, min(parts, most_parts)))


class _Resolver:
    def __init__(self, settings: Settings, own: OwnFiles) -> None:
        self.settings = settings
        self.own = own
        self.archives: list[Archive] = []

    def resolve(self, name: str, value: Any, annotation: Any, *, nested: bool = False) -> Any:
        """The input's plain value: qualified values unwrapped, references to JSON read, those to files kept."""
        if isinstance(value, list) and not nested:
            return [self.resolve(name, entry, annotation, nested=True) for entry in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("href"), str):
            if _is_of(annotation, Raster, Vector):
                return {**value, "href": self._file(name, value["href"])}
            return self._document(name, value["href"], plain_text=_is_of(annotation, str))
        if "value" in value and value.keys() <= _QUALIFIED:
            if _is_of(annotation, Raster):
                raise InputError(
                    name,
                    "A raster cannot be given by value.",
                    remedy='Upload it, and give {"href": ...} of the upload.',
                )
            return value["value"]
        return value

    def _own(self, name: str, href: str) -> Path | None:
        try:
            return self.own(href)
        except LookupError:
            raise InputError(
                name,
                f"You have no file at {href[:200]}.",
                remedy="Upload it first, or refer to a result of a job of yours.",
            ) from None

    def _file(self, name: str, href: str) -> str:
        path = self._own(name, href)
        if path is None:
            return href
        # Without its query: a signed link is a secret, and must not get into the job folder.
        plain = urlunsplit(urlsplit(href)._replace(query="", fragment=""))
        self.archives.append(Archive(name=f"your file {len(self.archives) + 1}", prefix=plain, path=path))
        return plain

    def _document(self, name: str, href: str, *, plain_text: bool) -> Any:
        limits = self.settings.references
        path = self._own(name, href)
        if path is None:
            max_bytes = int(limits.fetch_mb * 1e6)
            document = fetch(href, self.settings.site, input=name, max_bytes=max_bytes, seconds=limits.fetch_seconds)
        elif path.stat().st_size > limits.fetch_mb * 1e6:
            raise InputError(name, f"{href[:200]} is larger than {limits.fetch_mb:g} MB (references.fetch_mb).")
        else:
            document = Document(path.read_bytes(), "")
        try:
            if plain_text and document.media_type == "text/plain":
                return document.content.decode()
            value = from_json(document.content, allow_inf_nan=False)
            refuse_infinite(value)
        except (ValueError, InvalidRequest):
            raise InputError(
                name, f"{href[:200]} is no JSON document.", remedy="Refer to a JSON document, or give the value itself."
            ) from None
        return value


def _is_of(annotation: Any, *kinds: type) -> bool:
    """Whether an annotation, or a part of it, is one of these kinds of input."""
    return any(isinstance(kind, type) and issubclass(kind, kinds) for kind in _kinds(annotation))


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _validate(process: Process[Any, Any], values: Mapping[str, Any]) -> ProcessInputs:
    try:
        return process.Inputs.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        raise _explain(process, error.errors(include_url=False)[0]) from None


def _explain(process: Process[Any, Any], error: ErrorDetails) -> InputError:
    location = [str(part) for part in error["loc"]]
    name = location[0] if location else "inputs"
    known = ", ".join(process.Inputs.model_fields)
    if error["type"] == "missing" and len(location) == 1:
        return InputError(name, f"The input {name!r} is missing.", remedy=f"Give a value for {name!r}.")
    if error["type"] == "extra_forbidden" and len(location) == 1:
        return InputError(
            name, f"The process {process.id!r} has no input {name!r}.", remedy=f"Its inputs are: {known or 'none'}."
        )
    if error["type"] == "literal_error":
        return InputError(
            name,
            f"{name}: {_short(error['input'])} is none of its choices.",
            remedy=f"Choose one of {error['ctx']['expected']}.",
        )
    message = re.sub(r"^Value error, ", "", error["msg"])
    inside = ".".join(part for part in location[1:] if not part.startswith(("function-", "constrained-")))
    where = f"{name} ({inside})" if inside else name
    given = "" if error["type"] == "value_error" else f" (given: {_short(error['input'])})"
    return InputError(
        name,
        f"{where}: {message}{given}.",
        remedy=f"Correct the input {name!r}; the process description says what it takes.",
    )


def _short(value: Any) -> str:
    text = to_json(value, inf_nan_mode="constants", fallback=str).decode()
    return text if len(text) <= 80 else text[:80] + "..."
