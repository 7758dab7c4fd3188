"""The list of jobs for Qt's views: a model over a Watch, a search in what it holds, a bar for what runs."""

from __future__ import annotations

import html
from typing import Any

from qgis.PyQt.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QRect,
    QSortFilterProxyModel,
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
SORT = Qt.ItemDataRole.UserRole + 1


class JobsModel(QAbstractTableModel):
    """One row for each job that a Watch lists; more rows are read as somebody scrolls to the end."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch: Watch | None = None
        self._jobs: list[Job] = []

    def set_watch(self, watch: Watch | None) -> None:
        """Show the jobs of another connection."""
        if self._watch is not None:
            self._watch.changed.disconnect(self._follow)
        self.beginResetModel()
        self._watch = watch
        self._jobs = self._listed()
        self.endResetModel()
        if watch is not None:
            watch.changed.connect(self._follow)

    def row_of(self, job_id: str) -> int:
        """The row of a job, -1 if it is not listed."""
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
        if role == SORT:
            return self._order(job, column)
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

    def _order(self, job: Job, column: int) -> Any:
        if column == TIME:
            return (job.finished - job.started).total_seconds() if job.started and job.finished else -1.0
        if column == SUBMITTED:
            return job.created.timestamp() if job.created else 0.0
        return self._text(job, column).casefold()

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

    def _follow(self) -> None:
        """Turn the rows into those that the watch lists now, so that selection and scrolling stay."""
        wanted = self._listed()
        places = {job.id: place for place, job in enumerate(wanted)}
        for row in reversed(range(len(self._jobs))):
            if self._jobs[row].id not in places:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._jobs[row]
                self.endRemoveRows()
        kept = {job.id for job in self._jobs}
        if [job.id for job in self._jobs] != [job.id for job in wanted if job.id in kept]:
            self.beginResetModel()
            self._jobs = wanted
            self.endResetModel()
            return
        row = 0
        while row < len(wanted):
            end = row
            while end < len(wanted) and wanted[end].id not in kept:
                end += 1
            if end > row:
                self.beginInsertRows(QModelIndex(), row, end - 1)
                self._jobs[row:row] = wanted[row:end]
                self.endInsertRows()
            row = end + 1
        for row, (before, after) in enumerate(zip(self._jobs, wanted)):
            if before is not after:
                self._jobs[row] = after
                if before != after:
                    self.dataChanged.emit(self.index(row, 0), self.index(row, SUBMITTED))


class JobsSearch(QSortFilterProxyModel):
    """Shows the rows that hold every word of a text."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.words: list[str] = []
        self.setSortRole(SORT)

    def search(self, text: str) -> None:
        """Show what holds these words, upper case or lower."""
        self.words = text.casefold().split()
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        if not self.words:
            return True
        model = self.sourceModel()
        cells = [str(model.index(row, column, parent).data() or "") for column in range(model.columnCount())]
        job: Job = model.index(row, 0, parent).data(JOB)
        text = " ".join([*cells, job.id, job.process_id]).casefold()
        return all(word in text for word in self.words)


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
