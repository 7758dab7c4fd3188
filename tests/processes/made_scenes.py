"""Small static catalogues of made scenes, for places and shapes of which there is no real one at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pystac
import rasterio
from pyproj import Transformer

from phidias_gateway.references import Archive, Site

EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
]
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Reflectance x 10000 by longitude and latitude"""


@dataclass(frozen=True)
class Made:
    """A scene that shows fields (functions of the place), by the names of its bands."""

    name: str
    crs: str
    west: float
    north: float
    size: int
    """Width and height in pixels of 10 m"""
    bands: Mapping[str, Field]
    day: str = "2024-05-01T10:00:00+00:00"
    resolutions: Mapping[str, float] = field(default_factory=dict)
    """Of bands that are coarser than 10 m"""

    def pixels(self, band: str) -> np.ndarray:
        """The numbers of a band's file."""
        resolution = self.resolutions.get(band, 10.0)
        side = round(self.size * 10 / resolution)
        x = self.west + (np.arange(side) + 0.5) * resolution
        y = self.north - (np.arange(side) + 0.5) * resolution
        longitude, latitude = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(*np.meshgrid(x, y))
        return self.bands[band](longitude, latitude).round().astype("uint16")


def write_catalogue(folder: Path, scenes: Sequence[Made]) -> Site:
    """Write scenes as the archive `made`; a site that has it."""
    catalogue = pystac.Catalog("made", "Made scenes.")
    for scene in scenes:
        catalogue.add_item(_write(folder, scene))
    catalogue.normalize_hrefs(str(folder))
    catalogue.make_all_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
    return Site(archives=(Archive(name="made", prefix="https://made.example/", path=folder),))


def _write(folder: Path, scene: Made) -> pystac.Item:
    side = scene.size * 10.0
    to_lonlat = Transformer.from_crs(scene.crs, "EPSG:4326", always_xy=True)
    corners = [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side), (0.0, 0.0)]
    ring = [to_lonlat.transform(scene.west + x, scene.north - y) for x, y in corners]
    if max(x for x, _ in ring) - min(x for x, _ in ring) > 180:  # both sides of the antimeridian, on one of them
        ring = [(x if x > 0 else 180.0, y) for x, y in ring]
    longitudes, latitudes = zip(*ring, strict=True)
    item = pystac.Item(
        scene.name,
        {"type": "Polygon", "coordinates": [ring]},
        [min(longitudes), min(latitudes), max(longitudes), max(latitudes)],
        datetime.fromisoformat(scene.day),
        {"proj:code": scene.crs},
        stac_extensions=EXTENSIONS,
    )
    (folder / scene.name).mkdir(parents=True)
    for band in scene.bands:
        pixels, resolution = scene.pixels(band), scene.resolutions.get(band, 10.0)
        transform = rasterio.Affine(resolution, 0, scene.west, 0, -resolution, scene.north)
        path = folder / scene.name / f"{band}.tif"
        profile = {"driver": "GTiff", "width": pixels.shape[1], "height": pixels.shape[0], "count": 1, "nodata": 0}
        profile |= {"dtype": "uint16", "crs": scene.crs, "transform": transform, "compress": "deflate"}
        with rasterio.open(path, "w", tiled=True, blockxsize=256, blockysize=256, **profile) as image:
            image.write(pixels, 1)
        fields = {
            "proj:transform": list(transform)[:6],
            "proj:shape": list(pixels.shape),
            "eo:bands": [{"name": band, "common_name": band}],
            "raster:bands": [
                {"scale": 1e-4, "offset": 0, "nodata": 0, "data_type": "uint16", "spatial_resolution": resolution}
            ],
        }
        item.add_asset(band, pystac.Asset(str(path), None, None, "image/tiff; application=geotiff", ["data"], fields))
    return item
