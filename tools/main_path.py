"""The way of a user through QGIS, with a picture of each step. QGIS itself runs it: see screenshots.py."""

from __future__ import annotations

import json
import os
import re
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processing import createAlgorithmDialog
from qgis.core import (
    QgsApplication,
    QgsAuthMethodConfig,
    QgsCoordinateReferenceSystem,
    QgsMapLayer,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelParameter,
    QgsProcessingParameterExtent,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
)
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QModelIndex, QPersistentModelIndex, QPointF, Qt, QTimer
from qgis.PyQt.QtWidgets import QApplication, QDialog, QListWidget, QSplitter, QTreeView, QWidget
from qgis.utils import iface, plugins

ORDER = json.loads(os.environ.pop("MAIN_PATH"))
IMAGES = Path(ORDER["images"])
WIDTH, HEIGHT = 1280, 760
SMALL = QgsRectangle(-75.62, 37.66, -75.60, 37.68)
AREA = QgsRectangle(-75.69, 37.62, -75.56, 37.72)
"""Degrees"""
WGS84 = QgsCoordinateReferenceSystem("EPSG:4326")


def main() -> None:
    try:
        window = iface.mainWindow()
        window.resize(WIDTH, HEIGHT)
        for dock in ("Browser2", "LayerOrder", "MessageLog"):
            hide(window, dock)
        for bar in (
            "mDigitizeToolBar",
            "mAdvancedDigitizeToolBar",
            "mLabelToolBar",
            "mDatabaseToolBar",
            "mHelpToolBar",
        ):
            hide(window, bar)
        new_project()
        connect()
        search()
        run()
        jobs()
        preview()
        report()
        chain()
        browse()
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # jobs are still running; QGIS would ask whether they shall be left


# The steps


def new_project() -> None:
    """An empty map with the image that everybody has below the rest."""
    iface.newProject(False)
    layer = QgsRasterLayer(ORDER["true_colour"], "Sentinel-2, true colour")
    QgsProject.instance().setCrs(layer.crs())
    QgsProject.instance().addMapLayer(layer)
    look_at(AREA)


def connect() -> None:
    """A connection in the options, tested."""
    told = ORDER["gateway"]
    manager = QgsApplication.authManager()
    manager.setMasterPassword("of a profile that is thrown away", True)
    credentials = QgsAuthMethodConfig("Basic")
    credentials.setName("PHIDIAS at my institute")
    credentials.setConfig("username", told["user"])
    credentials.setConfig("password", told["token"])
    manager.storeAuthenticationConfig(credentials)

    def fill(options: QDialog) -> None:
        from phidias_qgis.connection import Connection
        from phidias_qgis.connection_dialog import ConnectionDialog
        from phidias_qgis.options_page import OptionsPage

        page = options.findChild(OptionsPage)
        entered = Connection(told["url"], authcfg=credentials.id(), name="My institute")

        def try_out(dialog: QDialog) -> None:
            dialog.try_out.button.click()
            wait(lambda: "PHIDIAS" in dialog.try_out.answer.text() or dialog.try_out.button.isEnabled())
            wait_a_little()
            save(dialog, "connection")
            dialog.accept()

        with dialog_of(ConnectionDialog, try_out):
            dialog = ConnectionDialog(entered, set(), page)
            dialog.exec()
        page.append(entered)
        page.append(Connection("ssh://ada@login.example.org", name="Regional computing centre"))
        page.list.setCurrentItem(page.list.topLevelItem(0))
        page.make_default()
        page.test()
        wait(lambda: page.try_out.button.isEnabled())
        options.resize(1040, 560)
        options.findChild(QSplitter).setSizes([200, 840])
        wait_a_little()
        save(options, "options")
        options.accept()

    from phidias_qgis.options import PAGE

    with dialog_of(QDialog, fill, name="QgsOptionsBase"):
        iface.showOptionsDialog(iface.mainWindow(), PAGE)
    plugin().refresh()
    wait(lambda: not QgsApplication.taskManager().activeTasks())


def search() -> None:
    """Scenes of the site's archive, in the panel."""
    feature = next(each for each in plugin()._features if type(each).__name__ == "ScenesFeature")
    feature.open()
    panel = feature.dock
    wait(lambda: panel.catalogue.findText("demo") >= 0)
    panel.catalogue.setCurrentText("demo")
    panel.show_catalogue()
    panel.first.setDateTime(QDateTime(2015, 6, 1, 0, 0, 0))
    panel.last.setDateTime(QDateTime(2016, 6, 30, 0, 0, 0))
    panel.clouds.setValue(100)
    panel.button.click()
    wait(lambda: panel.tools.isEnabled())
    layer = QgsProject.instance().mapLayer(panel._layer_id)
    iface.setActiveLayer(layer)
    layer.selectAll()
    settle()
    save_window("search")
    layer.removeSelection()
    QgsProject.instance().layerTreeRoot().findLayer(layer.id()).setItemVisibilityChecked(False)
    panel.setUserVisible(False)


