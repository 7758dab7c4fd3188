"""What watches over jobs: when it asks the gateway and when not, what it says of their ends, what a restart finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import processing
import pytest
from processing.gui.AlgorithmDialog import AlgorithmDialog
from qgis.core import QgsApplication, QgsProcessing, QgsProcessingOutputLayerDefinition, QgsProject
from qgis.PyQt.QtCore import QCoreApplication, QTimer
from qgis.PyQt.QtWidgets import QMessageBox, QPushButton

from backend_client import Gateway, Job
from phidias_qgis import connection
from phidias_qgis.jobs_panel import watch
from phidias_qgis.jobs_panel.feature import JobsFeature
from phidias_qgis.remembered import ADD, TELL, WAIT, Note, Notes, me, runs
from tests.qgis.conftest import ROOT, RunningGateway, StartGateway, until
from tests.qgis.heartbeat import Heartbeat
from tests.qgis.line import Relay, relay
from tests.qgis.test_execution import Background
from tests.qgis.window import Window

pytestmark = pytest.mark.usefixtures("provider")

SLOW = 1.0
"""Seconds"""
SMALL = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pauses, a tenth as long."""
    for name in ("SEEN_AND_RUNNING", "HIDDEN_AND_RUNNING", "SEEN_AND_IDLE"):
        monkeypatch.setattr(watch, name, getattr(watch, name) / 10)


@pytest.fixture
def client(gateway: RunningGateway) -> Gateway:
    return Gateway(gateway.url, token=gateway.token)


