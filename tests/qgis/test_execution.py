"""Tools that run jobs on a real gateway: waited for, cancelled, left alone, failing."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processing
import pytest
from qgis.core import (
    QgsApplication,
    QgsNetworkAccessManager,
    QgsNetworkRequestParameters,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsSettings,
    QgsTask,
)
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop, QThreadPool

from backend_client import Gateway
from phidias_qgis import connection, descriptions
from tests.qgis.conftest import RunningGateway, StartGateway

pytestmark = pytest.mark.usefixtures("provider")


class Feedback(QgsProcessingFeedback):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(False)
        self.told: list[str] = []
        self.reached: list[float] = []
        self.progressChanged.connect(self.reached.append)

    def pushInfo(self, info: str) -> None:
        self.told.append(info)

    pushConsoleInfo = pushWarning = setProgressText = pushInfo  # noqa: N815

    def reportError(self, error: str, fatal: bool = False) -> None:
        self.told.append(error)


class Background:
    """A tool on a worker thread, as QGIS's dialog runs it; the test goes on as QGIS's window would."""

    def __init__(self, tool: str, parameters: dict[str, Any]) -> None:
        self.algorithm = QgsApplication.processingRegistry().createAlgorithmById(tool)
        self.context, self.feedback = QgsProcessingContext(), Feedback()
        self.context.setProject(QgsProject.instance())
        self.ended: tuple[bool, dict[str, Any]] | None = None
        fine, message = self.algorithm.checkParameterValues(parameters, self.context)
        assert fine, message
        self.task = QgsProcessingAlgRunnerTask(self.algorithm, parameters, self.context, self.feedback)
        self.task.executed.connect(self._end)
        QgsApplication.taskManager().addTask(self.task)

    def _end(self, successful: bool, results: dict[str, Any]) -> None:
        self.ended = (successful, results)

    def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Let QGIS work until `condition` holds; returns what it gave."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            found = condition()
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"not within {seconds} s; told: {self.feedback.told}")


def client(gateway: RunningGateway) -> Gateway:
    return Gateway(gateway.url, user=gateway.user, token=gateway.token)


def test_echo_gives_back_what_it_was_given(connected: RunningGateway) -> None:
    feedback = Feedback()
    parameters = {
        "STRING": "grüß dich",
        "NUMBER": 1.5,
        "INTEGER": 7,
        "BOOLEAN": True,
        "CHOICE": "medium",
        "ARRAY": "1, 2.5",
        "BBOX": "3,4,43,44 [EPSG:4326]",
        "OBJECT": '{"a": [1, null]}',
    }
    results = processing.run("phidias:echo", parameters, feedback=feedback)
    assert results["OUTPUT_STRING"] == "grüß dich"
    assert results["OUTPUT_NUMBER"] == 1.5
    assert results["OUTPUT_INTEGER"] == 7
    assert results["OUTPUT_BOOLEAN"] is True
    assert results["OUTPUT_CHOICE"] == "medium"
    assert results["OUTPUT_ARRAY"] == "[1.0, 2.5]"
    assert results["OUTPUT_OBJECT"] == '{"a": [1, null]}'
    assert client(connected).job(results["JOB_ID"]).status == "successful"
    assert any(results["JOB_ID"] in line for line in feedback.told)


def test_status_and_progress_are_told_as_they_come(connected: RunningGateway) -> None:
    run = Background("phidias:echo", {"PAUSE": 3})
    run.until(lambda: any("s left" in line for line in run.feedback.told))
    assert run.ended is None
    run.until(lambda: run.ended)
    assert run.ended[0]
    assert any(0 < reached < 100 for reached in run.feedback.reached)


def test_jobs_that_are_waited_for_hold_up_no_other_task_of_qgis(connected: RunningGateway) -> None:
    gateway, pool = client(connected), QThreadPool.globalInstance()
    cores = pool.maxThreadCount()
    runs = [Background("phidias:echo", {"PAUSE": 300}) for _ in range(cores + 1)]
    for run in runs:
        run.until(lambda run=run: any(line.startswith("Job ") for line in run.feedback.told))
    done: list[bool] = []
    task = QgsTask.fromFunction("another", lambda task: done.append(True))
    QgsApplication.taskManager().addTask(task)
    runs[0].until(lambda: done)
    assert all(run.ended is None for run in runs)
    for run in runs:
        run.task.cancel()
    for run in runs:
        run.until(lambda run=run: run.ended)
    assert all(job.ended for job in gateway.jobs(process_id="echo"))
    assert pool.maxThreadCount() == cores
    runs[0].until(lambda: pool.activeThreadCount() == 0)


def test_do_not_wait_returns_at_once_with_the_job(connected: RunningGateway) -> None:
    results = processing.run("phidias:echo", {"PAUSE": 300, "DO_NOT_WAIT": True})
    gateway = client(connected)
    assert set(results) == {"JOB_ID"}
    assert not gateway.job(results["JOB_ID"]).ended
    gateway.dismiss(results["JOB_ID"])


def test_cancel_dismisses_the_job(connected: RunningGateway) -> None:
    gateway = client(connected)
    run = Background("phidias:echo", {"PAUSE": 300})
    run.until(lambda: any("s left" in line for line in run.feedback.told))
    job = next(iter(gateway.jobs(process_id="echo", status="running")))
    run.feedback.cancel()
    run.until(lambda: run.ended, 10)
    assert gateway.job(job.id).status == "dismissed"
    assert any(job.id in line and "cancelled" in line for line in run.feedback.told)


def test_a_cancel_while_the_job_is_submitted_leaves_no_job_behind(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = start_gateway()
    for name, value in gateway.connection.items():
        monkeypatch.setenv(name, value)
    sent: list[QgsNetworkRequestParameters] = []
    created = QgsNetworkAccessManager.instance().requestAboutToBeCreated[QgsNetworkRequestParameters]
    created.connect(sent.append)
    os.kill(gateway.pid, signal.SIGSTOP)
    try:
        run = Background("phidias:echo", {"PAUSE": 300})
        run.until(lambda: sent)
        run.feedback.cancel()
    finally:
        created.disconnect(sent.append)
        os.kill(gateway.pid, signal.SIGCONT)
    run.until(lambda: run.ended)
    assert {job.status for job in client(gateway).jobs()} <= {"dismissed"}


def test_a_failed_job_says_cause_remedy_job_and_last_lines(connected: RunningGateway) -> None:
    with pytest.raises(QgsProcessingException) as failed:
        processing.run("phidias:echo", {"FAIL": True})
    text = str(failed.value)
    assert "The process was asked to fail." in text
    assert "Run it again with 'fail' off." in text
    assert "Job: " in text
    assert "Its last lines:" in text


def test_a_refusal_of_the_gateway_names_the_parameter(connected: RunningGateway) -> None:
    with pytest.raises(QgsProcessingException, match=r"Scenes \(SCENES\): .*nowhere"):
        processing.run("phidias:spectralindex", {"SCENES": "nowhere", "AREA": "3,4,43,44 [EPSG:4326]"})
    assert not list(client(connected).jobs(process_id="spectral-index"))


def test_a_gateway_that_is_down_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PHIDIAS_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(QgsProcessingException, match=r"cannot be reached.* that the gateway is running"):
        processing.run("phidias:echo", {})


def test_a_wrong_token_is_said_with_a_remedy(connected: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIDIAS_TOKEN", "phidias_wrong")
    with pytest.raises(QgsProcessingException, match=r"token"):
        processing.run("phidias:echo", {})


def test_without_a_connection_it_is_said_where_to_set_it_up() -> None:
    with pytest.raises(QgsProcessingException, match=r"Settings > Options > PHIDIAS.*PHIDIAS_URL"):
        processing.run("phidias:echo", {})


def test_a_job_runs_where_it_is_asked_to(connected: RunningGateway) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connection.store([connection.Connection(f"http://127.0.0.1:{port}", name="Away: ü")], "")
    assert processing.run("phidias:echo", {"STRING": "here", "CONNECTION": None})["OUTPUT_STRING"] == "here"
    assert processing.run("phidias:echo", {"STRING": "here", "CONNECTION": "environment"})["OUTPUT_STRING"] == "here"
    with pytest.raises(QgsProcessingException, match=rf"127.0.0.1:{port} cannot be reached"):
        processing.run("phidias:echo", {"CONNECTION": "Away: ü"})
    with pytest.raises(QgsProcessingException, match="'Other'"):
        processing.run("phidias:echo", {"CONNECTION": "Other"})
    tool = QgsApplication.processingRegistry().createAlgorithmById("phidias:echo")
    assert "environment" in tool.parameterDefinition("CONNECTION").description()
    assert tool.parameterDefinition("CONNECTION").options() == ["environment", "Away: ü"]


SMALL = {"SCENES": "demo", "AREA": "-75.62,-75.61,37.66,37.67 [EPSG:4326]", "INDEX": "NDVI"}


def test_the_estimate_is_told_before_the_job(connected: RunningGateway) -> None:
    descriptions.refresh_quickly(20)
    QgsApplication.processingRegistry().providerById("phidias").refreshAlgorithms()
    feedback = Feedback()
    results = processing.run("phidias:spectralindex", {**SMALL, "DO_NOT_WAIT": True}, feedback=feedback)
    [told] = [line for line in feedback.told if line.startswith("Estimate: ")]
    assert "expected to start at" in told
    assert feedback.told.index(told) < next(n for n, line in enumerate(feedback.told) if results["JOB_ID"] in line)
    client(connected).cancel(results["JOB_ID"])
    client(connected).dismiss(results["JOB_ID"])


def test_a_limit_is_told_before_anything_runs(
    start_gateway: StartGateway, demo_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}]
    strict = start_gateway(PHIDIAS_ARCHIVES=json.dumps(archives), PHIDIAS_LIMITS__AREA_KM2="0.1")
    for name, value in strict.connection.items():
        monkeypatch.setenv(name, value)
    descriptions.refresh_quickly(20)
    QgsApplication.processingRegistry().providerById("phidias").refreshAlgorithms()
    with pytest.raises(QgsProcessingException, match=r"limits\.area_km2.*smaller area"):
        processing.run("phidias:spectralindex", SMALL)
    assert list(client(strict).jobs()) == []


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(
    connected: RunningGateway, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "index.tif")
    parameters = {"SCENES": "demo", "AREA": "3,4,43,44 [EPSG:4326]", "OUTPUT_INDEX": place}
    with pytest.raises(QgsProcessingException, match=r"OUTPUT_INDEX.*cannot be written"):
        processing.run("phidias:spectralindex", parameters)


def test_a_format_that_is_not_given_is_refused(connected: RunningGateway, tmp_path: Path) -> None:
    parameters = {"SCENES": "demo", "AREA": "3,4,43,44 [EPSG:4326]", "OUTPUT_INDEX": str(tmp_path / "index.jp2")}
    with pytest.raises(QgsProcessingException, match=r"index.jp2' must end with \.tif"):
        processing.run("phidias:spectralindex", parameters)


def test_no_secret_is_in_the_settings_or_in_what_is_kept(connected: RunningGateway) -> None:
    descriptions.refresh_quickly(10)
    processing.run("phidias:echo", {})
    QgsSettings().sync()
    profile = Path(QgsApplication.qgisSettingsDirPath())
    kept = [path for path in profile.rglob("*") if path.is_file()]
    assert any(path.parent.parent.name == "phidias" for path in kept)
    for path in kept:
        assert connected.token.encode() not in path.read_bytes(), path
    assert connected.token not in repr(connection.load())