def run() -> None:
    """The dialog of a tool, before and after."""
    given = {"SCENES": "demo", "INDEX": "NDVI", "AREA": written(AREA)}
    dialog = createAlgorithmDialog("phidias:spectralindex", given)
    dialog.resize(980, 700)
    dialog.show()
    wait_a_little()
    save(dialog, "tool")
    dialog.runButton().click()
    wait(lambda: any("NDVI" in layer.name() or "index" in layer.name().lower() for layer in results()))
    wait_a_little()
    save(dialog, "log")
    dialog.close()
    settle()
    wait(lambda: not plugin()._jobs.indicator.isVisible())
    save_window("result")


def jobs() -> None:
    """The panel, with jobs of every kind."""
    client = gateway()
    common = {"scenes": {"catalogue": "demo"}, "area": {"bbox": box(SMALL)}}
    ended = [
        client.execute("spectral-index", {**common, "index": "EVI"}),
        client.execute("echo", {"pause": 600.0}, resources={"minutes": 0.02}),
        client.execute("extract", common),
        client.execute("segmentation", common),
    ]
    for job in ended:
        list(client.follow(job.id))
    client.pin(ended[0].id)
    for pause in (60.0, 90.0, 600.0):
        client.execute("echo", {"pause": pause})
    # Until there is something to be seen of their progress.
    wait(lambda: sum((job.progress or 0) >= 10 for job in client.jobs(status="running")) == 2)
    feature = plugin()._jobs
    dock = open_panel(feature, "spectral-index", "successful")
    iface.mainWindow().resizeDocks([dock], [560], Qt.Orientation.Horizontal)
    settle()
    wait(lambda: feature.indicator.text())
    save_window("jobs")
    open_panel(feature, "echo", "failed")
    wait_a_little()
    save(dock, "failed")
    for job in [*client.jobs(status="running"), *client.jobs(status="accepted")]:
        client.dismiss(job.id)
        list(client.follow(job.id))


def preview() -> None:
    """Tiles of a running job on the map."""
    feature = plugin()._jobs
    given = {"scenes": {"catalogue": "demo"}, "area": {"bbox": box(AREA)}, "index": "EVI", "resolution": 0.6}
    for group in QgsProject.instance().layerTreeRoot().findGroups():
        QgsProject.instance().layerTreeRoot().removeChildNode(group)
    job = gateway().execute("spectral-index", given)
    watch = next(iter(feature.center.watches.values()))
    feature.show_job(watch, job.id)
    wait(lambda: [each.id for each in feature.dock.panel.selected()] == [job.id])
    watch.look()
    action = feature.dock.panel.actions.preview
    wait(lambda: action.isEnabled())
    action.trigger()
    wait(lambda: any(part_of(layer) > 0.4 for layer in QgsProject.instance().mapLayers().values()))
    settle()
    save_window("preview")
    wait(lambda: any("EVI" in layer.name() for layer in results()))


def part_of(layer: QgsMapLayer) -> float:
    """How much of a job a preview shows, from 0 to 1."""
    told = re.search(r"preview: (\d+) of (\d+)", layer.name())
    return int(told[1]) / int(told[2]) if told else 0.0


def report() -> None:
    """What a layer says of itself."""
    plugin()._jobs.dock.setUserVisible(False)
    layer = results()[0]

    def show_information(dialog: QDialog) -> None:
        pages = dialog.findChild(QListWidget, "mOptionsListWidget")
        pages.setCurrentItem(pages.findItems("Metadata", Qt.MatchFlag.MatchExactly)[0])
        dialog.resize(900, 640)
        wait_a_little()
        save(dialog, "report")
        dialog.reject()

    with dialog_of(QDialog, show_information, name="QgsRasterLayerPropertiesBase"):
        iface.showLayerProperties(layer)


def chain() -> None:
    """Tools of the cluster and of this computer in the modeler."""
    from processing.modeler.ModelerDialog import ModelerDialog

    model = QgsProcessingModelAlgorithm("Objects of a scene", "My models")
    area = QgsProcessingParameterExtent("area", "Area")
    place = QgsProcessingModelParameter("area")
    place.setPosition(QPointF(120, 60))
    model.addModelParameter(area, place)
    steps = [
        ("phidias:spectralindex", "Spectral index", {"AREA": "area", "SCENES": "'demo'"}, (120, 200)),
        ("phidias:segmentation", "Segmentation", {"RASTER": ("spectralindex", "OUTPUT_INDEX")}, (440, 310)),
        ("native:centroids", "Centroids", {"INPUT": ("segmentation", "OUTPUT_SEGMENTS")}, (440, 450)),
    ]
    for identifier, title, inputs, (x, y) in steps:
        child = QgsProcessingModelChildAlgorithm(identifier)
        child.setChildId(identifier.partition(":")[2])
        child.setDescription(title)
        child.setPosition(QPointF(x, y))
        for name, source in inputs.items():
            kind = QgsProcessingModelChildParameterSource
            if isinstance(source, tuple):
                value = kind.fromChildOutput(*source)
            elif source.startswith("'"):
                value = kind.fromStaticValue(source.strip("'"))
            else:
                value = kind.fromModelParameter(source)
            child.addParameterSources(name, [value])
        for definition in child.algorithm().parameterDefinitions():
            if definition.name() not in inputs and not definition.isDestination():
                default = QgsProcessingModelChildParameterSource.fromStaticValue(definition.defaultValue())
                child.addParameterSources(definition.name(), [default])
        model.addChildAlgorithm(child)
    dialog = ModelerDialog.create(model)
    dialog.resize(1100, 640)
    dialog.show()
    wait_a_little()
    save(dialog, "modeler")
    dialog.close()


