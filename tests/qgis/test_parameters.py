"""Every input becomes QGIS parameters, and what is entered there comes back as the JSON that the gateway expects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsFeature,
    QgsFeedback,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsVectorLayer,
)

from phidias_qgis import descriptions
from phidias_qgis.algorithm import ProcessAlgorithm
from phidias_qgis.inputs import Input, InputProblem, all_read
from phidias_qgis.parameters import write

AREA_SCHEMA = {
    "type": "object",
    "format": "geojson-geometry",
    "required": ["type", "coordinates"],
    "properties": {"type": {"type": "string"}, "coordinates": {"type": "array"}},
}
SCENES_SCHEMA = {"type": "object", "format": "stac-scenes", "properties": {"catalogue": {"type": "string"}}}
BOX_SCHEMA = {"type": "object", "format": "ogc-bbox", "properties": {"bbox": {"type": "array"}}}
RASTER_SCHEMA = {"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff; application=geotiff"}


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is configured; nothing here uses it."""
    monkeypatch.setenv("PHIDIAS_URL", "http://127.0.0.1:9")


@pytest.fixture
def enter(description: Any, provider: Any) -> Any:
    """Enter parameters for a single input of a schema; returns what would be sent for it, None if nothing."""

    def do(schema: dict[str, Any], parameters: dict[str, Any], *, name: str = "thing", **member: Any) -> Any:
        algorithm = ProcessAlgorithm(description({name: {"title": "Thing", "schema": schema, **member}}))
        algorithm.setProvider(provider)
        algorithm.initAlgorithm({})
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        fine, message = algorithm.checkParameterValues(parameters, context)
        if not fine:
            raise ValueError(message)
        try:
            return all_read(algorithm._read(parameters, context), QgsFeedback()).get(name)
        except InputProblem as error:
            raise ValueError(error) from None

    return do


def polygons(crs: str, *wkt: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(f"Polygon?crs={crs}", "my fields", "memory")
    features = []
    for text in wkt:
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromWkt(text))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


@pytest.mark.parametrize(
    ("schema", "entered", "sent"),
    [
        ({"type": "string"}, "hello", "hello"),
        ({"type": "string"}, "  ", None),
        ({"type": "number"}, 1.5, 1.5),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "integer"}, 3, 3),
        ({"type": "integer"}, 0, 0),
        ({"type": "boolean"}, True, True),
        ({"type": "boolean"}, "false", False),
        ({"type": "string", "enum": ["median", "mean"]}, "mean", "mean"),
        ({"type": "integer", "enum": [1, 2, 5]}, "5", 5),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}}, ["a", "c"], ["a", "c"]),
        ({"type": "array", "items": {"type": "number"}}, "1, 2.5,3", [1.0, 2.5, 3.0]),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2], [1, 2]),
        ({"type": "array", "items": {"type": "string"}}, "red, nir", ["red", "nir"]),
        ({"type": "string", "format": "crs"}, "EPSG:32631", "EPSG:32631"),
        ({"type": "string", "format": "date"}, "2018-05-01", "2018-05-01"),
        ({"type": "object"}, '{"a": [1, 2]}', {"a": [1, 2]}),
        ({"type": "object"}, {"a": None}, {"a": None}),
        (
            BOX_SCHEMA,
            "3,4,43,44 [EPSG:4326]",
            {"bbox": [3, 43, 4, 44], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
        ),
        (RASTER_SCHEMA, "https://example.org/image.tif", {"href": "https://example.org/image.tif"}),
        (RASTER_SCHEMA, "/vsicurl/http://h/x.tif?signature=a", {"href": "http://h/x.tif?signature=a"}),
    ],
)
def test_what_is_entered_comes_back_as_the_gateway_expects_it(
    enter: Any, schema: dict[str, Any], entered: Any, sent: Any
) -> None:
    assert enter(schema, {"THING": entered}, minOccurs=0) == sent


BLOB = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [1, 1.5], [0, 0]]]}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "string"}, "hello"),
        ({"type": "number"}, 1.5),
        ({"type": "boolean"}, False),
        ({"type": "string", "enum": ["median", "mean"]}, "mean"),
        ({"type": "integer", "enum": [1, 2, 5]}, 5),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}}, ["a", "c"]),
        ({"type": "array", "items": {"type": "number"}}, [1.0, 2.5]),
        ({"type": "string", "format": "crs"}, "EPSG:32631"),
        ({"type": "string", "format": "date"}, "2018-05-01"),
        ({"type": "string", "format": "date-time"}, "2018-05-01T10:20:30Z"),
        ({"type": "object"}, {"a": [1, None]}),
        (BOX_SCHEMA, {"bbox": [3, 43, 4, 44], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}),
        (RASTER_SCHEMA, {"href": "https://example.org/image.tif?key=1"}),
        (AREA_SCHEMA, {"type": "Polygon", "coordinates": [[[3, 43], [4, 43], [4, 44], [3, 44], [3, 43]]]}),
        (AREA_SCHEMA, BLOB),
        (
            SCENES_SCHEMA,
            {
                "catalogue": "demo",
                "collections": ["a", "b"],
                "datetime": "2018-05-01/..",
                "max_cloud_cover": 30,
                "ids": ["x"],
            },
        ),
    ],
)
def test_what_was_sent_once_can_be_entered_again(enter: Any, schema: dict[str, Any], sent: Any) -> None:
    target = Input.from_description("thing", {"schema": schema})
    parameters, strange = write([target], {"thing": sent})
    assert strange == []
    again = enter(schema, parameters, minOccurs=0)
    if schema is AREA_SCHEMA:
        # The ring may begin at another corner, and turn the other way.
        again, sent = ({tuple(corner) for corner in area["coordinates"][0]} for area in (again, sent))
    assert again == sent


