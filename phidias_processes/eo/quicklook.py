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
    levels = np.stack([_stretch(band.data.astype("float32"), valid) for band in image])
    outlines = None if labels is None else _outlines(labels, shape) & valid
    if len(bands) == 1:
        _save_ramp(levels[0], valid, outlines, target)
    else:
        _save_colours(levels, valid, outlines, target)
    return target


def _save_ramp(levels: np.ndarray, valid: np.ndarray, outlines: np.ndarray | None, target: Path) -> None:
    """With a palette: a fourth of the size."""
    steps = np.linspace(0, 1, 254)
    ramp = np.stack([np.interp(steps, np.linspace(0, 1, len(RAMP)), channel) for channel in RAMP.T], axis=1)
    palette = np.concatenate([ramp.round(), [OUTLINE, (0, 0, 0)]]).astype("uint8")
    pixels = (levels * 253).round().astype("uint8")
    if outlines is not None:
        pixels[outlines] = 254
    pixels[~valid] = 255
    picture = Image.fromarray(pixels, "P")
    picture.putpalette(palette.tobytes())
    picture.save(target, transparency=255)


def _save_colours(levels: np.ndarray, valid: np.ndarray, outlines: np.ndarray | None, target: Path) -> None:
    if outlines is not None:
        levels[:, outlines] = np.array(OUTLINE)[:, None] / 255
    pixels = (np.concatenate([levels, valid[None]]) * 255).round().astype("uint8")
    Image.fromarray(np.moveaxis(pixels, 0, -1), "RGBA").save(target, compress_level=1)  # noise shrinks no further


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
