"""Streamed layers stay readable while QGIS is open: fresh links come in the background, and are then put in.

A layer that has none yet waits; the message bar says so once the gateway did not answer, until it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsMapLayer, QgsMessageLog, QgsProject, QgsTask
from qgis.gui import QgsMessageBar, QgsMessageBarItem
from qgis.PyQt.QtCore import QTimer

from backend_client import Cancelled, GatewayError, GatewayFailed, GatewayUnreachable, LimitExceeded
from backend_client.patience import Backoff
from phidias_qgis import connection, layers
from phidias_qgis.descriptions import LOG
from phidias_qgis.i18n import tr
from phidias_qgis.layers import NotStreamed
from phidias_qgis.links import links
from phidias_qgis.project_sources import ProjectSources
from phidias_qgis.references import Reference

PASSING = (GatewayUnreachable, GatewayFailed, LimitExceeded, NotStreamed)
"""Failures that may be over when the gateway is asked again"""
LOOK = 20.0
"""Seconds between two looks at the layers of the project, which cost no request"""
SILENCE = 3.0
"""Seconds that a gateway may take to answer before the person is told"""


SHOWN = 3
"""Layers that a message names"""


class Healer:
    """Looks after the layers of QGIS's project, from `start` to `stop`. For the main thread."""

    def __init__(self, sources: ProjectSources, bar: QgsMessageBar) -> None:
        self._sources = sources
        self._notice = Notice(bar)
        self._project = QgsProject.instance()
        self._clock = QTimer()
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self.look)
        self._tasks: dict[str, FreshLinks] = {}
        self._waits: dict[str, Wait] = {}
        self._lost: dict[Reference, str] = {}
        self._ready: list[str] = []
        """Ids of the layers that a fresh link is there for"""

    def start(self) -> None:
        """Begin, also with the layers that are there already."""
        self._project.layersAdded.connect(self._look_soon)
        self._project.readProject.connect(self._look_soon)
        self._project.cleared.connect(self._forget)
        self._look_soon()

    def stop(self) -> None:
        """End; what waits goes on waiting."""
        self._project.layersAdded.disconnect(self._look_soon)
        self._project.readProject.disconnect(self._look_soon)
        self._project.cleared.disconnect(self._forget)
        self._clock.stop()
        self._notice.show("")
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def retry(self) -> None:
        """Ask again at once, also for what was given up: a connection may have changed."""
        self._waits.clear()
        self._lost.clear()
        self._look_soon()

    def look(self) -> None:
        """Set aside what was just opened on a stand-in, and ask for the links that are due."""
        with QgsProject.blockDirtying(self._project):
            for layer in self._project.mapLayers().values():
                self._sources.set_aside(layer)
        now = time.time()
        wanted: dict[str, set[Reference]] = {}
        for layer in self._project.mapLayers().values():
            if links.is_worn(layer.source(), now):
                reference = links.reference_of(layer.source())
                if reference is not None and reference not in self._lost and layer.id() not in self._ready:
                    wanted.setdefault(reference.connection, set()).add(reference)
        for name in self._waits.keys() - wanted.keys() - self._tasks.keys():
            del self._waits[name]
        for name, references in wanted.items():
            if name not in self._tasks and self._waits.setdefault(name, Wait()).is_over:
                self._ask(name, references)
        self._tell(now)
        self._clock.start(self._next_look())

    def _look_soon(self, *_: object) -> None:
        self._clock.start(0)

    def _forget(self) -> None:
        """The project was closed."""
        self._waits.clear()
        self._lost.clear()
        self._notice.show("")

    def _next_look(self) -> int:
        """Milliseconds."""
        pauses = [wait.left or SILENCE for wait in self._waits.values()]
        now = time.time()
        dues = [due - now for due in map(self._due, self._project.mapLayers().values()) if due and due > now]
        return int(1000 * max(0.1, min([LOOK, *pauses, *dues])))

    def _due(self, layer: QgsMapLayer) -> float | None:
        reference = links.reference_of(layer.source())
        newest = links.newest(reference) if reference else None
        return newest.due if newest else None

    def _ask(self, name: str, references: set[Reference]) -> None:
        task = FreshLinks(name, references, self._answered)
        self._tasks[name] = task  # one that Python does not hold never says that it has finished
        QgsApplication.taskManager().addTask(task)

    def _answered(self, task: FreshLinks) -> None:
        if self._tasks.get(task.name) is not task:
            return
        del self._tasks[task.name]
        self._lost.update(task.lost)
        ready, now = set(task.ready), time.time()
        for layer in self._project.mapLayers().values():
            if links.reference_of(layer.source()) in ready and not links.serves(layer.source(), now):
                self._ready.append(layer.id())
        if task.failure:
            self._waits.setdefault(task.name, Wait()).begin(task.failure)
        self._mend_next()

    def _mend_next(self) -> None:
        """One layer at a time, so that the window stays alive with a hundred of them."""
        if not self._ready:
            self._look_soon()
            return
        layer = self._project.mapLayer(self._ready.pop())
        reference = links.reference_of(layer.source()) if layer is not None else None
        if reference is not None:
            with QgsProject.blockDirtying(self._project):
                layers.point_to(layer, links.source_of(reference))
                if not layer.isValid():
                    layers.set_source(layer, str(reference))
                    self._waits.setdefault(reference.connection, Wait()).begin(tr("A result cannot be opened."))
        QTimer.singleShot(0, self._mend_next)

    def _tell(self, now: float) -> None:
        """Say which layers wait for a gateway that does not answer, and which have lost their result."""
        waiting: dict[str, list[str]] = {}
        lost: dict[str, list[str]] = {}
        for layer in self._project.mapLayers().values():
            reference = links.reference_of(layer.source())
            if reference in self._lost:
                lost.setdefault(self._lost[reference], []).append(layer.name())
            elif reference is not None and not links.serves(layer.source(), now):
                waiting.setdefault(reference.connection, []).append(layer.name())
        texts = []
        for name, names in waiting.items():
            wait = self._waits.get(name)
            if wait is not None and wait.is_told:
                text = tr("{} layers wait for the connection '{}' and come back by themselves: {}. {}")
                texts.append(text.format(len(names), name, _listed(names), wait.reason).strip())
        texts += [tr("These layers are unavailable: {}. {}").format(_listed(names), why) for why, names in lost.items()]
        self._notice.show("\n".join(texts))


