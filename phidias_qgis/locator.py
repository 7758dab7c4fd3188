"""`phi ...` in QGIS's search bar: the tools, and the newest jobs of the default connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qgis.core import QgsFeedback, QgsLocatorContext, QgsLocatorFilter, QgsLocatorResult
from qgis.PyQt.QtGui import QIcon

from backend_client import GatewayError
from phidias_qgis import connection, descriptions, job_words, paths
from phidias_qgis.connection import NotConnected
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import words

JOBS = 100
"""Newest jobs that are looked through"""
DELAY = 250
"""Milliseconds without a key stroke before anything is asked"""
SECONDS = 15.0
"""Patience with a gateway"""


class LocatorFeature:
    """The filter in the search bar. What was chosen is given to `show_tool`, or with its connection to `show_job`."""

    def __init__(self, iface: Any, show_tool: Callable[[str], None], show_job: Callable[[str, str], None]) -> None:
        self._iface = iface
        self._filter = PhidiasFilter(show_tool, show_job)

    def start(self) -> None:
        self._iface.registerLocatorFilter(self._filter)

    def stop(self) -> None:
        self._iface.deregisterLocatorFilter(self._filter)


class PhidiasFilter(QgsLocatorFilter):
    """Finds tools by title, name and keywords, and jobs by title, state, day and id. Used with its prefix alone."""

    def __init__(self, show_tool: Callable[[str], None], show_job: Callable[[str, str], None]) -> None:
        super().__init__()
        self._show_tool, self._show_job = show_tool, show_job
        # Otherwise the gateway would hear of whatever is typed.
        self.setUseWithoutPrefix(False)
        self.setFetchResultsDelay(DELAY)

    def clone(self) -> PhidiasFilter:
        return PhidiasFilter(self._show_tool, self._show_job)

    def name(self) -> str:
        return "phidias"

    def displayName(self) -> str:
        return tr("PHIDIAS tools and jobs")

    def prefix(self) -> str:
        return "phi"

    def fetchResults(self, text: str, context: QgsLocatorContext, feedback: QgsFeedback) -> None:
        # On a thread of its own. What fails here is no reason to disturb somebody who types.
        try:
            for result in self._tools(text):
                self.resultFetched.emit(result)
            for result in self._jobs(text, feedback):
                self.resultFetched.emit(result)
        except (GatewayError, NotConnected) as error:
            if not feedback.isCanceled():
                self.logMessage(str(error))
        except Exception as error:  # anything that escaped into QGIS would end it
            self.logMessage(repr(error))

    def triggerResult(self, result: QgsLocatorResult) -> None:
        kind, *chosen = data_of(result)
        if kind == "tool":
            self._show_tool(*chosen)
        else:
            self._show_job(*chosen)

    def _tools(self, text: str) -> Iterator[QgsLocatorResult]:
        icon = QIcon(str(paths.resource("icons", "phidias.svg")))
        for description in descriptions.known():
            if matches(text, description.title, description.id, description.group, *description.keywords):
                found = QgsLocatorResult(self, description.title, ["tool", description.id])
                found.description = description.group
                found.group = tr("Tools")
                found.icon = icon
                found.score = 0.8
                yield found

    def _jobs(self, text: str, feedback: QgsFeedback) -> Iterator[QgsLocatorResult]:
        target = connection.load()
        page = target.gateway(feedback, seconds=SECONDS).job_page(limit=JOBS)
        names = job_words.Names(target)
        for place, job in enumerate(page.jobs):
            line = job_words.line(job, names.title(job))
            if matches(text, line, job_words.state(job), job.process_id, job.id):
                found = QgsLocatorResult(self, line, ["job", target.name, job.id])
                found.description = job.message
                found.group = tr("Jobs")
                found.icon = words.status_icon(job)
                found.score = 0.7 - 0.5 * place / JOBS
                yield found


def matches(text: str, *texts: str) -> bool:
    """Whether every word of `text` is in one of the others."""
    heap = " ".join(texts).lower()
    return all(word in heap for word in text.lower().split())


def data_of(result: QgsLocatorResult) -> list[str]:
    """What a result was made with; QGIS has called this by two names."""
    read = getattr(result, "_userData", None) or result.getUserData
    return list(read())
