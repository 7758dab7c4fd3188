"""The cloud-masked median NDVI with odc-stac and dask, as their users write it. Runs in .venv-bench.

python tools/bench_odc.py CATALOGUE WEST NORTH SIZE CHUNK TARGET
"""

import sys

import dask
import numpy as np
import odc.stac
import pystac
from odc.geo.geobox import GeoBox
from odc.geo.xr import write_cog
from rasterio.transform import from_origin

UNCLEAR = [0, 1, 3, 8, 9, 10]

catalogue, west, north, size, chunk, target = sys.argv[1:]
size, chunk = int(size), int(chunk)
items = list(pystac.Catalog.from_file(catalogue).get_items(recursive=True))
for item in items:
    item.make_asset_hrefs_absolute()
place = GeoBox((size, size), from_origin(float(west), float(north), 10, 10), "EPSG:32618")

with dask.config.set(scheduler="threads", num_workers=2):
    scenes = odc.stac.load(
        items, bands=["red", "nir", "scl"], geobox=place, groupby="solar_day", chunks={"x": chunk, "y": chunk}
    )
    clear = ~scenes.scl.isin(UNCLEAR)
    red = scenes.red.where(clear & (scenes.red != 0)) * np.float32(1e-4)
    nir = scenes.nir.where(clear & (scenes.nir != 0)) * np.float32(1e-4)
    ndvi = ((nir - red) / (nir + red)).chunk(time=-1).median("time", skipna=True)
    stored = (ndvi / np.float32(1e-4)).round().fillna(-32768).astype("int16").compute()
stored.attrs["nodata"] = -32768
write_cog(
    stored.odc.assign_crs("EPSG:32618"), target, overwrite=True, compress="ZSTD", zstd_level=3, predictor=2,
    blocksize=512, nodata=-32768,
)  # fmt: skip
