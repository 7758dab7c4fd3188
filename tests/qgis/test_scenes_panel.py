"""The panel to search scenes: what is entered there, what is found, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QCoreApplication, QDate, QDateTime, QEventLoop

from phidias_qgis import catalogues
from phidias_qgis.scenes_panel.own import OwnCatalogue
from phidias_qgis.scenes_panel.panel import ScenesPanel
from tests.qgis.conftest import RunningGateway
from tests.qgis.stac_server import StacServer, stac_server

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture
def opened() -> list[tuple[str, dict[str, Any]]]:
    """The tools that were opened, with their parameters."""
    return []


@pytest.fixture
def panel(qgis_app: Any, opened: list[tuple[str, dict[str, Any]]]) -> Iterator[ScenesPanel]:
    canvas = QgsMapCanvas()
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    canvas.resize(200, 200)
    canvas.setExtent(QgsRectangle(556597, 5311971, 779236, 5356000))  # 5 to 7 E, 43 N
    made = ScenesPanel(canvas, lambda tool, parameters: opened.append((tool, parameters)))
    for edit, day in ((made.first, QDate(2018, 5, 1)), (made.last, QDate(2018, 5, 31))):
        edit.setDateTime(QDateTime(day))
    yield made
    made.close_down()
    QgsProject.instance().clear()


@pytest.fixture
def api() -> Iterator[StacServer]:
    with stac_server() as server:
        yield server


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.005)


def enter(panel: ScenesPanel, catalogue: str) -> None:
    panel.catalogue.setCurrentText(catalogue)
    panel.show_catalogue()


def test_what_is_found_is_on_the_map_and_can_be_used(
    panel: ScenesPanel, api: StacServer, opened: list[tuple[str, dict[str, Any]]]
) -> None:
    enter(panel, api.url)
    until(lambda: panel.collections.count() == 2)
    panel.collections.setCheckedItems(["sentinel"])
    panel.button.click()
    assert panel.button.text() == "Cancel"
    until(lambda: panel.tools.isEnabled())
    (layer,) = QgsProject.instance().mapLayers().values()
    # Those of Sentinel without clouds.
    assert sorted(footprint["id"] for footprint in layer.getFeatures()) == [
        "scene-00", "scene-04", "scene-06"
    ]  # fmt: skip
    assert panel.answer.text() == "Scenes found: 3"
    assert panel.button.text() == "Search"
    asked = api.searches[0]
    assert asked["datetime"] == "2018-05-01T00:00:00Z/2018-05-31T23:59:59Z"
    west, south = asked["intersects"]["coordinates"][0][0]
    assert 4 < west < 6
    assert 42 < south < 44

    layer.selectByExpression("\"id\" = 'scene-04'")
    panel.list_tools()
    offered = {action.text(): action for action in panel.tools.menu().actions()}
    assert {"Spectral index", "Extract bands", "Segmentation"} <= set(offered)
    offered["Spectral index"].trigger()
    ((tool, parameters),) = opened
    assert tool == "phidias:spectralindex"
    assert parameters["SCENES_LAYER"].selectedFeaturesOnly
    assert parameters["AREA"] == panel.parameters()["AREA"]


def test_nothing_found_is_said(panel: ScenesPanel, api: StacServer) -> None:
    enter(panel, api.url)
    panel.clouds.setValue(0)
    panel.button.click()
    until(lambda: panel.answer.text())
    assert panel.answer.text() == "Scenes found: 0"
    assert not QgsProject.instance().mapLayers()


def test_what_goes_wrong_is_said(panel: ScenesPanel) -> None:
    enter(panel, "")
    panel.button.click()
    assert "no catalogue is given" in panel.answer.text()
    enter(panel, "http://127.0.0.1:9")
    panel.button.click()
    until(lambda: "cannot be reached" in panel.answer.text())
    assert panel.button.text() == "Search"


def test_a_search_can_be_cancelled(panel: ScenesPanel, api: StacServer) -> None:
    enter(panel, api.url)
    panel.button.click()
    panel.button.click()
    until(lambda: panel.answer.text())
    assert "cancelled" in panel.answer.text()


def test_the_catalogues_are_the_well_known_the_own_and_the_archives(panel: ScenesPanel, api: StacServer) -> None:
    def listed() -> list[str]:
        return [panel.catalogue.itemText(index) for index in range(panel.catalogue.count())]

    assert listed()[0] == panel.catalogue.currentText() == "Earth Search"
    assert panel.parameters()["SCENES_COLLECTIONS"] == "sentinel-2-l2a"
    dialog = OwnCatalogue(api.url)
    assert dialog.url.text() == api.url
    dialog.name.setText("Mine")
    dialog.save()
    assert catalogues.find("mine").url == api.url
    again = OwnCatalogue("Mine")
    again.name.setText("Ours")
    again.save()
    assert [entry.name for entry in catalogues.own()] == ["Ours"]
    OwnCatalogue("Ours").remove()
    assert catalogues.own() == []


def test_archives_of_the_site_are_offered(connected: RunningGateway, panel: ScenesPanel) -> None:
    until(lambda: panel.catalogue.findText("demo") > 0)
    enter(panel, "demo")
    until(lambda: panel.collections.count() == 1)
    assert panel.collections.itemText(0) == "sentinel-2-l1c"
