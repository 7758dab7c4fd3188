"""Letting others look at a draft while it grows: the files that `phidias_gateway.preview` reads."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.rendering import Classes, Ramp, classes_of, render_of_image
from phidias_processes.eo.statistics import Statistics
from phidias_processes.eo.tile_process import Layer

SECONDS, SHARE = 1.0, 0.01
"""What is new is told after so many seconds, or so large a part of the tiles, whichever is sooner"""


class Shown:
    """Tells how far a task is with its draft at `path`, `<layer>.<task>.tif`. May be used from several threads.

    `statistics` gives those of what is finished, for each band.
    """

    def __init__(
        self,
        path: Path,
        layer: Layer,
        grid: Grid,
        tiles: Sequence[Tile],
        all_tiles: int,
        statistics: Callable[[], list[Statistics]],
    ) -> None:
        self._path = path.with_suffix(".json")
        self._layer, self._statistics = layer, statistics
        self._done, self._done_told, self._told, self._total = 0, 0, 0.0, len(tiles)
        self._window = _window(tiles)
        self._lock = Lock()
        bands = [
            {"type": one.dtype, "nodata": one.nodata, "scale": one.scale, "offset": one.offset, "name": name}
            for name, one in zip(layer.bands, layer.encodings, strict=True)
        ]
        image = {
            "size": [grid.width, grid.height],
            "transform": list(grid.affine)[:6],
            "crs": grid.crs,
            "tiles": all_tiles,
            "bands": bands,
            "classes": classes_of(layer.style),
        }
        _replace(path.with_name(f"{layer.name}.json"), image, path.suffix + path.stem)

    def tile_done(self) -> None:
        """One more tile is in the draft. Raises OSError."""
        with self._lock:
            self._done += 1
            if self._done - self._done_told >= SHARE * self._total or time.monotonic() - self._told >= SECONDS:
                self._tell()

    def all_done(self) -> None:
        """The draft is finished. Raises OSError."""
        with self._lock:
            self._done = self._total
            self._tell()

    def _tell(self) -> None:
        self._told, self._done_told = time.monotonic(), self._done
        _replace(self._path, {"window": self._window, "done": self._done, "render": self._render()}, ".new")

    def _render(self) -> dict[str, Any]:
        """How it wants to be drawn; a range that is not given is that of what is finished."""
        layer, statistics = self._layer, self._statistics()
        style = layer.style or Ramp()
        open_range = not isinstance(style, Classes) and style.values is None
        if open_range and not all(band.count for band in statistics):
            return {}
        return render_of_image(style, layer.name, layer.bands, layer.encodings, statistics)


def _window(tiles: Sequence[Tile]) -> list[int]:
    """Column, row, columns and rows of the smallest window that holds all tiles."""
    left, top = min(tile.column for tile in tiles), min(tile.row for tile in tiles)
    right = max(tile.column + tile.width for tile in tiles)
    bottom = max(tile.row + tile.height for tile in tiles)
    return [left, top, right - left, bottom - top]


def _replace(path: Path, content: dict[str, Any], ending: str) -> None:
    """Several tasks write the same image's description: each by a file of its own ending."""
    temporary = path.with_name(path.name + ending)
    temporary.write_text(json.dumps(content), "utf-8")
    os.replace(temporary, path)
