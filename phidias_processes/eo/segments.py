"""From an image of labels to polygons: each segment with its number of pixels and each band's mean and variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio.raw
import rasterio
import shapely
from rasterio.features import shapes
from shapely.geometry import shape

from phidias_processes.eo.grid import Grid


@dataclass(frozen=True)
class Segments:
    """Segments by their label, and the statistics of their valid pixels."""

    labels: np.ndarray
    """Sorted, (segments,)"""
    pixels: np.ndarray
    """How many, (segments,)"""
    means: np.ndarray
    """(bands, segments)"""
    variances: np.ndarray
    """Of the population, (bands, segments)"""


def summarize(image: Path, labels: np.ndarray, valid: np.ndarray) -> Segments:
    """Statistics of the segments that lie for the most part where there is data.

    `labels` and `valid` are as large as the image: (rows, columns).
    """
    count = int(labels.max()) + 1
    flat = labels.ravel()
    known = np.bincount(flat, weights=valid.ravel(), minlength=count).astype("int64")
    chosen = np.flatnonzero(known * 2 > np.bincount(flat, minlength=count))
    pixels = known[chosen]
    flat = np.where(valid, labels, 0).ravel()
    means, variances = [], []
    with rasterio.open(image) as dataset:
        for index in dataset.indexes:
            numbers = np.where(valid, dataset.read(index), 0).astype("float64").ravel()
            mean = np.bincount(flat, weights=numbers, minlength=count) / np.maximum(known, 1)
            numbers = np.where(valid.ravel(), numbers - mean[flat], 0)
            square = np.bincount(flat, weights=numbers**2, minlength=count) / np.maximum(known, 1)
            means.append(mean[chosen])
            variances.append(square[chosen])
    return Segments(chosen, pixels, np.array(means), np.array(variances))


def write_segments(
    target: Path, segments: Segments, bands: Sequence[str], labels: np.ndarray, valid: np.ndarray, grid: Grid
) -> None:
    """A FlatGeobuf of the segments, spatially indexed: one feature each, its parts together."""
    kept = valid & np.isin(labels, segments.labels)
    parts, of = [], []
    for geometry, label in shapes(labels.astype("int32"), mask=kept, transform=grid.affine):
        parts.append(shape(geometry))
        of.append(int(label))
    order = np.argsort(of, kind="stable")
    numbers = np.searchsorted(segments.labels, np.array(of)[order])
    geometries = shapely.multipolygons(np.array(parts, dtype=object)[order], indices=numbers)
    columns = {"segment": segments.labels.astype("int64"), "pixels": segments.pixels}
    for name, mean, variance in zip(bands, segments.means, segments.variances, strict=True):
        columns[f"mean_{name}"] = mean
        columns[f"var_{name}"] = variance
    pyogrio.raw.write(
        str(target),
        geometry=shapely.to_wkb(geometries),
        field_data=list(columns.values()),
        fields=list(columns),
        crs=grid.crs,
        geometry_type="MultiPolygon",
        driver="FlatGeobuf",
        layer=target.stem,
        SPATIAL_INDEX="YES",
    )
