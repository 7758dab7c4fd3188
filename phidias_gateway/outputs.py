"""The kinds of output a process can give: files in the job's `results/`, and JSON values."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class FileOutput(BaseModel):
    """A file in the job's `results/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    media_type: ClassVar[str] = "application/octet-stream"
    binary: ClassVar[bool] = True

    file: str
    """Name of the file, without a folder"""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema: JsonSchemaValue = {"type": "string", "contentMediaType": cls.media_type}
        return {**schema, "contentEncoding": "binary"} if cls.binary else schema


class Cog(FileOutput):
    """A Cloud-Optimized GeoTIFF."""

    media_type = "image/tiff; application=geotiff; profile=cloud-optimized"


class Vector(FileOutput):
    """A FlatGeobuf file: it streams, as a COG does."""

    media_type = "application/flatgeobuf"


class Quicklook(FileOutput):
    """A small PNG picture of the result."""

    media_type = "image/png"


class StacItem(FileOutput):
    """The result as a STAC Item, with its provenance."""

    media_type = "application/geo+json"
    binary = False


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits. A file that is as it was is not read again. Raises OSError."""
    found = path.stat()
    return _sha256(path.resolve(), found.st_size, found.st_mtime_ns)


@lru_cache(10_000)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