def test_what_another_client_sent_in_its_own_way_is_named_and_not_guessed() -> None:
    schemas = {"area": AREA_SCHEMA, "scenes": SCENES_SCHEMA, "image": RASTER_SCHEMA, "text": {"type": "string"}}
    inputs = [Input.from_description(name, {"schema": schema}) for name, schema in schemas.items()]
    sent = {
        "area": {"href": "https://example.org/area.json"},
        "scenes": {"items": []},
        "image": {"href": "https://h/jobs/1/results/index.tif?expires=1&signature=secret"},
        "text": {"value": "hello", "mediaType": "text/plain"},
    }
    parameters, strange = write(inputs, sent)
    assert parameters == {"IMAGE": "https://h/jobs/1/results/index.tif", "TEXT": "hello"}
    assert strange == ["area", "scenes"]


@pytest.mark.parametrize(
    "schema", [{"$ref": "elsewhere.yaml"}, {}, {"oneOf": [{"type": "object"}]}, {"type": "wormhole"}]
)
def test_an_unknown_schema_is_a_text_with_json(enter: Any, schema: dict[str, Any]) -> None:
    assert enter(schema, {"THING": "[1, {}]"}) == [1, {}]


def test_an_unreadable_description_does_not_take_the_other_tools_along(
    provider: Any, monkeypatch: pytest.MonkeyPatch, description: Any
) -> None:
    strange = description({"a": {"schema": {"type": "integer", "minimum": "none", "default": {"x": 1}}}})
    broken = description({"a": {"schema": {"enum": 7}}})
    good = description({"a": {"schema": {"type": "string"}}})
    object.__setattr__(good, "id", "good")
    monkeypatch.setattr(descriptions, "known", lambda: [broken, strange, good])
    provider.refreshAlgorithms()
    assert provider.algorithm("good") is not None


def test_an_ogc_bounding_box_behind_allof_is_recognised(enter: Any) -> None:
    schema = {"allOf": [{"format": "ogc-bbox"}, {"$ref": "../../openapi/schemas/bbox.yaml"}]}
    assert enter(schema, {"THING": "3,4,43,44 [EPSG:4326]"})["bbox"] == [3, 43, 4, 44]


def test_an_input_that_may_occur_several_times_is_a_list(enter: Any) -> None:
    assert enter({"type": "string"}, {"THING": "a, b"}, maxOccurs="unbounded") == ["a", "b"]


