"""The list of jobs for Qt's views: a model over a Watch, which sorts and searches as well, and a bar for what runs.

A sorting and filtering model of Qt's own on top would ask Python for two cells at a time: that takes a second for ten
thousand jobs, a list in Python a few hundredths of it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from qgis.PyQt.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QRect,
    Qt,
)
from qgis.PyQt.QtGui import QPainter
from qgis.PyQt.QtWidgets import (
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QWidget,
)

from backend_client import Job
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import words
from phidias_qgis.jobs_panel.watch import Watch

PROCESS, STATUS, TIME, SUBMITTED = range(4)
JOB = Qt.ItemDataRole.UserRole
PIECES = 200
"""Runs of rows that come or go with selection and scrolling kept; more of them are a new list"""


class JobsModel(QAbstractTableModel):
    """One row for each job that a Watch lists and a search finds; more are read as somebody scrolls to the end."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch: Watch | None = None
        self._jobs: list[Job] = []
        self._column, self._descending = SUBMITTED, True
        self._cells: dict[str, tuple[Job, list[str]]] = {}
        """By job: in which state, and as which texts in small letters, it is sorted and searched"""
        self.words: list[str] = []
        """What is searched for"""
        self.read = 0
        """How many jobs were read, whether the search finds them or not"""

    def set_watch(self, watch: Watch | None) -> None:
        """Show the jobs of another connection."""
        if self._watch is not None:
            self._watch.changed.disconnect(self._follow)
        self.beginResetModel()
        self._watch, self._cells = watch, {}
        self._jobs = self._wanted()
        self.endResetModel()
        if watch is not None:
            watch.changed.connect(self._follow)

    def search(self, text: str) -> None:
        """Show what holds these words, upper case or lower."""
        self.words = text.casefold().split()
        self._follow()

    def job(self, row: int) -> Job:
        """The job of a row."""
        return self._jobs[row]

    def row_of(self, job_id: str) -> int:
        """The row of a job, -1 if it is not shown."""
        return next((row for row, job in enumerate(self._jobs) if job.id == job_id), -1)

    def tick(self) -> None:
        """Time has passed: what runs has run longer."""
        for row, job in enumerate(self._jobs):
            if not job.ended:
                self.dataChanged.emit(self.index(row, TIME), self.index(row, TIME))

    # What Qt asks

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  Qt's own default
        return 0 if parent.isValid() else len(self._jobs)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else SUBMITTED + 1

    def canFetchMore(self, parent: QModelIndex) -> bool:
        return not parent.isValid() and self._watch is not None and bool(self._watch.next)

    def fetchMore(self, parent: QModelIndex) -> None:
        if self._watch is not None and not parent.isValid():
            self._watch.more()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if column in range(SUBMITTED + 1):
            self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
            self._follow()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        return (tr("Process"), tr("Status"), tr("Time"), tr("Submitted"))[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        job, column = self._jobs[index.row()], index.column()
        if role == JOB:
            return job
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(job, column)
        if role == Qt.ItemDataRole.DecorationRole and column == PROCESS:
            return words.status_icon(job)
        if role == Qt.ItemDataRole.DecorationRole and column == STATUS and job.pinned:
            return words.icon("pin")
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(job)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._title(job)}, {words.status(job)}" if column == PROCESS else self._text(job, column)
        return None

    def _title(self, job: Job) -> str:
        return self._watch.names.title(job) if self._watch is not None else job.process_id

    def _text(self, job: Job, column: int) -> str:
        if column == PROCESS:
            return self._title(job)
        if column == STATUS:
            return ": ".join(part for part in (words.status(job), words.situation(job)) if part)
        return words.times(job) if column == TIME else words.briefly(job.created)

    def _order(self, job: Job) -> Any:
        """What a job is sorted by."""
        if self._column == TIME:
            return (job.finished - job.started).total_seconds() if job.started and job.finished else -1.0
        if self._column == SUBMITTED:
            return job.created.timestamp() if job.created else 0.0
        return self._small(job)[self._column]

    def _small(self, job: Job) -> list[str]:
        """The cells of a job, and what else it is found by, in small letters."""
        known, cells = self._cells.get(job.id, (None, []))
        if known is not job:
            texts = [*(self._text(job, column) for column in range(SUBMITTED + 1)), job.id, job.process_id]
            cells = [text.casefold() for text in texts]
            self._cells[job.id] = job, cells
        return cells

    def _tip(self, job: Job) -> str:
        lines = [
            f"{self._title(job)}: {words.status(job)}",
            words.situation(job),
            words.times(job),
            words.moment(job.created),
            job.id,
        ]
        return "<qt>" + "<br>".join(html.escape(line) for line in lines if line) + "</qt>"

    # Following the watch

    def _listed(self) -> list[Job]:
        if self._watch is None:
            return []
        jobs = (self._watch.jobs[job_id] for job_id in self._watch.order)
        return [job for job in jobs if self._watch.filter.admits(job)]

    def _wanted(self) -> list[Job]:
        """What is to be shown, in its order."""
        listed = self._listed()
        self.read = len(listed)
        return sorted(filter(self._is_found, listed), key=self._order, reverse=self._descending)

    def _is_found(self, job: Job) -> bool:
        # Looked up with or without a search, so that they are there: for thousands at once it would take a while.
        cells = self._small(job)
        return not self.words or all(word in " ".join(cells) for word in self.words)

    def _follow(self) -> None:
        """Turn the rows into those that are wanted now, so that selection and scrolling stay."""
        wanted = self._wanted()
        rows = {job.id: row for row, job in enumerate(wanted)}
        before = {job.id for job in self._jobs}
        gone = list(_runs([job.id not in rows for job in self._jobs]))
        new = list(_runs([job.id not in before for job in wanted]))
        if len(gone) + len(new) > PIECES:
            self.beginResetModel()
            self._jobs = wanted
            self.endResetModel()
            return
        for first, last in reversed(gone):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._jobs[first : last + 1]
            self.endRemoveRows()
        self._arrange(rows)
        for first, last in new:
            self.beginInsertRows(QModelIndex(), first, last)
            self._jobs[first:first] = wanted[first : last + 1]
            self.endInsertRows()
        for row, (old, job) in enumerate(zip(self._jobs, wanted)):
            if old is not job:
                self._jobs[row] = job
                if old != job:
                    self.dataChanged.emit(self.index(row, 0), self.index(row, SUBMITTED))

    def _arrange(self, rows: dict[str, int]) -> None:
        """Put the jobs that are shown into their order."""
        arranged = sorted(self._jobs, key=lambda job: rows[job.id])
        if [job.id for job in arranged] == [job.id for job in self._jobs]:
            return
        self.layoutAboutToBeChanged.emit()
        indexes = self.persistentIndexList()
        jobs = [self._jobs[index.row()].id for index in indexes]
        self._jobs = arranged
        places = {job.id: row for row, job in enumerate(arranged)}
        moved = [self.index(places[job], index.column()) for job, index in zip(jobs, indexes)]
        self.changePersistentIndexList(indexes, moved)
        self.layoutChanged.emit()


def _runs(flags: list[bool]) -> Iterator[tuple[int, int]]:
    """First and last place of every run of True."""
    for flag, places in groupby(range(len(flags)), key=flags.__getitem__):
        if flag:
            run = list(places)
            yield run[0], run[-1]


class StatusDelegate(QStyledItemDelegate):
    """Draws the status of what runs as a bar."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        job: Job = index.data(JOB)
        if job.status != "running" or job.progress is None:
            super().paint(painter, option, index)
            return
        widget: QWidget | None = option.widget
        style = widget.style() if widget is not None else QApplication.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, widget)
        bar = QStyleOptionProgressBar()
        bar.rect = QRect(option.rect).adjusted(2, 2, -2, -2)
        bar.palette, bar.direction, bar.fontMetrics = option.palette, option.direction, option.fontMetrics
        bar.state = option.state | QStyle.StateFlag.State_Horizontal
        bar.minimum, bar.maximum, bar.progress = 0, 100, job.progress
        bar.textVisible, bar.textAlignment = True, Qt.AlignmentFlag.AlignCenter
        text = f"{job.progress} %  {words.situation(job)}"
        bar.text = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, bar.rect.width() - 8)
        style.drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter, widget)
