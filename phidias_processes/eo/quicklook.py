"""A small picture of a result: its overview, one band through a colour ramp, three or more as red, green, blue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

SIDE = 1024
"""Longest side, in pixels"""

# Low to high: brown, sand, pale, green, dark green. Distinct in lightness, so also in grey and for the colour-blind.
RAMP = np.array([(84, 48, 5), (191, 129, 45), (246, 232, 195), (127, 188, 105), (0, 88, 36)], dtype="float64")
OUTLINE = (255, 221, 0)
RED_GREEN_BLUE = ("red", "green", "blue")


def write_quicklook(source: Path, target: Path, labels: np.ndarray | None = None) -> Path:
    """A PNG of a raster, transparent where it has no data. The contrast runs from the 2nd to the 98th percentile.

    `labels` (rows, columns of the raster) draws the outlines of segments over it.
    """
    with rasterio.open(source) as dataset:
        shrink = max(dataset.width, dataset.height) / SIDE
        shape = tuple(max(round(side / max(shrink, 1)), 1) for side in dataset.shape)
        names = [str(name).lower() for name in dataset.descriptions]
        if dataset.count < 3:
            bands = [1]
        else:
            bands = [names.index(name) + 1 if name in names else index for index, name in enumerate(RED_GREEN_BLUE, 1)]
        image = dataset.read(bands, out_shape=(len(bands), *shape), masked=True)
    valid = ~np.ma.getmaskarray(image).any(axis=0)
    levels = np.stack([_stretch(band.data.astype("float64"), valid) for band in image])
    if len(bands) == 1:
        positions = np.linspace(0, 1, len(RAMP))
        levels = np.stack([np.interp(levels[0], positions, RAMP[:, channel]) / 255 for channel in range(3)])
    if labels is not None:
        levels[:, _outlines(labels, shape) & valid] = np.array(OUTLINE)[:, None] / 255
    pixels = np.concatenate([levels * 255, valid[None] * 255.0]).round().astype("uint8")
    Image.fromarray(np.moveaxis(pixels, 0, -1), "RGBA").save(target)
    return target


def _outlines(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = (np.arange(size) * whole // size for size, whole in zip(shape, labels.shape, strict=True))
    small = labels[np.ix_(rows, columns)]
    edges = np.zeros(shape, bool)
    edges[:, 1:] |= small[:, 1:] != small[:, :-1]
    edges[1:] |= small[1:] != small[:-1]
    return edges


def _stretch(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    if not valid.any():
        return np.zeros(values.shape)
    low, high = np.percentile(values[valid], (2, 98))
    return np.clip(np.where(valid, values - low, 0) / (high - low or 1), 0, 1)
