"""Streamed layers in project files: no secret is kept, and they come back, whatever became of the gateway meanwhile."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import processing
import pytest
from qgis.core import (
    QgsFeedback,
    QgsLayoutItemMap,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsPrintLayout,
    QgsProcessing,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop, QSize
from qgis.PyQt.QtGui import QImage
from qgis.PyQt.QtWidgets import QFileDialog

from backend_client import Cancelled
from phidias_qgis.healing import Healer
from phidias_qgis.kept_layers import KeptLayers
from phidias_qgis.links import STREAMED, Links, links
from phidias_qgis.local_copy import make_local_copy
from phidias_qgis.project_sources import ProjectSources, installed
from tests.qgis.conftest import RunningGateway, StartGateway, start
from tests.qgis.heartbeat import Heartbeat
from tests.qgis.relay import Relay

pytestmark = pytest.mark.usefixtures("provider")

SMALL = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"
DEADLINE = 40


def connect(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, url: str = "") -> None:
    """As the connection `cluster`, wherever it is today."""
    for name, value in {**gateway.connection, "PHIDIAS_CONNECTION": "cluster"}.items():
        monkeypatch.setenv(name, value)
    if url:
        monkeypatch.setenv("PHIDIAS_URL", url)


@pytest.fixture
def archives(demo_archive: Path) -> str:
    return json.dumps([{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}])


@pytest.fixture
def own_gateway(start_gateway: StartGateway, archives: str, monkeypatch: pytest.MonkeyPatch) -> RunningGateway:
    gateway = start_gateway(PHIDIAS_ARCHIVES=archives)
    connect(gateway, monkeypatch)
    return gateway


@pytest.fixture
def no_links_known(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget the links of this session, as after a restart of QGIS."""

    def forget() -> None:
        fresh = Links()
        links.__dict__.update(fresh.__dict__)

    return forget


@pytest.fixture
def window() -> Iterator[Healer]:
    """What the plugin does for projects in QGIS's window."""
    sources, bar = ProjectSources(at_once=False), QgsMessageBar()
    sources.install()
    healer = Healer(sources, bar)
    healer.bar = bar
    healer.start()
    yield healer
    healer.stop()
    sources.remove()
    QgsProject.instance().clear()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.005)


def an_index() -> QgsMapLayer:
    """An image, in the project."""
    parameters = {"SCENES": "demo", "AREA": SMALL, "OUTPUT_INDEX": QgsProcessing.TEMPORARY_OUTPUT}
    return QgsProject.instance().addMapLayer(processing.run("phidias:spectralindex", parameters)["OUTPUT_INDEX"])


def some_segments() -> QgsMapLayer:
    """Polygons, in the project, filtered."""
    parameters = {"SCENES": "demo", "AREA": SMALL, "BANDS": "nir", "MIN_SIZE": 200}
    parameters["OUTPUT_SEGMENTS"] = QgsProcessing.TEMPORARY_OUTPUT
    layer = processing.run("phidias:segmentation", parameters)["OUTPUT_SEGMENTS"]
    layer.setName("Segments")
    layer.setSubsetString('"pixels" > 300')
    return QgsProject.instance().addMapLayer(layer)


def picture(layers: list[QgsMapLayer]) -> QImage:
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[-1].crs())
    settings.setExtent(layers[-1].extent())
    settings.setOutputSize(QSize(200, 200))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


def colours(image: QImage) -> int:
    return len({image.pixel(x, y) for x in range(0, 200, 4) for y in range(0, 200, 4)})


def reopened(path: Path) -> list[QgsMapLayer]:
    """The layers of a project that is read again, the polygons first."""
    project = QgsProject.instance()
    project.clear()
    assert project.read(str(path))
    return sorted(project.mapLayers().values(), key=lambda layer: isinstance(layer, QgsRasterLayer))


def restarted(gateway: RunningGateway, archives: str) -> RunningGateway:
    """The same gateway, stopped and started: at another port, with another key for its links."""
    gateway.stop()
    (gateway.root / "link_keys.json").unlink()
    again = start(gateway.root, {"PHIDIAS_ARCHIVES": archives})
    assert again.url != gateway.url
    return again


def text_of(project: Path) -> str:
    with zipfile.ZipFile(project) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".qgs"))).decode()


