"""Live preview of a real job of several tiles: they appear as they are finished, and give way to the result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from qgis.core import QgsProject, QgsRasterBandStats, QgsRasterLayer, QgsSingleBandPseudoColorRenderer

from backend_client import Gateway, Job
from phidias_qgis import descriptions
from phidias_qgis.jobs_panel import preview, watch
from phidias_qgis.jobs_panel.feature import JobsFeature
from phidias_qgis.jobs_panel.panel import JobsPanel
from tests.qgis.conftest import ROOT, StartGateway, until
from tests.qgis.window import Window

PACK = ROOT / "tests" / "end_to_end" / "tile_pack"
INPUTS = {
    "scenes": {"catalogue": "demo"},
    "area": {"bbox": [-75.66, 37.685, -75.625, 37.71]},
    "resolution": 2.5,
    "index": "NDVI",
}


@pytest.fixture
def client(start_gateway: StartGateway, demo_archive: Path, monkeypatch: pytest.MonkeyPatch, provider: Any) -> Gateway:
    """A gateway with a process that waits for a file after its first tile."""
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}]
    running = start_gateway(PHIDIAS_ARCHIVES=json.dumps(archives), PYTHONPATH=str(PACK))
    for name, value in running.connection.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watch, "SEEN_AND_RUNNING", 0.3)
    monkeypatch.setattr(preview, "SECONDS", 0.3)
    descriptions.refresh_quickly(20)
    return Gateway(running.url, token=running.token)


@pytest.fixture
def panel(client: Gateway, qgis_processing: None) -> Iterator[JobsPanel]:
    window = Window()
    window.main.show()
    feature = JobsFeature(window)
    feature.start()
    feature.reload()
    feature.open()
    assert feature.dock.panel is not None
    yield feature.dock.panel
    feature.stop()
    QgsProject.instance().clear()
    window.main.deleteLater()


def start_job(client: Gateway, panel: JobsPanel, process: str, inputs: dict[str, Any]) -> Job:
    """Start a job and select it."""
    job = client.execute(process, {**INPUTS, **inputs})
    panel.show_job(panel._watch, job.id)
    until(lambda: [each.id for each in panel.selected() if each.link("preview")] == [job.id])
    return job


def corner(client: Gateway) -> tuple[float, float]:
    """West and north of the result, in its reference system."""
    whole = client.execute("spectral-index", INPUTS)
    list(client.follow(whole.id))
    item = requests.get(client.results(whole.id)["item"].href, timeout=30).json()
    west, _, _, north = item["assets"]["index"]["proj:bbox"]
    return west, north


def layers() -> list[QgsRasterLayer]:
    return list(QgsProject.instance().mapLayers().values())


def valid_pixels(layer: QgsRasterLayer) -> int:
    statistics = QgsRasterBandStats.Stats.Sum
    return int(layer.dataProvider().bandStatistics(1, statistics, layer.extent(), 0).elementCount)


def test_tiles_appear_as_they_are_finished_and_give_way_to_the_result(
    client: Gateway, panel: JobsPanel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    west, north = corner(client)
    job = start_job(client, panel, "gated", {"gate": str(gate), "x": west, "y": north})
    panel.actions.preview.trigger()
    (first,) = until(layers)
    assert first.name().startswith("Gated (preview: ")
    some = valid_pixels(first)
    assert 0 < some < first.width() * first.height()
    # As the result will be drawn: a ramp over values that the process has given.
    assert isinstance(first.renderer(), QgsSingleBandPseudoColorRenderer)
    assert (first.renderer().classificationMin(), first.renderer().classificationMax()) == (0.0, 0.9)
    first.setOpacity(0.5)
    # Seen anew, as with another tile: in the same place, as the person wants it to look.
    live = panel.actions._previews[job.id]
    before, live._done = first.id(), 0
    until(lambda: layers()[0].id() != before)
    (second,) = layers()
    assert second.opacity() == 0.5
    assert valid_pixels(second) == some
    gate.with_suffix(".row").touch()
    until(lambda: [layer.name().partition(" of")[0] for layer in layers()] == ["Gated (preview: 2"])
    (third,) = layers()
    more = valid_pixels(third)
    assert more > some
    gate.touch()
    until(lambda: [layer.name() for layer in layers()] == ["NDVI"])
    (result,) = layers()
    assert valid_pixels(result) > more
    assert not panel.actions.preview.isChecked()


def test_what_a_failed_job_has_made_can_be_seen(client: Gateway, panel: JobsPanel) -> None:
    west, north = corner(client)
    job = start_job(client, panel, "poisoned", {"x": west + 1, "y": north - 1})
    assert list(client.follow(job.id))[-1].status == "failed"
    until(lambda: panel.selected()[0].ended)
    assert "The tile at column" in panel.details.problem.text.text()
    panel.actions.preview.trigger()
    (shown,) = until(layers)
    assert 0 < valid_pixels(shown) < shown.width() * shown.height()
    assert panel.actions._previews == {}
    assert not panel.actions.preview.isChecked()
