"""Cloud-Optimized GeoTIFFs made of blocks: the same file however tiles and tasks divide it, as validators want it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from phidias_processes.eo import cog, tiff
from phidias_processes.eo.cog import LayerDraft, assemble
from phidias_processes.eo.encoding import halve
from phidias_processes.eo.grid import Grid, Tile
from phidias_processes.eo.tile_process import Encoding, Layer

VALIDATOR = Path("/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_cloud_optimized_geotiff.py")
INDEX = Encoding("int16", 1e-4, 0.0, -32768.0)
KINDS = {
    "index": (1300, 2111, Layer("index", ("NDVI",), (INDEX,))),
    "one-row-of-blocks": (700, 90, Layer("index", ("NDVI",), (INDEX,))),
    "one-block": (90, 30, Layer("rgb", ("red", "green", "blue"), (Encoding("uint8", 1, 0, 0),) * 3)),
    "bands": (1111, 700, Layer("bands", ("a", "b"), (Encoding("uint16", 1e-4, -0.1, 0),) * 2)),
    "floats": (600, 1025, Layer("floats", ("x", "y"), (Encoding(), Encoding()))),
    "classes": (1500, 600, Layer("classes", ("class",), (Encoding("uint8", 1, 0, 255),), categorical=True)),
}


def pixels_of(width: int, height: int, layer: Layer) -> np.ndarray:
    """Noise with holes: a missing corner, scattered missing pixels, constant parts."""
    random = np.random.default_rng(0)
    encoding = layer.encodings[0]
    shape = (len(layer.bands), height, width)
    numbers = (
        random.normal(100, 40, shape).clip(1, 200) if encoding.dtype != "float32" else random.normal(0, 1e3, shape)
    )
    numbers[:, height // 3 : height // 2, : width // 4] = 7
    numbers[random.random(shape) < 0.02] = encoding.nodata
    numbers[:, height // 2 :, : width // 2] = encoding.nodata
    return numbers.astype(encoding.dtype)


def written(folder: Path, layer: Layer, pixels: np.ndarray, size: int, tasks: int = 1, seed: int = 0) -> Path:
    """The file made of tiles of a size, in any order, by several tasks."""
    _, height, width = pixels.shape
    grid = Grid("EPSG:32631", 500000, 5000000, 10, 10, width, height)
    tiles = [
        Tile(column, row, min(size, width - column), min(size, height - row))
        for row in range(0, height, size)
        for column in range(0, width, size)
    ]
    order = np.random.default_rng(seed).permutation(len(tiles))
    drafts = [draft_of(layer, grid, folder / f"{size}-{tasks}.{task}.tif") for task in range(tasks)]
    for place, number in enumerate(order):
        tile = tiles[number]
        there = np.s_[:, tile.row : tile.row + tile.height, tile.column : tile.column + tile.width]
        drafts[place % tasks].write(tile, pixels[there])
    for draft in drafts:
        draft.finish()
    target = folder / f"{size}-{tasks}.tif"
    assert assemble(layer, grid, [draft.path for draft in drafts], target)
    return target


def draft_of(layer: Layer, grid: Grid, path: Path) -> LayerDraft:
    whole = Tile(0, 0, grid.width, grid.height)
    return LayerDraft(layer, grid, path, [whole], 1)


def check(path: Path) -> None:
    """What GDAL's validator (that of QGIS's GDAL) and rio-cogeo say."""
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    assert valid, (errors, warnings)
    if VALIDATOR.exists():
        command = ["/usr/bin/python3", VALIDATOR, "--full-check=yes", path]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "is a valid cloud optimized GeoTIFF" in told.stdout, told.stdout + told.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_is_the_same_however_it_is_divided(tmp_path, kind):
    width, height, layer = KINDS[kind]
    pixels = pixels_of(width, height, layer)
    first = written(tmp_path, layer, pixels, 512)
    check(first)
    with rasterio.open(first) as image:
        np.testing.assert_array_equal(image.read(), pixels)
        assert image.descriptions == layer.bands
        assert image.scales == tuple(encoding.scale for encoding in layer.encodings)
    for size, tasks in ((200, 1), (1024, 1), (5000, 1), (300, 3), (512, 2), (250, 7)):
        assert written(tmp_path, layer, pixels, size, tasks, seed=size).read_bytes() == first.read_bytes(), (
            size,
            tasks,
        )


@pytest.mark.parametrize("kind", ["index", "floats"])
def test_a_file_beyond_four_gigabytes_is_a_bigtiff(tmp_path, monkeypatch, kind):
    width, height, layer = KINDS[kind]
    pixels = pixels_of(width, height, layer)
    monkeypatch.setattr(tiff, "_CLASSIC_END", 1000)
    path = written(tmp_path, layer, pixels, 512)
    assert path.read_bytes()[:4] == b"II\x2b\x00"
    check(path)
    with rasterio.open(path) as image:
        np.testing.assert_array_equal(image.read(), pixels)


def test_overviews_are_made_of_the_means_of_four(tmp_path):
    width, height, layer = KINDS["index"]
    pixels = pixels_of(width, height, layer)
    path = written(tmp_path, layer, pixels, 512)
    for level in range(3):
        pixels = halve(pixels, -32768, categorical=False)
        with rasterio.open(path, OVERVIEW_LEVEL=level) as overview:
            np.testing.assert_array_equal(overview.read(), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_a_mean_of_four_leaves_out_what_is_missing(dtype):
    random = np.random.default_rng(1)
    numbers = random.integers(1, 250, (2, 7, 9)).astype(dtype)
    missing = random.random(numbers.shape) < 0.4
    numbers[missing] = 0
    padded = np.pad(
        np.where(missing, np.nan, numbers.astype("float64")), [(0, 0), (0, 1), (0, 1)], constant_values=np.nan
    )
    fours = padded.reshape(2, 4, 2, 5, 2)
    known = (~np.isnan(fours)).sum(axis=(2, 4))
    mean = np.nansum(fours, axis=(2, 4)) / np.maximum(known, 1)
    expected = mean if dtype == "float32" else np.floor(mean + 0.5)
    np.testing.assert_allclose(halve(numbers, 0, categorical=False), np.where(known, expected, 0), rtol=1e-6)


def test_a_mean_is_never_taken_for_missing():
    numbers = np.array([[[4, 6], [4, 6]]], "uint8")
    assert halve(numbers, 5, categorical=False).item() == 6


def test_a_draft_can_be_looked_at_while_it_grows(tmp_path):
    width, height, layer = KINDS["index"]
    pixels = pixels_of(width, height, layer)
    grid = Grid("EPSG:32631", 500000, 5000000, 10, 10, width, height)
    draft = draft_of(layer, grid, tmp_path / "index.0.tif")
    draft.write(Tile(0, 0, 1024, 512), pixels[:, :512, :1024])
    with rasterio.open(draft.path) as image:
        shown = image.read()
    np.testing.assert_array_equal(shown[:, :512, :1024], pixels[:, :512, :1024])
    shown[:, :512, :1024] = -32768
    assert (shown == -32768).all()
    draft.finish()


def test_nothing_valid_makes_no_file(tmp_path):
    width, height, layer = KINDS["bands"]
    grid = Grid("EPSG:32631", 500000, 5000000, 10, 10, width, height)
    draft = draft_of(layer, grid, tmp_path / "bands.0.tif")
    draft.write(Tile(0, 0, width, height), np.zeros((2, height, width), "uint16"))
    draft.finish()
    assert assemble(layer, grid, [draft.path], tmp_path / "bands.tif") is None
    assert not (tmp_path / "bands.tif").exists()


def test_a_glimpse_shows_overviews_of_what_is_there_and_changes_nothing(tmp_path, monkeypatch):
    width, height, layer = KINDS["index"]
    pixels = pixels_of(width, height, layer)
    grid = Grid("EPSG:32631", 500000, 5000000, 10, 10, width, height)
    monkeypatch.setattr(cog, "FIRST_GLIMPSE", 0.0)
    tiles = [Tile(0, row, width, min(300, height - row)) for row in range(0, height, 300)]
    draft = LayerDraft(layer, grid, tmp_path / "index.0.tif", tiles, len(tiles))
    draft.write(tiles[0], pixels[:, :300])
    with rasterio.open(draft.path, OVERVIEW_LEVEL=2) as overview:
        shown = overview.read(1)
    assert (shown[:37] != -32768).all()
    assert (shown[38:] == -32768).all()
    for tile in tiles[1:]:
        draft.write(tile, pixels[:, tile.row : tile.row + tile.height])
    draft.finish()
    assemble(layer, grid, [draft.path], tmp_path / "index.tif")
    assert (tmp_path / "index.tif").read_bytes() == written(tmp_path, layer, pixels, 512).read_bytes()
