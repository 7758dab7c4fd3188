"""The process that is always there: it gives back what it is given, to try a gateway or a client."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import Field

from phidias_gateway.errors import ProcessFailed
from phidias_gateway.inputs import BoundingBox, Raster, Vector
from phidias_gateway.process import Process, ProcessInputs, ProcessOutputs, Resources, Workspace


class EchoInputs(ProcessInputs):
    string: Annotated[str, Field(max_length=10_000)] = "hello"
    """Text"""
    number: float | None = None
    """Number"""
    integer: int | None = None
    """Whole number"""
    boolean: bool | None = None
    """Flag"""
    choice: Literal["small", "medium", "large"] | None = None
    """Choice"""
    array: Annotated[list[float], Field(max_length=1000)] | None = None
    """Numbers"""
    bbox: BoundingBox | None = None
    """Bounding box"""
    object: dict[str, Any] | None = None
    """JSON object"""
    raster: Raster | None = None
    """Raster"""
    vector: Vector | None = None
    """Features"""
    pause: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Pause

    Seconds to wait before answering, with progress."""
    fail: bool = False
    """End as failed"""


class EchoOutputs(ProcessOutputs):
    string: str | None = None
    """Text"""
    number: float | None = None
    """Number"""
    integer: int | None = None
    """Whole number"""
    boolean: bool | None = None
    """Flag"""
    choice: Literal["small", "medium", "large"] | None = None
    """Choice"""
    array: list[float] | None = None
    """Numbers"""
    bbox: BoundingBox | None = None
    """Bounding box"""
    object: dict[str, Any] | None = None
    """JSON object"""
    raster: dict[str, Any] | None = None
    """Raster

    Its address."""
    vector: dict[str, Any] | None = None
    """Features

    A FeatureCollection, or the address of a file."""


class Echo(Process[EchoInputs, EchoOutputs]):
    """Echo

    Gives every input back as an output of the same name. Good for trying out a connection."""

    id = "echo"
    version = "1.0.0"
    group = "Diagnostics"
    keywords = ("test",)
    resources = Resources(cpus=1, memory_gb=0.5, minutes=65)
    synchronous = True
    Inputs = EchoInputs
    Outputs = EchoOutputs

    def run(self, inputs: EchoInputs, workspace: Workspace) -> EchoOutputs:
        start = time.monotonic()
        while (waited := time.monotonic() - start) < inputs.pause:
            workspace.report(100 * waited / inputs.pause, f"waiting, {inputs.pause - waited:.0f} s left")
            time.sleep(min(0.5, inputs.pause - waited))
        if inputs.fail:
            raise ProcessFailed("The process was asked to fail.", remedy="Run it again with 'fail' off.")
        return EchoOutputs(**inputs.model_dump(exclude={"pause", "fail"}))
