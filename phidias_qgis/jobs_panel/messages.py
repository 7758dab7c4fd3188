"""What is said when jobs end: one message in QGIS's bar, however many they are, with what can be done about them."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from qgis.core import Qgis, QgsSettings
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtWidgets import QApplication, QPushButton

from backend_client import Job
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import words
from phidias_qgis.jobs_panel.center import Center
from phidias_qgis.jobs_panel.fetching import Fetcher, layers_of_job
from phidias_qgis.jobs_panel.watch import Ending, Watch

QUIET_KEY = "phidias/jobs/quiet"

Show = Callable[[Watch, str], None]
"""Shows a job in the panel"""


def are_off() -> bool:
    """Whether the person wants no messages."""
    return QgsSettings().value(QUIET_KEY, False, type=bool)


def turn_off(quiet: bool) -> None:
    """Say nothing, or speak again."""
    QgsSettings().setValue(QUIET_KEY, quiet)


class Messages(QObject):
    """Tells of the jobs that end, and fetches the results that were asked for."""

    def __init__(self, iface: Any, center: Center, show: Show) -> None:
        super().__init__(center)
        self._iface, self._show = iface, show
        self._fetcher = Fetcher(iface)
        self._told: list[tuple[Watch, Job]] = []
        """The jobs of the message that is to be read at the moment"""
        self._item: Any = None
        center.ended.connect(self._hear)
        iface.messageBar().widgetRemoved.connect(self._forget)

    def _hear(self, watch: Watch, endings: Sequence[Ending]) -> None:
        for ending in endings:
            if ending.wanted and ending.job.status == "successful":
                self._fetcher.fetch(watch.connection, ending.job, ending.wanted, names=watch.names)
        if are_off():
            return
        told = [*self._told, *((watch, ending.job) for ending in endings)]
        if self._item is not None:
            self._iface.messageBar().popWidget(self._item)
        self._told = told
        self._say(added=all(ending.wanted for ending in endings))
        QApplication.alert(self._iface.mainWindow())

    def _forget(self, item: Any) -> None:
        if item is self._item:
            self._item, self._told = None, []

    def _say(self, *, added: bool) -> None:
        watch, job = self._told[-1]
        good = [(watch, job) for watch, job in self._told if job.status == "successful"]
        if len(self._told) == 1:
            text = f"{watch.names.title(job)}: {self._sentence(job)}"
        else:
            text = tr("{} jobs have ended: {} successful, {} not.")
            text = text.format(len(self._told), len(good), len(self._told) - len(good))
        bar = self._iface.messageBar()
        item = bar.createMessage("PHIDIAS", html.escape(text))
        layers = [(watch, job) for watch, job in good if layers_of_job(watch.names, job)]
        if layers and not added:
            self._button(item, tr("Add to map"), lambda: self._add(layers))
        self._button(item, tr("Show"), lambda: self._open(watch, job))
        level = Qgis.MessageLevel.Success if len(good) == len(self._told) else Qgis.MessageLevel.Warning
        # Kept until somebody reads it: who waits for a job has gone for a coffee.
        self._item = bar.pushWidget(item, level, 0)

    def _sentence(self, job: Job) -> str:
        if job.status == "successful":
            time = words.times(job)
            return tr("done after {}.").format(time) if time else tr("done.")
        return words.cause(job) if job.status == "failed" else tr("the job was cancelled.")

    def _button(self, item: Any, text: str, run: Callable[[], None]) -> None:
        button = QPushButton(text)
        button.clicked.connect(lambda _: run())
        item.layout().addWidget(button)

    def _add(self, jobs: Sequence[tuple[Watch, Job]]) -> None:
        for watch, job in jobs:
            self._fetcher.fetch(watch.connection, job, names=watch.names)
        self._dismiss()

    def _open(self, watch: Watch, job: Job) -> None:
        self._show(watch, job.id)
        self._dismiss()

    def _dismiss(self) -> None:
        if self._item is not None:
            self._iface.messageBar().popWidget(self._item)
