"""An execute request (OGC API - Processes 1.0, 7.11.2), read strictly: what is no JSON by the book is refused."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json, to_json

from phidias_gateway.errors import InvalidRequest


class RequestedResources(BaseModel):
    """What the client wants a job to be given, instead of what its process asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cpus: Annotated[int, Field(ge=1)] | None = None
    memory_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None


class ExecuteRequest(BaseModel):
    """What is to be executed: inputs by name, and which outputs are wanted, how.

    Members that the standard lets a server ignore (`subscriber`) are ignored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Mapping[str, Any]] | None = None
    """None: all outputs. An entry may hold `transmissionMode` ("value" or "reference")"""
    response: Literal["raw", "document"] | None = None
    """None: the client did not say"""
    resources: RequestedResources | None = None
    """PHIDIAS's own: more memory or time than usual, such as after a job that had too little"""

    @field_validator("outputs")
    @classmethod
    def _modes_are_known(
        cls, outputs: Mapping[str, Mapping[str, Any]] | None
    ) -> Mapping[str, Mapping[str, Any]] | None:
        for name, output in (outputs or {}).items():
            if output.get("transmissionMode", "value") not in ("value", "reference"):
                raise ValueError(f"the transmissionMode of {name[:40]!r} is neither 'value' nor 'reference'")
        return outputs

    @classmethod
    def parse(cls, body: bytes) -> ExecuteRequest:
        """The request in this body. Raises InvalidRequest for a body that is none."""
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise InvalidRequest(
                f"The body is no JSON: {error}.", remedy="Send an execute request: {'inputs': {...}}, in UTF-8."
            ) from None
        if not isinstance(document, dict):
            raise InvalidRequest("The body is no JSON object.", remedy='Send an execute request: {"inputs": {...}}.')
        refuse_infinite(document)
        unknown = document.keys() - {*cls.model_fields, "subscriber"}
        if unknown and "inputs" not in document:
            raise InvalidRequest(
                f"The body has no member 'inputs', but {min(unknown)[:40]!r}.",
                remedy='Send an execute request: {"inputs": {...}}; it may be empty: {}.',
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            member = ".".join(str(part) for part in first["loc"])
            raise InvalidRequest(
                f"The member {member!r} cannot be used: {first['msg']}.", remedy=f"Correct {member!r} or leave it out."
            ) from None

    def digest(self, process_id: str) -> str:
        """The same for the same request, whatever the order of its members."""
        content = {"process": process_id, **self.model_dump(mode="json")}
        if self.resources is None:
            del content["resources"]
        return hashlib.sha256(to_json(_sorted(content))).hexdigest()


def refuse_infinite(value: Any) -> None:
    """JSON has no infinity, but numbers such as 1e999 become one."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequest("A number is too large to be one.", remedy="Write numbers below 1.7e308.")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        refuse_infinite(entry)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value
