"""The result as a STAC Item: where, when, what it is made of, and how to make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import rasterio

from phidias_gateway.inputs import Raster
from phidias_gateway.inputs import Vector as VectorInput
from phidias_gateway.outputs import Cog, FileOutput, Quicklook, Vector, sha256
from phidias_gateway.process import Process
from phidias_processes.eo.grid import Grid, to_wgs84
from phidias_processes.eo.guarded_http import without_query
from phidias_processes.eo.rendering import (
    CLASSIFICATION,
    RENDER,
    Outline,
    classes_of,
    render_of_image,
    render_of_polygons,
)
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.statistics import Statistics
from phidias_processes.eo.tile_process import Layer

STAC_VERSION = "1.1.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)


RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"


@dataclass(frozen=True)
class ResultImage:
    """An image of the result, and the statistics of its bands' stored numbers."""

    layer: Layer
    path: Path
    statistics: Sequence[Statistics]


@dataclass(frozen=True)
class ResultVector:
    """A file of features of the result."""

    path: Path
    style: Outline | None = None


@dataclass(frozen=True)
class Result:
    """What a job made."""

    process: Process[Any, Any]
    inputs: Any
    job_id: str
    grid: Grid
    scenes: Sequence[Scene]
    images: Sequence[ResultImage] = ()
    expression: str = ""
    vectors: Sequence[ResultVector] = ()
    attribution: Mapping[str, Any] = field(default_factory=dict)
    """Licence and providers of the scenes, in the words of STAC"""
    software: Sequence[tuple[str, str]] = ()
    """Name and version of programs beyond Python's, such as Orfeo ToolBox"""
    summary: str = ""
    """What tells it from other results of the process"""


def write_item(result: Result, target: Path, quicklook: Path | None) -> Path:
    """The Item as a file. Its assets lie beside it; addresses are without query, so without secrets."""
    outline, bounds = to_wgs84(result.grid)
    now = datetime.now(UTC)
    times = [datetime.fromisoformat(instant) for scene in result.scenes for instant in (scene.start, scene.end)] or [
        now
    ]
    assets = {image.layer.name: _image_asset(image, result.grid) for image in result.images}
    for vector in result.vectors:
        name = vector.path.stem
        assets[name] = _asset(vector.path, Vector, ["data"], name.capitalize())
    if quicklook is not None:
        assets["quicklook"] = _asset(quicklook, Quicklook, ["thumbnail", "overview"], "Quicklook")
    item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": _extensions(result),
        "id": result.job_id,
        "geometry": outline,
        "bbox": bounds,
        "properties": {
            "datetime": _instant(times[0]) if min(times) == max(times) else None,
            "start_datetime": _instant(min(times)),
            "end_datetime": _instant(max(times)),
            **_properties(result, now),
        },
        "links": [{"rel": "derived_from", "href": href} for href in dict.fromkeys(_sources(result))],
        "assets": assets,
    }
    target.write_text(json.dumps(item, indent=1, allow_nan=False) + "\n", "utf-8")
    return target


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _extensions(result: Result) -> list[str]:
    told = list(EXTENSIONS)
    if result.images:
        told.append(RASTER)
    if any(classes_of(image.layer.style) for image in result.images):
        told.append(CLASSIFICATION)
    return [*told, RENDER] if _renders(result) else told


def _renders(result: Result) -> dict[str, Any]:
    """How each file wants to be drawn, under the key of its asset."""
    renders = {}
    for image in result.images:
        layer = image.layer
        if layer.style is not None:
            renders[layer.name] = render_of_image(
                layer.style, layer.name, layer.bands, layer.encodings, image.statistics
            )
    for vector in result.vectors:
        if vector.style is not None:
            name = vector.path.stem
            renders[name] = render_of_polygons(vector.style, name, name.capitalize())
    return renders


