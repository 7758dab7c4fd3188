"""The jobs panel for a picture: a gateway with jobs of every kind, and the dock with one of them opened.

`gateway`, `fill` and `open_panel` go with QGIS's own window as well; `Window` stands for it where there is none.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import QgsProject
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from backend_client import Gateway

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv" / "bin"
WEST, SOUTH, SIZE = -75.62, 37.66, 0.02
"""Degrees"""


@contextmanager
def gateway() -> Iterator[Gateway]:
    """A gateway of two jobs at a time with the demo's archive; the plugin of this process is connected to it."""
    build = [VENV / "python", ROOT / "tools" / "demo_archive.py", ROOT / ".cache" / "demo-archive"]
    made = subprocess.run(build, check=True, capture_output=True, text=True)
    archive = {"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(Path(made.stdout.strip()).parent)}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PHIDIAS_")},
            "PHIDIAS_STORE__ROOT": folder,
            "PHIDIAS_SCHEDULER__KIND": "local",
            "PHIDIAS_SCHEDULER__MAX_PARALLEL": "2",
            "PHIDIAS_ARCHIVES": json.dumps([archive]),
        }
        command = VENV / "phidias-gateway"
        up = subprocess.run([command, "up"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
        told = json.loads(up.stdout)
        os.environ.update({f"PHIDIAS_{name.upper()}": told[name] for name in ("url", "user", "token")})
        try:
            yield Gateway(told["url"], token=told["token"])
        finally:
            subprocess.run([command, "down"], env=environment, stdout=subprocess.DEVNULL, check=True)


def fill(client: Gateway) -> None:
    """Jobs that have ended in every way, two that run, one that waits."""
    area = {"bbox": [WEST, SOUTH, WEST + SIZE, SOUTH + SIZE]}
    common = {"scenes": {"catalogue": "demo"}, "area": area}
    ended = [
        client.execute("spectral-index", {**common, "index": "EVI"}),
        client.execute("echo", {"pause": 600.0}, resources={"minutes": 0.02}),
        client.execute("extract", common),
        client.execute("segmentation", common),
        client.execute("spectral-index", {**common, "index": "NDVI"}),
    ]
    for job in ended:
        list(client.follow(job.id))
    client.pin(ended[0].id)
    for pause in (40.0, 90.0, 600.0):
        client.execute("echo", {"pause": pause})
    # Until there is something to be seen of their progress.
    wait(lambda: sum((job.progress or 0) >= 10 for job in client.jobs(status="running")) == 2)


def open_panel(feature: Any, process: str = "spectral-index", status: str = "successful") -> QWidget:
    """Open the dock on the newest job of a process that ended so, with its results if it has any; returns the dock."""
    feature.open()
    panel = feature.dock.panel
    watch = wait(lambda: next((each for each in feature.center.watches.values() if each.looked), None))
    jobs = (watch.jobs[job_id] for job_id in watch.order)
    job = next(job for job in jobs if (job.process_id, job.status) == (process, status))
    panel.show_job(watch, job.id)
    wait(lambda: [each.id for each in panel.selected()] == [job.id])
    if status == "successful":
        panel.details.tabs.setCurrentWidget(panel.details.results)
        wait(lambda: panel.details.results.tree.topLevelItemCount() > 1)
    return feature.dock


def wait(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Let QGIS work until the condition holds; returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("The scene is not there.")
        QCoreApplication.processEvents()
        time.sleep(0.02)
    return found


class Window(QMainWindow):
    """What the panel needs of QGIS's window."""

    def __init__(self) -> None:
        super().__init__()
        self._canvas, self._bar = QgsMapCanvas(), QgsMessageBar()
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addWidget(self._canvas, 1)
        self.setCentralWidget(centre)
        self._bridge = QgsLayerTreeMapCanvasBridge(QgsProject.instance().layerTreeRoot(), self._canvas, self._canvas)

    def mainWindow(self) -> QMainWindow:  # noqa: N802
        return self

    def mapCanvas(self) -> QgsMapCanvas:  # noqa: N802
        return self._canvas

    def messageBar(self) -> QgsMessageBar:  # noqa: N802
        return self._bar

    def statusBarIface(self) -> Any:  # noqa: N802
        return self.statusBar()

    def addPluginToMenu(self, menu: str, action: Any) -> None:  # noqa: N802
        """There is no menu in the picture."""


def picture(path: Path) -> None:
    """Draw the panel beside a map with one of its results."""
    from phidias_qgis.jobs_panel.feature import JobsFeature

    with gateway() as client:
        fill(client)
        window = Window()
        window.resize(1240, 760)
        feature = JobsFeature(window)
        feature.start()
        feature.reload()
        window.show()
        dock = open_panel(feature, "extract")
        window.resizeDocks([dock], [560], Qt.Orientation.Horizontal)
        feature.dock.panel.actions.add.trigger()
        wait(lambda: QgsProject.instance().mapLayers())
        canvas = window.mapCanvas()
        wait(lambda: not canvas.isDrawing() and not canvas.extent().isEmpty())
        canvas.waitWhileRendering()
        open_panel(feature)
        wait(lambda: feature.indicator.text())
        window.grab().save(str(path))
        feature.center.close()
