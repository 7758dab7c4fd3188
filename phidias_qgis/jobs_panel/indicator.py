"""The numbers of running and waiting jobs in QGIS's status bar; a click opens the panel."""

from __future__ import annotations

from typing import Callable

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QToolButton, QWidget

from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel.center import Center
from phidias_qgis.jobs_panel.words import icon


class Indicator(QToolButton):
    """Seen only while there is something to count."""

    def __init__(self, center: Center, opened: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._center = center
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIcon(icon("phidias"))
        self.clicked.connect(lambda _: opened())
        center.changed.connect(self._count)
        self._count()

    def _count(self) -> None:
        running, waiting = self._center.counts()
        parts = [tr("{} running").format(running)] if running else []
        parts += [tr("{} waiting").format(waiting)] if waiting else []
        self.setText(", ".join(parts))
        self.setToolTip(tr("PHIDIAS jobs: {}").format(self.text()))
        self.setVisible(bool(parts))
