"""Grids: the scenes' own pixels, wishes that can be met, and those that cannot."""

from __future__ import annotations

import pytest
from shapely.geometry import box

from phidias_gateway.errors import InputError
from phidias_gateway.process import Resources
from phidias_processes.eo.grid import Grid, output_grid, tiles
from phidias_processes.eo.plan import tile_size
from tests.processes.conftest import VIRGINIA

NATIVE = Grid("EPSG:32618", 435730.0, 4179460.0, 10.0, 10.0, 1933, 1947)
SCENE = box(-75.73, 37.58, -75.51, 37.76)
AREA = box(*VIRGINIA)


def grid(crs=None, resolution=None, area=AREA, native=NATIVE):
    return output_grid(native, [SCENE], area, crs, resolution)


def test_without_a_wish_the_pixels_are_the_scenes():
    ours = grid()
    assert (ours.x - NATIVE.x) % 10 == 0
    assert (NATIVE.y - ours.y) % 10 == 0
    assert (ours.dx, ours.dy, ours.crs) == (10, 10, "EPSG:32618")


def test_the_grid_ends_where_the_scenes_end():
    assert grid(area=box(-80, 30, -70, 40)).width < 2100


@pytest.mark.parametrize(
    ("crs", "resolution", "size"),
    [
        ("EPSG:32618", None, 10),
        ("EPSG:32618", 30.0, 30),
        ("EPSG:3857", None, 10),
        ("EPSG:4326", None, 9e-5),
        ("EPSG:4326", 0.001, 0.001),
    ],
)
def test_a_reference_system_and_a_resolution_can_be_wished(crs, resolution, size):
    ours = grid(crs, resolution)
    assert (ours.crs, ours.dx, ours.dy) == (crs, size, size)
    if crs != "EPSG:32618":
        assert ours.x / size == pytest.approx(round(ours.x / size), abs=1e-6), "on multiples of the resolution"


@pytest.mark.parametrize(
    ("wish", "input"),
    [
        ({"crs": "EPSG:999999"}, "crs"),
        ({"crs": "EPSG:4326", "resolution": 10.0}, "resolution"),
        ({"resolution": 0.001}, "area"),
        ({"area": box(0, 0, 1, 1)}, "area"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wish, input):
    with pytest.raises(InputError) as error:
        grid(**wish)
    assert error.value.input == input
    assert error.value.remedy


def test_tiles_cover_the_area_once():
    ours = grid()
    area = box(*ours.bounds)
    found = list(tiles(ours, 256, area))
    assert sum(tile.width * tile.height for tile in found) == ours.width * ours.height
    corner = box(ours.x, ours.y - 100, ours.x + 100, ours.y)
    assert [(tile.column, tile.row) for tile in tiles(ours, 256, corner)] == [(0, 0)]


def test_tiles_begin_where_they_are_told():
    whole = Grid("EPSG:32631", 0, 0, 10, 10, 2500, 1000)
    found = list(tiles(whole, 1024, box(*whole.bounds), (300, 0)))
    assert [(tile.column, tile.width) for tile in found] == [(0, 300), (300, 1024), (1324, 1024), (2348, 152)]
    assert {(tile.row, tile.height) for tile in found} == {(0, 1000)}


def test_many_dates_make_small_tiles():
    resources = Resources(cpus=2, memory_gb=4)
    assert tile_size(3, 0, resources) == 1024
    assert tile_size(3 * 12, 0, resources) == 1024
    assert tile_size(3 * 400, 0, resources) == 256
    assert tile_size(3, 8, resources) == 2048, "the halo of a large tile is a small part of it"
