"""Searching catalogues for scenes, and giving those that were found to the next tool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import processing
import pytest
from qgis.core import (
    QgsApplication,
    QgsAuthMethodConfig,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsFeedback,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)

from phidias_qgis import catalogues
from phidias_qgis.catalogues import Catalogue
from phidias_qgis.inputs import Entered, Input
from phidias_qgis.scenes import read_scenes
from tests.qgis.conftest import RunningGateway
from tests.qgis.stac_server import PASSWORD, StacServer, stac_server

pytestmark = pytest.mark.usefixtures("provider")

COAST = "5,7,42.9,43.3 [EPSG:4326]"


@pytest.fixture
def api() -> Iterator[StacServer]:
    with stac_server() as server:
        yield server


def search(**parameters: Any) -> dict[str, Any]:
    return processing.run(
        "phidias:searchscenes", {"AREA": COAST, "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT, **parameters}
    )


def ids(layer: QgsVectorLayer) -> list[str]:
    return [footprint["id"] for footprint in layer.getFeatures()]


def test_scenes_are_found_over_pages_and_become_footprints(api: StacServer) -> None:
    found = search(SCENES=api.url)
    layer = found["OUTPUT"]
    assert found["COUNT"] == layer.featureCount() == 10
    assert len(api.searches) == 3
    first = next(layer.getFeatures())
    assert first.geometry().boundingBox().toString(1) == "5.0,43.0 : 5.2,43.2"
    assert first["datetime"].toUTC().toString("yyyy-MM-dd hh:mm") == "2018-05-01 10:30"
    told = {name: first[name] for name in ("id", "cloud_cover", "platform", "collection", "catalogue")}
    assert told == {
        "id": "scene-00",
        "cloud_cover": 5.0,
        "platform": "sentinel-2a",
        "collection": "sentinel",
        "catalogue": api.url,
    }
    assert first["thumbnail"] == f"{api.url}/items/0/quicklook.png"
    assert first["item"] == f"{api.url}/items/0/item.json"


def test_what_is_wished_for_is_asked_for_and_found(api: StacServer) -> None:
    wishes = {
        "SCENES": api.url,
        "SCENES_COLLECTIONS": "sentinel",
        "SCENES_START": "2018-05-03",
        "SCENES_END": "2018-05-08",
        "SCENES_CLOUD": 20,
        "AREA": "5.41,5.42,43.01,43.02 [EPSG:4326]",
    }
    assert ids(search(**wishes)["OUTPUT"]) == ["scene-04"]
    asked = api.searches[0]
    assert asked["collections"] == ["sentinel"]
    assert asked["datetime"] == "2018-05-03T00:00:00Z/2018-05-08T23:59:59Z"
    assert asked["intersects"]["type"] == "Polygon"
    assert ids(search(SCENES=api.url, LIMIT=3)["OUTPUT"]) == ["scene-00", "scene-01", "scene-02"]


def test_footprints_are_drawn_by_date_with_their_quicklook_in_the_map_tip(api: StacServer) -> None:
    layer = search(SCENES=api.url)["OUTPUT"]
    labels = [category.label() for category in layer.renderer().categories()]
    assert labels == [f"2018-05-{day:02}" for day in range(1, 11)]
    assert len({category.symbol().color().name() for category in layer.renderer().categories()}) == 10
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setFeature(next(layer.getFeatures()))
    tip = QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context)
    assert f'<img src="{api.url}/items/0/quicklook.png"' in tip
    assert "2018-05-01" in tip
    assert "5 %" in tip
    assert layer.temporalProperties().isActive()
    with stac_server(13) as many:
        layer = search(SCENES=many.url)["OUTPUT"]
        assert [category.label() for category in layer.renderer().categories()] == ["2018-05"]


def test_footprints_in_a_file_keep_their_looks(api: StacServer, tmp_path: Path) -> None:
    path = str(tmp_path / "footprints.gpkg")
    search(SCENES=api.url, OUTPUT=path)
    layer = QgsVectorLayer(path, "footprints")
    layer.loadDefaultStyle()
    assert len(layer.renderer().categories()) == 10
    assert "secret" not in (tmp_path / "footprints.gpkg").read_bytes().decode("latin-1")


def test_a_protected_catalogue_is_opened_with_credentials_of_qgis() -> None:
    configuration = QgsAuthMethodConfig("Basic")
    configuration.setName("catalogue")
    configuration.setConfig("username", "me")
    configuration.setConfig("password", PASSWORD)
    manager = QgsApplication.authManager()
    assert manager.setMasterPassword("of the test", verify=True)
    assert manager.storeAuthenticationConfig(configuration)
    with stac_server(3, protected=True) as api:
        with pytest.raises(QgsProcessingException, match="credentials"):
            search(SCENES=api.url)
        found = search(SCENES=api.url, CREDENTIALS=configuration.id())
        assert found["COUNT"] == 3
        told = str([footprint.attributes() for footprint in found["OUTPUT"].getFeatures()])
        assert api.url in told
        assert PASSWORD not in told
        assert configuration.id() not in told, "a tool that is given these footprints tells the gateway no credentials"
        catalogues.store([Catalogue("Mine", api.url, configuration.id())])
        assert search(SCENES="mine")["COUNT"] == 3
    manager.removeAuthenticationConfig(configuration.id())


def test_a_search_can_be_cancelled(api: StacServer) -> None:
    feedback = QgsProcessingFeedback()
    feedback.progressChanged.connect(feedback.cancel)
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:searchscenes")
    parameters = {"SCENES": api.url, "AREA": COAST, "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT}
    results, _ = algorithm.run(parameters, QgsProcessingContext(), feedback)
    assert "COUNT" not in results
    assert len(api.searches) == 1


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"SCENES": ""}, "no catalogue is given"),
        ({"SCENES": "http://127.0.0.1:9/"}, "cannot be reached"),
        ({"SCENES": "https://x", "AREA": None}, "no area is given"),
        ({"SCENES": "https://x", "SCENES_START": "2018-05-03", "SCENES_END": "2018-05-01"}, "the period is empty"),
    ],
)
def test_what_cannot_be_searched_is_said(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(QgsProcessingException, match=said):
        search(**parameters)


def test_catalogues_are_found_by_name_or_address(qgis_app: Any) -> None:
    earth = catalogues.find("earth search")
    assert earth.url == "https://earth-search.aws.element84.com/v1"
    assert catalogues.find(earth.url + "/") is earth
    assert "sentinel-2-l2a" in earth.collections
    assert all(known.url.startswith("https://") and known.collections for known in catalogues.presets())
    assert catalogues.find("https://elsewhere.example/stac").address == "https://elsewhere.example/stac"
    assert catalogues.find("demo").address == "demo"


def test_a_tool_sends_the_address_of_a_catalogue_that_was_named(provider: Any) -> None:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex")
    entered = Entered(algorithm, {"SCENES": "Earth Search"}, QgsProcessingContext())
    sent = read_scenes(Input("scenes", "Scenes", "", {}, True), entered)
    assert sent["catalogue"] == "https://earth-search.aws.element84.com/v1"


def test_chosen_footprints_are_the_scenes_of_the_next_tool(api: StacServer) -> None:
    layer = QgsProject.instance().addMapLayer(search(SCENES=api.url)["OUTPUT"])
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex")
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())

    def sent(source: Any) -> Any:
        entered = Entered(algorithm, {"SCENES_LAYER": source}, context)
        return read_scenes(Input("scenes", "Scenes", "", {}, True), entered).read(QgsFeedback())

    everything = sent(layer.id())
    assert len(everything["ids"]) == 10
    layer.selectByExpression("\"id\" in ('scene-03', 'scene-05')")
    assert sent(QgsProcessingFeatureSourceDefinition(layer.id(), True)) == {
        "catalogue": api.url,
        "collections": ["landsat"],
        "ids": ["scene-03", "scene-05"],
    }
    layer.removeSelection()
    ok, said = algorithm.checkParameterValues(
        {"SCENES_LAYER": QgsProcessingFeatureSourceDefinition(layer.id(), True), "AREA": COAST}, context
    )
    assert not ok
    assert "none is selected" in said
    other = QgsProject.instance().addMapLayer(QgsVectorLayer("Polygon", "Fields", "memory"))
    ok, said = algorithm.checkParameterValues({"SCENES_LAYER": other.id(), "AREA": COAST}, context)
    assert "'Fields' has no footprints" in said
    QgsProject.instance().clear()


def test_an_archive_of_the_site_is_searched_and_its_scene_computed(connected: RunningGateway, tmp_path: Path) -> None:
    area = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"
    path = str(tmp_path / "scenes.gpkg")
    search(SCENES="demo", AREA=area, OUTPUT=path)
    (footprint,) = QgsVectorLayer(path).getFeatures()
    assert footprint["catalogue"] == "demo"
    assert processing.run("phidias:spectralindex", {"SCENES_LAYER": path, "AREA": area})["OUTPUT_INDEX"].isValid()
    with pytest.raises(QgsProcessingException, match="Choose from demo"):
        search(SCENES="nobodys", AREA=area)
