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

    `emit` is given each block as level (0: the image), row and column of blocks, its pixels, cut at the image's edge,
    and whether it is final; `halve` makes an overview's pixels.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        empty: np.ndarray,
        halve: Callable[[np.ndarray], np.ndarray],
        emit: Callable[[int, int, int, np.ndarray, bool], None],
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

    def glimpse(self) -> None:
        """Emit what is known of blocks that still wait for pixels, and of overviews above them, as not final."""
        with self._lock:
            known = [{place: block.pixels.copy() for place, block in filling.items()} for filling in self._filling]
        for level, blocks in enumerate(known):
            for (y, x), pixels in blocks.items():
                self._emit(level, y, x, pixels, False)
                if level + 1 < len(self._shapes):
                    above, half = (y // 2, x // 2), self._halve(pixels)
                    if above not in known[level + 1]:
                        known[level + 1][above] = self._empty_block(level + 1, *above)
                    top, left = y % 2 * BLOCK // 2, x % 2 * BLOCK // 2
                    known[level + 1][above][:, top : top + half.shape[1], left : left + half.shape[2]] = half

    def _empty_block(self, level: int, y: int, x: int) -> np.ndarray:
        return np.broadcast_to(self._empty, (len(self._empty), *self._size(level, y, x))).copy()

    def _size(self, level: int, y: int, x: int) -> tuple[int, int]:
        """Rows and columns of a block that has all its pixels."""
        height, width = self._shapes[level]
        return min(BLOCK, height - y * BLOCK), min(BLOCK, width - x * BLOCK)

    def _filled(self, level: int, y: int, x: int, row: int, column: int, part: np.ndarray) -> np.ndarray | None:
        """The block, if it is full with this part."""
        _, height, width = part.shape
        if part.shape[1:] == self._size(level, y, x):
            return part
        with self._lock:
            filling = self._filling[level]
            if (y, x) not in filling:
                pixels = self._empty_block(level, y, x)
                filling[y, x] = _Filling(pixels, pixels[0].size)
            block = filling[y, x]
            block.pixels[:, row : row + height, column : column + width] = part
            block.missing -= height * width
            return None if block.missing else filling.pop((y, x)).pixels

    def _finish(self, level: int, y: int, x: int, pixels: np.ndarray) -> None:
        self._emit(level, y, x, pixels, True)
        if level + 1 < len(self._shapes):
            self.put(x * BLOCK // 2, y * BLOCK // 2, self._halve(pixels), level + 1)
