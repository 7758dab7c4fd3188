"""Whether QGIS cancels its tasks because it is being closed: then the jobs go on without it.

QGIS refuses to close while a task runs and offers to cancel them all. To a task this looks like its own Cancel button,
which ends the job on the cluster; so it is noted here when that question is answered with yes.
"""

from __future__ import annotations

import time

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtWidgets import QApplication, QMessageBox

AFTERMATH = 1.0
"""Seconds after the answer in which a cancel comes from it"""

_answered = float("-inf")


def leaving() -> bool:
    """True if QGIS is being closed at this moment."""
    return time.monotonic() - _answered < AFTERMATH


class Attention:
    """Waits for the question while it exists; for the main thread."""

    def __init__(self) -> None:
        QApplication.instance().focusWindowChanged.connect(self._look)

    def end(self) -> None:
        """Wait no more."""
        QApplication.instance().focusWindowChanged.disconnect(self._look)

    def _look(self, window: object) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox) and box.windowTitle() == QCoreApplication.translate("QgisApp", "Active Tasks"):
            yes = box.button(QMessageBox.StandardButton.Yes)
            if yes is not None:
                yes.clicked.connect(_note)


def _note() -> None:
    global _answered
    _answered = time.monotonic()
