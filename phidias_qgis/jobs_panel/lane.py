"""A background thread on which the questions to one gateway are asked, one after the other."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Callable

from qgis.core import QgsFeedback
from qgis.PyQt.QtCore import QThread, pyqtSignal

from backend_client import GatewayError, GatewayFailed
from phidias_qgis.connection import Connection

if TYPE_CHECKING:
    from backend_client import Gateway

Question = Callable[["Gateway"], Any]
"""Runs on the thread of the lane; whatever it raises is told as a GatewayError"""
Answered = Callable[[Any], None]
Failed = Callable[[GatewayError], None]


class Lane(QThread):
    """Asks questions in the background; answers come back on the thread that made the lane."""

    _done = pyqtSignal(object, object)

    SECONDS = 15.0
    """A gateway that says nothing for so long is given up for this question"""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._questions: queue.SimpleQueue[tuple[Question, Answered, Failed] | None] = queue.SimpleQueue()
        self._feedback = QgsFeedback()
        self._closed = False
        self._done.connect(self._tell)

    def ask(self, question: Question, answered: Answered, failed: Failed) -> None:
        """Put a question, whose answer or failure is told later; nothing is told after `close`."""
        self._questions.put((question, answered, failed))
        if not self.isRunning():
            self.start()

    def close(self) -> None:
        """Break off what is being asked, and tell nothing any more. The thread ends by itself a moment later."""
        self._closed = True
        if self.isRunning():
            _ending.add(self)
            self.finished.connect(lambda: _ending.discard(self))
        self._feedback.cancel()
        self._questions.put(None)

    def run(self) -> None:
        gateway: Gateway | None = None
        while (entry := self._questions.get()) is not None:
            question, answered, failed = entry
            try:
                # Made here, not before: finding credentials may take its time.
                gateway = gateway or self._connection.gateway(self._feedback, seconds=self.SECONDS)
                self._done.emit(answered, question(gateway))
            except GatewayError as error:
                self._done.emit(failed, error)
            except Exception as error:  # one that escaped from here would end QGIS
                self._done.emit(failed, GatewayFailed(repr(error)))

    def _tell(self, callback: Callable[[Any], None], value: Any) -> None:
        if not self._closed:
            callback(value)


_ending: set[Lane] = set()
"""A thread must not lose its last reference while it runs"""


def wait_for_lanes(seconds: float = 2.0) -> None:
    """Wait for those that were closed: before Python goes."""
    for lane in list(_ending):
        lane.wait(int(seconds * 1000))
