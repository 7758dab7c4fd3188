"""Extracted bands are the very numbers of the scenes."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from phidias_gateway.errors import ProcessFailed
from tests.processes.conftest import FLANDERS, VIRGINIA

MAY = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-31"}


def window(image, west, north):
    """Where an image lies in the source whose corner is given, as an index of arrays."""
    column, row = round((image.transform.c - west) / image.res[0]), round((north - image.transform.f) / image.res[1])
    return np.s_[row : row + image.height, column : column + image.width]


def test_each_date_is_one_image_of_the_numbers_as_stored(run, flanders):
    ran = run("extract", scenes=MAY, area={"bbox": FLANDERS}, bands=["red", "nir"])
    folders = sorted(flanders.glob("S2*_201805*"), key=lambda path: path.name.split("_")[2])
    assert [output.file for output in ran.outputs.images] == [
        f"image-{day[:4]}-{day[4:6]}-{day[6:]}.tif" for day in (folder.name.split("_")[2] for folder in folders)
    ]
    for output, folder in zip(ran.outputs.images, folders, strict=True):
        with ran.image(output.file) as image:
            assert image.descriptions == ("red", "nir")
            assert (image.dtypes, image.nodata) == (("uint16", "uint16"), 0)
            assert (image.scales, image.offsets) == ((1e-4, 1e-4), (0, 0))
            stored, there = image.read(), window(image, 501360, 5629680)
        for band, name in zip(stored, ("B04", "B08"), strict=True):
            with rasterio.open(folder / f"{name}.tif") as source:
                original = source.read(1)[there]
            kept = band != 0
            assert kept.sum() > 3000
            np.testing.assert_array_equal(band[kept], original[kept])


def test_a_20_m_band_alone_keeps_its_own_pixels(run, virginia):
    ran = run("extract", scenes={"catalogue": "demo"}, area={"bbox": VIRGINIA}, bands=["swir16"], compose="mosaic")
    with ran.image("mosaic.tif") as image:
        assert image.res == (20, 20)
        stored, there = image.read(1), window(image, 435720, 4179460)
    np.testing.assert_array_equal(stored[stored != 0], virginia.read("swir16")[there][stored != 0])


def test_the_mosaic_shows_the_latest_clear_date(run, flanders):
    ran = run("extract", scenes=MAY, area={"bbox": FLANDERS}, bands=["red"], compose="mosaic", mask_clouds=True)
    expected = np.zeros((64, 64), "uint16")
    for folder in sorted(flanders.glob("S2*_201805*"), key=lambda path: path.name.split("_")[2]):
        red, scl = (rasterio.open(folder / f"{name}.tif").read(1) for name in ("B04", "SCL"))
        clear = ~np.isin(scl.repeat(2, 0).repeat(2, 1), (0, 1, 3, 8, 9, 10)) & (red > 0)
        expected[clear] = red[clear]
    with ran.image("mosaic.tif") as image:
        stored, there = image.read(1), window(image, 501360, 5629680)
    assert (stored > 0).sum() > 3000
    np.testing.assert_array_equal(stored[stored > 0], expected[there][stored > 0])


def test_classes_are_never_averaged(run, flanders):
    day = {**MAY, "datetime": "2018-05-04"}
    ran = run("extract", scenes=day, area={"bbox": FLANDERS}, bands=["scl"], resolution=10.0)
    with ran.image(ran.outputs.images[0].file) as image:
        stored, there = image.read(1), window(image, 501360, 5629680)
    with rasterio.open(next(flanders.glob("S2*_20180504_*")) / "SCL.tif") as source:
        classes = source.read(1).repeat(2, 0).repeat(2, 1)[there]
    np.testing.assert_array_equal(stored[stored > 0], classes[stored > 0])


@pytest.mark.parametrize(
    ("collection", "band", "area"),
    [("sentinel-1-grd", "vv", FLANDERS), ("ndvi-slovenia", "ndvi", [14.552, 45.866, 14.563, 45.874])],
)
def test_real_numbers_pass_unchanged(run, shared, collection, band, area):
    found = {"catalogue": "shared", "collections": [collection], "datetime": "2017-08-01/2017-08-20"}
    ran = run("extract", scenes=found, area={"bbox": area}, bands=[band])
    assert len(ran.outputs.images) > 1
    scene = ran.plan["scenes"][0]
    href = scene["bands"][0]["href"].removeprefix("https://shared.example/archive/")
    with rasterio.open(shared / "data" / "archive" / href) as source, ran.image(ran.outputs.images[0].file) as image:
        assert image.dtypes == ("float32",)
        stored = image.read(1)
        original = source.read(1)[window(image, source.transform.c, source.transform.f)]
    known = ~np.isnan(stored)
    assert known.sum() > 500
    np.testing.assert_array_equal(stored[known], original[known])


def test_a_band_that_is_shrunk_is_averaged(run, flanders):
    ran = run(
        "extract", scenes={**MAY, "datetime": "2018-05-04"}, area={"bbox": FLANDERS}, bands=["red"], resolution=40.0
    )
    with ran.image(ran.outputs.images[0].file) as image:
        stored, transform = image.read(1).astype("float64"), image.transform
    with rasterio.open(next(flanders.glob("S2*_20180504_*")) / "B04.tif") as source:
        mean = source.read(1).astype("float64").reshape(16, 4, 16, 4).mean(axis=(1, 3))
    column, row = round((transform.c - 501360) / 40), round((5629680 - transform.f) / 40)
    mean = mean[row : row + stored.shape[0], column : column + stored.shape[1]]
    assert (stored > 0).sum() > 150
    assert np.abs(stored - mean)[stored > 0].max() <= 0.5


def test_nothing_but_clouds_fails_with_what_to_do(run, flanders):
    cloudy = {**MAY, "datetime": "2017-08-04"}
    with pytest.raises(ProcessFailed) as error:
        run("extract", scenes=cloudy, area={"bbox": FLANDERS}, mask_clouds=True)
    assert "no valid pixel" in error.value.detail
    assert "clouds" in error.value.remedy
