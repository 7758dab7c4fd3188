"""Statistics per polygon against plain numpy on a real scene."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from phidias_gateway.errors import InputError, ProcessFailed
from phidias_gateway.references import Archive, Site
from phidias_gateway.registry import processes
from phidias_processes.eo import zones as zones_module
from phidias_processes.eo.features import Features, write_features
from tests.processes.test_results import validate

DEMO = {"catalogue": "demo"}
EVERY = ["count", "sum", "mean", "std", "min", "max", "median", "p10", "p90", "majority"]
HERE = "https://zones.example/"
CORNER = (440000.0, 4171000.0)
"""North-west of the window (600 x 500 pixels) in which the zones lie, in EPSG:32618"""
FIELDS = [
    Polygon(
        [(440123.4, 4170987.6), (445210.9, 4170555.5), (444400.1, 4167000.3), (441300.0, 4168999.9)],
        [[(442501.3, 4169802.7), (443904.1, 4169903.3), (443807.9, 4168401.1)]],
    ),
    box(441003.0, 4168003.0, 443507.0, 4170506.0),  # overlaps the first
    Polygon([(444001.0, 4168001.0), (445007.0, 4168001.0), (445007.0, 4169009.0)]),
    box(440102.0, 4166102.0, 440104.0, 4166104.0),  # between the centres
    box(300000.0, 4168000.0, 301000.0, 4169000.0),  # beyond the scene
]


@pytest.fixture
def here(site, tmp_path):
    """A site with the folder of this test as an archive."""
    return site.model_copy(update={"archives": (*site.archives, Archive(name="zones", prefix=HERE, path=tmp_path))})


@pytest.fixture
def fields(tmp_path):
    """The reference to a FlatGeobuf of the fields, with attributes of several types, some of them missing."""
    columns = {
        "name": np.ma.array(np.array(["a", None, "c", "d", "e"], object), mask=[0, 1, 0, 0, 0]),
        "number": np.ma.array([1, 2, 3, 4, 2**40], mask=[0, 0, 1, 0, 0]),
        "height": np.ma.array([1.5, 2, 3, 4, 5]),
        "sown": np.ma.array(np.array([datetime(2018, 5, 1)] * 5, object)),
        "dry": np.ma.array([True, False, True, False, True], mask=[0, 0, 0, 1, 0]),
    }
    write_features(tmp_path / "fields.fgb", Features(np.array(FIELDS, object), columns, "EPSG:32618"))
    return {"href": f"{HERE}fields.fgb"}


def rows(ran):
    """The zones of a result in the order of the fields: geometries, and columns by name."""
    meta, _, wkb, values = pyogrio.raw.read(ran.folder / ran.outputs.zones.file)
    geometries = shapely.from_wkb(wkb)
    order = np.argsort(
        [int(np.argmin([abs(one.area - field.area) for field in FIELDS])) for one in geometries], kind="stable"
    )
    return geometries[order], {name: column[order] for name, column in zip(meta["fields"], values, strict=True)}


def window(virginia, name):
    row, column = round((virginia.ORIGIN[1] - CORNER[1]) / 10), round((CORNER[0] - virginia.ORIGIN[0]) / 10)
    return virginia.read(name)[row : row + 500, column : column + 600]


def pixels_of(image, zone):
    """The values of a window of the scene whose centres lie in a zone."""
    rows_, columns = np.indices(image.shape)
    inside = shapely.intersects_xy(zone, CORNER[0] + 10 * columns + 5, CORNER[1] - 10 * rows_ - 5)
    return image[inside]


def expected(values):
    numbers, counts = np.unique(values, return_counts=True)
    values = values.astype("float64")
    return {
        "count": len(values),
        "sum": values.sum(),
        "mean": values.mean(),
        "std": values.std(),
        "min": values.min(),
        "max": values.max(),
        "median": np.median(values),
        "p10": np.percentile(values, 10),
        "p90": np.percentile(values, 90),
        "majority": numbers[np.argmax(counts)],
    }


def assert_equal(columns, name, zone, values):
    for statistic, number in expected(values).items():
        found = columns[f"{name}_{statistic}"][zone]
        if statistic in ("sum", "mean", "std"):
            assert found == pytest.approx(number, rel=1e-11), statistic
        else:
            assert found == number, statistic


def test_they_equal_numpy_and_do_not_depend_on_the_tiles(run, here, fields, virginia):
    inputs = {"zones": fields, "scenes": DEMO, "bands": ["nir", "red"], "statistics": EVERY}
    ran = run("zonal-statistics", site=here, **inputs)
    geometries, columns = rows(ran)
    for name in ("nir", "red"):
        image = window(virginia, name).astype("float32") * np.float32(1e-4)
        for number, field in enumerate(FIELDS[:3]):
            values = pixels_of(image, field)
            assert len(values) > 4000
            assert_equal(columns, name, number, values)
    for lost in (3, 4):
        assert columns["nir_count"][lost] == 0
        assert all(np.isnan(columns[f"red_{statistic}"][lost]) for statistic in EVERY if statistic != "count")
    assert all(one.normalize() == field.normalize() for one, field in zip(geometries, FIELDS, strict=True))
    for tile in (97, 256):
        _, again = rows(run("zonal-statistics", site=here, tile=tile, **inputs))
        for name, column in columns.items():
            if name.endswith(("_sum", "_mean", "_std")):
                np.testing.assert_allclose(again[name], column, rtol=1e-12)
            else:
                np.testing.assert_array_equal(again[name], column, name)


def test_attributes_are_kept(run, here, fields):
    ran = run(
        "zonal-statistics", site=here, zones=fields, scenes=DEMO, bands=["nir"], statistics=["count"], prefix="x_"
    )
    meta, _, _, _ = pyogrio.raw.read(ran.folder / "zones.fgb")
    assert meta["crs"] == "EPSG:32618"
    assert list(meta["fields"]) == ["name", "number", "height", "sown", "dry", "x_nir_count"]
    assert meta["ogr_types"][1] == "OFTInteger64"
    assert meta["ogr_subtypes"][4] == "OFSTBoolean"
    _, columns = rows(ran)
    assert list(columns["name"]) == ["a", None, "c", "d", "e"]
    np.testing.assert_array_equal(columns["number"], [1, 2, np.nan, 4, 2**40])
    np.testing.assert_array_equal(columns["dry"], [1, 0, 1, np.nan, 1])
    assert (columns["sown"] == np.datetime64("2018-05-01")).all()


def test_a_zone_larger_than_memory_should_hold_is_sorted_on_disk(run, here, fields, monkeypatch):
    inputs = {
        "zones": fields,
        "scenes": DEMO,
        "bands": ["nir"],
        "statistics": ["median", "p10", "majority"],
        "tile": 200,
    }
    _, columns = rows(run("zonal-statistics", site=here, **inputs))
    monkeypatch.setattr(zones_module, "IN_MEMORY", 5000)
    _, again = rows(run("zonal-statistics", site=here, **inputs))
    for name, column in columns.items():
        np.testing.assert_array_equal(again[name], column, name)


def test_an_index_of_zones_in_longitude_and_latitude(run, virginia):
    to_lonlat = Transformer.from_crs("EPSG:32618", "EPSG:4326", always_xy=True)
    divided = shapely.segmentize(FIELDS[0], 5)
    lonlat = shapely.transform(divided, lambda xy: np.column_stack(to_lonlat.transform(xy[:, 0], xy[:, 1])))
    features = [{"type": "Feature", "properties": {"plot": 7, "tags": ["a"]}, "geometry": mapping(lonlat)}]
    zones = {"type": "FeatureCollection", "features": features}
    ran = run("zonal-statistics", zones=zones, scenes=DEMO, index="NDVI", statistics=EVERY)
    meta, _, _, values = pyogrio.raw.read(ran.folder / "zones.fgb")
    columns = dict(zip(meta["fields"], values, strict=True))
    nir, red = (window(virginia, name).astype("float32") * np.float32(1e-4) for name in ("nir", "red"))
    values = pixels_of((nir - red) / (nir + red), FIELDS[0])
    assert meta["crs"] == "EPSG:4326"
    assert (columns["plot"][0], columns["tags"][0]) == (7, '["a"]')
    assert columns["NDVI_count"][0] == len(values)
    assert columns["NDVI_mean"][0] == pytest.approx(values.mean(dtype="float64"), rel=1e-6)
    assert columns["NDVI_p90"][0] == pytest.approx(np.percentile(values.astype("float64"), 90), rel=1e-6)
    given = ran.item()["properties"]["phidias:inputs"]["zones"]
    assert given.keys() == {"type", "numberReturned", "file:checksum"}


def test_a_raster_is_counted_in_physical_values_and_within_the_area(run, here, fields, virginia, tmp_path):
    numbers = window(virginia, "nir").astype("int16")
    numbers[numbers > 3000] = -1
    profile = {"driver": "GTiff", "width": 600, "height": 500, "count": 2, "dtype": "int16", "nodata": -1}
    transform = rasterio.Affine(10, 0, CORNER[0], 0, -10, CORNER[1])
    with rasterio.open(tmp_path / "r.tif", "w", crs="EPSG:32618", transform=transform, **profile) as image:
        image.write(np.stack([numbers, np.where(numbers < 0, -1, numbers // 500)]))
        image.scales, image.offsets = (1e-4, 1), (-0.1, 0)
        image.set_band_description(1, "nir")
        image.set_band_description(2, "class")
    area = {"bbox": [-75.68, 37.66, -75.65, 37.68]}
    inputs = {"zones": fields, "raster": {"href": f"{HERE}r.tif"}, "statistics": EVERY}
    whole, part = (rows(run("zonal-statistics", site=here, **inputs, **more))[1] for more in ({}, {"area": area}))
    values = pixels_of(np.where(numbers < 0, np.nan, numbers * 1e-4 - 0.1), FIELDS[1])
    assert_equal(whole, "nir", 1, values[~np.isnan(values)])
    classes = pixels_of(numbers // 500, FIELDS[1])[~np.isnan(values)]
    assert_equal(whole, "class", 1, classes)
    assert 0 < part["class_count"][1] < whole["class_count"][1]


def test_its_item_tells_where_it_comes_from(run, here, fields, shared):
    zones = {"href": f"{fields['href']}?signature=secret"}
    ran = run("zonal-statistics", site=here, zones=zones, scenes=DEMO, bands=["nir"])
    item = ran.item()
    validate(item, shared / "stac_schemas")
    assert fields["href"] in [link["href"] for link in item["links"]]
    assert "secret" not in json.dumps(item)
    first, last = (item["properties"][f"{name}_datetime"][:10] for name in ("start", "end"))
    assert item["properties"]["title"] == f"Statistics per polygon: nir, {first} to {last}"
    assert item["assets"]["zones"]["type"] == "application/flatgeobuf"
    assert item["properties"]["renders"]["zones"]["paint"]["fill-opacity"] == 0
    assert (ran.folder / "quicklook.png").stat().st_size > 1000


COLLECTION = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"nir_mean": 1}, "geometry": mapping(box(-75.66, 37.66, -75.65, 37.67))}
    ],
}
SOMEWHERE_ELSE = json.loads(json.dumps(COLLECTION).replace("-75", "5"))
RED = "https://demo.example/sentinel-2-l1c/S2A_MSIL1C_virginia/B04.tif"


@pytest.mark.parametrize(
    ("change", "input", "detail"),
    [
        ({"scenes": None}, "scenes", "Neither scenes nor a raster"),
        ({"raster": {"href": RED}}, "raster", "Scenes and a raster"),
        ({"scenes": None, "raster": {"href": RED}, "index": "NDVI"}, "index", "of scenes"),
        ({}, "prefix", "a column nir_mean already"),
        ({"zones": SOMEWHERE_ELSE}, "zones", "outside"),
        ({"zones": SOMEWHERE_ELSE, "scenes": None, "raster": {"href": RED}}, "zones", "outside the raster"),
        ({"area": {"bbox": [-75.60, 37.66, -75.59, 37.67]}, "prefix": "x"}, "zones", "No polygon"),
        ({"bands": ["red", "red"]}, "bands", "twice"),
        ({"bands": ["red"], "statistics": ["mean", "mean"]}, "statistics", "twice"),
        ({"bands": ["sar"]}, "scenes", "no band sar"),
    ],
)
def test_what_cannot_work_is_refused_before_submission(site, change, input, detail):
    process = processes()["zonal-statistics"]
    inputs = {"zones": COLLECTION, "scenes": DEMO, **change}
    with pytest.raises(InputError) as error:
        process.plan(process.Inputs.model_validate(inputs), site)
    assert error.value.input == input
    assert detail in error.value.detail
    assert error.value.remedy


def test_a_job_whose_polygons_change_meanwhile_fails(here, fields, tmp_path, run, monkeypatch):
    process = processes()["zonal-statistics"]
    plan = type(process).plan

    def changing(self, inputs, site):
        made = plan(self, inputs, site)
        write_features(tmp_path / "fields.fgb", Features(np.array(FIELDS[:2], object), {}, "EPSG:32618"))
        return made

    monkeypatch.setattr(type(process), "plan", changing)
    with pytest.raises(ProcessFailed, match="have changed"):
        run("zonal-statistics", site=here, zones=fields, scenes=DEMO, bands=["nir"])


def test_zones_under_nothing_but_nodata_end_the_job(run, tmp_path):
    with rasterio.open(
        tmp_path / "e.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8", nodata=0, crs="EPSG:4326",
        transform=rasterio.Affine(0.01, 0, -75.7, 0, -0.01, 37.7),
    ) as image:  # fmt: skip
        image.write(np.zeros((1, 9, 9), "uint8"))
    here = Site(archives=(Archive(name="up", prefix="https://up.example/", path=tmp_path),))
    with pytest.raises(ProcessFailed, match="no valid pixel"):
        run("zonal-statistics", site=here, zones=COLLECTION, raster={"href": "https://up.example/e.tif"})
