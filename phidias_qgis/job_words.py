"""Jobs in a line, where there is no room for the columns of the jobs panel."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtGui import QIcon

from backend_client import Job, ProcessDescription
from phidias_qgis import descriptions
from phidias_qgis.connection import Connection
from phidias_qgis.jobs_panel import words
from phidias_qgis.process_words import in_words_of_the_user


def theme_icon(name: str) -> QIcon:
    """A picture of QGIS's own."""
    return QgsApplication.getThemeIcon(f"/{name}.svg")


class Names:
    """The processes of a connection, as far as they are known, and what they and their outputs are called."""

    def __init__(self, target: Connection) -> None:
        known = [*descriptions.shipped(), *descriptions.kept(target)]
        self._known = {description.id: description for description in known}

    def learn(self, description: ProcessDescription) -> None:
        """Know one process more."""
        self._known[description.id] = in_words_of_the_user(description)

    def all(self) -> list[ProcessDescription]:
        """All that are known."""
        return list(self._known.values())

    def description(self, process_id: str) -> ProcessDescription | None:
        """A process, None if it is not known."""
        return self._known.get(process_id)

    def tool(self, job: Job) -> str:
        """The tool that a job is a run of."""
        known = self._known.get(job.process_id)
        return known.title if known else job.process_id or job.id

    def title(self, job: Job) -> str:
        """The tool, and what tells the job from others."""
        return " · ".join(part for part in (self.tool(job), job.summary) if part)


def line(job: Job, title: str) -> str:
    """A job in a line: what it is, when it was started, and how it stands unless all is well."""
    parts = [title, words.moment(job.created), "" if job.status == "successful" else state(job)]
    return ", ".join(part for part in parts if part)


def state(job: Job) -> str:
    """How a job stands."""
    word = words.status(job)
    return f"{word} {job.progress} %" if job.status == "running" and job.progress else word


def tip(job: Job, title: str) -> str:
    """All that is worth knowing of a job at a glance."""
    remedy = words.remedy(job) if job.status == "failed" else ""
    return "\n".join(text for text in (line(job, title), words.situation(job), remedy, job.id) if text)