@pytest.mark.parametrize(
    ("schema", "parameters", "said"),
    [
        ({"type": "string"}, {}, "a value is needed"),
        (
            {"type": "string", "enum": ["NDVI", "EVI"]},
            {"THING": "NDVY"},
            "'NDVY' is not a choice. Choose from NDVI",
        ),
        ({"type": "number", "minimum": 0, "maximum": 5}, {"THING": 7}, "'7' cannot be used"),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"THING": 0}, "Give larger than 0"),
        ({"type": "number", "exclusiveMinimum": 0}, {"THING": 0}, "Give larger than 0"),
        ({"type": "number"}, {"THING": "many"}, "'many' cannot be used"),
        ({"type": "array", "items": {"type": "number"}}, {"THING": "1, two"}, "not a list of numbers"),
        ({"type": "object"}, {"THING": "{nothing}"}, "not valid JSON"),
        ({"type": "string", "format": "crs"}, {"THING": "my own"}, "EPSG:32631"),
        (RASTER_SCHEMA, {"THING": "/nowhere/image.tif"}, "cannot be opened"),
        (AREA_SCHEMA, {}, "no area is given. Draw an extent"),
        (AREA_SCHEMA, {"THING": "3,3,43,43 [EPSG:4326]"}, "Draw"),
        (AREA_SCHEMA, {"THING": "500000,510000,4650000,4660000"}, "[EPSG:32631]"),
        (AREA_SCHEMA, {"THING": "500000,510000,4650000,4660000 [EPSG:4326]"}, "coordinate reference system"),
        (AREA_SCHEMA, {"THING_LAYER": "/nowhere/fields.gpkg"}, "layer of polygons"),
        (SCENES_SCHEMA, {}, "no catalogue is given"),
        (
            SCENES_SCHEMA,
            {"THING": "demo", "THING_START": "2018-06-01", "THING_END": "2018-05-01"},
            "the period is empty: it ends (2018-05-01) before it starts (2018-06-01). Exchange the dates",
        ),
        (SCENES_SCHEMA, {"THING": "demo", "THING_CLOUD": 120}, "'120' cannot be used"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_inputs_name_and_a_remedy(
    enter: Any, schema: dict[str, Any], parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        enter(schema, parameters)
    assert "THING" in str(refused.value)


def test_a_polygon_that_crosses_itself_is_refused(enter: Any) -> None:
    layer = polygons("EPSG:4326", "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))")
    with pytest.raises(ValueError, match=r"crosses itself .* 'Fix geometries'"):
        enter(AREA_SCHEMA, {"THING_LAYER": layer})


def test_a_layer_without_reference_system_is_refused(enter: Any) -> None:
    layer = polygons("EPSG:4326", "POLYGON((0 0, 1 0, 1 1, 0 0))")
    layer.setCrs(type(layer.crs())())
    with pytest.raises(ValueError, match=r"'my fields' has no coordinate reference system"):
        enter(AREA_SCHEMA, {"THING_LAYER": layer})


def test_an_empty_layer_is_refused(enter: Any) -> None:
    with pytest.raises(ValueError, match="the layer has no polygon"):
        enter(AREA_SCHEMA, {"THING_LAYER": polygons("EPSG:4326")})


def test_the_extent_is_sent_in_longitude_and_latitude(enter: Any) -> None:
    sent = enter(AREA_SCHEMA, {"THING": "3,4,43,44 [EPSG:4326]"})
    assert sent["type"] == "Polygon"
    assert {tuple(corner) for corner in sent["coordinates"][0]} == {(3, 43), (4, 43), (4, 44), (3, 44)}


def test_polygons_go_before_the_extent_and_are_joined(enter: Any) -> None:
    layer = polygons("EPSG:4326", "POLYGON((0 0, 1 0, 1 1, 0 0))", "POLYGON((5 5, 6 5, 6 6, 5 5))")
    sent = enter(AREA_SCHEMA, {"THING": "3,4,43,44 [EPSG:4326]", "THING_LAYER": layer})
    assert sent["type"] == "MultiPolygon"
    assert len(sent["coordinates"]) == 2


def test_long_edges_follow_their_way_when_they_are_reprojected(enter: Any) -> None:
    # 600 km along 60 degrees north in UTM 31: the straight line in metres is a bent one in degrees.
    box = "POLYGON((200000 6600000, 800000 6600000, 800000 6700000, 200000 6700000, 200000 6600000))"
    ring = enter(AREA_SCHEMA, {"THING_LAYER": polygons("EPSG:32631", box)})["coordinates"][0]
    middle = min(latitude for longitude, latitude in ring if 2.9 < longitude < 3.1)
    corner = min(latitude for longitude, latitude in ring)
    assert middle > corner + 0.05


def test_scenes_take_six_parameters(enter: Any) -> None:
    sent = enter(
        SCENES_SCHEMA,
        {
            "THING": "https://stac.example.org",
            "THING_COLLECTIONS": "sentinel-2-l2a, landsat",
            "THING_START": "2018-05-01",
            "THING_CLOUD": 30,
            "THING_IDS": "a,b",
        },
    )
    assert sent == {
        "catalogue": "https://stac.example.org",
        "collections": ["sentinel-2-l2a", "landsat"],
        "datetime": "2018-05-01/..",
        "max_cloud_cover": 30,
        "ids": ["a", "b"],
    }


def test_a_local_raster_is_to_be_uploaded(enter: Any, tmp_path: Path) -> None:
    from osgeo import gdal

    path = tmp_path / "image.tif"
    gdal.GetDriverByName("GTiff").Create(str(path), 4, 4, 1).SetGeoTransform([0, 1, 0, 0, 0, -1])
    assert enter(RASTER_SCHEMA, {"THING": str(path)}).path == path


def test_every_shipped_process_makes_a_tool_whose_defaults_are_its_own(provider: Any) -> None:
    shipped = descriptions.shipped()
    assert {"echo", "extract", "segmentation", "spectral-index", "zonal-statistics"} <= {entry.id for entry in shipped}
    for entry in shipped:
        algorithm = provider.algorithm(entry.id.replace("-", ""))
        assert algorithm is not None, entry.id
        assert algorithm.displayName() == entry.title
        assert algorithm.group() == entry.group
        for name, member in entry.inputs.items():
            parameter = algorithm.parameterDefinition(name.upper())
            assert parameter is not None, name
            if "format" in member["schema"]:
                continue
            optional = bool(parameter.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
            assert optional == (member.get("minOccurs") == 0 and "default" not in member["schema"]), name


def test_the_tool_says_what_the_process_is(provider: Any) -> None:
    tool = provider.algorithm("spectralindex")
    assert "https://doi.org/10.1038/s41597-023-02096-0" in tool.shortHelpString()
    assert "Combine the dates by" in tool.shortHelpString()
    assert "ndvi" in tool.tags()
    assert len(tool.parameterDefinition("INDEX").options()) > 100
    assert tool.parameterDefinition("OUTPUT_INDEX") is not None
    assert tool.parameterDefinition("OUTPUT_ITEM") is None
    assert tool.outputDefinition("JOB_ID") is not None
