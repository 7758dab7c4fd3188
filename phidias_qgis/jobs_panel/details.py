"""All about one job: what went wrong and what to do, its log, its parameters, its results, its facts."""

from __future__ import annotations

import html
from typing import Any

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from backend_client import Definition, GatewayError, Job
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import words
from phidias_qgis.jobs_panel.log_view import LogView
from phidias_qgis.jobs_panel.request_view import RequestView
from phidias_qgis.jobs_panel.results_view import Harvest, ResultsView, harvest
from phidias_qgis.jobs_panel.watch import Watch

LOWEST = 40
"""Pixels that what a tab shows does with"""
MANY = 600
"""Characters of a cause that are shown without being asked for"""


class Details(QWidget):
    """Shows one job, and follows it."""

    retry = pyqtSignal()
    """The person wants the job to be run again as the gateway proposes"""
    output_activated = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch: Watch | None = None
        self._job: Job | None = None
        self._shown: dict[str, str] = {}
        """The job of which a tab shows something, or is about to"""
        self._told = ""

        self.heading, self.state = QLabel(), QLabel()
        self.heading.setTextFormat(Qt.TextFormat.RichText)
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.heading, self.state):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem = Problem()
        self.problem.button.clicked.connect(self.retry)
        self.log = LogView()
        self.request = RequestView()
        self.results = ResultsView()
        self.results.activated.connect(self.output_activated)
        self.facts = QTextBrowser()
        self.facts.setFrameShape(QFrame.Shape.NoFrame)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, title in (
            (self.log, tr("Log")),
            (self.request, tr("Parameters")),
            (self.results, tr("Results")),
            (self.facts, tr("About")),
        ):
            self.tabs.addTab(page, title)
        self.tabs.currentChanged.connect(self._fill)
        for view, title in (
            (self.log.text, tr("Log")),
            (self.request, tr("Parameters")),
            (self.results.tree, tr("Results")),
            (self.facts, tr("About")),
        ):
            view.setAccessibleName(title)
            view.setMinimumHeight(LOWEST)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(3)
        layout.addWidget(self.heading)
        layout.addWidget(self.state)
        layout.addWidget(self.problem)
        layout.addWidget(self.tabs, 1)
        self.show_job(None, None)

    def show_job(self, job: Job | None, watch: Watch | None) -> None:
        """Show a job, or its new state; None: nothing."""
        same = job is not None and self._job is not None and job.id == self._job.id and watch is self._watch
        ended = same and job is not None and job.ended and self._job is not None and not self._job.ended
        self._job, self._watch = job, watch
        if not same:
            self._shown = {}
        if ended:
            self._shown.pop("results", None)
        self.setEnabled(job is not None)
        self.tick()
        self.problem.show_job(job)
        self.log.show_job(job, watch)
        self._fill()

    def tick(self) -> None:
        """Time has passed."""
        job = self._job
        if job is None or self._watch is None:
            self.heading.setText(html.escape(tr("Select a job to see more of it.")))
            self.state.setText("")
            return
        title = html.escape(self._watch.names.title(job))
        self.heading.setText(f"<b>{title}</b>")
        self.heading.setToolTip(title)
        parts = (words.status(job), "" if job.status == "failed" else words.situation(job), words.times(job))
        text = " · ".join(part for part in parts if part)
        self.state.setText(text)
        self.state.setToolTip(text)

    def _fill(self) -> None:
        """Fill the tab that is seen, once for each job."""
        page, job, watch = self.tabs.currentWidget(), self._job, self._watch
        if page is self.facts:
            text = self._facts(job) if job else ""
            if text != self._told:
                self._told = text
                self.facts.setHtml(text)
        elif page is self.request:
            self._fill_request(job, watch)
        elif page is self.results:
            self._fill_results(job, watch)

    def _fill_request(self, job: Job | None, watch: Watch | None) -> None:
        if job is None or watch is None:
            self.request.show_message("")
        elif self._shown.get("request") != job.id:
            self._shown["request"] = job.id
            self.request.show_message(tr("Asking the gateway ..."))
            description = watch.names.description(job.process_id)

            def answered(definition: Definition) -> None:
                if self._shown.get("request") == job.id:
                    self.request.show_definition(definition, description)

            watch.ask(lambda gateway: gateway.definition(job.id), answered, self._failed("request", job))

    def _fill_results(self, job: Job | None, watch: Watch | None) -> None:
        if job is None or watch is None:
            self.results.show_message("")
        elif job.status != "successful":
            self._shown.pop("results", None)
            self.results.show_message(tr("This job has no results.") if job.ended else tr("The job has not ended yet."))
        elif self._shown.get("results") != job.id:
            self._shown["results"] = job.id
            self.results.show_message(tr("Asking the gateway ..."))
            description = watch.names.description(job.process_id)

            def answered(found: Harvest) -> None:
                if self._shown.get("results") == job.id:
                    self.results.show_harvest(found, description)

            watch.ask(lambda gateway: harvest(gateway, job.id), answered, self._failed("results", job))

    def _failed(self, tab: str, job: Job) -> Any:
        def failed(error: GatewayError) -> None:
            if self._shown.get(tab) == job.id:
                del self._shown[tab]
                view: RequestView | ResultsView = self.request if tab == "request" else self.results
                view.show_message(str(error))

        return failed

    def _facts(self, job: Job) -> str:
        description = self._watch.names.description(job.process_id) if self._watch is not None else None
        version = f" {description.version}" if description and description.version else ""
        given = ", ".join(_resource(name, number) for name, number in job.resources.items() if number)
        size = job.raw.get("size")
        rows = [
            (tr("Job"), job.id),
            (tr("Process"), f"{job.process_id}{version}"),
            (tr("Submitted"), words.moment(job.created)),
            (tr("Started"), words.moment(job.started)),
            (tr("Ended"), words.moment(job.finished)),
            (tr("Kept until"), tr("unpinned") if job.pinned else words.moment(job.expires)),
            (tr("Size"), words.size(size) if isinstance(size, (int, float)) else ""),
            (tr("Each task was given"), given),
            (tr("Cause"), job.cause),
        ]
        lines = (
            f'<tr><td style="padding-right: 12px">{html.escape(name)}</td><td>{html.escape(value)}</td></tr>'
            for name, value in rows
            if value
        )
        return f"<table>{''.join(lines)}</table>"


