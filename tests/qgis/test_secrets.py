"""Signed links open a result to whoever reads them: none may be in what QGIS writes down of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processing.core.ProcessingLog import ProcessingLog
from processing.gui.AlgorithmDialog import AlgorithmDialog
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop
from qgis.PyQt.QtWidgets import QTextEdit

pytestmark = pytest.mark.usefixtures("provider", "connected")

SMALL = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"


@pytest.fixture
def messages(qgis_app: Any) -> Iterator[list[str]]:
    """Every message of QGIS's message log while the test runs."""
    heard: list[str] = []

    def hear(text: str, *rest: Any) -> None:
        heard.append(text)

    QgsApplication.messageLog().messageReceived.connect(hear)
    yield heard
    QgsApplication.messageLog().messageReceived.disconnect(hear)


def run_in_dialog(tool: str, parameters: dict[str, Any]) -> str:
    """Run a tool in QGIS's own dialog, as a person does; returns the dialog's log."""
    dialog = AlgorithmDialog(QgsApplication.processingRegistry().createAlgorithmById(tool))
    dialog.setParameters(parameters)
    logs: list[str] = []

    def read_log(*results: Any) -> None:
        logs.append("\n".join(text.toPlainText() for text in dialog.findChildren(QTextEdit)))

    dialog.algorithmFinished.connect(read_log)
    dialog.runAlgorithm()
    deadline = time.monotonic() + 60
    while not logs:
        assert time.monotonic() < deadline
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.01)
    return logs[0]


@pytest.mark.usefixtures("dialogs")
def test_no_signature_is_in_what_qgis_writes_of_a_run_and_of_the_next_one_with_its_result(messages: list[str]) -> None:
    history = Path(ProcessingLog.logFilename())
    history.unlink()
    project = QgsProject.instance()
    logs = [run_in_dialog("phidias:extract", {"SCENES": "demo", "AREA": SMALL, "BANDS": "red, nir"})]
    (image,) = project.mapLayers().values()
    assert "signature=" in image.source()
    assert image.id() in logs[0]
    logs += [run_in_dialog("phidias:segmentation", {"RASTER": image.id(), "RANGE_RADIUS": 0.1})]
    assert len(project.mapLayers()) == 2
    assert f"'RASTER':'{image.id()}'" in history.read_text("utf-8")
    for text in [*logs, history.read_text("utf-8"), *messages]:
        assert "signature" not in text
