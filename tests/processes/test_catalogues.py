"""Catalogues of every kind, served by real servers: the same scenes, and errors that help."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import AreaOfInterest, Scenes
from phidias_gateway.references import Archive, Site
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.scenes import find_scenes, scene_of
from phidias_processes.eo.stac import FoundItem
from phidias_processes.spectral_index import SpectralIndex
from tests.processes.conftest import FLANDERS, VIRGINIA
from tests.processes.servers import ApiServer, FileServer

LOCAL = Site(allow_hosts=frozenset({"127.0.0.1"}))


def area(box):
    return AreaOfInterest.model_validate({"bbox": box})


def ids(scenes):
    return [scene.id for scene in scenes]


@pytest.fixture(params=[("GET", "POST"), ("GET",), ("POST",)], ids="-".join)
def api(shared, request):
    archive = shared / "data" / "archive"
    folders = {name: archive / name for name in ("sentinel-2-l2a", "sentinel-2-l1c")}
    with ApiServer(folders, request.param) as server:
        yield server


def test_an_api_gives_what_the_static_catalogue_gives(api, site):
    asked = {"collections": ["sentinel-2-l2a"], "datetime": "2018-05-01/2018-05-31", "max_cloud_cover": 50.0}
    bands = ["nir", "red"]
    static = find_scenes(Scenes(catalogue="shared", **asked), area(FLANDERS), bands, site)
    searched = find_scenes(Scenes(catalogue=api.url, **asked), area(FLANDERS), bands, LOCAL)
    assert len(searched) > 3
    assert ids(searched) == ids(static)
    assert all("secret" not in scene.href for scene in searched)
    assert sum("/search" in request for request in api.requests) > 2, "pages were followed"


def test_a_static_catalogue_over_http_runs_a_job(run, demo_server):
    by_name = run("spectral-index", scenes={"catalogue": "demo"}, area={"bbox": VIRGINIA})
    address = f"{demo_server.url}/catalog.json"
    streamed = run("spectral-index", scenes={"catalogue": address}, area={"bbox": VIRGINIA})
    with by_name.image() as ours, streamed.image() as theirs:
        np.testing.assert_array_equal(ours.read(1), theirs.read(1))
    assert not any("B02" in request for request in demo_server.requests), "only the bands used are read"
    assert not any(name in request for request in demo_server.requests for name in (".ovr", ".aux.xml", ".msk"))


def test_an_archive_is_read_by_its_name_or_its_address(site):
    named = find_scenes(Scenes(catalogue="demo"), area(VIRGINIA), ["nir"], site)
    addressed = find_scenes(Scenes(catalogue="https://demo.example/catalog.json"), area(VIRGINIA), ["nir"], site)
    assert named == addressed
    assert named[0].bands[0].href.startswith("https://demo.example/")


def test_a_scene_without_a_date_is_found_in_the_period_it_may_be_of(site):
    found = find_scenes(Scenes(catalogue="demo", datetime="2016-01-01/2016-01-31"), area(VIRGINIA), ["nir"], site)
    assert (found[0].start[:10], found[0].end[:10]) == ("2015-06-23", "2016-06-10")


def test_scenes_survive_the_plan(site):
    for band in ("ndvi", "nir"):
        box = VIRGINIA if band == "nir" else [14.552, 45.866, 14.563, 45.874]
        if band == "ndvi" and len(site.archives) < 2:
            continue
        name = "demo" if band == "nir" else "shared"
        scene = find_scenes(Scenes(catalogue=name), area(box), [band], site)[0]
        again = Scene.from_json(json.loads(json.dumps(scene.to_json(), allow_nan=False)))
        assert repr(again) == repr(scene)


@pytest.mark.parametrize(
    ("scenes", "box", "bands", "input", "detail", "remedy"),
    [
        ({"collections": ["landsat"]}, VIRGINIA, ["nir"], "scenes", "no collection 'landsat'", "sentinel-2-l1c"),
        ({"datetime": "2020-01-01/2020-02-01"}, VIRGINIA, ["nir"], "scenes", "period 2020-01-01/", "2015-06-23"),
        ({}, [0.0, 0.0, 1.0, 1.0], ["nir"], "area", "outside all scenes", "-75."),
        ({}, VIRGINIA, ["nir", "lwir"], "scenes", "no band lwir", "swir16"),
        ({"ids": ["S2X"]}, VIRGINIA, ["nir"], "scenes", "identifiers", "S2A_MSIL1C_virginia"),
        ({"catalogue": "http://127.0.0.1:9/"}, VIRGINIA, ["nir"], "scenes", "Connection refused", "address"),
        ({"catalogue": "http://10.0.0.1/"}, VIRGINIA, ["nir"], "scenes", "not a public address", "administrator"),
        ({"catalogue": "/etc/passwd"}, VIRGINIA, ["nir"], "scenes", "neither an http(s) address", "demo"),
        ({"catalogue": "file:///etc/passwd"}, VIRGINIA, ["nir"], "scenes", "neither an http(s) address", "demo"),
        ({"catalogue": "https://demo.example/none.json"}, VIRGINIA, ["nir"], "scenes", "No such file", "address"),
        (
            {"catalogue": "https://demo.example/sentinel-2-l1c/S2A_MSIL1C_virginia/B04.tif"},
            VIRGINIA, ["nir"], "scenes", "no STAC document", "catalog.json",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_its_remedy(site, scenes, box, bands, input, detail, remedy):
    with pytest.raises(InputError) as error:
        find_scenes(Scenes(**{"catalogue": "demo", **scenes}), area(box), bands, site)
    assert error.value.input == input
    assert detail in error.value.detail
    assert remedy in error.value.remedy


def test_clouds_are_told_with_the_least_there_is(site, shared):
    asked = Scenes(catalogue="shared", collections=["sentinel-2-l2a"], datetime="2017-08-04", max_cloud_cover=10)
    with pytest.raises(InputError, match="more than 10 % clouds") as error:
        find_scenes(asked, area(FLANDERS), ["nir"], site)
    assert "100.0 %" in error.value.remedy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ((500, {}, b"oops"), "it answers 500"),
        ((404, {}, b""), "it answers 404"),
        ((200, {}, b"<html>"), "no STAC document"),
        ((200, {}, b"[1, 2]"), "no STAC document"),
        ((200, {}, b'{"type": "FeatureCollection"}'), "no STAC catalogue"),
        ((302, {"Location": "http://192.168.0.1/catalog.json"}, b""), "not a public address"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "neither an http(s) address"),
        ((302, {"Location": "/catalog.json?user=me"}, b""), "redirects too often"),
    ],
)
def test_a_catalogue_that_answers_badly_is_told_how(demo_server, answer, detail):
    demo_server.special["/catalog.json"] = lambda: answer
    with pytest.raises(InputError) as error:
        find_scenes(Scenes(catalogue=f"{demo_server.url}/catalog.json?token=x"), area(VIRGINIA), ["nir"], LOCAL)
    assert detail in error.value.detail
    assert "token" not in error.value.detail


def test_a_transient_failure_is_tried_again(demo_server, virginia):
    answers = iter([503, 503])

    def sometimes():
        status = next(answers, 200)
        return status, {}, (virginia.folder / "catalog.json").read_bytes()

    demo_server.special["/catalog.json"] = sometimes
    assert find_scenes(Scenes(catalogue=f"{demo_server.url}/catalog.json"), area(VIRGINIA), ["nir"], LOCAL)


def test_a_collection_of_an_api_points_to_the_api(api):
    with pytest.raises(InputError) as error:
        find_scenes(Scenes(catalogue=f"{api.url}/collections/sentinel-2-l2a"), area(FLANDERS), ["nir"], LOCAL)
    assert "one collection of a STAC API" in error.value.detail


def test_the_errors_of_an_api_are_those_of_a_static_catalogue(api):
    for asked, box, detail in [
        ({"collections": ["nope"]}, FLANDERS, "no collection 'nope'"),
        ({"datetime": "2011-01-01/2011-02-01"}, FLANDERS, "No scene was taken"),
        ({"collections": ["sentinel-2-l1c"]}, [0.0, 0.0, 1.0, 1.0], "outside all scenes"),
        ({"ids": ["nope"]}, VIRGINIA, "identifiers"),
    ]:
        with pytest.raises(InputError) as error:
            find_scenes(Scenes(catalogue=api.url, **asked), area(box), ["nir"], LOCAL)
        assert detail in error.value.detail


def test_an_asset_outside_the_archive_is_refused_before_submission(tmp_path, virginia):
    copy = tmp_path / "archive"
    shutil.copytree(virginia.folder, copy, ignore=shutil.ignore_patterns("*.tif"))
    item = next(copy.glob("*/*/*.json"))
    site = Site(archives=(Archive(name="demo", prefix="https://demo.example/", path=copy),))
    for href in ("file:///etc/passwd", "http://127.0.0.1/B08.tif", "https://elsewhere.invalid/B08.tif"):
        document = json.loads(item.read_text("utf-8"))
        document["assets"]["nir"]["href"] = href
        item.write_text(json.dumps(document), "utf-8")
        process = SpectralIndex()
        inputs = process.Inputs.model_validate({"scenes": {"catalogue": "demo"}, "area": {"bbox": VIRGINIA}})
        with pytest.raises(InputError) as error:
            process.plan(inputs, site)
        assert error.value.input == "scenes"


def test_the_path_of_an_asset_never_leaves_the_archive(tmp_path, virginia):
    site = Site(archives=(Archive(name="demo", prefix="https://demo.example/", path=tmp_path),))
    item = json.loads(next(virginia.folder.glob("*/*/*.json")).read_text("utf-8"))
    for href in ("/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd"):
        item["assets"]["nir"]["href"] = href
        scene = scene_of(FoundItem("https://demo.example/a/b/item.json", item))
        place = next(band.href for band in scene.bands if band.asset == "nir")
        try:
            located = site.locate(place, input="scenes")
        except InputError:
            continue
        assert located.startswith(f"{tmp_path}/")


def test_real_items_of_public_catalogues_can_be_read(shared):
    for file in sorted((shared / "data" / "stac_items").rglob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        if document.get("type") == "Feature":
            scene = scene_of(FoundItem("https://example.org/" + file.name, document))
            assert scene.start
            assert all(band.href.partition("://")[0] in ("https", "http", "s3") for band in scene.bands)


def test_earth_search_has_applied_the_offset_it_states(virginia):
    item = json.loads(next(virginia.folder.glob("*/*/*.json")).read_text("utf-8"))
    item["assets"]["nir"]["raster:bands"][0]["offset"] = -0.1
    stated = scene_of(FoundItem("https://example.org/item.json", item))
    item["properties"]["earthsearch:boa_offset_applied"] = True
    applied = scene_of(FoundItem("https://example.org/item.json", item))
    offsets = [next(band.offset for band in scene.bands if band.asset == "nir") for scene in (stated, applied)]
    assert offsets == [-0.1, 0.0]


def test_a_local_file_is_read_only_where_it_is_located(tmp_path):
    with FileServer(tmp_path) as server:
        (tmp_path / "a.json").write_text("{}", "utf-8")
        reader = GuardedReader(LOCAL, input="scenes")
        assert reader.text(f"{server.url}/a.json") == "{}"
        with pytest.raises(Unreadable, match="404"):
            reader.final_place(f"{server.url}/b.tif")
