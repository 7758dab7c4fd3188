"""Features of layers of every kind, given to a tool of a real gateway."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import processing
import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsFeatureRequest,
    QgsField,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
    edit,
)
from qgis.PyQt.QtCore import QVariant

from backend_client import Gateway
from phidias_qgis.algorithm import ProcessAlgorithm
from phidias_qgis.inputs import Input
from phidias_qgis.jobs_panel import again
from phidias_qgis.local_vectors import FeaturesOfLayer, InlineFeatures
from phidias_qgis.parameters import write
from tests.qgis.conftest import RunningGateway
from tests.qgis.relay import Relay
from tests.qgis.test_chains import COARSE, child
from tests.qgis.test_execution import Feedback

pytestmark = pytest.mark.usefixtures("provider")

TOOL = "phidias:zonalstatistics"
SQUARES = [(439000 + 700 * number, 4168000, 439500 + 700 * number, 4168500) for number in range(4)]
DEFAULTS = {"SCENES": "demo", "BANDS": "nir", "STATISTICS": ["count", "mean"]}
TEMPORARY = {"OUTPUT_ZONES": QgsProcessing.TEMPORARY_OUTPUT}
COLLECTION = {
    "oneOf": [
        {
            "type": "object",
            "format": "geojson-feature-collection",
            "properties": {
                "features": {
                    "items": {
                        "properties": {"geometry": {"properties": {"type": {"enum": ["Polygon", "MultiPolygon"]}}}}
                    }
                }
            },
        },
        {"type": "string", "contentEncoding": "binary", "contentMediaType": "application/flatgeobuf"},
    ]
}


def box(west: float, south: float, east: float, north: float) -> str:
    return f"POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"


def fields_layer(*wkt: str, kind: str = "Polygon", crs: str = "EPSG:32618") -> QgsVectorLayer:
    """A layer in memory, in the project, with a name and a number for each polygon."""
    layer = QgsVectorLayer(f"{kind}?crs={crs}&field=name:string&field=number:integer", "fields", "memory")
    features = []
    for number, text in enumerate(wkt or [box(*square) for square in SQUARES]):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(text))
        feature.setAttributes([f"field {number}", number])
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    layer.updateExtents()
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture(autouse=True)
def empty_project() -> Any:
    yield
    QgsProject.instance().clear()


@pytest.fixture
def sent(description: Any, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What would be sent for a layer that is entered for a single input: the features of its file, or the value."""
    monkeypatch.setenv("PHIDIAS_URL", "http://127.0.0.1:9")

    def do(value: Any, *, schema: Any = COLLECTION, check: Any = None, area: Any = None, feedback: Any = None) -> Any:
        algorithm = ProcessAlgorithm(description({"thing": {"title": "Thing", "schema": schema}}))
        algorithm.setProvider(provider)
        algorithm.initAlgorithm({})
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        if check is not None:
            context.setInvalidGeometryCheck(check)
        fine, message = algorithm.checkParameterValues({"THING": value}, context)
        if not fine:
            raise ValueError(message)
        value = algorithm._read({"THING": value}, context)["thing"]
        if not isinstance(value, FeaturesOfLayer):
            return value
        value = value.within(area)
        found: list[Any] = []

        def made(value: Any, feedback: Feedback) -> Any:
            if isinstance(value, InlineFeatures):
                return value.fetched(feedback)
            with value.ready(feedback) as path:
                return shutil.copy(path, tmp_path / "sent.fgb")

        def work() -> None:
            try:
                found.append(made(value, feedback or Feedback()))
            except Exception as error:
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    return do


def rows_of(file: Path) -> list[tuple[Any, ...]]:
    layer = QgsVectorLayer(str(file), "sent", "ogr")
    return sorted(tuple(feature.attributes()) for feature in layer.getFeatures())


def selected(layer: QgsVectorLayer, **options: Any) -> QgsProcessingFeatureSourceDefinition:
    return QgsProcessingFeatureSourceDefinition(layer.id(), selectedFeaturesOnly=True, **options)


