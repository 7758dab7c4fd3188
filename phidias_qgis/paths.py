"""Where the plugin's own files lie: in a checkout beside the package, in the installed plugin inside it."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "lib" if (HERE / "lib").is_dir() else HERE.parent
"""Holds `backend_client/`"""


def resource(*parts: str) -> Path:
    """A file of `resources/`."""
    return _folder("resources").joinpath(*parts)


def translations() -> Path:
    """The folder `i18n/`."""
    return _folder("i18n")


def _folder(name: str) -> Path:
    return HERE / name if (HERE / name).is_dir() else HERE.parent / name


def make_client_importable() -> None:
    """Let `import backend_client` find the copy that belongs to this plugin."""
    if str(LIBRARY) not in sys.path:
        sys.path.insert(0, str(LIBRARY))


def forget_client() -> None:
    """Drop the client's modules, which would otherwise outlive a reload of the plugin with the old code."""
    for name in [name for name in sys.modules if name.split(".")[0] == "backend_client"]:
        del sys.modules[name]
    if str(LIBRARY) in sys.path:
        sys.path.remove(str(LIBRARY))
