"""Segmentation with the real Orfeo ToolBox."""

from __future__ import annotations

import shutil

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from rasterio.features import rasterize
from shapely.geometry import Polygon, mapping, shape

from phidias_gateway.errors import InputError, ProcessFailed
from phidias_gateway.process import Resources
from phidias_gateway.references import Archive, Site
from phidias_gateway.registry import processes
from phidias_processes.eo.grid import project
from phidias_processes.eo.otb import run_otb
from tests.processes.test_results import validate

needs_otb = pytest.mark.skipif(
    shutil.which("otbcli_LargeScaleMeanShift") is None, reason="Orfeo ToolBox is not installed (apt install otb-bin)"
)
BOX = {"bbox": [-75.62, 37.67, -75.60, 37.69]}
TRIANGLE = mapping(Polygon([(-75.63, 37.66), (-75.60, 37.665), (-75.61, 37.69)]))
RED = "https://demo.example/sentinel-2-l1c/S2A_MSIL1C_virginia/B04.tif"


def read(ran):
    meta, _, geometries, fields = pyogrio.raw.read(ran.folder / ran.outputs.segments.file)
    return meta, shapely.from_wkb(geometries), dict(zip(meta["fields"], fields, strict=True))


@needs_otb
def test_the_segments_of_a_scene_carry_the_statistics_of_their_pixels(run, virginia):
    ran = run("segmentation", scenes={"catalogue": "demo"}, area=BOX, bands=["red", "nir"])
    meta, geometries, fields = read(ran)
    assert meta["crs"] == "EPSG:32618"
    assert list(fields) == ["segment", "pixels", "mean_red", "var_red", "mean_nir", "var_nir"]
    assert len(geometries) > 50
    assert shapely.is_valid(geometries).all()
    np.testing.assert_allclose(shapely.area(geometries), fields["pixels"] * 100)
    number = int(np.argmax(fields["pixels"]))
    transform = rasterio.Affine(10, 0, virginia.ORIGIN[0], 0, -10, virginia.ORIGIN[1])
    nir = virginia.read("nir").astype("float64")
    inside = rasterize([geometries[number]], out_shape=nir.shape, transform=transform).astype(bool)
    assert inside.sum() == fields["pixels"][number]
    assert fields["mean_nir"][number] == pytest.approx(nir[inside].mean(), rel=1e-6)
    assert fields["var_nir"][number] == pytest.approx(nir[inside].var(), rel=1e-4)


@needs_otb
def test_segments_end_where_the_area_ends(run):
    ran = run("segmentation", scenes={"catalogue": "demo"}, area=TRIANGLE, bands=["nir"])
    _, geometries, fields = read(ran)
    area = project(shape(TRIANGLE), "EPSG:32618")
    together = shapely.union_all(geometries)
    assert shapely.area(together) == pytest.approx(area.area, rel=0.02)
    assert shapely.area(together - area.buffer(10)) == 0
    assert fields["mean_nir"].min() > 0, "nothing of what lies outside is in a mean"


@needs_otb
def test_a_raster_is_segmented_in_its_own_numbers(run, virginia):
    ran = run("segmentation", raster={"href": RED}, area=BOX, range_radius=30.0)
    _, _, fields = read(ran)
    assert "mean_band_1" in fields
    assert 100 < fields["mean_band_1"].mean() < 10_000
    index = run("spectral-index", scenes={"catalogue": "demo"}, area=BOX)
    archive = Archive(name="job", prefix="https://gateway.example/jobs/1/", path=index.folder)
    again = run(
        "segmentation",
        raster={"href": "https://gateway.example/jobs/1/index.tif"},
        range_radius=500.0,
        site=Site(archives=(archive,)),
    )
    _, _, fields = read(again)
    assert (np.abs(fields["mean_NDVI"]) <= 10_000).all()


@needs_otb
def test_smaller_radii_and_sizes_make_more_segments(run):
    coarse = run("segmentation", raster={"href": RED}, area=BOX, range_radius=200.0, min_size=100)
    fine = run("segmentation", raster={"href": RED}, area=BOX, range_radius=20.0, min_size=5)
    assert len(read(fine)[1]) > 3 * len(read(coarse)[1])
    assert read(coarse)[2]["pixels"].min() >= 100


@needs_otb
def test_its_item_names_the_toolbox(run, shared):
    ran = run("segmentation", scenes={"catalogue": "demo"}, area=BOX, bands=["nir"])
    item = ran.item()
    validate(item, shared / "stac_schemas")
    assert item["properties"]["processing:software"]["Orfeo ToolBox"][0].isdigit()
    assert item["assets"]["segments"]["type"] == "application/flatgeobuf"


@needs_otb
def test_the_log_of_the_toolbox_is_the_jobs(run, caplog):
    caplog.set_level("INFO")
    ran = run("segmentation", scenes={"catalogue": "demo"}, area=BOX, bands=["nir"])
    assert "Smoothing step" in caplog.text
    assert str(ran.folder.parent) not in caplog.text
    percents = [percent for percent, *_ in ran.reports]
    assert percents == sorted(percents)


@needs_otb
def test_a_failure_of_the_toolbox_is_told_in_its_words(tmp_path):
    with pytest.raises(ProcessFailed) as error:
        run_otb(
            "LargeScaleMeanShift",
            ["-in", "none.tif", "-mode", "raster", "-mode.raster.out", "out.tif"],
            folder=tmp_path,
            resources=Resources(),
            report=lambda percent, message="": None,
        )
    assert "Cannot open image none.tif" in error.value.detail
    assert error.value.remedy


def test_without_the_toolbox_the_job_says_what_to_install(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProcessFailed, match="Orfeo ToolBox is not installed") as error:
        run("segmentation", scenes={"catalogue": "demo"}, area=BOX)
    assert "otb-bin" in error.value.remedy


@pytest.mark.parametrize(
    ("inputs", "input", "detail"),
    [
        ({}, "scenes", "Neither scenes nor a raster"),
        ({"scenes": {"catalogue": "demo"}}, "area", "need an area"),
        ({"scenes": {"catalogue": "demo"}, "area": BOX, "raster": {"href": RED}}, "raster", "Scenes and a raster"),
        ({"raster": {"href": "/etc/passwd"}}, "raster", "neither an http(s) address"),
        ({"raster": {"href": "https://demo.example/none.tif"}}, "raster", "not in the archive"),
        ({"raster": {"href": "https://demo.example/catalog.json"}}, "raster", "not recognized"),
        ({"raster": {"href": "http://127.0.0.1:9/a.tif"}}, "raster", "Connection refused"),
        ({"raster": {"href": RED}, "area": {"bbox": [0.0, 0.0, 1.0, 1.0]}}, "area", "outside the raster"),
        ({"scenes": {"catalogue": "demo"}, "area": BOX, "bands": ["sar"]}, "scenes", "no band sar"),
    ],
)
def test_what_cannot_work_is_refused_before_submission(site, inputs, input, detail):
    process = processes()["segmentation"]
    with pytest.raises(InputError) as error:
        process.plan(process.Inputs.model_validate(inputs), site)
    assert error.value.input == input
    assert detail in error.value.detail
    assert error.value.remedy


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_a_reference_system_is_refused(site, tmp_path):
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8") as image:
        image.write(np.ones((1, 9, 9), "uint8"))
    here = Site(archives=(Archive(name="up", prefix="https://up.example/", path=tmp_path),))
    process = processes()["segmentation"]
    with pytest.raises(InputError, match="not georeferenced") as error:
        process.plan(process.Inputs.model_validate({"raster": {"href": "https://up.example/a.tif"}}), here)
    assert error.value.input == "raster"