def test_a_layers_selection_filter_and_edits_are_what_is_sent(sent: Any, tmp_path: Path) -> None:
    layer = fields_layer()
    assert [row[1] for row in rows_of(sent(layer))] == [0, 1, 2, 3]
    layer.selectByExpression('"number" > 1')
    assert [row[1] for row in rows_of(sent(selected(layer)))] == [2, 3]
    assert layer.setSubsetString('"number" < 3')
    assert [row[1] for row in rows_of(sent(layer))] == [0, 1, 2]
    file = tmp_path / "fields.gpkg"
    processing.run("native:savefeatures", {"INPUT": layer, "OUTPUT": str(file), "LAYER_NAME": "all"})
    assert [row[-1] for row in rows_of(sent(f"{file}|layername=all|subset=number < 2"))] == [0, 1]
    layer.startEditing()
    first = next(layer.getFeatures())
    assert layer.changeAttributeValue(first.id(), 0, "edited")
    assert rows_of(sent(layer))[0][0] == "edited"
    layer.rollBack()


def test_the_same_features_make_the_same_file(sent: Any) -> None:
    layer = fields_layer()
    layer.selectByIds([1, 2])
    first, again_ = (hashlib.sha256(sent(selected(layer)).read_bytes()).digest() for _ in range(2))
    assert first == again_
    with edit(layer):
        layer.changeAttributeValue(1, 0, "other")
    assert hashlib.sha256(sent(selected(layer)).read_bytes()).digest() != first


def test_attributes_keep_their_types_and_geometries_become_flat(sent: Any) -> None:
    layer = QgsVectorLayer("CurvePolygonZ?crs=EPSG:2154", "curves", "memory")
    types = {
        "big": QVariant.LongLong,
        "real": QVariant.Double,
        "flag": QVariant.Bool,
        "at": QVariant.DateTime,
        "list": QVariant.StringList,
    }
    layer.dataProvider().addAttributes([QgsField(name, kind) for name, kind in types.items()])
    layer.updateFields()
    feature, nothing = QgsFeature(layer.fields()), QgsFeature(layer.fields())
    feature.setAttributes([2**40, 1.5, True, None, ["a", "b"]])
    circle = "CurvePolygonZ(CircularStringZ(0 0 1, 2 0 1, 2 2 1, 0 2 1, 0 0 1))"
    feature.setGeometry(QgsGeometry.fromWkt(circle))
    layer.dataProvider().addFeatures([feature, nothing])
    QgsProject.instance().addMapLayer(layer)
    feedback = Feedback()
    read = QgsVectorLayer(str(sent(layer, feedback=feedback)), "sent", "ogr")
    assert read.crs().authid() == "EPSG:2154"
    (row,) = read.getFeatures()
    assert row.attributes()[:3] == [2**40, 1.5, True]
    assert row["list"] == "a,b"
    assert row.geometry().wkbType() == QgsWkbTypes.Type.Polygon
    assert row.geometry().area() == pytest.approx(3.14159 * 2, rel=1e-2)
    assert "Features left out for having no geometry: 1" in feedback.told


def test_only_what_meets_the_area_is_sent(sent: Any) -> None:
    layer = fields_layer()
    first = QgsGeometry.fromWkt(box(*SQUARES[0])).boundingBox()
    degrees = processing.run(
        "native:reprojectlayer",
        {"INPUT": fields_layer(box(*SQUARES[0])), "TARGET_CRS": "EPSG:4326", "OUTPUT": "memory:"},
    )
    area = json.loads(next(degrees["OUTPUT"].getFeatures()).geometry().buffer(1e-4, 2).asJson())
    assert first.width() == 500
    assert [row[1] for row in rows_of(sent(layer, area=area))] == [0]
    far = {"type": "Polygon", "coordinates": [[[5, 45], [6, 45], [6, 46], [5, 45]]]}
    with pytest.raises(Exception, match="no feature in the area that can be used"):
        sent(layer, area=far)


