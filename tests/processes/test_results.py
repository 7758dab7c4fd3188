"""What a job leaves: valid Cloud-Optimized GeoTIFFs, an Item with its provenance, a small picture."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasterio
from PIL import Image
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource
from referencing.jsonschema import DRAFT7

from phidias_gateway.references import Site
from phidias_processes.eo.attribution import attribution
from phidias_processes.eo.encoding import encode
from phidias_processes.eo.rendering import RENDER
from phidias_processes.eo.statistics import Statistics
from phidias_processes.eo.tile_process import Encoding
from tests.processes.conftest import FLANDERS, VIRGINIA

VALIDATOR = Path("/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_cloud_optimized_geotiff.py")


@pytest.fixture
def ran(run):
    return run("spectral-index", scenes={"catalogue": "demo"}, area={"bbox": VIRGINIA})


def check_cog(path: Path) -> None:
    """GDAL's own validator, that of QGIS's GDAL, and what it does not ask for."""
    with rasterio.open(path) as image:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "ZSTD"
        assert image.block_shapes == [(512, 512)] * image.count
        if max(image.shape) > 512:
            assert image.overviews(1)
            assert max(image.shape) / image.overviews(1)[-1] <= 512
    if not VALIDATOR.exists():
        pytest.skip("GDAL's validator is not installed (python3-gdal)")
    told = subprocess.run(
        ["/usr/bin/python3", VALIDATOR, "--full-check=yes", path], capture_output=True, text=True, check=False
    )
    assert "is a valid cloud optimized GeoTIFF" in told.stdout, told.stdout + told.stderr


def test_an_index_is_a_valid_cog(ran):
    check_cog(ran.folder / "index.tif")


def test_several_bands_are_a_valid_cog(run):
    ran = run("extract", scenes={"catalogue": "demo"}, area={"bbox": VIRGINIA}, compose="mosaic")
    check_cog(ran.folder / "mosaic.tif")


def test_statistics_are_those_of_the_pixels(ran):
    with ran.image() as image:
        stored, tags = image.read(1, masked=True), image.tags(1)
    pixels = stored.compressed().astype("float64")
    assert (float(tags["STATISTICS_MINIMUM"]), float(tags["STATISTICS_MAXIMUM"])) == (pixels.min(), pixels.max())
    assert float(tags["STATISTICS_MEAN"]) == pytest.approx(pixels.mean(), rel=1e-6)
    assert float(tags["STATISTICS_STDDEV"]) == pytest.approx(pixels.std(), rel=1e-6)
    assert float(tags["STATISTICS_VALID_PERCENT"]) == pytest.approx(100 * pixels.size / stored.size, rel=1e-3)


def test_statistics_do_not_lose_digits_tile_by_tile():
    numbers = np.random.default_rng(0).normal(1e6, 1, 10_000).astype("float32")
    gathered = Statistics.joined(Statistics.of(part) for part in np.array_split(numbers, 37))
    assert gathered.mean == pytest.approx(numbers.mean(dtype="float64"), rel=1e-12)
    assert gathered.deviation == pytest.approx(numbers.std(dtype="float64"), rel=1e-9)


def test_overviews_are_means_that_ignore_missing_pixels(ran):
    with ran.image() as image:
        full = image.read(1, masked=True).astype("float64").filled(np.nan)
    with rasterio.open(ran.folder / "index.tif", OVERVIEW_LEVEL=0) as overview:
        half = overview.read(1, masked=True).astype("float64").filled(np.nan)
    rows, columns = full.shape[0] // 2, full.shape[1] // 2
    fours = full[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3))
    known = ~np.isnan(fours)
    if (rows * 2, columns * 2) == full.shape:
        assert np.abs(half[:rows, :columns] - fours)[known].max() <= 1
    assert np.isnan(half).any()


@pytest.mark.parametrize(
    ("values", "encoding", "stored"),
    [
        ([0.1234, -1.0, np.nan, 9.0, -9.0], Encoding("int16", 1e-4, 0, -32768), [1234, -10000, -32768, 32767, -32767]),
        ([0.0, 6.5535, np.nan], Encoding("uint16", 1e-4, 0, 0), [1, 65535, 0]),
        ([-0.1, 0.2, np.nan], Encoding("uint16", 1e-4, -0.1, 0), [1, 3000, 0]),
        ([1.5, np.nan], Encoding(), [1.5, np.nan]),
    ],
)
def test_values_are_stored_within_the_range_of_their_type(values, encoding, stored):
    result = encode(np.float32(values), encoding)
    assert result.dtype == encoding.dtype
    np.testing.assert_array_equal(result, np.array(stored, encoding.dtype))


def validate(document: dict[str, Any], schemas: Path) -> None:
    """Check an Item against STAC and its extensions with schemas that lie on the disk, where `render` has none."""

    def retrieve(address: str) -> Resource:
        path = schemas / address.partition("://")[2].partition("#")[0]
        if not path.is_file():
            raise NoSuchResource(ref=address)
        return Resource.from_contents(json.loads(path.read_text("utf-8")), default_specification=DRAFT7)

    version = document["stac_version"]
    core = f"https://schemas.stacspec.org/v{version}/item-spec/json-schema/item.json"
    for address in {core, *document["stac_extensions"]} - {RENDER}:
        registry = Registry(retrieve=retrieve)
        schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": address}
        jsonschema.Draft7Validator(schema, registry=registry).validate(document)


def test_the_items_are_valid_stac(run, shared):
    demo, area = {"catalogue": "demo"}, {"bbox": VIRGINIA}
    dates = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-31"}
    for ran in (
        run("spectral-index", scenes=demo, area=area),
        run("spectral-index", scenes=dates, area={"bbox": FLANDERS}, expression="nir / red"),
        run("extract", scenes=dates, area={"bbox": FLANDERS}),
    ):
        validate(ran.item(), shared / "stac_schemas")


def test_an_index_is_drawn_in_the_colours_of_its_family_over_a_range_that_is_always_the_same(run):
    search = {"scenes": {"catalogue": "demo"}, "area": {"bbox": VIRGINIA}}
    (render,) = run("spectral-index", **search).item()["properties"]["renders"].values()
    # In stored numbers, which are ten-thousandths.
    assert render == {
        "assets": ["index"], "title": "NDVI", "bands": [["NDVI"]], "rescale": [[0, 9000]], "colormap_name": "ylgn"
    }  # fmt: skip
    item = run("spectral-index", **search, expression="nir / red").item()
    (render,), (band,) = item["properties"]["renders"].values(), item["assets"]["index"]["bands"]
    low, high = render["rescale"][0]
    assert band["statistics"]["minimum"] <= low < band["statistics"]["mean"] < high <= band["statistics"]["maximum"]


def test_a_series_is_drawn_in_true_colour_alike_on_every_date(run, shared):
    dates = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-31"}
    item = run("extract", scenes=dates, area={"bbox": FLANDERS}).item()
    renders = item["properties"]["renders"]
    assert len(renders) > 3
    assert {json.dumps([render["bands"], render["rescale"]]) for render in renders.values()} == {
        '[[["red", "green", "blue"]], [[0.0, 3000.0], [0.0, 3000.0], [0.0, 3000.0]]]'
    }
    for name, render in renders.items():
        assert render["assets"] == [name]
        day = name.removeprefix("image-")
        asset = item["assets"][name]
        assert (asset["start_datetime"], asset["end_datetime"]) == (f"{day}T00:00:00Z", f"{day}T23:59:59Z")


def test_a_scene_classification_has_names_and_colours(run, shared):
    dates = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-10"}
    item = run("extract", scenes=dates, area={"bbox": FLANDERS}, bands=["scl"], compose="mosaic").item()
    validate(item, shared / "stac_schemas")
    classes = {entry["value"]: entry for entry in item["assets"]["mosaic"]["classification:classes"]}
    assert (classes[6]["name"], classes[6]["color_hint"]) == ("Water", "0000FF")
    assert item["properties"]["renders"]["mosaic"]["resampling"] == "nearest"


def test_the_item_tells_whose_data_it_is_made_of(run, shared):
    dates = {"catalogue": "shared", "collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-10"}
    properties = run("extract", scenes=dates, area={"bbox": FLANDERS}, compose="mosaic").item()["properties"]
    collection = json.loads((shared / "data/archive/sentinel-2-l2a/collection.json").read_text("utf-8"))
    assert properties["license"] == collection["license"]
    assert properties["providers"] == collection["providers"]


def test_of_a_collection_that_is_gone_nothing_is_told(demo_server):
    lost = SimpleNamespace(collection_href=f"{demo_server.url}/gone.json")
    assert attribution([lost], Site(allow_hosts=frozenset({"127.0.0.1"}))) == {}


def test_the_item_tells_how_the_result_was_made(run, virginia, demo_server):
    address = f"{demo_server.url}/catalog.json?token=secret"
    ran = run("spectral-index", scenes={"catalogue": address}, area={"bbox": VIRGINIA}, index="NDWI")
    item = ran.item()
    text = json.dumps(item)
    assert "secret" not in text
    assert str(virginia.folder) not in text
    properties = item["properties"]
    assert (properties["phidias:process"], properties["phidias:process_version"]) == ("spectral-index", "1.0.0")
    assert properties["phidias:inputs"]["index"] == "NDWI"
    assert properties["processing:expression"]["expression"] == "(green - nir) / (green + nir)"
    assert {"phidias", "gdal", "rasterio"} <= set(properties["processing:software"])
    assert (properties["datetime"], properties["start_datetime"]) == (None, "2015-06-23T00:00:00Z")
    sources = [link["href"] for link in item["links"] if link["rel"] == "derived_from"]
    assert sources == [f"{demo_server.url}/sentinel-2-l1c/S2A_MSIL1C_virginia/S2A_MSIL1C_virginia.json"]
    asset, content = item["assets"]["index"], (ran.folder / "index.tif").read_bytes()
    assert asset["href"] == "./index.tif"
    assert asset["file:size"] == len(content)
    assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    with ran.image() as image:
        assert asset["proj:shape"] == list(image.shape)
        assert asset["proj:transform"] == list(image.transform)[:6]
        assert asset["bands"][0]["raster:scale"] == image.scales[0]
        assert properties["proj:code"] == str(image.crs)


def test_the_quicklook_is_small_and_clear_where_nothing_is(run):
    triangle = {"type": "Polygon", "coordinates": [[[-75.68, 37.63], [-75.58, 37.64], [-75.6, 37.7], [-75.68, 37.63]]]}
    for ran, bands in (
        (run("spectral-index", scenes={"catalogue": "demo"}, area=triangle), 1),
        (run("extract", scenes={"catalogue": "demo"}, area=triangle, compose="mosaic"), 4),
    ):
        with Image.open(ran.folder / "quicklook.png") as picture:
            assert max(picture.size) <= 1024
            pixels = np.asarray(picture.convert("RGBA"))
        with ran.image(ran.outputs.model_dump().get("index", {"file": "mosaic.tif"})["file"]) as image:
            assert image.count == bands
            valid = image.read_masks(1, out_shape=pixels.shape[:2]) > 0
        np.testing.assert_array_equal(pixels[..., 3] == 255, valid)
        assert len(np.unique(pixels[valid][:, :3], axis=0)) > 100
