"""What QGIS's options dialog asks for the page of connections, which is made when somebody opens it."""

from __future__ import annotations

from collections.abc import Callable

from qgis.gui import QgsOptionsPageWidget, QgsOptionsWidgetFactory
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QWidget

from phidias_qgis import paths

PAGE = "mOptionsPagePhidias"
"""By which QGIS finds it, to show it"""


class OptionsFactory(QgsOptionsWidgetFactory):
    """Makes the page; `applied` is called when a person has changed something."""

    def __init__(self, applied: Callable[[], None]) -> None:
        super().__init__()
        self._applied = applied
        self.setTitle("PHIDIAS")

    def icon(self) -> QIcon:
        return QIcon(str(paths.resource("icons", "phidias.svg")))

    def createWidget(self, parent: QWidget | None) -> QgsOptionsPageWidget:
        from phidias_qgis.options_page import OptionsPage

        return OptionsPage(self._applied, parent)
