"""What can be done with jobs: one QAction each, for the tool bar, the context menu and the keyboard."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessingUtils,
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QObject, Qt, QUrl
from qgis.PyQt.QtGui import QDesktopServices, QIcon, QKeySequence
from qgis.PyQt.QtWidgets import QAction, QApplication, QFileDialog, QMenu, QMessageBox, QWidget

from backend_client import Definition, Gateway, GatewayError, Job, ProcessDescription
from phidias_qgis import connection
from phidias_qgis.algorithm import CONNECTION
from phidias_qgis.area import WGS84, geometry_of
from phidias_qgis.i18n import tr
from phidias_qgis.job_words import theme_icon
from phidias_qgis.jobs_panel import again
from phidias_qgis.jobs_panel.fetching import Download, Fetcher, layers_of_job
from phidias_qgis.jobs_panel.preview import LivePreview
from phidias_qgis.jobs_panel.request_view import bounds
from phidias_qgis.jobs_panel.watch import Watch
from phidias_qgis.jobs_panel.words import icon

SHORT, LONG = 5, 12
"""Seconds that a message stays"""


class JobActions(QObject):
    """The actions on the selected jobs of a watch."""

    def __init__(self, iface: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._iface, self._fetcher, self._parent = iface, Fetcher(iface), parent
        self._watch: Watch | None = None
        self._jobs: list[Job] = []
        self._previews: dict[str, LivePreview] = {}

        self.add = self._action(tr("Add to map"), theme_icon("mActionAddRasterLayer"), self._add)
        self.preview = self._action(tr("Live preview"), icon("preview"), self._toggle_preview, checkable=True)
        self.add_when_done = self._action(tr("Add to map when done"), None, self._toggle_add, checkable=True)
        self.zoom = self._action(tr("Zoom to area"), theme_icon("mActionZoomToArea"), self._zoom)
        self.cancel = self._action(tr("Cancel"), theme_icon("mTaskCancel"), self._cancel)
        self.again = self._action(tr("Run again..."), theme_icon("mActionRedo"), self._again)
        self.retry = self._action(tr("Run again"), theme_icon("mActionRedo"), self.run_retry)
        self.download = self._action(tr("Download..."), theme_icon("mActionFileSave"), self._download)
        self.pin = self._action(tr("Keep (pin)"), icon("pin"), self._pin, checkable=True)
        self.delete = self._action(tr("Delete"), theme_icon("mActionDeleteSelected"), self._delete)
        self.delete.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        self.delete.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.copies = [
            self._action(text, None, lambda _=False, form=form: self._copy(form))
            for form, text in (
                ("python", tr("Python (processing.run)")),
                ("command", tr("qgis_process command")),
                ("json", tr("JSON (execute request)")),
                ("id", tr("Job id")),
            )
        ]
        self.select(None, [])

    def _action(
        self, text: str, picture: QIcon | None, run: Callable[..., None], *, checkable: bool = False
    ) -> QAction:
        action = QAction(picture or QIcon(), text, self)
        action.setCheckable(checkable)
        action.triggered.connect(run)
        return action

    def on_tool_bar(self) -> list[QAction]:
        """Those that are used most."""
        return [self.add, self.preview, self.zoom, self.cancel, self.again, self.download, self.pin, self.delete]

    def menu(self) -> QMenu:
        """All of them, for the selected jobs."""
        menu = QMenu(self._parent)
        menu.setToolTipsVisible(True)
        menu.addActions([self.add, self.add_when_done, self.preview, self.zoom, self.download])
        menu.addSeparator()
        menu.addAction(self.again)
        if self.retry.isVisible():
            menu.addAction(self.retry)
        copy = menu.addMenu(theme_icon("mActionEditCopy"), tr("Copy as"))
        copy.addActions(self.copies)
        copy.setEnabled(self.copies[0].isEnabled())
        menu.addSeparator()
        menu.addActions([self.pin, self.cancel, self.delete])
        return menu

    def select(self, watch: Watch | None, jobs: Sequence[Job]) -> None:
        """These are the jobs that the actions are for."""
        self._watch, self._jobs = watch, list(jobs)
        successful = [job for job in jobs if job.status == "successful"]
        running = [job for job in jobs if not job.ended]
        one = jobs[0] if len(jobs) == 1 else None
        self.add.setEnabled(any(self._layers(job) for job in successful))
        self.download.setEnabled(bool(successful))
        self.preview.setEnabled(one is not None and (one.link("preview") is not None or one.id in self._previews))
        self.preview.setChecked(one is not None and one.id in self._previews)
        self.add_when_done.setEnabled(bool(running))
        added = watch is not None and bool(running) and all(watch.will_be_added(job.id) for job in running)
        self.add_when_done.setChecked(added)
        self.cancel.setEnabled(bool(running))
        self.delete.setEnabled(any(job.ended for job in jobs))
        self.pin.setEnabled(bool(jobs))
        self.pin.setChecked(bool(jobs) and all(job.pinned for job in jobs))
        for action in (self.again, self.zoom, *self.copies):
            action.setEnabled(one is not None)
        link = one.link("retry") if one else None
        self.retry.setVisible(link is not None)
        self.retry.setText(link.title if link and link.title else tr("Run again"))

    def default(self) -> None:
        """What Enter and a double click do."""
        for action in (self.add, self.preview):
            if action.isEnabled():
                action.trigger()
                return

    def stop_previews(self) -> None:
        """End every live preview; what is shown stays."""
        for preview in list(self._previews.values()):
            preview.stop(remove=False)

    def _layers(self, job: Job) -> dict[str, Any]:
        return layers_of_job(self._watch.names, job) if self._watch is not None else {}

    def _description(self, job: Job) -> ProcessDescription | None:
        return self._watch.names.description(job.process_id) if self._watch is not None else None

    # To the map

    def _add(self) -> None:
        for job in self._jobs:
            if self._watch is not None and job.status == "successful":
                self._fetcher.fetch(self._watch.connection, job, names=self._watch.names)

    def _toggle_add(self, wish: bool) -> None:
        for job in self._jobs:
            if self._watch is not None and not job.ended:
                try:
                    self._watch.add_when_done(job, self._layers(job) if wish else {})
                except OSError as error:
                    self._say(str(error), Qgis.MessageLevel.Warning)

    def _toggle_preview(self, wish: bool) -> None:
        (job,) = self._jobs
        if self._watch is None:
            return
        if not wish:
            if job.id in self._previews:
                self._previews[job.id].stop(remove=True)
            return
        watch = self._watch
        preview = LivePreview(watch, job, watch.names.tool(job), self)
        self._previews[job.id] = preview
        preview.stopped.connect(lambda: self._forget_preview(job.id))
        preview.job_ended.connect(lambda ended: self._replace_preview(watch, preview, ended))
        preview.refused.connect(lambda text: self._say(text, Qgis.MessageLevel.Info))
        # While tiles are awaited, the job's end must be seen soon.
        watch.observe(preview, True)
        preview.stopped.connect(lambda: watch.observe(preview, False))
        preview.start()

    def _forget_preview(self, job_id: str) -> None:
        self._previews.pop(job_id, None)
        self.select(self._watch, self._jobs)

    def _replace_preview(self, watch: Watch, preview: LivePreview, job: Job) -> None:
        if job.status == "successful" and layers_of_job(watch.names, job):
            self._fetcher.fetch(watch.connection, job, None, lambda done: preview.stop(remove=done), names=watch.names)
        else:
            preview.stop(remove=False)

    def _zoom(self) -> None:
        (job,) = self._jobs
        description = self._description(job)

        def answered(definition: Definition) -> None:
            place = _area(definition, description)
            if place is None:
                self._say(tr("The job has no area."), Qgis.MessageLevel.Info)
            else:
                self._zoom_to(place)

        self._ask_definition(job, answered)

    def _zoom_to(self, place: dict[str, Any]) -> None:
        canvas = self._iface.mapCanvas()
        west, south, east, north = bounds(place) or (0.0, 0.0, 0.0, 0.0)
        rectangle = QgsRectangle(west, south, east, north)
        wgs84, target = QgsCoordinateReferenceSystem(WGS84), canvas.mapSettings().destinationCrs()
        if target.isValid() and target != wgs84:
            transform = QgsCoordinateTransform(wgs84, target, QgsProject.instance())
            rectangle = transform.transformBoundingBox(rectangle)
        rectangle.scale(1.1)
        canvas.setExtent(rectangle)
        canvas.refresh()
        if "coordinates" in place:
            canvas.flashGeometries([geometry_of(place)], wgs84)

    # Again

    def _again(self) -> None:
        (job,) = self._jobs

        def answered(definition: Definition) -> None:
            self._with_tool(job, definition, self._open_dialog)

        self._ask_definition(job, answered)

    def _open_dialog(self, tool: Any, values: dict[str, Any], job: Job, strange: list[str]) -> None:
        import processing

        dialog = processing.createAlgorithmDialog(tool, again.with_layers(values, tool.displayName()))
        dialog.show()
        if strange:
            text = tr("The form cannot show what was given for {}: enter it anew.").format(", ".join(strange))
            self._say(text, Qgis.MessageLevel.Warning)

    def run_retry(self) -> None:
        """Run the job again as the gateway proposes."""
        (job,) = self._jobs
        watch = self._watch
        if watch is None:
            return

        def answered(new: Job) -> None:
            watch.take_in(new)
            self._say(tr("{} was started again.").format(watch.names.tool(job)), Qgis.MessageLevel.Success)

        watch.run(lambda gateway: gateway.retry(job), answered, self._failed)

    def _copy(self, form: str) -> None:
        (job,) = self._jobs
        if form == "id":
            self._to_clipboard(job.id)
            return

        def answered(definition: Definition) -> None:
            if form == "json":
                self._to_clipboard(again.as_json(definition))
                return
            write = again.as_python if form == "python" else again.as_command
            self._with_tool(
                job, definition, lambda tool, values, job, strange: self._to_clipboard(write(tool, values), strange)
            )

        self._ask_definition(job, answered)

    def _to_clipboard(self, text: str, strange: Sequence[str] = ()) -> None:
        QApplication.clipboard().setText(text)
        if strange:
            said = tr("Copied, but without {}, which no parameter can express.").format(", ".join(strange))
            self._say(said, Qgis.MessageLevel.Warning)
        else:
            self._say(tr("Copied to the clipboard."), Qgis.MessageLevel.Info)

    def _with_tool(
        self, job: Job, definition: Definition, use: Callable[[Any, dict[str, Any], Job, list[str]], None]
    ) -> None:
        tool, description = again.tool_of(job), self._description(job)
        if tool is None or description is None:
            text = tr("The process '{}' is not among the tools of this QGIS.").format(job.process_id)
            self._say(text, Qgis.MessageLevel.Warning)
            return
        values, strange = again.entered(definition, description)
        if self._watch is not None and self._watch.connection.name != connection.default_name():
            values[CONNECTION] = self._watch.connection.name
        use(tool, values, job, strange)

    def _ask_definition(self, job: Job, answered: Callable[[Definition], None]) -> None:
        if self._watch is not None:
            self._watch.run(lambda gateway: gateway.definition(job.id), answered, self._failed)

    # Keeping and ending

    def _download(self) -> None:
        text = QFileDialog.getExistingDirectory(self._parent, tr("Download to a new folder in"), str(Path.home()))
        if text:
            self.download_to(Path(text))

    def download_to(self, folder: Path) -> None:
        """Write all files of the selected jobs, each job's in a folder of its own."""
        for job in self._jobs:
            if self._watch is not None and job.status == "successful":
                Download(self._watch.connection, job, folder, self._tell_download).start()

    def _tell_download(self, folder: Path, error: str) -> None:
        if error:
            self._say(error, Qgis.MessageLevel.Warning)
        else:
            place = QUrl.fromLocalFile(str(folder)).toString()
            link = f'<a href="{html.escape(place)}">{html.escape(str(folder))}</a>'
            self._tell(tr("Downloaded to {}").format(link), Qgis.MessageLevel.Success)

    def _pin(self, wish: bool) -> None:
        watch = self._watch
        if watch is None:
            return
        for job in self._jobs:
            if job.pinned != wish:
                watch.run(
                    lambda gateway, job=job: gateway.pin(job.id) if wish else gateway.unpin(job.id),
                    watch.take_in,
                    self._failed,
                )
        # Shown as it is, until the gateway has done it.
        self.pin.setChecked(not wish)

    def _cancel(self) -> None:
        running, watch = [job for job in self._jobs if not job.ended], self._watch
        question = tr("Cancel this job? What it has computed so far is lost.")
        if len(running) > 1:
            question = tr("Cancel {} jobs? What they have computed so far is lost.").format(len(running))
        if watch is None or not confirmed(self._parent, question):
            return
        for job in running:
            self._cancel_one(watch, job)

    def _cancel_one(self, watch: Watch, job: Job) -> None:
        def failed(error: GatewayError) -> None:
            watch.keep_quiet(job.id, False)
            self._failed(error)

        watch.keep_quiet(job.id)
        watch.run(lambda gateway: gateway.cancel(job.id), watch.take_in, failed)

    def _delete(self) -> None:
        ended, watch = [job for job in self._jobs if job.ended], self._watch
        question = tr("Delete this job and its results from the gateway?")
        if len(ended) > 1:
            question = tr("Delete {} jobs and their results from the gateway?").format(len(ended))
        if watch is None or not ended or not confirmed(self._parent, question):
            return
        for job in ended:
            watch.run(
                lambda gateway, job=job: gateway.dismiss(job.id),
                lambda _, job=job: watch.forget(job.id),
                self._failed,
            )

    def open_output(self, name: str) -> None:
        """Show one output: a layer on the map, anything else in the program that is for it."""
        (job,), watch = self._jobs, self._watch
        wanted = self._layers(job).get(name)
        if watch is None:
            return
        if wanted:
            self._fetcher.fetch(watch.connection, job, {name: wanted}, names=watch.names)
        else:
            watch.run(
                lambda gateway: _local_copy(gateway, job.id, name),
                lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))),
                self._failed,
            )

    def open_options(self) -> None:
        """Open QGIS's options on the page of PHIDIAS."""
        self._iface.showOptionsDialog(self._iface.mainWindow(), "PHIDIAS")

    def _failed(self, error: GatewayError) -> None:
        self._say(str(error), Qgis.MessageLevel.Warning)

    def _say(self, text: str, level: Any) -> None:
        self._tell(html.escape(text), level)

    def _tell(self, text: str, level: Any) -> None:
        seconds = SHORT if level in (Qgis.MessageLevel.Info, Qgis.MessageLevel.Success) else LONG
        self._iface.messageBar().pushMessage("PHIDIAS", text, level, seconds)


def confirmed(parent: QWidget, question: str) -> bool:
    """Ask the person."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(parent, "PHIDIAS", question, buttons.Yes | buttons.No, buttons.No)
    return bool(answer == buttons.Yes)


def _area(definition: Definition, description: ProcessDescription | None) -> dict[str, Any] | None:
    """The first input that is a place, preferably one that the process calls so."""
    inputs = definition.inputs
    formats = {
        name: str((member.get("schema") or {}).get("format") or "")
        for name, member in (description.inputs if description else {}).items()
    }
    named = [name for name in inputs if formats.get(name) in ("geojson-geometry", "ogc-bbox")]
    places = (inputs[name] for name in [*named, *inputs])
    return next((place for place in places if isinstance(place, dict) and bounds(place)), None)


def _local_copy(gateway: Gateway, job_id: str, name: str) -> Path:
    """A file of a job on this computer, for as long as QGIS runs."""
    result = gateway.results(job_id)[name]
    folder = Path(tempfile.mkdtemp(dir=QgsProcessingUtils.tempFolder()))
    return result.download_all(folder)[0] if result.links else result.download(folder / f"{name}.json")
