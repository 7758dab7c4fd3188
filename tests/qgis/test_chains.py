"""Chains of tools: what one job made goes to the next by reference, and its pixels stay on the cluster."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import processing
import pytest
from osgeo import gdal
from qgis.core import (
    QgsProcessing,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterExtent,
    QgsRasterLayer,
    QgsVectorLayer,
)

from backend_client import Gateway
from tests.qgis.conftest import RunningGateway
from tests.qgis.relay import Relay
from tests.qgis.test_qgis_process import call, profile  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("provider", "connected")

AREA = "-75.64,-75.59,37.65,37.69 [EPSG:4326]"
SMALL = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"
LIGHT = {"SCENES": "demo", "AREA": SMALL, "INDEX": "NDVI"}
COARSE = {"RANGE_RADIUS": 0.1, "MIN_SIZE": 100}


def child(model: QgsProcessingModelAlgorithm, tool: str, **sources: Any) -> str:
    """Add a tool to a model; a tuple is a tool before it and its output, a string in capitals the model's own input."""
    added = QgsProcessingModelChildAlgorithm(tool)
    for name, value in sources.items():
        kind = QgsProcessingModelChildParameterSource
        if isinstance(value, tuple):
            source = kind.fromChildOutput(*value)
        else:
            source = kind.fromModelParameter(value) if value == "PLACE" else kind.fromStaticValue(value)
        added.addParameterSources(name, [source])
    return model.addChildAlgorithm(added)


def chain(path: Path) -> None:
    """Save a model of three tools: two of the gateway, and one of GDAL that makes a file of the polygons."""
    model = QgsProcessingModelAlgorithm("chain", "tests")
    model.addModelParameter(QgsProcessingParameterExtent("PLACE", "Area"), QgsProcessingModelParameter("PLACE"))
    index = child(model, "phidias:spectralindex", SCENES="demo", AREA="PLACE", INDEX="NDVI")
    segments = child(model, "phidias:segmentation", RASTER=(index, "OUTPUT_INDEX"), **COARSE)
    last = QgsProcessingModelChildAlgorithm("gdal:convertformat")
    last.setChildId("last")
    polygons = QgsProcessingModelChildParameterSource.fromChildOutput(segments, "OUTPUT_SEGMENTS")
    last.addParameterSources("INPUT", [polygons])
    output = QgsProcessingModelOutput("polygons", "polygons")
    output.setChildId("last")
    output.setChildOutputName("OUTPUT")
    last.setModelOutputs({"polygons": output})
    model.addChildAlgorithm(last)
    model.updateDestinationParameters()
    assert model.toFile(str(path))


def test_a_saved_model_runs_on_the_cluster_and_its_intermediate_pixels_stay_there(
    profile: Path,  # noqa: F811
    connected: RunningGateway,
    tmp_path: Path,
) -> None:
    relay = Relay(connected.url)
    before = set(connected.root.glob("uploads/*"))
    chain(tmp_path / "chain.model3")
    path = tmp_path / "polygons.gpkg"
    run = call(
        profile,
        {**connected.connection, "PHIDIAS_URL": relay.url},
        "run",
        str(tmp_path / "chain.model3"),
        f"--PLACE={AREA}",
        f"--last:polygons={path}",
    )
    relay.close()
    assert run.returncode == 0, run.stdout
    assert QgsVectorLayer(str(path), "polygons").featureCount() > 10, run.stdout
    (image,) = [path for path in relay.sent if path.endswith("/index.tif")]
    (polygons,) = [path for path in relay.sent if path.endswith("/segments.fgb")]
    size = client(connected).results(image.split("/")[2])["index"].length
    # The image was opened, as for any next tool; its pixels stayed.
    assert relay.sent[image] < size / 4
    assert relay.sent[polygons] > path.stat().st_size / 10
    assert set(connected.root.glob("uploads/*")) == before


def test_a_downloaded_result_is_referred_to_as_well_while_it_is_the_same(
    connected: RunningGateway, tmp_path: Path
) -> None:
    path = tmp_path / "ndvi.tif"
    before = set(connected.root.glob("uploads/*"))
    job = processing.run("phidias:spectralindex", {**LIGHT, "OUTPUT_INDEX": str(path)})["JOB_ID"]
    assert segments_of(path) > 0
    assert set(connected.root.glob("uploads/*")) == before
    # Once it has changed, or the result is gone from the gateway, the file itself is sent.
    gdal.Translate(str(tmp_path / "other.tif"), str(path), noData=-1)
    shutil.copy(tmp_path / "other.tif", path)
    assert segments_of(path) > 0
    (changed,) = set(connected.root.glob("uploads/*")) - before
    assert changed.stat().st_size == path.stat().st_size
    again = tmp_path / "again.tif"
    job = processing.run("phidias:spectralindex", {**LIGHT, "INDEX": "EVI", "OUTPUT_INDEX": str(again)})["JOB_ID"]
    client(connected).dismiss(job)
    assert segments_of(again) > 0
    assert len(set(connected.root.glob("uploads/*")) - before) == 2


def test_a_tool_of_this_computer_goes_between_two_of_the_gateway(connected: RunningGateway) -> None:
    temporary = QgsProcessing.TEMPORARY_OUTPUT
    index = processing.run("phidias:spectralindex", {**LIGHT, "OUTPUT_INDEX": temporary})["OUTPUT_INDEX"]
    smooth = processing.run("gdal:translate", {"INPUT": index, "OUTPUT": temporary})["OUTPUT"]
    assert QgsRasterLayer(smooth).isValid()
    assert segments_of(smooth) > 0


def segments_of(raster: Any) -> int:
    parameters = {"RASTER": str(raster), **COARSE, "OUTPUT_SEGMENTS": QgsProcessing.TEMPORARY_OUTPUT}
    return int(processing.run("phidias:segmentation", parameters)["OUTPUT_SEGMENTS"].featureCount())


def client(gateway: RunningGateway) -> Gateway:
    return Gateway(gateway.url, token=gateway.token)
