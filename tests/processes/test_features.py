"""Reading features: formats, types, reference systems, and what is refused by name."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import shapely
from pyproj import CRS
from shapely.geometry import Point, Polygon, box, mapping

from phidias_gateway.errors import InputError
from phidias_gateway.inputs import Lines, Points, Polygons, Vector
from phidias_gateway.references import Archive, Site
from phidias_processes.eo import features as features_module
from phidias_processes.eo.features import Features, read_features, write_features
from tests.processes.servers import FileServer

EVENING = datetime(2018, 5, 1, 18, tzinfo=timezone(timedelta(hours=-4)))
SQUARE = mapping(box(5, 45, 6, 46))


def collection(*geometries: Any, properties: Any = None, **members: Any) -> dict[str, Any]:
    features = [{"type": "Feature", "properties": properties, "geometry": geometry} for geometry in geometries]
    return {"type": "FeatureCollection", "features": features, **members}


@pytest.fixture
def keep(tmp_path):
    """Put a file into an archive and read it as an input of a kind."""
    site = Site(archives=(Archive(name="own", prefix="https://own.example/", path=tmp_path),))

    def read(content: bytes | dict[str, Any] | None, kind: type[Vector] = Vector) -> Features:
        if content is not None:
            (tmp_path / "file").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return read_features(kind.model_validate({"href": "https://own.example/file"}), site, input="zones")

    return read


def flatgeobuf(path, geometries, crs="EPSG:32631", **columns):
    write_features(path, Features(np.array(geometries, object), columns, crs))
    return path.read_bytes()


def test_json_becomes_columns_of_one_type(keep):
    rows = [
        {"text": "a", "whole": 1, "real": 1, "flag": True, "mixed": 1, "list": [1], "late": None},
        {"text": None, "whole": 2**40, "real": 0.5, "flag": None, "mixed": "x", "list": None, "late": 7},
    ]
    features = [
        {"type": "Feature", "id": number, "properties": row, "geometry": SQUARE} for number, row in enumerate(rows)
    ]
    read = keep({"type": "FeatureCollection", "features": features})
    assert read.crs == "EPSG:4326"
    kinds = {name: column.dtype.kind for name, column in read.columns.items()}
    assert kinds == {
        "id": "i",
        "text": "O",
        "whole": "i",
        "real": "f",
        "flag": "b",
        "mixed": "O",
        "list": "O",
        "late": "i",
    }
    assert read.columns["list"].tolist() == ["[1]", None]
    assert read.columns["flag"].tolist() == [True, None]
    assert read.columns["late"].tolist() == [None, 7]


def test_a_file_goes_through_unchanged(keep, tmp_path):
    columns = {
        "flag": np.ma.array([True, False], mask=[0, 1]),
        "small": np.ma.array(np.array([1, 2], "int32"), mask=[1, 0]),
        "time": np.ma.array(np.array([datetime(2018, 5, 1, 10, 20, 30), None], object), mask=[0, 1]),
        "instant": np.ma.array(np.array([None, EVENING], object), mask=[1, 0]),
        "word": np.ma.array(np.array(["é", None], object), mask=[0, 1]),
    }
    wkt = CRS.from_epsg(2154).to_wkt()
    read = keep(flatgeobuf(tmp_path / "a.fgb", [box(0, 0, 1, 1), None], wkt, **columns))
    assert CRS.from_user_input(read.crs) == CRS.from_epsg(2154)
    write_features(tmp_path / "b.fgb", read)
    again = keep((tmp_path / "b.fgb").read_bytes())
    assert again.geometries[0] == box(0, 0, 1, 1)
    assert shapely.is_missing(again.geometries[1])
    for name, column in columns.items():
        assert again.columns[name].dtype == column.dtype, name
        assert again.columns[name].tolist() == column.tolist(), name
    assert pyogrio.read_info(tmp_path / "b.fgb")["geometry_type"] == "Polygon"


def test_heights_are_left_out_and_kinds_are_joined(keep, tmp_path):
    path = tmp_path / "a.fgb"
    polygons = [Polygon([(0, 0, 7), (1, 0, 7), (1, 1, 7)]), shapely.MultiPolygon([box(5, 5, 6, 6), box(7, 7, 8, 8)])]
    pyogrio.raw.write(
        str(path), shapely.to_wkb(np.array(polygons, object), output_dimension=3), [], [], driver="FlatGeobuf",
        crs="EPSG:32631", geometry_type="Unknown",
    )  # fmt: skip
    read = keep(path.read_bytes(), Polygons)
    assert not shapely.has_z(read.geometries).any()
    write_features(path, read)
    assert pyogrio.read_info(path)["geometry_type"] == "MultiPolygon"
    mixed = keep(flatgeobuf(path, [box(0, 0, 1, 1), Point(1, 1)]))
    assert sorted(geometry.geom_type for geometry in mixed.geometries) == ["Point", "Polygon"]


def test_points_have_an_area_around_them():
    read = read_features(Points.model_validate(collection(mapping(Point(5, 45)))), Site(), input="plots")
    area = shapely.geometry.shape(read.around(input="plots").geometry())
    assert area.contains(Point(5, 45))
    assert area.area < 1e-10


def test_what_another_reference_system_cannot_show_is_left_out():
    read = Features(np.array([box(5, 45, 6, 46), box(5, -90, 6, -89), None], object), {}, "EPSG:4326")
    here, pole, nothing = read.on("EPSG:2154")
    assert here.bounds == pytest.approx((857000, 6420000, 935000, 6550000), rel=0.02)
    assert pole is None
    assert nothing is None


TWISTED = mapping(Polygon([(5, 45), (6, 46), (6, 45), (5, 46)]))
ELSEWHERE = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
LINKED = {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs", "type": "proj4"}}


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", Vector, "neither FlatGeobuf nor GeoJSON"),
        (b"<OGRVRTDataSource/>", Vector, "neither FlatGeobuf nor GeoJSON"),
        (b"SQLite format 3\0", Vector, "neither FlatGeobuf nor GeoJSON"),
        (b"fgb\x03fgb\x00" + b"\xff" * 200, Vector, "cannot be read"),
        ({"href": "https://own.example/file"}, Vector, "refers to another file"),
        ({"type": "Topology", "objects": {}}, Vector, "FeatureCollection"),
        (collection(), Vector, "no feature"),
        (collection(None), Vector, "no feature with a geometry"),
        (collection(SQUARE), Points, "feature 1 is a Polygon; every one must be a Point or MultiPoint"),
        (collection(SQUARE, mapping(Point(5, 45))), Polygons, "feature 2 is a Point"),
        (collection(TWISTED), Polygons, "feature 1 crosses itself or is malformed (Self-intersection"),
        (collection({"type": "Polygon", "coordinates": [[["a"]]]}), Vector, "coordinates of the feature 1"),
        (collection({"type": "Polygon"}), Vector, "coordinates of the feature 1"),
        (collection(mapping(box(5e5, 5e6, 6e5, 6e6))), Vector, "no longitudes and latitudes"),
        (collection(SQUARE, crs=ELSEWHERE), Vector, "EPSG::3857"),
        (collection(SQUARE, crs=LINKED), Vector, "longitudes and latitudes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_remedy(keep, content, kind, said):
    with pytest.raises(InputError) as error:
        keep(content, kind)
    assert error.value.input == "zones"
    assert said in error.value.detail
    assert error.value.remedy


def test_files_are_refused_for_their_type_system_or_size(keep, tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="crs"):
        unplaced = flatgeobuf(tmp_path / "b.fgb", [box(0, 0, 1, 1)], None)
    for content, kind, said in (
        (flatgeobuf(tmp_path / "a.fgb", [box(0, 0, 1, 1)]), Lines, "feature 1 is a Polygon"),
        (unplaced, Vector, "no coordinate reference system"),
    ):
        with pytest.raises(InputError, match=said):
            keep(content, kind)
    wkt = CRS.from_epsg(32631).to_wkt("WKT1_GDAL")
    content = flatgeobuf(
        tmp_path / "a.fgb", [box(0, 0, 1, 1)], wkt.replace("WGS 84 / UTM zone 31N", "UTM @grids=/etc/x")
    )
    assert b"grids=/etc/x" in content
    with pytest.raises(InputError, match="refers to other files"):
        keep(content)
    local = 'LOCAL_CS["a building",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    with pytest.raises(InputError, match="reference system of the features cannot be used"):
        keep(flatgeobuf(tmp_path / "a.fgb", [box(0, 0, 1, 1)], local))
    three = flatgeobuf(tmp_path / "a.fgb", [box(0, 0, 1, 1)] * 3)
    monkeypatch.setattr(features_module, "MAX_FEATURES", 2)
    with pytest.raises(InputError, match="more than 2 features"):
        keep(three)
    monkeypatch.setattr(features_module, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="has more than"):
        keep(three)


def test_a_public_address_is_read_under_the_guard(tmp_path):
    (tmp_path / "a.geojson").write_text(json.dumps(collection(SQUARE, properties={"name": "a"})))
    with FileServer(tmp_path) as server:
        vector = Polygons.model_validate({"href": f"{server.url}/a.geojson"})
        read = read_features(vector, Site(allow_hosts=frozenset({"127.0.0.1"})), input="zones")
        assert read.columns["name"].tolist() == ["a"]
        with pytest.raises(InputError, match="not a public address") as error:
            read_features(vector, Site(), input="zones")
        gone = Polygons.model_validate({"href": f"{server.url}/none"})
        with pytest.raises(InputError, match="404"):
            read_features(gone, Site(allow_hosts=frozenset({"127.0.0.1"})), input="zones")
    assert error.value.input == "zones"
