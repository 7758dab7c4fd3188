"""Spectral indices in other clothes: divided early, with a neighbourhood, waiting for a file, failing in a place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phidias_processes.eo.tile_process import Block
from phidias_processes.spectral_index import SpectralIndex, SpectralIndexInputs

EARLY = 1_000_000


class Fine(SpectralIndex):
    """Fine

    A spectral index of many tasks."""

    id = "fine"
    worth_a_task = EARLY


class Smooth(SpectralIndex):
    """Smooth

    A spectral index, the mean of three by three pixels."""

    id = "smooth"
    halo = 1

    def compute(self, block: Block, inputs: SpectralIndexInputs) -> Mapping[str, Any]:
        import numpy as np

        values = super().compute(block, inputs)["index"]
        padded = np.pad(values, 1, mode="edge").astype("float64")
        rows, columns = values.shape
        shifted = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
        return {"index": (sum(shifted) / 9).astype("float32")}


class FineSmooth(Smooth):
    """Fine and smooth

    The same of many tasks."""

    id = "fine-smooth"
    worth_a_task = EARLY


class GatedInputs(SpectralIndexInputs):
    gate: str
    """A file: until it is there, only the tiles in the north-western corner are computed"""
    x: float
    y: float
    """The corner, in the result's reference system"""


class Gated(SpectralIndex):
    """Gated

    A spectral index that waits for a file."""

    id = "gated"
    Inputs = GatedInputs

    def compute(self, block: Block, inputs: GatedInputs) -> Mapping[str, Any]:
        grid = block.grid
        in_column, in_row = grid.x - inputs.x < grid.dx, inputs.y - grid.y < 1024 * grid.dy
        opened = [Path(inputs.gate), *([Path(f"{inputs.gate}.row")] if in_row else [])]
        while not (in_column and in_row) and not any(path.exists() for path in opened):
            time.sleep(0.05)
        return super().compute(block, inputs)


class PoisonedInputs(SpectralIndexInputs):
    x: float
    y: float
    """A place in the result's reference system"""


class Poisoned(SpectralIndex):
    """Poisoned

    A spectral index that fails in the tile of a place."""

    id = "poisoned"
    worth_a_task = 4 * EARLY
    Inputs = PoisonedInputs

    def compute(self, block: Block, inputs: PoisonedInputs) -> Mapping[str, Any]:
        west, south, east, north = block.grid.bounds
        if west <= inputs.x < east and south <= inputs.y < north:
            raise ZeroDivisionError("poison")
        return super().compute(block, inputs)
