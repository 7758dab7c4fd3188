"""From tiles to blocks, those of the overviews too: a block leaves as soon as all its pixels have come.

Overviews are made of the pixels in memory, four to one, again and again, so that nothing is read back. What waits for
its neighbours is a small part of an image: the blocks along the border of what is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

BLOCK = 512
"""Side in pixels; even"""


def shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of an image and of its overviews, each half as large, down to one block."""
    found = [(height, width)]
    while max(found[-1]) > BLOCK:
        found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
    return found


def blocks_of(shape: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns of blocks an image has."""
    return -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)


@dataclass
class _Filling:
    pixels: np.ndarray
    missing: int
    """Pixels that have not come yet"""


class Pyramid:
    """Takes pixels of an image (bands, rows, columns) in any order, from several threads, each pixel once.

    `emit` is given each block as level (0: the image), row and column of blocks, and its pixels, cut at the image's
    edge; `halve` makes an overview's pixels.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        empty: np.ndarray,
        halve: Callable[[np.ndarray], np.ndarray],
        emit: Callable[[int, int, int, np.ndarray], None],
    ) -> None:
        """`empty` is a pixel without data: (bands, 1, 1)."""
        self._shapes = shapes(*shape)
        self._empty = empty
        self._halve = halve
        self._emit = emit
        self._filling: list[dict[tuple[int, int], _Filling]] = [{} for _ in self._shapes]
        self._lock = Lock()

    def put(self, column: int, row: int, pixels: np.ndarray, level: int = 0) -> None:
        """Take pixels whose first column and row are given."""
        _, height, width = pixels.shape
        for y in range(row // BLOCK, -(-(row + height) // BLOCK)):
            for x in range(column // BLOCK, -(-(column + width) // BLOCK)):
                top, left = max(row, y * BLOCK), max(column, x * BLOCK)
                bottom, right = min(row + height, (y + 1) * BLOCK), min(column + width, (x + 1) * BLOCK)
                part = pixels[:, top - row : bottom - row, left - column : right - column]
                done = self._filled(level, y, x, top - y * BLOCK, left - x * BLOCK, part)
                if done is not None:
                    self._finish(level, y, x, done)

    def flush(self) -> None:
        """Let go of the blocks that are not full: no tile covers the rest of them."""
        for level, filling in enumerate(self._filling):
            while filling:
                (y, x), block = filling.popitem()
                self._finish(level, y, x, block.pixels)

    def _filled(self, level: int, y: int, x: int, row: int, column: int, part: np.ndarray) -> np.ndarray | None:
        """The block, if it is full with this part."""
        rows, columns = (
            min(BLOCK, side - number * BLOCK) for side, number in zip(self._shapes[level], (y, x), strict=True)
        )
        bands, height, width = part.shape
        if (height, width) == (rows, columns):
            return part
        with self._lock:
            filling = self._filling[level]
            if (y, x) not in filling:
                pixels = np.broadcast_to(self._empty, (bands, rows, columns)).copy()
                filling[y, x] = _Filling(pixels, rows * columns)
            block = filling[y, x]
            block.pixels[:, row : row + height, column : column + width] = part
            block.missing -= height * width
            return None if block.missing else filling.pop((y, x)).pixels

    def _finish(self, level: int, y: int, x: int, pixels: np.ndarray) -> None:
        self._emit(level, y, x, pixels)
        if level + 1 < len(self._shapes):
            self.put(x * BLOCK // 2, y * BLOCK // 2, self._halve(pixels), level + 1)