def test_invalid_geometries_go_by_qgiss_setting(sent: Any) -> None:
    layer = fields_layer(
        box(*SQUARES[0]), "POLYGON((439000 4168000, 439100 4168100, 439100 4168000, 439000 4168100, 439000 4168000))"
    )
    check = QgsFeatureRequest.InvalidGeometryCheck
    with pytest.raises(Exception, match=r"feature 2 of the layer 'fields' crosses itself .* 'Fix geometries'"):
        sent(layer, check=check.GeometryAbortOnInvalid)
    feedback = Feedback()
    assert len(rows_of(sent(layer, check=check.GeometrySkipInvalid, feedback=feedback))) == 1
    assert "Features left out for an invalid geometry: 1" in feedback.told
    assert len(rows_of(sent(layer, check=check.GeometryNoCheck))) == 2
    own = QgsProcessingFeatureSourceDefinition.Flag.FlagOverrideDefaultGeometryCheck
    definition = QgsProcessingFeatureSourceDefinition(layer.id(), flags=own, geometryCheck=check.GeometrySkipInvalid)
    assert len(rows_of(sent(definition, check=check.GeometryAbortOnInvalid))) == 1


def test_what_cannot_be_used_is_refused_with_the_inputs_name(sent: Any) -> None:
    layer = fields_layer()
    with pytest.raises(ValueError, match=r"Thing \(THING\)"):
        sent("/nowhere/fields.gpkg")
    with pytest.raises(ValueError, match="FeatureCollection"):
        sent('{"type": "Polygon"}')
    layer.selectByIds([])
    with pytest.raises(Exception, match=r"'fields' has no feature that can be used. Choose another layer, or clear"):
        sent(selected(layer))
    layer.setCrs(type(layer.crs())())
    with pytest.raises(ValueError, match="no coordinate reference system"):
        sent(layer)


def test_a_server_that_takes_no_file_gets_geojson(sent: Any) -> None:
    value = sent(fields_layer(), schema=COLLECTION["oneOf"][0])
    assert value["type"] == "FeatureCollection"
    assert [feature["properties"]["number"] for feature in value["features"]] == [0, 1, 2, 3]
    longitude, latitude = value["features"][0]["geometry"]["coordinates"][0][0]
    assert (longitude, latitude) == pytest.approx((-75.6916, 37.6574), abs=1e-3)


@pytest.mark.parametrize(
    "value",
    [
        {"href": "https://example.org/zones.fgb"},
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {"name": "a"},
                    "geometry": {"type": "Polygon", "coordinates": [[[5, 45], [6, 45], [6, 46], [5, 45]]]},
                }
            ],
        },
    ],
)
def test_what_was_sent_once_can_be_entered_again(sent: Any, value: Any) -> None:
    target = Input.from_description("thing", {"schema": COLLECTION})
    parameters, strange = write([target], {"thing": value})
    assert strange == []
    assert sent(parameters["THING"]) == value
    layers = again.with_layers(parameters, "Zonal")
    if "features" in value:
        (feature,) = QgsProject.instance().mapLayer(layers["THING"]).getFeatures()
        assert feature["name"] == "a"
        assert feature.geometry().area() == pytest.approx(0.5)
    else:
        assert layers == parameters
    assert write([target], {"thing": {"features": 7}})[1] == ["thing"]


def test_features_that_no_layer_holds_are_entered_as_they_are() -> None:
    shapes = {"Point": [5, 45], "LineString": [[5, 45], [6, 46]]}
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": place}}
        for kind, place in shapes.items()
    ]
    entered = {"THING": json.dumps({"type": "FeatureCollection", "features": features})}
    assert again.with_layers(entered, "Zonal") == entered


def uploads(gateway: RunningGateway) -> set[Path]:
    return set(gateway.root.glob("uploads/*"))


