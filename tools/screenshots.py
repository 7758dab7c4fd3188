"""Take the pictures of QGIS that the docs show: `make screenshots`.

Starts a gateway, and QGIS itself on a screen in memory; `main_path.py` is the way of a user through it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import demo_archive
import package
import personal_gateway
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SCREEN = "1600x1000x24"
SETTINGS = """
[PythonPlugins]
phidias_qgis=true
processing=true

[qgis]
checkVersion=false
showTips=false
projectTemplate=false
newProjectDefault=false

[locale]
userLocale=en
overrideFlag=true
"""


def main() -> None:
    os.environ["LOGNAME"] = "ada"  # the gateway's user
    catalogue = demo_archive.build(personal_gateway.ARCHIVE)
    plugins = package.folder()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        profile = folder / "profiles" / "default" / "QGIS" / "QGIS3.ini"
        profile.parent.mkdir(parents=True)
        profile.write_text(SETTINGS, "utf-8")
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        with personal_gateway.running(folder / "gateway", SCHEDULER__MAX_PARALLEL="2") as told:
            order = {
                "gateway": told,
                "true_colour": str(next(catalogue.parent.rglob("visual.tif"))),
                "scratch": str(folder),
                "images": str(folder),
            }
            environment = {
                **{key: value for key, value in os.environ.items() if not key.startswith(("PHIDIAS_", "QT_QPA"))},
                "HOME": str(folder),
                "XDG_RUNTIME_DIR": str(runtime),
                "QGIS_PLUGINPATH": str(plugins),
                "MAIN_PATH": json.dumps(order),
            }
            qgis = ["qgis", "--noversioncheck", "--nologo", "--lang", "en", "--profiles-path", str(folder)]
            command = ["xvfb-run", "-a", "-s", f"-screen 0 {SCREEN}", *qgis]
            ended = subprocess.run(
                [*command, "--code", str(ROOT / "tools" / "main_path.py")],
                env=environment,
                cwd=folder,
                timeout=600,
            )
            shutil.rmtree(folder / "profiles", ignore_errors=True)
        for path in folder.glob("*.png"):
            _lighten(path, IMAGES / path.name)
    sys.exit(ended.returncode)


def _lighten(path: Path, target: Path) -> None:
    """A third of the bytes: the last bits of a photograph's colours are noise that no eye sees."""
    with Image.open(path) as picture:
        picture.convert("RGB").point(lambda value: min(255, (value + 2) // 4 * 4)).save(target, optimize=True)


if __name__ == "__main__":
    main()
