"""Jobs in a line: what they are called, how they stand, and the picture for that."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QDateTime, QLocale
from qgis.PyQt.QtGui import QIcon

from backend_client import Job
from phidias_qgis import descriptions
from phidias_qgis.connection import Connection
from phidias_qgis.i18n import tr

_ICONS = {
    "accepted": "mTaskQueued",
    "running": "mTaskRunning",
    "successful": "mTaskComplete",
    "failed": "mTaskTerminated",
    "dismissed": "mTaskCancel",
}


def theme_icon(name: str) -> QIcon:
    """A picture of QGIS's own."""
    return QgsApplication.getThemeIcon(f"/{name}.svg")


def icon(job: Job) -> QIcon:
    """The picture of a job's state."""
    return theme_icon(_ICONS.get(job.status, "mTaskQueued"))


class Names:
    """What the processes of a connection and their outputs are called, as far as they are known."""

    def __init__(self, target: Connection) -> None:
        known = [*descriptions.shipped(), *descriptions.cache_of(target).descriptions()]
        self._known = {description.id: description for description in known}

    def tool(self, job: Job) -> str:
        """The tool that a job is a run of."""
        known = self._known.get(job.process_id)
        return known.title if known else job.process_id or job.id

    def output(self, job: Job, name: str) -> str:
        """An output of a job."""
        known = self._known.get(job.process_id)
        return str((known.outputs.get(name) or {}).get("title") or name) if known else name


def line(job: Job, tool: str) -> str:
    """A job in a line: its tool, when it was started, and how it stands unless all is well."""
    parts = [tool]
    if job.created:
        moment = QDateTime.fromMSecsSinceEpoch(int(job.created.timestamp() * 1000))
        parts.append(QLocale().toString(moment, QLocale.FormatType.ShortFormat))
    if job.status != "successful":
        parts.append(state(job))
    return ", ".join(parts)


def state(job: Job) -> str:
    """How a job stands."""
    word = {
        "accepted": tr("waiting"),
        "running": tr("running"),
        "successful": tr("successful"),
        "failed": tr("failed"),
        "dismissed": tr("cancelled"),
    }.get(job.status, job.status)
    return f"{word} {job.progress} %" if job.status == "running" and job.progress else word


def tip(job: Job, tool: str) -> str:
    """All that is worth knowing of a job at a glance."""
    problem = str((job.problem or {}).get("detail") or "")
    said = problem or job.queue_reason or job.message
    return "\n".join(text for text in (line(job, tool), said, job.remedy, job.id) if text)
