"""QGIS's window stays free: whatever a gateway does, and however much there is of something."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessing,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QBuffer, QDateTime, QIODevice, QItemSelection, QItemSelectionModel, Qt
from qgis.PyQt.QtGui import QImage

from backend_client import Gateway
from backend_client.models import description_of
from phidias_qgis import connection, descriptions, footprints, paths
from phidias_qgis.jobs_panel import actions, watch
from phidias_qgis.jobs_panel.feature import JobsFeature
from phidias_qgis.jobs_panel.model import PROCESS, SUBMITTED
from phidias_qgis.options_page import OptionsPage
from phidias_qgis.plugin import PhidiasPlugin
from phidias_qgis.provider import PhidiasProvider
from phidias_qgis.scenes_panel.panel import ScenesPanel
from tests.qgis.conftest import RunningGateway, until
from tests.qgis.crowd_server import CrowdServer, crowd_server
from tests.qgis.heartbeat import Heartbeat
from tests.qgis.line import relay
from tests.qgis.test_execution import Background
from tests.qgis.window import Window

DELAY = 1.0
"""Seconds that a slow gateway takes for each answer"""
BOX = {"bbox": [-75.62, 37.66, -75.6, 37.68]}
AREA = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"


@pytest.fixture
def window(qgis_app: Any, qgis_processing: None) -> Iterator[Window]:
    made = Window()
    made.main.show()
    yield made
    QgsProject.instance().clear()
    made.main.deleteLater()


@pytest.fixture
def plugin(window: Window, connected: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[PhidiasPlugin]:
    """The whole plugin, as QGIS starts it."""
    # The other tests go on with the modules that they know.
    monkeypatch.setattr(paths, "forget_client", lambda: None)
    started = PhidiasPlugin(window)
    started.initGui()
    yield started
    started.unload()


def wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


# Gateways that let one wait


@pytest.mark.parametrize("trouble", ["slow", "silent", "refusing"])
def test_nothing_that_asks_a_gateway_waits_for_it(
    gateway: RunningGateway, window: Window, plugin: PhidiasPlugin, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr("phidias_qgis.execution.leaving", lambda: True)
    with relay("" if trouble == "silent" else gateway.url) as line, Heartbeat() as heart:
        line.delay = DELAY
        url = line.url
        if trouble == "refusing":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("PHIDIAS_URL", url)
        plugin.refresh()
        (page,) = (factory.createWidget(None) for factory in window.factories)
        page.show()
        page.try_out.test(connection.load())
        scenes = ScenesPanel(window.canvas, lambda *_: None)
        scenes.show()
        scenes.catalogue.setCurrentText("nobody's archive")
        scenes.show_catalogue()
        scenes.button.click()
        next(action for action in window.menu if action.text() == "Copy Diagnostics").trigger()
        plugin._jobs.open()
        run = Background("phidias:spectralindex", {"SCENES": "demo", "AREA": AREA, "DO_NOT_WAIT": True})
        wait(1.5)
        run.feedback.cancel()
        page.hide()
        # A person who is fed up closes QGIS.
        scenes.close_down()
        plugin.unload()
        run.until(lambda: run.ended)
    heart.must_have_been_free(DELAY)


def test_a_result_comes_to_the_map_however_slowly_it_is_read(
    gateway: RunningGateway, window: Window, plugin: PhidiasPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Gateway(gateway.url, token=gateway.token)
    job = client.execute("spectral-index", {"scenes": {"catalogue": "demo"}, "area": BOX, "index": "NDVI"})
    list(client.follow(job.id))
    with relay(gateway.url) as line:
        monkeypatch.setenv("PHIDIAS_URL", line.url)
        plugin.refresh()
        plugin._show_job(connection.default_name(), job.id)
        panel = plugin._jobs.dock.panel
        until(lambda: [each.id for each in panel.selected()] == [job.id])
        line.delay = DELAY / 2
        with Heartbeat() as heart:
            panel.actions.add.trigger()
            (layer,) = until(lambda: QgsProject.instance().mapLayers().values(), 90)
            window.canvas.setExtent(layer.extent())
            wait(0.5)
            QgsProject.instance().clear()
    heart.must_have_been_free(line.delay)


# Much of something


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[CrowdServer]:
    """Somebody with ten thousand jobs, logs without end, and pictures that unpack to a thousand times their size."""
    monkeypatch.setattr(watch, "PAGE", 1000)
    monkeypatch.setattr(actions, "confirmed", lambda parent, question: True)
    white = QImage(6000, 6000, QImage.Format.Format_RGB32)
    white.fill(Qt.GlobalColor.white)
    file = QBuffer()
    file.open(QIODevice.OpenModeFlag.WriteOnly)
    white.save(file, "PNG")
    with crowd_server(10_000, log=4_000_000, picture=bytes(file.data())) as server:
        monkeypatch.setenv("PHIDIAS_URL", server.url)
        yield server


def test_ten_thousand_jobs_a_long_log_and_a_large_picture(window: Window, provider: Any, crowd: CrowdServer) -> None:
    feature = JobsFeature(window)
    feature.start()
    feature.reload()
    feature.open()
    panel = feature.dock.panel
    (watching,) = feature.center.watches.values()
    table, rows = panel.table, panel.rows
    with Heartbeat() as heart:
        until(lambda: watching.more() or rows.rowCount() == 10_000)
        for column in range(PROCESS, SUBMITTED + 1):
            table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
            wait(0.1)
        for text, found in (("job-0999", 10), ("spectral", 10_000)):
            panel.search.setText(text)
            until(lambda found=found: rows.rowCount() == found)
        for step in (
            panel.search.clear,
            lambda: table.sortByColumn(SUBMITTED, Qt.SortOrder.DescendingOrder),
            table.selectAll,
        ):
            step()
            wait(0.1)
        some = QItemSelection(rows.index(0, 0), rows.index(199, SUBMITTED))
        table.selectionModel().select(some, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        assert len(panel.selected()) == 200
        panel.actions.delete.trigger()
        until(lambda: rows.rowCount() == 9800, 60)
        assert len(crowd.ids) == 9800

        table.selectRow(5)
        panel.details.tabs.setCurrentWidget(panel.details.results)
        until(panel.details.results.picture.isVisible)
        assert panel.details.results.picture._whole.width() <= 1024
        panel.details.tabs.setCurrentWidget(panel.details.log)
        log = panel.details.log
        for end in (2_500_000, len(crowd.log)):
            crowd.log_end = end
            until(lambda end=end: log._offset == end and not log._waiting, 60)
        assert log.text.toPlainText().splitlines()[-1] == crowd.log.decode().splitlines()[-1]
        assert log.text.document().characterCount() < 3_000_000
    feature.stop()
    heart.must_have_been_free()


def test_sorting_and_searching_keep_what_is_selected(window: Window, provider: Any, crowd: CrowdServer) -> None:
    feature = JobsFeature(window)
    feature.start()
    feature.reload()
    feature.open()
    panel = feature.dock.panel
    until(lambda: panel.rows.rowCount() == 1000)
    row = panel.rows.row_of("job-00123")
    panel.table.selectRow(row)
    panel.table.sortByColumn(SUBMITTED, Qt.SortOrder.AscendingOrder)
    assert panel.rows.row_of("job-00123") == 999 - row
    assert [job.id for job in panel.selected()] == ["job-00123"]
    panel.search.setText("job-0012")
    assert panel.rows.rowCount() == 10
    assert [job.id for job in panel.selected()] == ["job-00123"]
    panel.search.clear()
    assert [job.id for job in panel.selected()] == ["job-00123"]
    feature.stop()


@pytest.fixture
def scattered() -> Iterator[QgsVectorLayer]:
    """Ten thousand discs, which are footprints as well."""
    columns = "&".join(f"field={name}" for name in ("id:string", "catalogue:string", "collection:string"))
    layer = QgsVectorLayer(f"Polygon?crs=EPSG:32618&{columns}&field=datetime:datetime", "Discs", "memory")
    circle = [(100 * math.cos(angle), 100 * math.sin(angle)) for angle in range(6)]
    features = []
    for number in range(10_000):
        x, y = 400_000 + number % 100 * 300, 4_100_000 + number // 100 * 300
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromPolygonXY([[QgsPointXY(x + dx, y + dy) for dx, dy in circle]]))
        day = QDateTime(2018, 1 + number % 12, 1 + number % 28, 10, 0)
        feature.setAttributes([f"scene-{number}", "demo", "sentinel-2", day])
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    QgsProject.instance().addMapLayer(layer)
    yield layer
    QgsProject.instance().clear()


@pytest.mark.parametrize("tool", ["spectralindex", "searchscenes"])
def test_an_area_of_ten_thousand_polygons_is_read_on_the_worker_thread(
    window: Window, provider: Any, connected: RunningGateway, scattered: QgsVectorLayer, tool: str
) -> None:
    parameters = {"SCENES": "demo", "AREA_LAYER": scattered.id(), "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT}
    if tool == "spectralindex":
        parameters["SCENES_LAYER"] = scattered.id()
    with Heartbeat() as heart:
        run = Background(f"phidias:{tool}", parameters)
        wait(0.2)
        assert run.ended is None
        # And a cancel is heard in the midst of it.
        run.feedback.cancel()
        run.until(lambda: run.ended)
    heart.must_have_been_free()


def test_ten_thousand_footprints_are_dressed(window: Window, scattered: QgsVectorLayer) -> None:
    with Heartbeat() as heart:
        wait(0.1)
        footprints.dress(scattered)
        wait(0.1)
    heart.must_have_been_free()


def test_a_hundred_processes_and_ten_connections(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.store([connection.Connection("http://127.0.0.1:9", name=f"Cluster {number}") for number in range(10)])
    known = descriptions.shipped()
    raws = [{**known[number % len(known)].raw, "id": f"process-{number}"} for number in range(100)]
    descriptions.cache_of(connection.load()).replace([description_of(raw) for raw in raws])
    provider = PhidiasProvider()
    with Heartbeat() as heart:
        QgsApplication.processingRegistry().addProvider(provider)
        wait(0.1)
        feature = JobsFeature(window)
        feature.start()
        feature.reload()
        feature.open()
        wait(0.3)
        page = OptionsPage(lambda: None)
        page.show()
        wait(0.1)
        feature.stop()
    assert len(provider.algorithms()) == 101
    QgsApplication.processingRegistry().removeProvider(provider)
    heart.must_have_been_free()