class Problem(QFrame):
    """Why a job has no result, what to do about it, and a button that does it where the gateway proposes something."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.text)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addStretch(1)
        layout.addLayout(row)

    def show_job(self, job: Job | None) -> None:
        """Show what is wrong with a job; hide if nothing is."""
        bad = job is not None and job.status in ("failed", "dismissed")
        self.setVisible(bad)
        if job is None or not bad:
            return
        cause = words.cause(job) if job.status == "failed" else ""
        lines = [f"<b>{html.escape(_short(cause))}</b>" if cause else "", html.escape(_short(words.remedy(job)))]
        self.text.setText("<br>".join(line for line in lines if line))
        self.text.setToolTip(html.escape(cause) if len(cause) > MANY else "")
        self.text.setVisible(any(lines))
        proposed = job.link("retry")
        self.button.setVisible(proposed is not None)
        self.button.setText(proposed.title or tr("Run again") if proposed else "")
        self.setVisible(any(lines) or proposed is not None)


def _short(text: str) -> str:
    return text if len(text) <= MANY else text[:MANY] + "..."


def _resource(name: str, number: float) -> str:
    return {
        "cpus": tr("CPUs: {:g}"),
        "memory_gb": tr("memory: {:g} GB"),
        "minutes": tr("time: {:g} min"),
        "gpus": tr("GPUs: {:g}"),
    }.get(name, f"{name} {{:g}}").format(number)
