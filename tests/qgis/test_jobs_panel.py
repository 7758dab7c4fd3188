"""The dock with real jobs of a real gateway: what it lists, what it says of a job, what can be done with one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import processing
import pytest
from processing.gui.AlgorithmDialog import AlgorithmDialog
from qgis.core import QgsProcessingContext, QgsProject, QgsRasterLayer
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from backend_client import Gateway, Job, NoSuchJob
from phidias_qgis import connection
from phidias_qgis.jobs_panel import actions, watch
from phidias_qgis.jobs_panel.feature import JobsFeature
from phidias_qgis.jobs_panel.model import JOB, PROCESS, STATUS
from phidias_qgis.jobs_panel.panel import JobsPanel
from tests.qgis.conftest import RunningGateway, start, until
from tests.qgis.window import Window

AREA = {"bbox": [-75.62, 37.66, -75.6, 37.68]}
TRIANGLE = {"type": "Polygon", "coordinates": [[[-75.62, 37.66], [-75.6, 37.66], [-75.61, 37.68], [-75.62, 37.66]]]}
NDVI = {"scenes": {"catalogue": "demo"}, "area": AREA, "index": "NDVI"}


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory: pytest.TempPathFactory, demo_archive: Path) -> Iterator[RunningGateway]:
    """A gateway with a few jobs: two indices, one echo that failed and one that ran out of time."""
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}]
    running = start(tmp_path_factory.mktemp("panel"), {"PHIDIAS_ARCHIVES": json.dumps(archives)})
    client = Gateway(running.url, token=running.token)
    client.execute("echo", {"fail": True})
    client.execute("echo", {"pause": 600.0}, resources={"minutes": 0.02})
    client.execute("spectral-index", {**NDVI, "area": TRIANGLE, "index": "EVI"})
    last = client.execute("spectral-index", NDVI)
    for job in (*client.jobs(), last):
        list(client.follow(job.id))
    yield running
    running.stop()


@pytest.fixture
def client(own_gateway: RunningGateway) -> Gateway:
    return Gateway(own_gateway.url, token=own_gateway.token)


@pytest.fixture
def window(qgis_app: Any, qgis_processing: None, provider: Any) -> Iterator[Window]:
    made = Window()
    made.main.show()
    yield made
    QgsProject.instance().clear()
    made.main.deleteLater()


@pytest.fixture
def panel(window: Window, own_gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsPanel]:
    """The open dock, connected, with all that is on the first page."""
    for name, value in own_gateway.connection.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watch, "SEEN_AND_RUNNING", 0.3)
    monkeypatch.setattr(watch, "SEEN_AND_IDLE", 0.5)
    monkeypatch.setattr(actions, "confirmed", lambda parent, question: True)
    feature = JobsFeature(window)
    feature.start()
    feature.reload()
    feature.open()
    shown = feature.dock.panel
    assert shown is not None
    until(lambda: shown.rows.rowCount())
    yield shown
    feature.stop()


def listed(panel: JobsPanel) -> list[Job]:
    return [panel.rows.index(row, 0).data(JOB) for row in range(panel.rows.rowCount())]


def select(panel: JobsPanel, wanted: Callable[[Job], Any]) -> Job:
    """Select the first job that is wanted, when it is there."""
    row = until(lambda: next((row + 1 for row, job in enumerate(listed(panel)) if wanted(job)), 0)) - 1
    panel.table.selectRow(row)
    return listed(panel)[row]


def cells(panel: JobsPanel, column: int) -> list[str]:
    return [panel.rows.index(row, column).data() for row in range(panel.rows.rowCount())]


def is_index(job: Job) -> bool:
    return job.process_id == "spectral-index" and job.status == "successful"


# The list


def test_it_lists_what_the_gateway_lists_newest_first(panel: JobsPanel, client: Gateway) -> None:
    assert [job.id for job in listed(panel)] == [job.id for job in client.jobs()]
    assert cells(panel, PROCESS)[:2] == [
        f"Spectral index · {index}, 2015-06-23 to 2016-06-10" for index in ("NDVI", "EVI")
    ]
    assert {text.partition(":")[0] for text in cells(panel, STATUS)} == {"Successful", "Failed"}
    assert "The process was asked to fail." in " ".join(cells(panel, STATUS))


def test_a_page_more_is_read_when_somebody_scrolls_to_the_end(
    panel: JobsPanel, client: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAGE", 2)
    everything = [job.id for job in client.jobs()]
    panel.states.setCurrentIndex(panel.states.findText("Successful"))
    panel._filter()
    panel.states.setCurrentIndex(0)
    panel._filter()
    until(lambda: 0 < panel.rows.read <= 4)
    assert "Read on" in panel.footer.text()
    until(lambda: panel.table.scrollToBottom() or panel.rows.read == len(everything))
    assert [job.id for job in listed(panel)] == everything
    # A later look at the first page leaves the others where they are.
    panel.refresh.trigger()
    until(lambda: not panel._watch.asking)
    assert [job.id for job in listed(panel)] == everything


def test_filters_ask_the_gateway_and_the_search_looks_at_what_is_listed(panel: JobsPanel) -> None:
    panel.states.setCurrentIndex(panel.states.findText("Failed"))
    panel._filter()
    until(lambda: {job.status for job in listed(panel)} == {"failed"})
    panel.processes.setCurrentIndex(panel.processes.findText("Spectral index"))
    panel._filter()
    until(lambda: "No such jobs" in panel.footer.text())
    panel.states.setCurrentIndex(0)
    panel._filter()
    until(lambda: [job.process_id for job in listed(panel)] == ["spectral-index"] * 2)
    panel.processes.setCurrentIndex(0)
    panel._filter()
    until(lambda: len(listed(panel)) > 3)
    panel.search.setText("ECHO fail")
    assert [(job.process_id, job.status) for job in listed(panel)] == [("echo", "failed")] * 2
    assert "2 of" in panel.footer.text()
    panel.search.setText(listed(panel)[0].id)
    assert len(listed(panel)) == 1


def test_a_job_started_elsewhere_shows_up_and_is_followed_to_its_end(panel: JobsPanel, client: Gateway) -> None:
    job = client.execute("echo", {"pause": 2.0, "string": "elsewhere"})
    select(panel, lambda each: each.id == job.id and each.status == "running")
    until(lambda: "waiting" in panel.details.log.text.toPlainText())
    assert "%" in panel.rows.index(0, STATUS).data() or "Running" in panel.rows.index(0, STATUS).data()
    until(lambda: panel.selected()[0].status == "successful")
    assert panel.selected()[0].id == job.id
    until(lambda: "done" in panel.details.log.text.toPlainText())
    assert panel.details.log.text.toPlainText().rstrip("\n") == client.log(job.id).text.rstrip("\n")


# One job


def test_a_failed_job_says_why_and_what_to_do(panel: JobsPanel) -> None:
    select(panel, lambda job: job.cause == "time-limit")
    text = panel.details.problem.text.text()
    assert "ran longer than the time it was given" in text
    assert "with more time" in text
    assert panel.details.problem.button.text().startswith("Run again with")
    panel.details.tabs.setCurrentWidget(panel.details.facts)
    assert "time-limit" in panel.details.facts.toPlainText()
    select(panel, is_index)
    assert not panel.details.problem.isVisibleTo(panel)


def test_parameters_and_results_are_shown_in_the_words_of_the_process(panel: JobsPanel) -> None:
    select(panel, is_index)
    panel.details.tabs.setCurrentWidget(panel.details.request)
    tree = panel.details.request
    until(lambda: tree.topLevelItemCount() > 1)
    shown = {tree.topLevelItem(row).text(0): tree.topLevelItem(row).text(1) for row in range(tree.topLevelItemCount())}
    assert shown["Index"] == "NDVI"
    assert shown["Leave out clouds"] == "yes"
    assert "-75.62 to -75.6 east" in shown["Area"]
    panel.details.tabs.setCurrentWidget(panel.details.results)
    results = panel.details.results
    until(lambda: results.tree.topLevelItemCount() > 1)
    assert results.tree.topLevelItem(0).text(1).startswith("raster, ")
    origin = results.tree.topLevelItem(results.tree.topLevelItemCount() - 1)
    lines = {origin.child(row).text(0): origin.child(row).text(1) for row in range(origin.childCount())}
    assert "(nir - red)/(nir + red)" in lines["Expression"]
    assert not results.picture.pixmap().isNull()


# What can be done


def test_enter_adds_the_layers_under_the_name_that_tells_them_apart(panel: JobsPanel) -> None:
    select(panel, lambda job: is_index(job))
    panel.table.setFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    until(lambda: QgsProject.instance().mapLayers())
    (layer,) = QgsProject.instance().mapLayers().values()
    assert isinstance(layer, QgsRasterLayer)
    assert layer.isValid()
    assert layer.name() == "NDVI"
    assert layer.thread() == QApplication.instance().thread()


def test_all_files_are_downloaded_into_a_folder_of_the_job(panel: JobsPanel, window: Window, tmp_path: Path) -> None:
    job = select(panel, is_index)
    panel.actions.download_to(tmp_path)
    until(lambda: window.texts())
    folder = tmp_path / f"spectral-index-{job.id}"
    assert {path.name for path in folder.iterdir()} == {"index.tif", "item.json", "quicklook.png"}
    assert str(folder) in window.texts()[0]
    assert QgsRasterLayer(str(folder / "index.tif")).isValid()


def test_zoom_shows_the_area(panel: JobsPanel, window: Window) -> None:
    select(panel, is_index)
    panel.actions.zoom.trigger()
    until(lambda: window.canvas.extent().contains(-75.61, 37.67))
    assert window.canvas.extent().height() < 0.1


def test_cancel_ends_the_job_without_a_message(panel: JobsPanel, client: Gateway, window: Window) -> None:
    job = client.execute("echo", {"pause": 600.0})
    select(panel, lambda each: each.id == job.id)
    panel.actions.cancel.trigger()
    until(lambda: listed(panel)[0].status == "dismissed")
    assert client.job(job.id).status == "dismissed"
    assert window.texts() == []


def test_the_key_delete_removes_ended_jobs_from_the_gateway(panel: JobsPanel, client: Gateway) -> None:
    job = client.execute("echo", {})
    select(panel, lambda each: each.id == job.id and each.ended)
    panel.table.setFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    until(lambda: job.id not in [each.id for each in listed(panel)])
    with pytest.raises(NoSuchJob):
        client.job(job.id)


def test_a_pinned_job_is_kept(panel: JobsPanel, client: Gateway) -> None:
    job = select(panel, is_index)
    panel.actions.pin.trigger()
    until(lambda: panel.selected()[0].pinned)
    assert client.job(job.id).pinned
    assert panel.actions.pin.isChecked()
    panel.actions.pin.trigger()
    until(lambda: not panel.selected()[0].pinned)


def test_the_button_runs_the_job_again_with_what_it_lacked(panel: JobsPanel, client: Gateway) -> None:
    failed = select(panel, lambda job: job.cause == "time-limit")
    panel.details.problem.button.click()
    again = until(lambda: next((job for job in listed(panel) if not job.ended), None))
    assert again.resources["minutes"] > failed.resources["minutes"]
    assert client.definition(again.id).inputs == client.definition(failed.id).inputs
    client.cancel(again.id)


@pytest.mark.usefixtures("dialogs")
def test_run_again_opens_the_tools_own_dialog_filled_with_the_request(panel: JobsPanel) -> None:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    forms: list[dict[str, Any]] = []
    jobs = [job for job in listed(panel) if is_index(job)]
    for job in jobs:
        select(panel, lambda each, job=job: each.id == job.id)
        panel.actions.again.trigger()
        (dialog,) = until(
            lambda: [each for each in QApplication.topLevelWidgets() if isinstance(each, AlgorithmDialog)]
        )
        forms.append(dialog.createProcessingParameters())
        assert dialog.algorithm().id() == "phidias:spectralindex"
        assert dialog.algorithm().checkParameterValues(forms[-1], context) == (True, "")
        sip.delete(dialog)
    rectangle, polygon = forms
    assert (rectangle["INDEX"], polygon["INDEX"]) == ("NDVI", "EVI")
    assert rectangle["SCENES"] == "demo"
    assert rectangle["AREA"].startswith("-75.62")
    # What no extent can say becomes a layer, which can be changed.
    assert polygon["AREA"] is None
    layer = QgsProject.instance().mapLayer(polygon["AREA_LAYER"])
    assert layer.name() == "Area of Spectral index"
    assert layer.featureCount() == 1


def test_what_is_copied_does_the_same_again(panel: JobsPanel, client: Gateway) -> None:
    clipboard = QApplication.clipboard()
    job = client.execute("echo", {"string": 'it\'s "quoted"', "array": [1.0, 2.5], "boolean": True, "bbox": AREA})
    select(panel, lambda each: each.id == job.id and each.ended)
    texts = []
    for action in panel.actions.copies:
        clipboard.clear()
        action.trigger()
        texts.append(until(clipboard.text))
    python, command, document, identifier = texts
    results = eval(python, {"processing": processing})  # noqa: S307  what a person would do with it
    assert client.definition(results["JOB_ID"]).inputs == client.definition(job.id).inputs
    words = shlex.split(command)
    assert words[:3] == ["qgis_process", "run", "phidias:echo"]
    assert '--STRING=it\'s "quoted"' in words
    assert "--BOOLEAN=true" in words
    assert json.loads(document)["inputs"] == client.definition(job.id).inputs
    assert identifier == job.id


# Several connections


def test_another_connection_is_listed_when_it_is_chosen(panel: JobsPanel, own_gateway: RunningGateway) -> None:
    connection.store([connection.Connection(own_gateway.url, name="without a token")])
    panel._center.reload()
    assert panel.connections.isVisibleTo(panel)
    assert len(listed(panel)) > 3
    panel.connections.setCurrentText("without a token")
    panel._choose_connection()
    until(lambda: "token" in panel.footer.text())
    assert listed(panel) == []
    panel.connections.setCurrentText(connection.default_name())
    panel._choose_connection()
    assert len(listed(panel)) > 3
    # The choice outlives the connection that it was.
    connection.store([])
    panel._center.reload()
    assert not panel.connections.isVisibleTo(panel)
