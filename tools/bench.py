"""Measure our jobs beside what a user would run instead, all ways in turn in one run, as ratios (ours / theirs).

Ours run from POST to successful through a personal gateway on this machine, with COG, STAC Item and quicklook. Times
are medians; peak memory is the largest sum of resident memory over the processes of a way. Prints a table and writes
`build/bench.json`.

    python tools/bench.py [--runs 3] [--only ndvi|median|memory|small]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_data
import demo_archive
import numpy as np
import rasterio

from backend_client import Gateway

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / "tools"
CACHE = ROOT / ".cache" / "bench"
BUILD = ROOT / "build" / "bench"
GATEWAY = ROOT / ".venv" / "bin" / "phidias-gateway"
DASK_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
TILE, SMALL = 10980, 2745
SERIES, DATES, SIDE, CORNER = 5490, 12, 4096, (700, 650)
"""Side of the series' scenes, how many, side of the area, its first column and row: within the files' blocks"""
DEMO_AREA = {"bbox": [-75.69, 37.62, -75.56, 37.72]}
USUAL = ["-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "NUM_THREADS=ALL_CPUS"]
SAME = ["-of", "COG", "-co", "COMPRESS=ZSTD", "-co", "LEVEL=3", "-co", "PREDICTOR=YES", "-co", "NUM_THREADS=ALL_CPUS"]
"""The compression of our files"""


@dataclass
class Way:
    """One way to a result, and what was measured of it."""

    title: str
    run: Callable[[], Any]
    key: str = ""
    """Of the ratio ours / this in the JSON file"""
    seconds: list[float] = field(default_factory=list)
    memory: float = 0.0
    """Peak, in MB"""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure our jobs beside what a user would run instead.")
    parser.add_argument("--runs", type=int, default=3, help="how often each way is measured")
    parser.add_argument("--only", choices=["ndvi", "median", "memory", "small"], help="one table")
    options = parser.parse_args()
    archives = {
        "tile": bench_data.one_scene(CACHE, TILE),
        "quarter": bench_data.one_scene(CACHE, SMALL),
        "series": bench_data.series(CACHE, SERIES, DATES),
        "demo": demo_archive.build(CACHE / "scene").parent,
    }
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    tables = {"ndvi": ndvi, "median": median, "memory": memory, "small": small}
    figures: dict[str, float] = {}
    with gateway(archives) as (client, pid):
        for name, table in tables.items():
            if options.only in (None, name):
                figures |= table(client, pid, archives, options.runs)
    (ROOT / "build" / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")


def ndvi(client: Gateway, pid: int, archives: Mapping[str, Path], runs: int) -> dict[str, float]:
    """NDVI of a whole Sentinel-2 tile, from one clear scene."""
    nir, red = (str(next(archives["tile"].rglob(f"{band}.tif"))) for band in ("B08", "B04"))
    ours = Way("PHIDIAS, POST to successful", lambda: job(client, "tile", bench_data.area(TILE)))
    ways = [
        Way("otbcli_BandMath + COG: float32, deflate", lambda: otb(nir, red, USUAL), "ndvi_vs_otb"),
        Way("gdal_calc.py + COG: float32, deflate", lambda: gdal_calc(nir, red, USUAL), "ndvi_vs_gdal_calc"),
        Way("otbcli_BandMath + COG: our int16, ZSTD", lambda: otb(nir, red, SAME), "ndvi_vs_otb_same_file"),
        Way("gdal_calc.py + COG: our int16, ZSTD", lambda: gdal_calc(nir, red, SAME), "ndvi_vs_gdal_calc_same_file"),
    ]
    measure([ours, *ways], runs, pid)
    result = job(client, "tile", bench_data.area(TILE))
    floor = statistics.median(python_seconds(TOOLS / "bench_floor.py", result, BUILD, nir, red) for _ in range(runs))
    figures = show(f"NDVI of a tile of {TILE} x {TILE} pixels", ours, ways)
    print(f"  {'floor: reading the inputs, writing that COG':44} {floor:7.1f} s            {ours.median / floor:13.2f}")
    return {**figures, "ndvi_seconds": ours.median, "ndvi_vs_floor": ours.median / floor}


def median(client: Gateway, pid: int, archives: Mapping[str, Path], runs: int) -> dict[str, float]:
    """Median NDVI of the clear dates of a series."""
    area = bench_data.area(SIDE, *CORNER)
    ours = Way("PHIDIAS, POST to successful", lambda: job(client, "series", area))
    ways = [
        Way("odc-stac + dask, chunks of 1024", lambda: dask(archives, "odc", 1024), "median_vs_odc_dask"),
        Way("odc-stac + dask, chunks of 2048", lambda: dask(archives, "odc", 2048), "median_vs_odc_dask_2048"),
        Way("stackstac + dask, chunks of 1024", lambda: dask(archives, "stackstac", 1024), "median_vs_stackstac_dask"),
    ]
    measure([ours, *ways], runs, pid)
    figures = show(f"Median NDVI of {DATES} dates without clouds, {SIDE} x {SIDE} pixels", ours, ways)
    for program in ("odc", "stackstac"):
        compare(job(client, "series", area), BUILD / f"{program}.tif", program)
    return {**figures, "median_seconds": ours.median, "median_memory_mb": ours.memory}


def memory(client: Gateway, pid: int, archives: Mapping[str, Path], runs: int) -> dict[str, float]:
    """Peak memory must not grow with the area."""
    large = Way(f"{TILE} x {TILE} pixels", lambda: job(client, "tile", bench_data.area(TILE)))
    quarter = Way(f"{SMALL} x {SMALL} pixels", lambda: job(client, "quarter", bench_data.area(SMALL)))
    measure([large, quarter], runs, pid)
    print("\nPeak memory of NDVI jobs")
    for way in (large, quarter):
        print(f"  {way.title:44} {way.median:7.1f} s {way.memory:7.0f} MB")
    return {"memory_10980_mb": large.memory, "memory_10980_vs_2745": large.memory / quarter.memory}


def small(client: Gateway, pid: int, archives: Mapping[str, Path], runs: int) -> dict[str, float]:
    """A job in which little is computed: what starting and describing cost."""
    way = Way("NDVI of the demo's area, 1159 x 1122 pixels", lambda: job(client, "demo", DEMO_AREA))
    measure([way], max(runs, 5), pid)
    print(f"\nA small job, POST to successful\n  {way.title:44} {way.median:7.2f} s {way.memory:7.0f} MB")
    return {"small_seconds": way.median}


@contextmanager
def gateway(archives: Mapping[str, Path]) -> Iterator[tuple[Gateway, int]]:
    """A personal gateway of the local scheduler that reads the archives; and its process."""
    known = [
        {"name": name, "prefix": f"https://{name}.phidias.invalid/", "path": str(path)}
        for name, path in archives.items()
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PHIDIAS_")},
        "PHIDIAS_STORE__ROOT": str(BUILD / "gateway"),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_ARCHIVES": json.dumps(known),
    }
    up = subprocess.run([GATEWAY, "up"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    line = json.loads(up.stdout)
    try:
        yield Gateway(line["url"], token=line["token"]), line["pid"]
    finally:
        subprocess.run([GATEWAY, "down"], env=environment, stdout=subprocess.DEVNULL, check=True)


def job(client: Gateway, catalogue: str, area: Mapping[str, Any]) -> Path:
    """Our way: the job from POST to successful; where its image lies."""
    request = {"scenes": {"catalogue": catalogue}, "area": area, "index": "NDVI"}
    *_, last = client.follow(client.execute("spectral-index", request).id)
    if last.status != "successful":
        raise SystemExit(f"The job did not succeed: {last.message}")
    return BUILD / "gateway" / "jobs" / last.id / "results" / "index.tif"


def otb(nir: str, red: str, options: list[str]) -> None:
    """Orfeo ToolBox's command line, then GDAL's COG driver."""
    flat, expression = str(BUILD / "otb.tif"), "(im1b1-im2b1)/(im1b1+im2b1)"
    if options is USUAL:
        run(
            "otbcli_BandMath", "-il", nir, red, "-out", f"{flat}?&gdal:co:COMPRESS=DEFLATE", "float", "-exp", expression
        )
    else:
        run("otbcli_BandMath", "-il", nir, red, "-out", flat, "int16", "-exp", f"10000*{expression}")
    run("gdal_translate", "-q", *options, flat, str(BUILD / "otb.cog.tif"))


def gdal_calc(nir: str, red: str, options: list[str]) -> None:
    """gdal_calc.py, then GDAL's COG driver."""
    flat, expression = str(BUILD / "calc.tif"), "(A.astype(float32)-B)/(A.astype(float32)+B)"
    kind = "Float32" if options is USUAL else "Int16"
    expression = expression if options is USUAL else f"rint(10000*{expression})"
    inputs = ("-A", nir, "-B", red, f"--calc={expression}", f"--type={kind}", f"--outfile={flat}")
    run("gdal_calc.py", "--quiet", "--overwrite", *inputs)
    run("gdal_translate", "-q", *options, flat, str(BUILD / "calc.cog.tif"))