def browse() -> None:
    """The entry in the browser."""
    dock = iface.mainWindow().findChild(QWidget, "Browser")
    dock.setFloating(True)
    dock.resize(420, 620)
    tree = dock.findChild(QTreeView)

    def opened(parent: QModelIndex, wanted: str) -> QModelIndex:
        def child() -> QModelIndex | None:
            rows = (tree.model().index(row, 0, parent) for row in range(tree.model().rowCount(parent)))
            return next((row for row in rows if str(row.data()).startswith(wanted)), None)

        found = wait(child)
        tree.expand(found)
        return found

    root = opened(QModelIndex(), "PHIDIAS")
    tree.scrollTo(root, QTreeView.ScrollHint.PositionAtTop)
    job = QPersistentModelIndex(opened(opened(root, "My institute"), "Spectral index"))
    wait(lambda: tree.model().rowCount(QModelIndex(job)) > 0)
    tree.scrollTo(root, QTreeView.ScrollHint.PositionAtTop)
    wait_a_little()
    save(dock, "browser")


# What the steps need


def plugin() -> Any:
    return plugins["phidias_qgis"]


def gateway() -> Any:
    """As a script of the same user would use it."""
    from backend_client import Gateway

    told = ORDER["gateway"]
    return Gateway(told["url"], token=told["token"])


def results() -> list[QgsMapLayer]:
    """The layers in groups: those that tools have made."""
    root = QgsProject.instance().layerTreeRoot()
    return [layer.layer() for group in root.findGroups() for layer in group.findLayers() if layer.layer()]


def open_panel(feature: Any, process: str, status: str) -> QWidget:
    """Open the dock on the newest job of a process that ended so, with its results if it has any; returns the dock."""
    feature.open()
    panel = feature.dock.panel

    def found() -> Any:
        return [
            (watch, watch.jobs[each])
            for watch in feature.center.watches.values()
            for each in watch.order
            if (watch.jobs[each].process_id, watch.jobs[each].status) == (process, status)
        ]

    watch, job = wait(found)[0]
    panel.show_job(watch, job.id)
    wait(lambda: [each.id for each in panel.selected()] == [job.id])
    if status == "successful":
        panel.details.tabs.setCurrentWidget(panel.details.results)
        wait(lambda: panel.details.results.tree.topLevelItemCount() > 1)
    return feature.dock


@contextmanager
def dialog_of(kind: type[QDialog], use: Callable[[Any], None], *, name: str = "") -> Iterator[None]:
    """Let `use` work on the dialog that the body opens and waits for."""
    problems: list[BaseException] = []

    def look() -> None:
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible() and isinstance(widget, kind) and (not name or widget.objectName() == name):
                try:
                    use(widget)
                except BaseException as problem:
                    problems.append(problem)
                    widget.reject()
                return
        QTimer.singleShot(100, look)

    QTimer.singleShot(100, look)
    yield
    if problems:
        raise problems[0]


def box(extent: QgsRectangle) -> list[float]:
    return [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()]


def written(extent: QgsRectangle) -> str:
    """As the tools take it."""
    return f"{extent.xMinimum()},{extent.xMaximum()},{extent.yMinimum()},{extent.yMaximum()} [EPSG:4326]"


def look_at(extent: QgsRectangle) -> None:
    """Zoom the map to an extent in degrees."""
    canvas = iface.mapCanvas()
    canvas.setReferencedExtent(QgsReferencedRectangle(extent, WGS84))
    settle()


def hide(window: QWidget, name: str) -> None:
    part = window.findChild(QWidget, name)
    if part is not None:
        part.hide()


def settle() -> None:
    """Until the map is drawn."""
    wait_a_little()
    canvas = iface.mapCanvas()
    wait(lambda: not canvas.isDrawing())
    wait_a_little()


def wait_a_little() -> None:
    """Let the layouts find their places."""
    end = time.monotonic() + 0.7
    wait(lambda: time.monotonic() > end)


def wait(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Let QGIS work until the condition holds; returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("The scene is not there.")
        QCoreApplication.processEvents()
        time.sleep(0.02)
    return found


def save(widget: QWidget, name: str) -> None:
    widget.grab().save(str(IMAGES / f"{name}.png"))
    print(f"docs/images/{name}.png", flush=True)


def save_window(name: str) -> None:
    iface.messageBar().clearWidgets()
    wait_a_little()
    save(iface.mainWindow(), name)


QTimer.singleShot(3000, main)