def _properties(result: Result, now: datetime) -> dict[str, Any]:
    process = result.process
    title = (type(process).__doc__ or process.id).strip().partition("\n")[0]
    inputs = _without_secrets(result.inputs.model_dump(mode="json", exclude_none=True))
    software = {"phidias": version("phidias"), "rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
    properties = {
        **result.attribution,
        "title": f"{title}: {result.summary}" if result.summary else title,
        "created": _instant(now),
        "proj:code": result.grid.crs if result.grid.crs.startswith("EPSG:") else None,
        "processing:software": {**software, **dict(result.software)},
        "processing:lineage": f"{title}, PHIDIAS process {process.id} {process.version}, "
        f"from {len(result.scenes)} scenes" + (f": {result.expression}" if result.expression else ""),
        "processing:datetime": _instant(now),
        "phidias:process": process.id,
        "phidias:process_version": process.version,
        "phidias:job": result.job_id,
        "phidias:inputs": inputs,
    }
    if not result.grid.crs.startswith("EPSG:"):
        properties["proj:wkt2"] = result.grid.crs
    if result.expression:
        properties["processing:expression"] = {"format": "phidias-expression", "expression": result.expression}
    if renders := _renders(result):
        properties["renders"] = renders
    if process.references:
        properties["phidias:references"] = list(process.references)
    return properties


def _image_asset(image: ResultImage, grid: Grid) -> dict[str, Any]:
    bands = []
    for name, encoding, statistics in zip(image.layer.bands, image.layer.encodings, image.statistics, strict=True):
        nodata = encoding.nodata
        band: dict[str, Any] = {
            "name": name,
            "data_type": encoding.dtype,
            "nodata": "nan" if nodata != nodata else nodata,
            "raster:scale": encoding.scale,
            "raster:offset": encoding.offset,
            "raster:spatial_resolution": grid.dx,
        }
        if statistics.count:
            band["statistics"] = {
                "minimum": statistics.minimum,
                "maximum": statistics.maximum,
                "mean": statistics.mean,
                "stddev": statistics.deviation,
                "valid_percent": 100 * statistics.count / (grid.width * grid.height),
            }
        bands.append(band)
    asset = _asset(image.path, Cog, ["data"], image.layer.date or image.layer.name.replace("-", " ").capitalize())
    asset |= {
        "bands": bands,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.affine)[:6],
        "proj:bbox": list(grid.bounds),
    }
    if classes := classes_of(image.layer.style):
        asset["classification:classes"] = classes
    if image.layer.date:
        asset |= _whole_day(image.layer.date)
    return asset


def _whole_day(date: str) -> dict[str, str]:
    """The period of an asset that shows one day of the Item's."""
    return {"start_datetime": f"{date}T00:00:00Z", "end_datetime": f"{date}T23:59:59Z"}


def _asset(path: Path, kind: type[FileOutput], roles: list[str], title: str) -> dict[str, Any]:
    # 0x12 0x20: SHA-256, 32 bytes
    fields = {"file:size": path.stat().st_size, "file:checksum": "1220" + sha256(path)}
    return {"href": f"./{path.name}", "type": kind.media_type, "title": title, "roles": roles, **fields}


def _sources(result: Result) -> Iterable[str]:
    yield from (scene.href for scene in result.scenes)
    for _, value in result.inputs:
        if isinstance(value, (Raster, VectorInput)) and value.href:
            yield without_query(value.href)


def _without_secrets(value: Any) -> Any:
    """Inputs as JSON, every address in them without user and query: these may hold tokens and signatures.

    Of features that were given by value, their number and checksum.
    """
    if isinstance(value, dict) and value.get("type") == "FeatureCollection":
        content = json.dumps(value["features"], sort_keys=True).encode()
        checksum = f"1220{hashlib.sha256(content).hexdigest()}"
        return {"type": "FeatureCollection", "numberReturned": len(value["features"]), "file:checksum": checksum}
    if isinstance(value, dict):
        return {key: _without_secrets(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_secrets(entry) for entry in value]
    return without_query(value) if isinstance(value, str) and "://" in value else value
