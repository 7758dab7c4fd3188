"""What is finished so far of a job's images, for those who cannot wait: one virtual raster (VRT) for each.

A job's tasks leave in `tiles/`, for an output `index`:

    index.json       the whole image: {"size": [columns, rows], "transform": [six numbers], "crs": "EPSG:32631",
                     "bands": [{"type": "int16", "nodata": -32768, "scale": 0.0001, "offset": 0, "name": "NDVI"}],
                     "tiles": 40, "classes": []}
    index.<n>.tif    the pixels of task n, a GeoTIFF of the whole image that grows; what is missing in it is nodata
    index.<n>.json   where these are, how many tiles are done, and how they want to be drawn (a Render Object of STAC):
                     {"window": [column, row, columns, rows], "done": 3, "render": {"rescale": [[-2000, 9000]]}}

Nothing here knows an algorithm: whatever process leaves such files has a preview.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

MEDIA_TYPE = "application/x-gdal-vrt"
_IMAGE = re.compile(r"([A-Za-z0-9_-]{1,100})\.json")
_PART = re.compile(r"([A-Za-z0-9_-]{1,100})\.(\d{1,6})\.json")
_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}
_BLOCK = "512"


@dataclass(frozen=True)
class Part:
    """What one task has of an image."""

    file: str
    window: tuple[int, int, int, int]
    """Column, row, columns and rows that it works on"""
    done: int
    render: Mapping[str, Any]


@dataclass(frozen=True)
class Preview:
    """What is finished of one output."""

    image: Mapping[str, Any]
    parts: tuple[Part, ...]

    @property
    def tiles(self) -> int:
        return int(self.image["tiles"])

    @property
    def done(self) -> int:
        return sum(part.done for part in self.parts)

    @property
    def asset(self) -> dict[str, Any]:
        """What the asset of the result's STAC Item will say of its bands and classes."""
        bands = [
            {"name": band["name"], "raster:scale": band["scale"], "raster:offset": band["offset"]}
            for band in self.image["bands"]
        ]
        classes = self.image.get("classes")
        return {"bands": bands, "classification:classes": classes} if classes else {"bands": bands}

    @property
    def render(self) -> Mapping[str, Any]:
        """How it wants to be drawn, as the part that has most says; empty if none does."""
        return max(self.parts, key=lambda part: (bool(part.render), part.done)).render


def item(found: Mapping[str, Preview]) -> dict[str, Any]:
    """What a STAC Item of these previews would say of how they want to be drawn."""
    return {
        "properties": {"renders": {name: preview.render for name, preview in found.items() if preview.render}},
        "assets": {name: preview.asset for name, preview in found.items()},
    }


def previews(folder: Path) -> dict[str, Preview]:
    """By output, in the order of their names; those of which nothing is there yet are left out."""
    found: dict[str, list[Part]] = {}
    for name, part in _parts(folder):
        found.setdefault(name, []).append(part)
    result = {}
    for name, parts in sorted(found.items()):
        image = _read(folder / f"{name}.json")
        if image is not None:
            result[name] = Preview(image, tuple(sorted(parts, key=lambda part: part.window[1::-1])))
    return result


def is_part(name: str) -> bool:
    """Whether a file of this name holds pixels of a task."""
    return name.endswith(".tif") and _PART.fullmatch(name.removesuffix("tif") + "json") is not None


def virtual_raster(preview: Preview, address: Callable[[Part], str]) -> bytes:
    """The VRT over all parts; `address` gives where GDAL finds a part's file."""
    columns, rows = (str(int(side)) for side in preview.image["size"])
    root = Element("VRTDataset", rasterXSize=columns, rasterYSize=rows)
    SubElement(root, "SRS").text = str(preview.image["crs"])
    a, b, c, d, e, f = (float(number) for number in preview.image["transform"])
    SubElement(root, "GeoTransform").text = ", ".join(repr(number) for number in (c, a, b, f, d, e))
    for number, told in enumerate(preview.image["bands"], 1):
        kind = _TYPES[told["type"]]
        band = SubElement(root, "VRTRasterBand", dataType=kind, band=str(number))
        SubElement(band, "Description").text = str(told["name"])
        nodata = repr(float(told["nodata"]))
        SubElement(band, "NoDataValue").text = nodata
        SubElement(band, "Scale").text = repr(float(told["scale"]))
        SubElement(band, "Offset").text = repr(float(told["offset"]))
        for part in preview.parts:
            source = SubElement(band, "ComplexSource")
            SubElement(source, "SourceFilename", relativeToVRT="0").text = address(part)
            SubElement(source, "SourceBand").text = str(number)
            layout = {"RasterXSize": columns, "RasterYSize": rows, "DataType": kind}
            SubElement(source, "SourceProperties", layout, BlockXSize=_BLOCK, BlockYSize=_BLOCK)
            for element in ("SrcRect", "DstRect"):
                sides = zip(("xOff", "yOff", "xSize", "ySize"), map(str, part.window), strict=True)
                SubElement(source, element, dict(sides))
            SubElement(source, "NODATA").text = nodata
    return tostring(root)


def _parts(folder: Path) -> Iterator[tuple[str, Part]]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    for name in names:
        match = _PART.fullmatch(name)
        told = _read(folder / name) if match else None
        file = name.removesuffix("json") + "tif"
        if match and told and told["done"] and (folder / file).is_file():
            column, row, columns, rows = (int(number) for number in told["window"])
            yield match[1], Part(file, (column, row, columns, rows), int(told["done"]), told.get("render") or {})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return None
