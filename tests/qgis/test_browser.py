"""The browser panel's entry, opened as QGIS opens it: on its own threads, against a real gateway and dead ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsBrowserModel,
    QgsDataItem,
    QgsErrorItem,
    QgsLayerItem,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.gui import QgsDataItemGuiContext
from qgis.PyQt.QtCore import QMimeData
from qgis.PyQt.QtWidgets import QMenu, QMessageBox

from backend_client import Gateway
from phidias_qgis import browser, connection
from phidias_qgis.browser import ConnectionItem, JobItem, JobsItem
from phidias_qgis.browser_feature import BrowserFeature
from phidias_qgis.connection import Connection
from phidias_qgis.project_sources import ProjectSources
from tests.qgis.conftest import RunningGateway, StartGateway
from tests.qgis.test_options import until
from tests.qgis.window import Window


class Browser:
    """The feature in QGIS, with a browser as the panel has one."""

    def __init__(self) -> None:
        self.changed: list[bool] = []
        self.shown: list[tuple[str, str]] = []
        self.window = Window()
        self.feature = BrowserFeature(
            self.window, lambda: self.changed.append(True), lambda *job: self.shown.append(job)
        )
        self.feature.start()
        self.model = QgsBrowserModel()
        self.model.initialize()

    @property
    def root(self) -> Any:
        rows = (self.model.index(row, 0) for row in range(self.model.rowCount()))
        return next(item for item in map(self.model.dataItem, rows) if item.name() == "PHIDIAS")

    def open(self, item: QgsDataItem) -> list[Any]:
        """The children of an item, once they are there; the window goes on meanwhile."""
        self.model.fetchMore(self.model.findItem(item))
        until(lambda: item.state() == Qgis.BrowserItemState.Populated)
        return self.children(item)

    def children(self, item: QgsDataItem) -> list[Any]:
        """By the model: in QGIS 3.22, asking the item itself takes its children away from it."""
        index = self.model.findItem(item)
        rows = [self.model.dataItem(self.model.index(row, 0, index)) for row in range(self.model.rowCount(index))]
        return sorted(rows, key=lambda item: str(item.sortKey()))  # as the panel shows them

    def connection(self, name: str) -> Any:
        return next(item for item in self.open(self.root) if item.name() == name)

    def menu(self, item: QgsDataItem) -> dict[str, Any]:
        menu = QMenu()
        self.feature._menus.populateContextMenu(item, menu, [item], QgsDataItemGuiContext())
        self._menu = menu  # the actions live as long as it
        return {action.text(): action for action in menu.actions() if action.text()}


@pytest.fixture
def shown(qgis_app: Any) -> Iterator[Browser]:
    made = Browser()
    yield made
    made.feature.stop()
    del made.model


@pytest.fixture
def jobs(connected: RunningGateway) -> Iterator[dict[str, str]]:
    """One job with a layer, one that failed, one that runs: their ids."""
    client = Gateway(connected.url, token=connected.token)
    search = {"catalogue": "demo"}
    inputs = {"scenes": search, "area": {"bbox": [-75.62, 37.66, -75.61, 37.67]}, "index": "NDVI"}
    made = {
        "layer": client.execute("spectral-index", inputs).id,
        "failed": client.execute("echo", {"fail": True}).id,
        "running": client.execute("echo", {"pause": 300}).id,
    }
    for name in ("layer", "failed"):
        assert [*client.follow(made[name])][-1].ended
    yield made
    client.cancel(made["running"])
    for job in [job for job in client.jobs() if job.id in made.values()]:
        client.dismiss(job.id)


def test_jobs_and_their_layers_are_there_when_somebody_opens_them(shown: Browser, jobs: dict[str, str]) -> None:
    [place] = shown.open(shown.root)
    assert isinstance(place, ConnectionItem)
    assert shown.children(place) == []
    listed = {item.job.id: item for item in shown.open(place) if isinstance(item, JobItem)}
    assert set(jobs.values()) <= set(listed)
    assert listed[jobs["layer"]].name().startswith("Spectral index · NDVI, 2015-06-23 to 2016-06-10, ")
    assert "Failed" in listed[jobs["failed"]].name()
    assert "asked to fail" in listed[jobs["failed"]].toolTip()
    assert shown.open(listed[jobs["failed"]]) == []

    [layer] = shown.open(listed[jobs["layer"]])
    assert isinstance(layer, QgsLayerItem)
    assert layer.name() == "NDVI"
    assert "signature" not in layer.path()


def test_a_layer_that_is_dragged_to_the_map_looks_and_is_kept_as_a_tools(
    shown: Browser, jobs: dict[str, str], tmp_path: Path
) -> None:
    place = shown.connection("environment")
    job = next(item for item in shown.open(place) if isinstance(item, JobItem) and item.job.id == jobs["layer"])
    [layer] = shown.open(job)
    data: QMimeData = shown.model.mimeData([shown.model.findItem(layer)])
    assert data.hasFormat("application/x-vnd.qgis.qgis.uri")
    [uri] = layer.mimeUris()
    opened = QgsRasterLayer(uri.uri, uri.name, uri.providerKey)
    assert opened.isValid()
    project = QgsProject.instance()
    sources = ProjectSources(at_once=False)
    sources.install()
    try:
        project.addMapLayer(opened)
        assert isinstance(opened.renderer(), QgsSingleBandPseudoColorRenderer)
        # A copy keeps the looks that the person has given it meanwhile.
        opened.setRenderer(QgsSingleBandGrayRenderer(opened.dataProvider(), 1))
        copied = project.addMapLayer(opened.clone())
        assert isinstance(copied.renderer(), QgsSingleBandGrayRenderer)
        assert project.write(str(tmp_path / "project.qgs"))
        saved = (tmp_path / "project.qgs").read_text()
        assert f"phidias://environment/{jobs['layer']}/index.tif" in saved
        assert "signature" not in saved
    finally:
        project.clear()
        sources.remove()


@pytest.mark.usefixtures("qgis_processing", "provider")
def test_all_layers_of_a_job_come_to_the_map_by_its_menu(shown: Browser, jobs: dict[str, str]) -> None:
    place = shown.connection("environment")
    items = {item.job.id: item for item in shown.open(place) if isinstance(item, JobItem)}
    assert "Add to Map" not in shown.menu(items[jobs["failed"]])
    shown.menu(items[jobs["layer"]])["Add to Map"].trigger()
    until(lambda: QgsProject.instance().mapLayers())
    [layer] = QgsProject.instance().mapLayers().values()
    assert layer.name() == "NDVI"
    QgsProject.instance().clear()


def test_the_children_outlive_what_made_them(shown: Browser, jobs: dict[str, str]) -> None:
    import gc

    place = shown.connection("environment")
    for _ in range(3):
        shown.open(place)
        gc.collect()
        assert any(isinstance(item, JobItem) for item in shown.children(place))
        assert shown.menu(shown.children(place)[0])
        place.refresh()
        until(lambda: place.state() == Qgis.BrowserItemState.Populated)


def test_older_jobs_are_behind_the_last_entry(
    shown: Browser, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = start_gateway()
    for name, value in mine.connection.items():
        monkeypatch.setenv(name, value)
    client = Gateway(mine.url, token=mine.token)
    made = [client.execute("echo", {}).id for _ in range(5)]
    monkeypatch.setattr(browser, "PAGE", 2)
    seen: list[str] = []
    level = shown.connection("environment")
    while level is not None:
        children = shown.open(level)
        seen += [item.job.id for item in children if isinstance(item, JobItem)]
        level = next((item for item in children if isinstance(item, JobsItem)), None)
    assert seen == made[::-1]


def test_a_gateway_without_jobs_says_so(
    shown: Browser, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in start_gateway().connection.items():
        monkeypatch.setenv(name, value)
    [note] = shown.open(shown.connection("environment"))
    assert note.name() == "No jobs yet"


def test_without_a_connection_it_is_said_where_to_make_one(shown: Browser) -> None:
    [note] = shown.open(shown.root)
    assert "Settings > Options > PHIDIAS" in note.name()


def test_a_dead_gateway_is_an_error_and_a_silent_one_holds_nobody_up(shown: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            dead = free.getsockname()[1]
        places = {"Dead": dead, "Silent": silent.getsockname()[1]}
        connection.store([Connection(f"http://127.0.0.1:{port}", name=name) for name, port in places.items()])
        shown.feature.reload()
        began = time.monotonic()
        waiting = shown.connection("Silent")
        shown.model.fetchMore(shown.model.findItem(waiting))
        [error] = shown.open(shown.connection("Dead"))
        assert isinstance(error, QgsErrorItem)
        assert "cannot be reached" in error.name()
        assert waiting.state() == Qgis.BrowserItemState.Populating
        assert time.monotonic() - began < browser.SECONDS
        # The plugin is unloaded: nobody waits for the silent one any more.
        shown.feature._roots.close()
        until(lambda: waiting.state() == Qgis.BrowserItemState.Populated)


def test_the_connections_follow_the_settings(shown: Browser) -> None:
    connection.store([Connection("https://a.example.org", name="A"), Connection("ssh://login", name="B")], "A")
    shown.feature.reload()
    assert [item.name() for item in shown.open(shown.root)] == ["A", "B"]
    actions = shown.menu(shown.connection("B"))
    assert not shown.menu(shown.connection("A"))["Make Default"].isEnabled()
    shown.menu(shown.connection("B"))["Make Default"].trigger()
    assert connection.load().name == "B"
    assert shown.changed == [True]
    actions = shown.menu(shown.root)
    actions["Connections..."].trigger()
    assert shown.window.options_shown == ["mOptionsPagePhidias"]


def test_jobs_are_cancelled_and_deleted_from_the_menu(
    shown: Browser, connected: RunningGateway, jobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Gateway(connected.url, token=connected.token)
    place = shown.connection("environment")

    def item(name: str) -> Any:
        return next(
            (entry for entry in shown.open(place) if getattr(entry, "job", None) and entry.job.id == jobs[name]), None
        )

    shown.menu(item("failed"))["Show Job"].trigger()
    assert shown.shown == [("environment", jobs["failed"])]
    shown.menu(item("failed"))["Copy Job Id"].trigger()
    assert QgsApplication.clipboard().text() == jobs["failed"]

    shown.menu(item("running"))["Cancel Job"].trigger()
    until(lambda: client.job(jobs["running"]).status == "dismissed")
    until(lambda: (found := item("running")) is not None and found.job.status == "dismissed")

    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    shown.menu(item("failed"))["Delete Job..."].trigger()
    assert client.job(jobs["failed"]).status == "failed"
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    shown.menu(item("failed"))["Delete Job..."].trigger()
    until(lambda: item("failed") is None)
