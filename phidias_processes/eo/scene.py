"""A scene, as it is frozen into the plan of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from shapely.geometry import shape

from phidias_processes.eo.bands import Band
from phidias_processes.eo.grid import unbroken


@dataclass(frozen=True)
class Scene:
    """One item of a catalogue, with the bands that a process uses."""

    id: str
    collection: str
    start: str
    """When it was seen, or the begin of the time it may have been: ISO 8601, UTC"""
    end: str
    href: str
    """Where the item itself lies, without query"""
    geometry: Mapping[str, Any]
    """Footprint, GeoJSON in WGS 84"""
    cloud_cover: float | None
    bands: tuple[Band, ...]
    classification: Band | None = None
    collection_href: str = ""
    """Where its collection lies, without query; empty if the item does not tell"""

    @cached_property
    def day(self) -> str:
        """The solar day: scenes of one pass belong together, also where it crosses midnight UTC."""
        longitude = (unbroken(shape(self.geometry)).centroid.x + 180) % 360 - 180
        return (datetime.fromisoformat(self.start) + timedelta(hours=longitude / 15)).date().isoformat()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; NaN, which JSON has not, is written as a word."""
        document = asdict(self)
        for band in [*document["bands"], *([document["classification"]] if self.classification else [])]:
            band["nodata"] = None if band["nodata"] is None else repr(band["nodata"])
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Scene:
        """The scene that `to_json` wrote."""
        bands = tuple(_band_from_json(band) for band in document["bands"])
        classification = document["classification"] and _band_from_json(document["classification"])
        return cls(**{**document, "bands": bands, "classification": classification})


def period(scenes: Sequence[Scene]) -> str:
    """The first and the last day on which the scenes may have been seen, in UTC."""
    days = sorted(day[:10] for scene in scenes for day in (scene.start, scene.end))
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else ""


def _band_from_json(document: Mapping[str, Any]) -> Band:
    nodata = None if document["nodata"] is None else float(document["nodata"])
    return Band(
        **{**document, "nodata": nodata, "transform": tuple(document["transform"]), "shape": tuple(document["shape"])}
    )