def dask(archives: Mapping[str, Path], program: str, chunk: int) -> None:
    """A script of two threads that writes a COG of our type and compression."""
    column, row = CORNER
    west, north = bench_data.WEST + column * bench_data.PIXEL, bench_data.NORTH - row * bench_data.PIXEL
    arguments = (archives["series"] / "catalog.json", west, north, SIDE, chunk, BUILD / f"{program}.tif")
    run(str(DASK_PYTHON), "-W", "ignore", str(TOOLS / f"bench_{program}.py"), *map(str, arguments))


def compare(ours: Path, theirs: Path, program: str) -> None:
    """Say how far two images of one place are the same."""
    with rasterio.open(ours) as one, rasterio.open(theirs) as other:
        if one.transform != other.transform or one.shape != other.shape:
            raise SystemExit(f"The image of {program} lies elsewhere.")
        first, second = one.read(1).astype("int32"), other.read(1).astype("int32")
    same, most = np.mean(first == second), np.abs(first - second).max()
    print(f"  against {program}: {100 * same:.4f} % of the pixels are the same, the others differ by at most {most}")


def run(*command: str) -> None:
    """A program, its words kept unless it fails."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}")


def python_seconds(script: Path, *arguments: object) -> float:
    """What a script measured itself."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure(ways: list[Way], runs: int, pid: int) -> None:
    """Run all ways in turn, several times, so that what slows the machine for a while slows them all; the first of
    all, which also fills the disk's cache, does not count."""
    ways[0].run()
    for _ in range(runs):
        for way in ways:
            with peak_memory((os.getpid(), pid)) as peak:
                began = time.monotonic()
                way.run()
                way.seconds.append(time.monotonic() - began)
            way.memory = max(way.memory, peak[0])


