"""Build the plugin as plugins.qgis.org takes it: one folder, no binaries, a zip beside it.

The client library travels in the plugin's `lib/`, its pictures and words in `resources/` and `i18n/`; of the latter
only what Qt reads, made anew if it is old.
"""

from __future__ import annotations

import configparser
import shutil
import zipfile
from pathlib import Path

import translations

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
NAME = "phidias_qgis"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "metadata.txt", "*.ts", "py.typed")


def folder() -> Path:
    """Lay out build/plugins/phidias_qgis; returns build/plugins, ready for QGIS_PLUGINPATH."""
    translations.compile_old()
    plugins = BUILD / "plugins"
    target = plugins / NAME
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / NAME, target, ignore=LEFT_OUT)
    shutil.copytree(ROOT / "backend_client", target / "lib" / "backend_client", ignore=LEFT_OUT)
    for name in ("resources", "i18n"):
        shutil.copytree(ROOT / name, target / name, ignore=LEFT_OUT)
    for name in ("metadata.txt", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, target)
    return plugins


def archive(plugins: Path) -> Path:
    """Zip the folder, every entry with the same time, so that the same tree gives the same bytes."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "metadata.txt", encoding="utf-8")
    target = BUILD / f"{NAME}-{metadata['general']['version']}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted((plugins / NAME).rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(plugins)), (2020, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                bundle.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    zipped = archive(folder())
    print(f"{zipped.relative_to(ROOT)}  {zipped.stat().st_size / 1000:.0f} kB")
