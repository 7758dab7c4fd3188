"""How a result wants to be drawn, said by its process in a map's own words, and written into the STAC Item.

Images follow the extension `render` (v2.0.0), classes the extension `classification`; outlines of polygons are the
`paint` of a MapLibre style. Nothing here knows the program that will draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phidias_processes.eo.bands import Band
    from phidias_processes.eo.statistics import Statistics
    from phidias_processes.eo.tile_process import Encoding

RENDER = "https://stac-extensions.github.io/render/v2.0.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"

Range = tuple[float, float]
SPREAD = 2.0
"""A range that is not given reaches so many standard deviations to both sides of the mean"""


@dataclass(frozen=True)
class Ramp:
    """The first band through a colour ramp, or in grey."""

    colours: str = ""
    """Name of a ramp that ColorBrewer and matplotlib share, such as ylgn; with _r at its end it runs backwards"""
    values: Range | None = None
    """What has the first and the last colour; None takes it from the image"""


@dataclass(frozen=True)
class Composite:
    """Three bands as red, green and blue."""

    bands: tuple[str, str, str]
    values: tuple[Range, Range, Range] | None = None
    """What is dark and bright in each; None takes it from the image"""


@dataclass(frozen=True)
class Classes:
    """Numbers that stand for classes."""

    names: Mapping[int, tuple[str, str]]
    """Name and colour (RRGGBB) of each number"""


@dataclass(frozen=True)
class Outline:
    """Polygons without a filling."""

    colour: str
    """RRGGBB"""
    width: float = 1.0
    """In pixels of a screen"""


Style = Ramp | Composite | Classes

SCENE_CLASSIFICATION = Classes(
    {
        0: ("No data", "000000"),
        1: ("Saturated or defective", "FF0000"),
        2: ("Dark area", "2F2F2F"),
        3: ("Cloud shadow", "643200"),
        4: ("Vegetation", "00A000"),
        5: ("Not vegetated", "FFE65A"),
        6: ("Water", "0000FF"),
        7: ("Unclassified", "808080"),
        8: ("Cloud, medium probability", "C0C0C0"),
        9: ("Cloud, high probability", "FFFFFF"),
        10: ("Thin cirrus", "64C8FF"),
        11: ("Snow or ice", "FF96FF"),
    }
)
"""Sentinel-2's SCL, in the colours of ESA's toolbox"""

_COMPOSITES = (("red", "green", "blue"), ("nir", "red", "green"), ("swir16", "nir", "red"))
_VISIBLE = ("red", "green", "blue", "coastal")


def style_of_bands(names: Sequence[str], bands: Sequence[Band]) -> Style:
    """What suits bands of scenes: true or false colour, the classes of an SCL, else shades of grey.

    Reflectances always have the same range, so that the images of a series can be compared.
    """
    if len(bands) == 1 and "scl" in (names[0].lower(), bands[0].common_name, bands[0].asset.lower()):
        return SCENE_CLASSIFICATION
    if len(bands) < 3:
        return Ramp(values=_reflectances(bands[0]))
    by_common_name = {band.common_name or name: name for name, band in zip(names, bands, strict=True)}
    chosen = next((three for three in _COMPOSITES if by_common_name.keys() >= set(three)), None)
    three = tuple(by_common_name[name] for name in chosen) if chosen else tuple(names[:3])
    ranges = tuple(_reflectances(bands[names.index(name)]) for name in three)
    return Composite(three, None if None in ranges else ranges)


def _reflectances(band: Band) -> Range | None:
    if band.scale == 1 or band.categorical:
        return None  # whatever these numbers are
    return (0.0, 0.3) if band.common_name in _VISIBLE else (0.0, 0.5)


def render_of_image(
    style: Style, asset: str, bands: Sequence[str], encodings: Sequence[Encoding], statistics: Sequence[Statistics]
) -> dict[str, Any]:
    """The Render Object of an image. Its `rescale` is in stored numbers, as in the files, not in physical values."""
    if isinstance(style, Classes):
        return {"assets": [asset], "title": bands[0], "resampling": "nearest"}
    shown = style.bands if isinstance(style, Composite) else bands[:1]
    given = style.values if isinstance(style, Composite) else style.values and (style.values,)
    rescale = []
    for number, name in enumerate(shown):
        index = bands.index(name)
        if given is None:
            rescale.append(_spread(statistics[index]))
        else:
            encoding = encodings[index]
            rescale.append([round((value - encoding.offset) / encoding.scale, 6) for value in given[number]])
    render = {"assets": [asset], "title": ", ".join(shown), "bands": [list(shown)], "rescale": rescale}
    if isinstance(style, Ramp) and style.colours:
        render["colormap_name"] = style.colours
    return render


def _spread(statistics: Statistics) -> list[float]:
    low = max(statistics.minimum, statistics.mean - SPREAD * statistics.deviation)
    high = min(statistics.maximum, statistics.mean + SPREAD * statistics.deviation)
    return [low, high]


def render_of_polygons(style: Outline, asset: str, title: str) -> dict[str, Any]:
    """The Render Object of polygons."""
    paint = {"line-color": f"#{style.colour}", "line-width": style.width, "fill-opacity": 0}
    return {"assets": [asset], "title": title, "paint": paint}


def classes_of(style: Style | None) -> list[dict[str, Any]]:
    """The classes for the asset's `classification:classes`; none for other styles."""
    if not isinstance(style, Classes):
        return []
    return [
        {"value": value, "name": name, "description": name, "color_hint": colour}
        for value, (name, colour) in style.names.items()
    ]
