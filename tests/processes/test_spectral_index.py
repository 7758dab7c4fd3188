"""Spectral indices of real scenes, against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from tests.processes.conftest import FLANDERS, VIRGINIA

DEMO = {"catalogue": "demo"}
PERIOD = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-06-30"}
CLOUDS = (0, 1, 3, 8, 9, 10)


def numbers(ran, name="index.tif"):
    with ran.image(name) as image:
        return image.read(1)


def series(flanders, first="20180501", last="20180630"):
    """NDVI (days, 64, 64) of the dates, NaN below clouds, computed apart from the engine."""
    days = []
    for folder in sorted(flanders.glob("S2*_31UDS_*"), key=lambda path: path.name.split("_")[2]):
        if not first <= folder.name.split("_")[2] <= last:
            continue
        red, nir, scl = (
            rasterio.open(folder / f"{name}.tif").read(1).astype("float64") for name in ("B04", "B08", "SCL")
        )
        clear = ~np.isin(scl.repeat(2, axis=0).repeat(2, axis=1), CLOUDS) & (red > 0) & (nir > 0)
        days.append(np.where(clear, (nir - red) / (nir + red), np.nan))
    return np.stack(days)


def test_ndvi_equals_the_source_to_the_rounding_of_its_scale(run, virginia):
    ran = run("spectral-index", scenes=DEMO, area={"bbox": VIRGINIA})
    red, nir = virginia.read("red").astype("float64"), virginia.read("nir").astype("float64")
    with ran.image() as image:
        stored, transform = image.read(1).astype("float64"), image.transform
        assert image.crs.to_epsg() == 32618
        assert (image.dtypes, image.scales, image.nodatavals) == (("int16",), (1e-4,), (-32768.0,))
        assert image.descriptions == ("NDVI",)
    column = round((transform.c - virginia.ORIGIN[0]) / 10)
    row = round((virginia.ORIGIN[1] - transform.f) / 10)
    assert transform[:6] == (10.0, 0.0, virginia.ORIGIN[0] + 10 * column, 0.0, -10.0, virginia.ORIGIN[1] - 10 * row)
    there = np.s_[row : row + stored.shape[0], column : column + stored.shape[1]]
    exact = (nir[there] - red[there]) / (nir[there] + red[there]) * 1e4
    valid = stored != -32768
    assert valid.mean() > 0.95
    # Half a step is rounding; the rest is the float32 that the engine computes with.
    assert np.abs(stored - exact)[valid].max() <= 0.5 + 5e-3
    assert (stored == np.rint(exact))[valid].mean() > 0.999


def test_the_median_of_clear_dates_equals_numpy(run, flanders):
    ran = run("spectral-index", scenes=PERIOD, area={"bbox": FLANDERS})
    expected = np.nanmedian(series(flanders), axis=0)
    stored = numbers(ran).astype("float64")
    with ran.image() as image:
        column, row = round((image.transform.c - 501360) / 10), round((5629680 - image.transform.f) / 10)
    expected = expected[row : row + stored.shape[0], column : column + stored.shape[1]] * 1e4
    inside = stored != -32768
    assert inside.sum() > 3000
    assert np.abs(stored - expected)[inside].max() <= 0.505


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize(("reducer", "function"), [("mean", np.nanmean), ("min", np.nanmin), ("max", np.nanmax)])
def test_other_reducers_equal_numpy(run, flanders, reducer, function):
    ran = run("spectral-index", scenes=PERIOD, area={"bbox": FLANDERS}, reducer=reducer)
    stored = numbers(ran).astype("float64")
    with ran.image() as image:
        column, row = round((image.transform.c - 501360) / 10), round((5629680 - image.transform.f) / 10)
    expected = function(series(flanders), axis=0)[row : row + stored.shape[0], column : column + stored.shape[1]] * 1e4
    assert np.abs(stored - expected)[stored != -32768].max() <= 0.505


def test_the_latest_clear_date_is_taken(run, flanders):
    ran = run("spectral-index", scenes=PERIOD, area={"bbox": FLANDERS}, reducer="latest")
    stored = numbers(ran).astype("float64")
    with ran.image() as image:
        column, row = round((image.transform.c - 501360) / 10), round((5629680 - image.transform.f) / 10)
    expected = np.full((64, 64), np.nan)
    for day in series(flanders):
        expected = np.where(np.isnan(day), expected, day)
    expected = expected[row : row + stored.shape[0], column : column + stored.shape[1]] * 1e4
    assert np.abs(stored - expected)[stored != -32768].max() <= 0.505


def test_clouds_stay_when_they_are_wanted(run, flanders):
    cloudy = {**PERIOD, "datetime": "2017-08-04", "collections": ["sentinel-2-l2a"]}
    ran = run("spectral-index", scenes=cloudy, area={"bbox": FLANDERS}, mask_clouds=False)
    assert (numbers(ran) != -32768).sum() > 3000


@pytest.mark.parametrize(
    "grid", [{}, {"crs": "EPSG:3857"}, {"resolution": 35.0}, {"crs": "EPSG:5070", "resolution": 47.0}]
)
def test_no_pixel_depends_on_the_tiles(run, grid):
    area = mapping(Polygon([(-75.66, 37.64), (-75.61, 37.65), (-75.62, 37.69), (-75.65, 37.7)]))
    whole = run("spectral-index", scenes=DEMO, area=area, index="NDMI", tile=4096, **grid)
    expected = numbers(whole)
    assert (expected != -32768).mean() > 0.3
    for size in (200, 256, 512):
        np.testing.assert_array_equal(
            numbers(run("spectral-index", scenes=DEMO, area=area, index="NDMI", tile=size, **grid)), expected
        )


def test_a_pixel_is_in_the_polygon_if_its_centre_is(run, virginia):
    corners = [(440123.4, 4170987.6), (443210.9, 4171555.5), (442400.1, 4168000.3), (441300.0, 4169999.9)]
    hole = [(441500.0, 4170800.0), (441900.0, 4170900.0), (441800.0, 4170400.0)]
    polygon = Polygon(corners, [hole])
    to_lonlat = Transformer.from_crs("EPSG:32618", "EPSG:4326", always_xy=True)
    area = mapping(shapely.transform(polygon, lambda xy: np.column_stack(to_lonlat.transform(xy[:, 0], xy[:, 1]))))
    ran = run("spectral-index", scenes=DEMO, area=area, tile=100)
    with ran.image() as image:
        rows, columns = np.indices(image.shape)
        x, y = image.transform * (columns + 0.5, rows + 0.5)
        there = image.read(1) != -32768
    # A straight line in degrees is not quite one in metres: centres within a metre of the outline may fall either way.
    certain = shapely.distance(polygon.boundary, shapely.points(x, y)) > 1
    np.testing.assert_array_equal(there[certain], shapely.contains_xy(polygon, x, y)[certain])
    assert there.sum() > 10_000


def test_an_own_expression_is_stored_as_float(run, virginia):
    area = mapping(box(-75.62, 37.66, -75.60, 37.68))
    ran = run("spectral-index", scenes=DEMO, area=area, expression="where(nir > 0.1, 2.5 * nir / (B04 + 0.1), -1)")
    with ran.image() as image:
        values, transform = image.read(1), image.transform
        assert image.dtypes == ("float32",)
        assert np.isnan(image.nodata)
    column, row = round((transform.c - virginia.ORIGIN[0]) / 10), round((virginia.ORIGIN[1] - transform.f) / 10)
    there = np.s_[row : row + values.shape[0], column : column + values.shape[1]]
    red, nir = virginia.read("red")[there] * 1e-4, virginia.read("nir")[there] * 1e-4
    expected = np.where(nir > 0.1, 2.5 * nir / (red + 0.1), -1)
    known = ~np.isnan(values) & (np.abs(nir - 0.1) > 1e-6)
    assert known.sum() > 10_000
    np.testing.assert_allclose(values[known], expected[known], rtol=2e-6)


def test_progress_grows_and_the_log_tells_what_is_done(run, caplog):
    caplog.set_level("INFO")
    ran = run("spectral-index", scenes=DEMO, area={"bbox": VIRGINIA}, tile=256)
    percents = [percent for percent, *_ in ran.reports]
    assert percents == sorted(percents)
    assert len(percents) > 20
    assert "1 scenes" in caplog.text
    assert "EPSG:32618" in caplog.text
