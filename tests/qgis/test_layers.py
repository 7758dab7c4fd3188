"""Results of real jobs as layers: streamed, downloaded, handed to the next tool, named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import processing
import pytest
from osgeo import gdal
from processing.gui.Postprocessing import handleAlgorithmResults
from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

from phidias_qgis.groups import put
from phidias_qgis.links import STREAMED, href_of
from tests.qgis.conftest import RunningGateway

pytestmark = pytest.mark.usefixtures("provider", "connected")

AREA = "-75.69,-75.56,37.62,37.72 [EPSG:4326]"
SMALL = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"
INDEX = {"SCENES": "demo", "AREA": SMALL, "INDEX": "NDVI"}
EXTRACT = {"SCENES": "demo", "AREA": SMALL, "BANDS": "red, nir"}


def processing_context() -> QgsProcessingContext:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


def test_a_temporary_result_is_a_streamed_layer_that_the_next_tools_take() -> None:
    layer = processing.run("phidias:spectralindex", {**INDEX, "OUTPUT_INDEX": QgsProcessing.TEMPORARY_OUTPUT})[
        "OUTPUT_INDEX"
    ]
    assert isinstance(layer, QgsRasterLayer)
    assert layer.source().startswith(STREAMED)
    assert layer.name() == "NDVI"
    native = processing.run("native:rasterlayerproperties", {"INPUT": layer})
    assert native["WIDTH_IN_PIXELS"] == layer.width() > 0
    size = processing.run("gdal:gdalinfo", {"INPUT": layer, "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT})
    assert f"Size is {layer.width()}, {layer.height()}" in Path(size["OUTPUT"]).read_text()


def test_opening_and_drawing_a_streamed_layer_moves_a_small_part_of_the_file() -> None:
    parameters = {**INDEX, "AREA": AREA, "OUTPUT_INDEX": QgsProcessing.TEMPORARY_OUTPUT}
    gdal.SetConfigOption("CPL_VSIL_NETWORK_STATS_ENABLED", "YES")
    gdal.NetworkStatsReset()
    try:
        layer = processing.run("phidias:spectralindex", parameters)["OUTPUT_INDEX"]
        centre = layer.extent().center()
        layer.dataProvider().block(1, QgsRectangle(centre.x(), centre.y(), centre.x() + 500, centre.y() + 500), 50, 50)
        told = json.loads(gdal.NetworkStatsGetAsSerializedJSON())
    finally:
        gdal.SetConfigOption("CPL_VSIL_NETWORK_STATS_ENABLED", None)
    moved = told["methods"]["GET"]["downloaded_bytes"]
    size = gdal.VSIStatL(layer.source()).size
    assert size > 500_000
    assert moved < size / 2
    # The layer's own file alone was asked for, not a dozen of companions.
    assert told["methods"]["GET"]["count"] <= 10


def test_a_path_is_a_download(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "ndvi.tif"
    results = processing.run("phidias:spectralindex", {**INDEX, "OUTPUT_INDEX": str(path)})
    assert results["OUTPUT_INDEX"] == str(path)
    assert QgsRasterLayer(str(path)).isValid()
    # With its style and metadata beside it, under the names that QGIS looks for.
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["ndvi.qmd", "ndvi.qml", "ndvi.tif"]
    assert results["OUTPUT_ITEM"].endswith("item.json")
    assert "signature" not in results["OUTPUT_ITEM"] + results["OUTPUT_QUICKLOOK"]


def test_polygons_are_streamed_as_well() -> None:
    parameters = {"SCENES": "demo", "AREA": SMALL, "OUTPUT_SEGMENTS": QgsProcessing.TEMPORARY_OUTPUT}
    layer = processing.run("phidias:segmentation", parameters)["OUTPUT_SEGMENTS"]
    assert isinstance(layer, QgsVectorLayer)
    assert href_of(layer.source()).startswith("http")
    assert layer.featureCount() > 10
    centroids = processing.run("native:centroids", {"INPUT": layer, "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT})
    assert centroids["OUTPUT"].featureCount() == layer.featureCount()


def test_a_local_raster_is_uploaded_and_used(tmp_path: Path) -> None:
    result = processing.run("phidias:spectralindex", {**INDEX, "OUTPUT_INDEX": str(tmp_path / "ndvi.tif")})
    path = shutil.copy(result["OUTPUT_INDEX"], tmp_path / "a copy that nobody knows.tif")
    layer = processing.run("phidias:segmentation", {"RASTER": str(path), "RANGE_RADIUS": 0.1})["OUTPUT_SEGMENTS"]
    assert layer.featureCount() > 0


def test_a_result_goes_to_the_next_process_by_reference(connected: RunningGateway) -> None:
    parameters = {**INDEX, "INDEX": "EVI"}
    index = processing.run("phidias:spectralindex", parameters)["OUTPUT_INDEX"]
    before = set(connected.root.glob("uploads/*"))
    layer = processing.run("phidias:segmentation", {"RASTER": index, "RANGE_RADIUS": 0.1})["OUTPUT_SEGMENTS"]
    assert layer.featureCount() > 0
    assert set(connected.root.glob("uploads/*")) == before


def test_images_of_several_dates_are_streamed_or_downloaded(tmp_path: Path) -> None:
    streamed = processing.run("phidias:extract", EXTRACT)["OUTPUT_IMAGES"]
    assert [layer.bandCount() for layer in streamed] == [2]
    joined = processing.run("gdal:merge", {"INPUT": streamed, "OUTPUT": str(tmp_path / "joined.tif")})
    assert QgsRasterLayer(joined["OUTPUT"]).extent() == streamed[0].extent()
    (saved,) = processing.run("phidias:extract", {**EXTRACT, "OUTPUT_IMAGES_FOLDER": str(tmp_path / "images")})[
        "OUTPUT_IMAGES"
    ]
    assert Path(saved).parent == tmp_path / "images"
    assert QgsRasterLayer(saved).bandCount() == 2


@pytest.mark.parametrize("streamed", [True, False])
def test_the_layer_is_added_to_the_map_under_a_name_that_tells_results_apart(streamed: bool, tmp_path: Path) -> None:
    context = processing_context()
    sink = QgsProcessing.TEMPORARY_OUTPUT if streamed else str(tmp_path / "any.tif")
    destination = QgsProcessingOutputLayerDefinition(sink, QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex")
    results, successful = algorithm.run({**INDEX, "OUTPUT_INDEX": destination}, context, QgsProcessingFeedback())
    assert successful
    ((layer, details),) = context.layersToLoadOnCompletion().items()
    assert details.name == "NDVI"
    # Whatever the person prefers: on the gateway, every index is called index.tif.
    assert details.forceName == streamed
    assert details.outputName == "OUTPUT_INDEX"
    assert results["OUTPUT_INDEX"] == layer
    # As QGIS's dialog does it then.
    assert QgsProcessingUtils.mapLayerFromString(layer, context, True, details.layerTypeHint).isValid()


@pytest.mark.parametrize(
    ("tool", "parameters", "output", "next_tool"),
    [
        ("phidias:spectralindex", INDEX, "OUTPUT_INDEX", "gdal:translate"),
        ("phidias:extract", EXTRACT, "OUTPUT_IMAGES", "gdal:merge"),
    ],
)
def test_a_model_chains_tools_without_bringing_the_pixels_here(
    tool: str, parameters: dict[str, Any], output: str, next_tool: str, tmp_path: Path
) -> None:
    model = QgsProcessingModelAlgorithm("chain", "tests")
    first = QgsProcessingModelChildAlgorithm(tool)
    for name, value in parameters.items():
        first.addParameterSources(name, [QgsProcessingModelChildParameterSource.fromStaticValue(value)])
    source = QgsProcessingModelChildParameterSource.fromChildOutput(model.addChildAlgorithm(first), output)
    second = QgsProcessingModelChildAlgorithm(next_tool)
    second.addParameterSources("INPUT", [source])
    second.setChildId("second")
    result = QgsProcessingModelOutput("result", "result")
    result.setChildId("second")
    result.setChildOutputName("OUTPUT")
    second.setModelOutputs({"result": result})
    model.addChildAlgorithm(second)
    model.updateDestinationParameters()
    path = tmp_path / "result.tif"
    results, successful = model.run({"second:result": str(path)}, processing_context(), QgsProcessingFeedback())
    assert successful, results
    assert QgsRasterLayer(str(path)).isValid()


def test_layers_come_styled_dated_and_described_into_a_group_of_their_job(tmp_path: Path) -> None:
    project = QgsProject.instance()
    here, there = (
        {**INDEX, "OUTPUT_INDEX": QgsProcessingOutputLayerDefinition(place, project)}
        for place in (str(tmp_path / "a.tif"), QgsProcessing.TEMPORARY_OUTPUT)
    )
    for tool, parameters in (
        ("phidias:spectralindex", there),
        ("phidias:spectralindex", here),
        ("phidias:extract", {"SCENES": "demo", "AREA": SMALL, "OUTPUT_IMAGES_LOAD": True}),
    ):
        context = processing_context()
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(tool)
        _, successful = algorithm.run(parameters, context, QgsProcessingFeedback())
        assert successful
        assert handleAlgorithmResults(algorithm, context, QgsProcessingFeedback(), False, parameters)
    image, downloaded, streamed = project.layerTreeRoot().children()
    for group, title in ((image, "Extract bands ("), (downloaded, "Spectral index ("), (streamed, "Spectral index (")):
        assert group.name().startswith(title)
        (node,) = group.children()
        layer = node.layer()
        assert layer.temporalProperties().isActive()
        assert layer.metadata().history()[0].startswith(title[:-2])
    for group in (downloaded, streamed):
        renderer = group.children()[0].layer().renderer()
        assert renderer.type() == "singlebandpseudocolor"
        assert (renderer.classificationMin(), renderer.classificationMax()) == (0.0, 0.9)
    assert image.children()[0].name() == "2015-06-22"
    assert image.children()[0].layer().renderer().type() == "multibandcolor"
    project.clear()


def test_a_jobs_group_is_never_put_into_that_of_another() -> None:
    project = QgsProject()
    root = project.layerTreeRoot()
    own = root.addGroup("my results")
    for job in ("one", "two", "three"):
        layer = QgsVectorLayer("Point", job, "memory")
        # As QGIS does: beside the current layer, which is the one that was added last.
        project.addMapLayer(layer, False)
        last = own.findLayers()[0].parent() if own.findLayers() else own
        last.insertLayer(0, layer)
        put(layer, project, job, job)
    assert [group.name() for group in own.children()] == ["three", "two", "one"]
    assert [[node.name() for node in group.children()] for group in own.children()] == [["three"], ["two"], ["one"]]
    assert all(group.isExpanded() for group in own.children())