def show(title: str, ours: Way, ways: list[Way]) -> dict[str, float]:
    """Print a table; the ratios by their keys."""
    print(f"\n{title}: {os.cpu_count()} cores, median of {len(ours.seconds)}")
    print(f"  {'':44} {'time':>9} {'memory':>10}  ours/this: time  memory")
    figures = {}
    for way in (ours, *ways):
        ratios = ours.median / way.median, ours.memory / way.memory
        print(
            f"  {way.title:44} {way.median:7.1f} s {way.memory:7.0f} MB {ratios[0]:15.2f} {ratios[1]:7.2f}", flush=True
        )
        if way.key:
            figures |= {way.key: ratios[0], way.key.replace("_vs_", "_memory_vs_"): ratios[1]}
    return figures


@contextmanager
def peak_memory(roots: tuple[int, ...]) -> Iterator[list[float]]:
    """The largest resident memory in MB of all processes below some, without these."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], sum(resident_mb(pid) for pid in below(roots)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def below(roots: tuple[int, ...]) -> list[int]:
    """The processes that some have started, and those that these have started."""
    children: dict[int, list[int]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry))
    found, pending = [], list(roots)
    while pending:
        started = children.get(pending.pop(), [])
        found += started
        pending += started
    return [pid for pid in found if pid not in roots]


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
