"""The cloud-masked median NDVI with stackstac and dask, as their users write it. Runs in .venv-bench.

python tools/bench_stackstac.py CATALOGUE WEST NORTH SIZE CHUNK TARGET
"""

import sys

import dask
import numpy as np
import pystac
import stackstac
from odc.geo.xr import write_cog
from rasterio.enums import Resampling

UNCLEAR = [0, 1, 3, 8, 9, 10]

catalogue, west, north, size, chunk, target = sys.argv[1:]
size, chunk, west, north = int(size), int(chunk), float(west), float(north)
items = list(pystac.Catalog.from_file(catalogue).get_items(recursive=True))
for item in items:
    item.make_asset_hrefs_absolute()

with dask.config.set(scheduler="threads", num_workers=2):
    scenes = stackstac.stack(
        items, assets=["red", "nir", "scl"], epsg=32618, resolution=10, snap_bounds=False,
        bounds=(west, north - 10 * size, west + 10 * size, north), chunksize=chunk, resampling=Resampling.nearest,
        dtype="float32", fill_value=np.float32("nan"), rescale=False, xy_coords="center",
    )  # fmt: skip
    red, nir, scl = (scenes.sel(band=name) for name in ("red", "nir", "scl"))
    clear = ~scl.isin(UNCLEAR) & scl.notnull()
    red, nir = red.where(clear) * np.float32(1e-4), nir.where(clear) * np.float32(1e-4)
    ndvi = ((nir - red) / (nir + red)).chunk(time=-1).median("time", skipna=True)
    stored = (ndvi / np.float32(1e-4)).round().fillna(-32768).astype("int16").compute()
stored = stored.drop_vars([name for name in stored.coords if name not in ("x", "y")])
stored.attrs = {"nodata": -32768}
write_cog(
    stored.odc.assign_crs("EPSG:32618"), target, overwrite=True, compress="ZSTD", zstd_level=3, predictor=2,
    blocksize=512, nodata=-32768,
)  # fmt: skip