def _listed(names: list[str]) -> str:
    """Names for a message, the first of many."""
    if len(names) <= SHOWN:
        return ", ".join(sorted(names))
    return tr("{} and {} more").format(", ".join(sorted(names)[:SHOWN]), len(names) - SHOWN)


class Wait:
    """For a gateway: since when, why, and when to ask again; later after each failure."""

    def __init__(self) -> None:
        self._backoff = Backoff(first=2.0, most=60.0)
        self._began = time.monotonic()
        self._end = 0.0
        self.reason = ""

    def begin(self, reason: str) -> None:
        """It failed once more."""
        self.reason = reason
        self._end = time.monotonic() + self._backoff.next()

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        return not self.left

    @property
    def is_told(self) -> bool:
        """True if it is time to tell the person of it."""
        return bool(self.reason) or time.monotonic() - self._began >= SILENCE


class FreshLinks(QgsTask):
    """Asks one connection for links, and opens each, so that it opens without a request in the main thread too."""

    def __init__(self, name: str, references: set[Reference], done: Callable[[FreshLinks], None]) -> None:
        super().__init__(tr("PHIDIAS: reconnecting layers to '{}'").format(name), QgsTask.Flag.CanCancel)
        self.name = name
        self._references = references
        self._done = done
        self._feedback = QgsFeedback()
        self.ready: list[Reference] = []
        """Those with a link that was tried"""
        self.lost: dict[Reference, str] = {}
        """Those for which there is none any more, and why"""
        self.failure = ""
        """Why the others must be asked for later"""

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def run(self) -> bool:
        try:
            for job in sorted({reference.job for reference in self._references}):
                self._renew([reference for reference in self._references if reference.job == job])
        except GatewayError as error:
            self.failure = error.detail
        except Exception as error:  # an exception that escapes from here ends QGIS
            self.failure = repr(error)
        return True

    def _renew(self, references: list[Reference]) -> None:
        try:
            links.ask(self.name, references[0].job, self._feedback)
        except (*PASSING, Cancelled):
            raise
        except (GatewayError, connection.NotConnected) as error:
            self.lost.update(dict.fromkeys(references, str(error)))
            return
        for reference in references:
            newest = links.newest(reference)
            if newest is None:
                self.lost[reference] = tr("The result is not among those of its job any more.")
            else:
                layers.open_link(newest.href, "", raster=reference.is_raster)
                self.ready.append(reference)

    def finished(self, result: bool) -> None:
        for reference, reason in self.lost.items():
            QgsMessageLog.logMessage(f"{reference}: {reason}", LOG, Qgis.MessageLevel.Warning)
        self._done(self)


class Notice:
    """One message in QGIS's message bar, which changes and goes."""

    def __init__(self, bar: QgsMessageBar) -> None:
        self._bar = bar
        self._item: QgsMessageBarItem | None = None
        self._text = ""
        bar.widgetRemoved.connect(self._removed)

    def show(self, text: str) -> None:
        """Show this text in place of the former one; empty takes it away. One that was closed stays closed."""
        if text == self._text:
            return
        self._text = text
        if self._item is not None:
            self._bar.popWidget(self._item)
        if text:
            self._item = self._bar.createMessage("PHIDIAS", text)
            self._bar.pushWidget(self._item, Qgis.MessageLevel.Warning)

    def _removed(self, item: QgsMessageBarItem) -> None:
        if item is self._item:
            self._item = None