@pytest.fixture
def line(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The plugin connected to the gateway over a line on which its requests are counted."""
    with relay(gateway.url) as running:
        for name, value in {**gateway.connection, "PHIDIAS_URL": running.url}.items():
            monkeypatch.setenv(name, value)
        yield running


StartFeature = Callable[[], JobsFeature]


@pytest.fixture
def window(qgis_app: Any, qgis_processing: None) -> Iterator[Window]:
    made = Window()
    made.main.show()
    yield made
    QgsProject.instance().clear()
    made.main.deleteLater()


@pytest.fixture
def start(window: Window) -> Iterator[StartFeature]:
    """Begin as QGIS does when it is started; what is left at the end of the test is stopped."""
    begun: list[JobsFeature] = []

    def begin() -> JobsFeature:
        begun.append(JobsFeature(window))
        begun[-1].start()
        begun[-1].reload()
        return begun[-1]

    yield begin
    for each in begun:
        if each.center.watches:
            each.stop()


def the_watch(started: JobsFeature) -> watch.Watch:
    (only,) = started.center.watches.values()
    return only


def notes() -> Notes:
    return Notes(connection.load())


def ended(client: Gateway, job_id: str) -> Job:
    *_, last = client.follow(job_id)
    return last


# When the gateway is asked


def test_nothing_is_asked_while_nobody_looks_and_nothing_runs(line: Relay, start: StartFeature) -> None:
    started = start()
    watching = the_watch(started)
    assert watching.idle
    assert line.requests == []
    started.open()
    until(lambda: line.requests.count("GET /jobs") > 1)
    started.dock.setUserVisible(False)
    until(lambda: watching.idle)
    seen = len(line.requests)
    # Far longer than the time between two looks.
    wait(5 * watch.SEEN_AND_RUNNING)
    assert watching.idle
    assert len(line.requests) == seen


def test_a_job_of_a_tool_is_watched_in_the_background_until_it_has_ended(
    line: Relay, start: StartFeature, window: Window
) -> None:
    started = start()
    job = processing.run("phidias:echo", {"PAUSE": 2, "DO_NOT_WAIT": True})["JOB_ID"]
    until(lambda: started.center.counts() == (1, 0))
    assert started.indicator.isVisibleTo(window.main)
    assert started.indicator.text() == "1 running"
    assert not started.dock.isUserVisible()
    until(lambda: window.texts())
    assert window.texts()[0].startswith("Echo: done after")
    until(lambda: the_watch(started).idle)
    assert not started.indicator.isVisibleTo(window.main)
    assert notes().all() == {}
    show = next(button for button in window.bar.findChildren(QPushButton) if button.text() == "Show")
    show.click()
    until(lambda: started.dock.panel and started.dock.panel.selected())
    assert started.dock.panel.selected()[0].id == job
    assert window.texts() == []


def test_who_waits_for_a_job_is_not_told_of_its_end_again(line: Relay, start: StartFeature, window: Window) -> None:
    started = start()
    started.open()
    run = Background("phidias:echo", {"PAUSE": 1.5})
    until(lambda: started.center.counts() == (1, 0))
    assert [note.then for note in notes().all().values()] == [WAIT]
    run.until(lambda: run.ended)
    until(lambda: started.center.counts() == (0, 0))
    until(lambda: not the_watch(started).asking)
    assert window.texts() == []
    assert notes().all() == {}


def test_several_ends_are_one_message(line: Relay, client: Gateway, start: StartFeature, window: Window) -> None:
    started = start()
    jobs = [client.execute("echo", {"pause": 600.0}) for _ in range(2)]
    started.open()
    until(lambda: len(the_watch(started).open) == 2)
    for job in jobs:
        client.dismiss(job.id)
    until(lambda: window.texts() and "2 jobs" in window.texts()[0])
    assert window.texts() == ["2 jobs have ended: 0 successful, 2 not."]


# Restarts


def test_a_restart_tells_once_of_what_ended_meanwhile(
    line: Relay, client: Gateway, start: StartFeature, window: Window
) -> None:
    first = start()
    job = processing.run("phidias:echo", {"PAUSE": 600, "DO_NOT_WAIT": True})["JOB_ID"]
    until(lambda: first.center.counts() == (1, 0))
    first.stop()
    client.dismiss(job)
    second = start()
    until(lambda: window.texts())
    assert window.texts() == ["Echo: the job was cancelled."]
    window.bar.clearWidgets()
    until(lambda: the_watch(second).idle)
    second.stop()
    asked = len(line.requests)
    third = start()
    assert the_watch(third).idle
    assert len(line.requests) == asked
    assert window.texts() == []


def test_a_killed_qgis_finds_its_job_again_and_its_result_is_a_click(
    connected: RunningGateway, client: Gateway, start: StartFeature, window: Window
) -> None:
    program = Path(__file__).with_name("waits_for_a_job.py")
    command = [sys.executable, program, QgsApplication.qgisSettingsDirPath()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **connected.connection}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as qgis:
        assert qgis.stdout is not None
        assert qgis.stdout.readline() == "waiting\n"
        (note,) = until(lambda: list(notes().all().values()))
        assert (note.then, runs(note.by)) == (WAIT, True)
        qgis.kill()
    assert not runs(note.by)
    assert ended(client, note.job).status == "successful"
    start()
    until(lambda: window.texts())
    assert window.texts()[0].startswith("Spectral index · EVI, 2015-06-23 to 2016-06-10: done after")
    add = next(button for button in window.bar.findChildren(QPushButton) if button.text() == "Add to map")
    add.click()
    until(lambda: QgsProject.instance().mapLayersByName("EVI"))


def test_two_qgis_share_a_profile_and_one_of_them_acts(connected: RunningGateway) -> None:
    shared, job = notes(), "a job"
    assert shared.add(Note(job, "echo", WAIT, me())) is not None
    # Who only sees the job does not put itself in the place of the one that waits for it.
    kept = shared.add(Note(job, "echo", TELL))
    assert kept is not None
    assert kept.then == WAIT
    shared.keep(Note(job, "echo", ADD, "another QGIS", {"a": {"path": "", "load": True}}))
    assert shared.all()[job].wanted == {"a": {"path": "", "load": True}}
    assert not runs("another QGIS")
    assert [shared.drop(job), Notes(connection.load()).drop(job)] == [True, False]
    # News from before are no news.
    assert shared.add(Note(job, "echo")) is None
    (shared.folder / "damaged.json").write_text("{")
    assert shared.all() == {}


def test_what_is_known_outlasts_answers_that_are_none(
    line: Relay, client: Gateway, start: StartFeature, window: Window
) -> None:
    job = processing.run("phidias:echo", {"PAUSE": 600, "DO_NOT_WAIT": True})["JOB_ID"]
    started = start()
    started.open()
    until(lambda: started.center.counts() == (1, 0))
    footer = started.dock.panel.footer
    for status in (404, 502):
        line.instead = status
        the_watch(started).look()
        until(lambda: the_watch(started).error is not None and not the_watch(started).asking)
        assert "Try again" in footer.text()
        assert [each.id for each in the_watch(started).open] == [job]
        assert list(notes().all()) == [job]
    line.instead = 0
    the_watch(started).look()
    until(lambda: the_watch(started).error is None)
    assert "Jobs: " in footer.text()
    # Only the gateway can say that a job is no more.
    client.dismiss(job)
    client.dismiss(job)
    until(lambda: started.center.counts() == (0, 0))
    assert notes().all() == {}


# The window stays free


@pytest.mark.parametrize("trouble", ["slow", "silent", "dead"])
def test_the_window_is_never_held_up_by_a_gateway(
    gateway: RunningGateway, start: StartFeature, window: Window, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr("phidias_qgis.jobs_panel.actions.confirmed", lambda parent, question: True)
    for name, value in gateway.connection.items():
        monkeypatch.setenv(name, value)
    parameters = {"SCENES": "demo", "AREA": SMALL, "INDEX": "NDVI", "DO_NOT_WAIT": True}
    with relay(gateway.url) as line:
        monkeypatch.setenv("PHIDIAS_URL", line.url)
        done = processing.run("phidias:spectralindex", parameters)["JOB_ID"]
        running = processing.run("phidias:echo", {"PAUSE": 600, "DO_NOT_WAIT": True})["JOB_ID"]
        started = start()
        with Heartbeat() as heart:
            started.open()
            panel = started.dock.panel
            until(lambda: {done, running} <= set(the_watch(started).order) and the_watch(started).jobs[done].ended)
            if trouble == "slow":
                line.delay = SLOW
            elif trouble == "silent":
                line.upstream = ""
            else:
                line.shutdown()
                line.server_close()
            for job in (done, running):
                panel.show_job(the_watch(started), job)
                for tab in range(panel.details.tabs.count()):
                    panel.details.tabs.setCurrentIndex(tab)
                    wait(0.05)
                for action in (panel.refresh, panel.actions.add, panel.actions.zoom, panel.actions.pin):
                    action.trigger()
                    wait(0.05)
                panel.search.setText("echo")
                panel.search.clear()
            panel.actions.cancel.trigger()
            wait(1)
        started.stop()

    heart.must_have_been_free(SLOW)
    Gateway(gateway.url, token=gateway.token).cancel(running)


def wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


# Results that were asked for


def test_results_are_added_when_the_job_has_ended_if_the_form_said_so(
    connected: RunningGateway, start: StartFeature, window: Window, tmp_path: Path
) -> None:
    start()
    layer = QgsProcessingOutputLayerDefinition(QgsProcessing.TEMPORARY_OUTPUT, QgsProject.instance())
    parameters = {"SCENES": "demo", "AREA": SMALL, "INDEX": "EVI", "OUTPUT_INDEX": layer, "DO_NOT_WAIT": True}
    results = processing.run("phidias:spectralindex", parameters)
    assert set(results) == {"JOB_ID"}
    until(lambda: QgsProject.instance().mapLayersByName("EVI"))
    # A path without the tick is a download.
    path = tmp_path / "savi.tif"
    processing.run("phidias:spectralindex", {**parameters, "INDEX": "SAVI", "OUTPUT_INDEX": str(path)})
    until(path.exists)
    assert not QgsProject.instance().mapLayersByName("SAVI")


def test_a_job_that_waits_can_be_told_to_come_to_the_map_by_itself(
    start_gateway: StartGateway,
    demo_archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: StartFeature,
    window: Window,
) -> None:
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}]
    busy = start_gateway(PHIDIAS_ARCHIVES=json.dumps(archives), PHIDIAS_SCHEDULER__MAX_PARALLEL="1")
    for name, value in busy.connection.items():
        monkeypatch.setenv(name, value)
    client = Gateway(busy.url, token=busy.token)
    ahead = client.execute("echo", {"pause": 600.0})
    inputs = {"scenes": {"catalogue": "demo"}, "area": {"bbox": [-75.62, 37.66, -75.6, 37.68]}, "index": "NDWI"}
    job = client.execute("spectral-index", inputs)
    started = start()
    started.open()
    panel = started.dock.panel
    panel.show_job(the_watch(started), job.id)
    until(lambda: [each.id for each in panel.selected()] == [job.id])
    until(lambda: started.indicator.text() == "1 running, 1 waiting")
    panel.actions.add_when_done.trigger()
    assert panel.actions.add_when_done.isChecked()
    client.dismiss(ahead.id)
    until(lambda: QgsProject.instance().mapLayersByName("NDWI"))


@pytest.mark.usefixtures("dialogs")
def test_closing_the_dialog_leaves_the_job_and_its_result(
    connected: RunningGateway, start: StartFeature, client: Gateway
) -> None:
    start()
    dialog = AlgorithmDialog(QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex"))
    dialog.setParameters({"SCENES": "demo", "AREA": SMALL, "INDEX": "GNDVI"})
    dialog.show()
    dialog.runAlgorithm()
    until(lambda: notes().all())
    dialog.close()
    until(lambda: QgsProject.instance().mapLayersByName("GNDVI"))


def test_closing_qgis_leaves_the_job_while_cancel_ends_it(
    connected: RunningGateway, client: Gateway, start: StartFeature
) -> None:
    start()
    run = Background("phidias:echo", {"PAUSE": 600})
    (note,) = run.until(lambda: list(notes().all().values()))
    # As QGIS does when it is to be closed and a task runs.
    title = QCoreApplication.translate("QgisApp", "Active Tasks")
    buttons = QMessageBox.StandardButton
    box = QMessageBox(QMessageBox.Icon.Question, title, "Cancel them?", buttons.Yes | buttons.No)
    QTimer.singleShot(300, box.button(buttons.Yes).click)
    assert box.exec() == buttons.Yes
    QgsApplication.taskManager().cancelAll()
    run.until(lambda: run.ended)
    assert client.job(note.job).status == "running"
    assert notes().all()[note.job].then == TELL
    assert any("goes on" in line for line in run.feedback.told)
    client.dismiss(note.job)
