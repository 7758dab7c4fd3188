"""Panels and dialogs for everybody: names for screen readers, tips, labels, keys, and room on small screens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qgis.core import QgsProject
from qgis.gui import QgsAuthConfigSelect, QgsExtentWidget
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QTabWidget,
    QTextEdit,
    QWidget,
)

from phidias_qgis import connection
from phidias_qgis.connection import Connection
from phidias_qgis.connection_dialog import ConnectionDialog
from phidias_qgis.jobs_panel.feature import JobsFeature
from phidias_qgis.options_page import OptionsPage
from phidias_qgis.scenes_panel.own import OwnCatalogue
from phidias_qgis.scenes_panel.panel import ScenesPanel
from tests.qgis.window import Window

INPUTS = (QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit)
OF_QGIS = (QgsAuthConfigSelect, QgsExtentWidget)


@pytest.fixture
def window(qgis_app: Any, qgis_processing: None, provider: Any) -> Iterator[Window]:
    made = Window()
    made.main.show()
    yield made
    QgsProject.instance().clear()
    made.main.deleteLater()


@pytest.fixture(params=["jobs", "scenes", "options", "connection", "catalogue"])
def shown(request: pytest.FixtureRequest, window: Window) -> Iterator[QWidget]:
    """Each panel and dialog in turn, with two connections that lead nowhere."""
    connection.store([Connection("http://127.0.0.1:9", name=name) for name in ("One", "Two")])
    jobs = JobsFeature(window)
    jobs.start()
    if request.param == "jobs":
        jobs.reload()
        jobs.open()
        widget: QWidget = jobs.dock
    elif request.param == "scenes":
        widget = ScenesPanel(window.canvas, lambda *_: None)
    elif request.param == "options":
        widget = OptionsPage(lambda: None)
    elif request.param == "connection":
        widget = ConnectionDialog(Connection(""), set())
    else:
        widget = OwnCatalogue("")
    widget.show()
    yield widget
    if isinstance(widget, ScenesPanel):
        widget.close_down()
    widget.hide()
    jobs.stop()


def parts(widget: QWidget) -> Iterator[QWidget]:
    """What a panel is made of, without what Qt's and QGIS's own widgets are made of."""
    if isinstance(widget, QScrollArea):
        inner = [widget.widget()]
    elif isinstance(widget, QTabWidget):
        inner = [widget.widget(place) for place in range(widget.count())]
    elif isinstance(widget, (*INPUTS, *OF_QGIS, QAbstractButton)):
        return
    else:
        inner = [child for child in widget.children() if isinstance(child, QWidget)]
    for child in inner:
        if not child.objectName().startswith("qt_"):
            yield child
            yield from parts(child)


def test_everything_has_a_name_and_pictures_have_tips(shown: QWidget) -> None:
    made_of = list(parts(shown))
    labelled = {label.buddy() for label in made_of if isinstance(label, QLabel)}
    inputs = [part for part in made_of if isinstance(part, (*INPUTS, *OF_QGIS))]
    assert inputs
    nameless: list[Any] = [part for part in inputs if part not in labelled and not part.accessibleName()]
    for button in (part for part in made_of if isinstance(part, QAbstractButton) and part.isVisibleTo(shown)):
        is_picture = not any(letter.isalnum() for letter in button.text()) or not button.icon().isNull()
        has_name = button.accessibleName() or any(letter.isalnum() for letter in button.text())
        if not has_name or (is_picture and not button.toolTip()):
            nameless.append(button)
    assert nameless == []


def test_it_fits_on_a_small_screen(shown: QWidget) -> None:
    if isinstance(shown, QDockWidget):
        # At the side of the window, and then below its map.
        shown.resize(300, 600)
        assert shown.minimumSizeHint().width() <= 300
        shown.setFloating(True)
        shown.resize(1000, 260)
        QCoreApplication.processEvents()
        assert shown.minimumSizeHint().height() <= 250
    else:
        assert shown.minimumSizeHint().width() <= 1024
        assert shown.minimumSizeHint().height() <= 600


@pytest.mark.parametrize("shown", ["connection", "catalogue"], indirect=True)
def test_enter_accepts_and_escape_closes(shown: QDialog) -> None:
    (buttons,) = shown.findChildren(QDialogButtonBox)
    roles = QDialogButtonBox.ButtonRole
    (accepting,) = (button for button in buttons.buttons() if buttons.buttonRole(button) == roles.AcceptRole)
    assert accepting.isDefault()
    assert shown.focusWidget() is None or isinstance(shown.focusWidget(), QLineEdit)
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_all_that_can_be_done_with_jobs_is_in_a_menu_for_the_keyboard(window: Window) -> None:
    feature = JobsFeature(window)
    feature.start()
    feature.open()
    actions = feature.dock.panel.actions
    assert set(actions.on_tool_bar()) <= set(actions.menu().actions())
    feature.stop()
