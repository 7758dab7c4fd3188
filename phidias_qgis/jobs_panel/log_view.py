"""The log of a job, as it grows: read by offset, a task at a time, only while somebody sees it."""

from __future__ import annotations

from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QFontDatabase, QHideEvent, QShowEvent, QTextCursor
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QSpinBox, QVBoxLayout, QWidget

from backend_client import Gateway, GatewayError, Job, LogChunk
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel.watch import Watch

KEPT = 512 * 1024
"""Bytes of a long log that are shown: its last ones"""
BEYOND = 2**53
"""An offset that lies behind the end of every log: the answer to it says where the end is"""
MOST = 4 * KEPT
"""Characters of a growing log in the window; then its end is shown anew, as to take single lines out is slow"""
PIECE = 16 * 1024
"""Characters that are put into the window at once"""
SECONDS = 2


class LogView(QWidget):
    """Shows the log of one task of one job."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch: Watch | None = None
        self._job: Job | None = None
        self._offset: int | None = None
        self._asking = self._complete = False
        self._waiting = ""

        self.task = QSpinBox()
        self.task.setMinimum(1)
        self.task.setKeyboardTracking(False)
        self.task.valueChanged.connect(self._begin)
        self._choice = QWidget()
        row = QHBoxLayout(self._choice)
        row.setContentsMargins(0, 0, 0, 0)
        label = QLabel(tr("Task"))
        label.setBuddy(self.task)
        row.addWidget(label)
        row.addWidget(self.task)
        row.addStretch(1)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setUndoRedoEnabled(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._choice)
        layout.addWidget(self.text)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._read)
        self._writer = QTimer(self)
        self._writer.timeout.connect(self._write)

    def show_job(self, job: Job | None, watch: Watch | None) -> None:
        """Follow the log of this job; None: show nothing."""
        same = job is not None and self._job is not None and job.id == self._job.id and watch is self._watch
        self._job, self._watch = job, watch
        tasks = job.tasks.total if job and job.tasks else 1
        self.task.setMaximum(tasks)
        self.task.setSuffix(tr(" of {}").format(tasks))
        self._choice.setVisible(tasks > 1)
        if same:
            self._read()
        else:
            self.task.blockSignals(True)
            self.task.setValue(1)
            self.task.blockSignals(False)
            self._begin()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _begin(self) -> None:
        self._offset, self._complete, self._waiting = None, False, ""
        self.text.clear()
        self.text.setPlaceholderText("")
        self._read()

    def _read(self) -> None:
        job, watch, task, offset = self._job, self._watch, self.task.value() - 1, self._offset
        if job is None or watch is None or not self.isVisible() or self._asking or self._complete:
            return
        if job.link("logs") is None:
            self.text.setPlaceholderText(tr("This server keeps no logs."))
            return
        self._timer.stop()
        self._asking = True

        def is_wanted() -> bool:
            self._asking = False
            shown = self._job is not None and self._job.id == job.id and self.task.value() - 1 == task
            if not (shown and self._offset == offset):
                self._read()
                return False
            return True

        def answered(chunk: LogChunk) -> None:
            if is_wanted():
                self._take(chunk)

        def failed(error: GatewayError) -> None:
            if is_wanted():
                self.text.setPlaceholderText(str(error))
                self._timer.start(SECONDS * 5000)

        watch.ask(lambda gateway: _piece(gateway, job.id, task, offset), answered, failed)

    def _take(self, chunk: LogChunk) -> None:
        if self.text.document().characterCount() > MOST:
            self._begin()
            return
        if self._offset is None and chunk.offset:
            self._waiting += tr("(The last {} KB of the log.)").format(KEPT // 1024) + "\n"
        moved = chunk.next > chunk.offset
        self._offset, self._complete = chunk.next, chunk.complete
        self._waiting += chunk.text
        if self._waiting:
            self._writer.start(0)
        elif not self.text.document().characterCount() > 1:
            self.text.setPlaceholderText(tr("Nothing has been logged yet."))
        if not self._complete:
            self._timer.start(0 if moved else SECONDS * 1000)

    def _write(self) -> None:
        """A piece at a time, so that a long log does not hold up the window."""
        piece, self._waiting = self._waiting[:PIECE], self._waiting[PIECE:]
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 1
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(piece)
        if at_end:
            bar.setValue(bar.maximum())
        if not self._waiting:
            self._writer.stop()


def _piece(gateway: Gateway, job_id: str, task: int, offset: int | None) -> LogChunk:
    """What follows an offset; from the beginning of what is shown, if there is none yet."""
    if offset is None:
        end = gateway.log(job_id, BEYOND, task=task).next
        offset = max(0, end - KEPT)
    return gateway.log(job_id, offset, task=task)