def test_statistics_equal_those_of_qgis(connected: RunningGateway, tmp_path: Path) -> None:
    layer, before = fields_layer(), uploads(connected)
    area = "439000,440100,4168100,4168400 [EPSG:32618]"  # meets two of the four
    nir = processing.run("phidias:extract", {"SCENES": "demo", "BANDS": "nir", "AREA": area, "COMPOSE": "mosaic"})[
        "OUTPUT_IMAGES"
    ]
    run = {"ZONES": layer, **DEFAULTS, "AREA": area, **TEMPORARY}
    result = processing.run(TOOL, run)["OUTPUT_ZONES"]
    ours = {row["name"]: row for row in result.getFeatures()}
    assert sorted(ours) == ["field 0", "field 1"]
    assert len(uploads(connected) - before) == 1
    qgis = processing.run(
        "native:zonalstatisticsfb",
        {"INPUT": layer, "INPUT_RASTER": nir[0], "RASTER_BAND": 1, "STATISTICS": [0, 2, 5, 6], "OUTPUT": "memory:"},
    )["OUTPUT"]
    for row in qgis.getFeatures('"number" < 2'):
        mine = ours[row["name"]]
        assert mine["nir_count"] == row["_count"] > 500
        assert mine["nir_mean"] == pytest.approx(row["_mean"], rel=1e-6)
    # The same features are not sent again, nor are those of the result.
    processing.run(TOOL, run)
    processing.run(TOOL, {**run, "ZONES": result, "PREFIX": "x_"})
    assert len(uploads(connected) - before) == 1
    tool = QgsApplication.processingRegistry().algorithmById(TOOL)
    for parameters in ({"ZONES": result}, {"ZONES": QgsProcessingFeatureSourceDefinition(result.source())}):
        assert "signature" in result.source()
        assert "signature" not in tool.asPythonCommand(parameters, QgsProcessingContext())
    # Of a part of it, the features are.
    result.selectByExpression("\"name\" = 'field 0'")
    QgsProject.instance().addMapLayer(result)
    part = processing.run(TOOL, {**run, "ZONES": selected(result), "PREFIX": "x_"})["OUTPUT_ZONES"]
    assert [row["x_nir_count"] for row in part.getFeatures()] == [ours["field 0"]["nir_count"]]
    assert len(uploads(connected) - before) == 2


def test_segments_of_a_model_stay_on_the_cluster(connected: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, before = Relay(connected.url), uploads(connected)
    monkeypatch.setenv("PHIDIAS_URL", relay.url)
    model = QgsProcessingModelAlgorithm("objects", "tests")
    area = "-75.64,-75.59,37.65,37.69 [EPSG:4326]"
    index = child(model, "phidias:spectralindex", SCENES="demo", AREA=area, INDEX="NDVI")
    segments = child(model, "phidias:segmentation", RASTER=(index, "OUTPUT_INDEX"), **COARSE)
    last = QgsProcessingModelChildAlgorithm(TOOL)
    last.setChildId("last")
    source = QgsProcessingModelChildParameterSource
    last.addParameterSources("ZONES", [source.fromChildOutput(segments, "OUTPUT_SEGMENTS")])
    last.addParameterSources("RASTER", [source.fromChildOutput(index, "OUTPUT_INDEX")])
    output = QgsProcessingModelOutput("zones", "zones")
    output.setChildId("last")
    output.setChildOutputName("OUTPUT_ZONES")
    last.setModelOutputs({"zones": output})
    model.addChildAlgorithm(last)
    model.updateDestinationParameters()
    result = processing.run(model, {"last:zones": QgsProcessing.TEMPORARY_OUTPUT})["last:zones"]
    relay.close()
    layer = result if isinstance(result, QgsVectorLayer) else QgsProject.instance().mapLayer(result)
    assert layer.featureCount() > 100
    for row in layer.getFeatures():
        # Segmentation takes the mean of stored numbers, in 1/10000.
        assert row["NDVI_mean"] == pytest.approx(row["mean_NDVI"] / 10_000, abs=1e-4)
        assert row["NDVI_count"] == row["pixels"]
    (polygons,) = [path for path in relay.sent if path.endswith("/segments.fgb")]
    length = Gateway(connected.url, token=connected.token).results(polygons.split("/")[2])["segments"].length
    assert relay.sent[polygons] < length / 2
    assert uploads(connected) == before
