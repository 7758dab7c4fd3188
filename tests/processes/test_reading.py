"""Pixels of an image on a grid, against GDAL's own resampling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.reading import Pixels, read_onto
from phidias_processes.eo.reducers import REDUCERS, median

X, Y = 500000.0, 5000000.0


def write(path: Path, pixels: np.ndarray, resolution: float, nodata: float | None) -> Path:
    height, width = pixels.shape
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": pixels.dtype}
    profile |= {"crs": "EPSG:32631", "transform": rasterio.Affine(resolution, 0, X, 0, -resolution, Y)}
    with rasterio.open(path, "w", nodata=nodata, tiled=True, blockxsize=128, blockysize=128, **profile) as image:
        image.write(pixels, 1)
    return path


@contextmanager
def opened(path: Path) -> Iterator[Callable[[str], rasterio.DatasetReader]]:
    kept: dict[str, rasterio.DatasetReader] = {}

    def open_at(level: str) -> rasterio.DatasetReader:
        options = {"OVERVIEW_LEVEL": level} if level else {}
        return kept.setdefault(level, rasterio.open(path, **options))

    yield open_at
    for dataset in kept.values():
        dataset.close()


def read(path: Path, grid: Grid, part: Tile, *, categorical: bool = False) -> Pixels:
    with opened(path) as open_at:
        return read_onto(open_at, 1, None, grid, part, categorical=categorical)


@pytest.mark.parametrize("nodata", [0, None])
@pytest.mark.parametrize("times", [2, 3, 6])
@pytest.mark.parametrize("categorical", [True, False])
def test_coarser_pixels_are_enlarged_as_gdal_does(tmp_path, nodata, times, categorical):
    random = np.random.default_rng(times)
    pixels = random.integers(1, 9000, (130, 170)).astype("uint16")
    pixels[random.random(pixels.shape) < 0.03] = 0
    pixels[20:40, 60:90] = 0
    path = write(tmp_path / "coarse.tif", pixels, 10.0 * times, nodata)
    grid = Grid("EPSG:32631", X - 70, Y + 130, 10, 10, 170 * times + 20, 130 * times + 30)
    part = Tile(3, 5, grid.width - 10, grid.height - 17)
    ours = read(path, grid, part, categorical=categorical)
    with (
        rasterio.open(path) as image,
        WarpedVRT(
            image,
            crs=grid.crs,
            transform=grid.crop(part.column, part.row, 1, 1).affine,
            width=part.width,
            height=part.height,
            resampling=Resampling.nearest if categorical else Resampling.bilinear,
            nodata=nodata,
            add_alpha=nodata is None,
        ) as warped,
    ):
        theirs, known = warped.read(1), warped.dataset_mask() > 0
    np.testing.assert_array_equal(~ours.missing(), known)
    differences = np.abs(ours.stored.astype(int) - theirs)[known]
    assert differences.max() <= (0 if categorical or times == 2 else 1), "but for rounded halves"
    assert (differences == 0).mean() > 0.98


def test_where_an_overview_fits_it_is_read_as_it_is(tmp_path):
    path = write(tmp_path / "image.tif", np.full((512, 512), 1000, "uint16"), 10.0, 0)
    with rasterio.open(path, "r+") as image:
        image.build_overviews([2, 4], Resampling.average)
    marks = np.random.default_rng(0).integers(1, 9000, (128, 128)).astype("uint16")
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=1) as overview:
        overview.write(marks, 1)
    grid = Grid("EPSG:32631", X, Y, 40, 40, 128, 128)
    np.testing.assert_array_equal(read(path, grid, Tile(0, 0, 128, 128)).stored, marks)
    np.testing.assert_array_equal(read(path, grid, Tile(11, 7, 50, 60)).stored, marks[7:67, 11:61])


def test_what_lies_beyond_the_image_is_missing(tmp_path):
    pixels = np.arange(1, 65, dtype="uint16").reshape(8, 8)
    path = write(tmp_path / "image.tif", pixels, 10.0, None)
    got = read(path, Grid("EPSG:32631", X - 20, Y + 30, 10, 10, 20, 20), Tile(0, 0, 20, 20))
    np.testing.assert_array_equal(got.stored[3:11, 2:10], pixels)
    assert (~got.missing()).sum() == 64


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("days", [1, 2, 3, 4, 5, 12, 13, 31, 64, 118])
@pytest.mark.parametrize("missing", [0.0, 0.5, 0.95, 1.0])
def test_the_median_is_numpys(days, missing):
    random = np.random.default_rng(days)
    values = random.normal(size=(days, 40, 50)).round(1).astype("float32")
    values[random.random(values.shape) < missing] = np.nan
    before = values.copy()
    np.testing.assert_array_equal(median(values), np.nanmedian(values, axis=0).astype("float32"))
    np.testing.assert_array_equal(values, before, "the values are left as they were")


@pytest.mark.parametrize("reducer", REDUCERS)
def test_a_pixel_without_any_date_stays_empty(reducer):
    values = np.full((4, 3, 3), np.nan, "float32")
    values[2, 0, 0] = 0.5
    result = REDUCERS[reducer](values)
    assert result[0, 0] == np.float32(0.5)
    assert np.isnan(result).sum() == 8