def test_layers_are_back_from_a_gateway_with_another_port_and_key(
    own_gateway: RunningGateway,
    archives: str,
    window: Healer,
    no_links_known: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index, segments = an_index(), some_segments()
    before = picture([segments, index])
    assert colours(before) > 100
    period, title = index.temporalProperties().fixedTemporalRange(), index.metadata().title()
    layout = QgsPrintLayout(QgsProject.instance())
    layout.initializeDefaults()
    layout.setName("A layout")
    locked = QgsLayoutItemMap(layout)
    layout.addLayoutItem(locked)
    locked.setLayers([index, segments])
    locked.setKeepLayerSet(True)
    layout.atlas().setCoverageLayer(segments)
    QgsProject.instance().layoutManager().addLayout(layout)
    path = tmp_path / "project.qgz"
    assert QgsProject.instance().write(str(path))

    until(lambda: "signature" not in text_of(path))
    text = text_of(path)
    assert own_gateway.token not in text
    assert own_gateway.url not in text
    assert "phidias://cluster/" in text

    gateway = restarted(own_gateway, archives)
    try:
        connect(gateway, monkeypatch)
        no_links_known()
        layers = reopened(path)
        until(lambda: not any(layer.isValid() for layer in layers))
        until(lambda: all(layer.isValid() for layer in layers))
        assert picture(layers) == before
        assert layers[0].subsetString() == '"pixels" > 300'
        assert layers[1].temporalProperties().fixedTemporalRange() == period
        assert layers[1].temporalProperties().isActive()
        assert layers[1].metadata().title() == title
        assert not QgsProject.instance().isDirty()
        assert not window.bar.items()
    finally:
        gateway.stop()


def test_a_project_opens_without_its_gateway_says_what_waits_and_heals(
    own_gateway: RunningGateway,
    archives: str,
    window: Healer,
    no_links_known: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = picture([an_index()])
    path = tmp_path / "project.qgs"
    QgsProject.instance().write(str(path))
    own_gateway.stop()
    no_links_known()
    (layer,) = reopened(path)
    until(window.bar.items)
    assert "'cluster'" in window.bar.items()[0].text()
    assert "NDVI" in window.bar.items()[0].text()
    assert "cannot be reached" in window.bar.items()[0].text()
    # Unavailable, not empty: no tool takes it for a result.
    assert not layer.isValid()
    # Saved while it waits, and nothing is lost by that.
    QgsProject.instance().write(str(path))
    assert "phidias://cluster/" in path.read_text("utf-8")
    (layer,) = reopened(path)
    until(lambda: not layer.isValid())

    gateway = start(own_gateway.root, {"PHIDIAS_ARCHIVES": archives})
    try:
        connect(gateway, monkeypatch)
        window.retry()
        until(layer.isValid)
        assert picture([layer]) == before
        until(lambda: not window.bar.items())
    finally:
        gateway.stop()


def test_the_window_never_waits_for_a_slow_gateway(
    gateway: RunningGateway,
    window: Healer,
    no_links_known: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay = Relay(gateway.url)
    connect(gateway, monkeypatch, url=relay.url)
    an_index()
    some_segments()
    path = tmp_path / "project.qgz"
    QgsProject.instance().write(str(path))
    no_links_known()
    QgsProject.instance().clear()

    relay.delay = 1.0
    with Heartbeat() as heart:
        layers = reopened(path)
        until(lambda: not any(layer.isValid() for layer in layers))
        until(lambda: all(layer.isValid() for layer in layers))
    heart.must_have_been_free(relay.delay)
    relay.close()


def test_links_are_renewed_before_they_expire(
    start_gateway: StartGateway, archives: str, window: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(start_gateway(PHIDIAS_ARCHIVES=archives, PHIDIAS_ACCESS__LINK_SECONDS="3"), monkeypatch)
    layer = an_index()
    before, first = picture([layer]), layer.source()
    expires = links.newest(links.reference_of(first)).expires
    until(lambda: time.time() > expires + 1)
    assert layer.source() != first
    assert links.serves(layer.source(), time.time())
    assert picture([layer]) == before


def test_a_script_reads_a_project_at_once(
    gateway: RunningGateway, no_links_known: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(gateway, monkeypatch)
    path = tmp_path / "project.qgs"
    with installed():
        before = picture([an_index()])
        QgsProject.instance().write(str(path))
        assert "signature" not in path.read_text("utf-8")
        no_links_known()
        (layer,) = reopened(path)
        assert layer.isValid()
        assert picture([layer]) == before
        no_links_known()
        monkeypatch.setenv("PHIDIAS_URL", "http://127.0.0.1:9")
        (layer,) = reopened(path)
        assert not layer.isValid()
    QgsProject.instance().clear()


def test_a_local_copy_replaces_the_stream_and_goes_on_where_it_broke_off(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(gateway, monkeypatch)
    layer = an_index()
    before, period = picture([layer]), layer.temporalProperties().fixedTemporalRange()
    path = tmp_path / "copy.tif"
    broken = QgsFeedback()
    broken.progressChanged.connect(broken.cancel)
    with pytest.raises(Cancelled):
        make_local_copy(layer, path, broken)
    begun = (tmp_path / "copy.tif.part").stat().st_size
    assert begun > 0
    assert layer.source().startswith(STREAMED)

    steps: list[float] = []
    going_on = QgsFeedback()
    going_on.progressChanged.connect(steps.append)
    make_local_copy(layer, path, going_on)
    assert steps[0] > 100 * begun / path.stat().st_size
    assert layer.source() == str(path)
    assert picture([layer]) == before
    assert layer.temporalProperties().fixedTemporalRange() == period
    assert layer.metadata().title() == "NDVI"
    with pytest.raises(ValueError, match="no streamed result"):
        make_local_copy(layer, path)
    QgsProject.instance().clear()
    # QGIS opens the file as the process drew it.
    opened = QgsRasterLayer(str(path), "copy")
    opened.loadDefaultStyle()
    assert picture([opened]) == before


def test_the_menu_of_a_streamed_layer_alone_offers_a_local_copy(
    gateway: RunningGateway, qgis_iface: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(gateway, monkeypatch)
    menus: list[QgsMapLayer] = []
    view = type("View", (), {"selectedLayers": lambda self: list(QgsProject.instance().mapLayers().values())})()
    monkeypatch.setattr(qgis_iface, "layerTreeView", lambda: view, raising=False)
    monkeypatch.setattr(qgis_iface, "addCustomActionForLayer", lambda action, layer: menus.append(layer), raising=False)
    monkeypatch.setattr(qgis_iface, "removeCustomActionForLayerType", lambda action: menus.clear(), raising=False)
    path = tmp_path / "copy.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    kept = KeptLayers(qgis_iface)
    kept.start()
    try:
        QgsProject.instance().addMapLayer(QgsVectorLayer("Point", "of nobody's", "memory"))
        layer = an_index()
        assert menus == [layer]
        kept.copy_selected()
        until(lambda: layer.source() == str(path))
        until(lambda: not menus)
    finally:
        kept.stop()
        QgsProject.instance().clear()
