"""The page in QGIS's options: the connections, and which one is used where none is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qgis.core import QgsApplication
from qgis.gui import QgsOptionsPageWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from phidias_qgis import connection, connection_files
from phidias_qgis.connection import Connection
from phidias_qgis.connection_dialog import ConnectionDialog, TryOut
from phidias_qgis.diagnostics import CopyButton
from phidias_qgis.i18n import tr
from phidias_qgis.options import PAGE


class OptionsPage(QgsOptionsPageWidget):
    """The page itself. Nothing is kept before `apply`."""

    def __init__(self, applied: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(PAGE)
        self._applied = applied
        self._connections = connection.stored()
        self._default = connection.stored_default()
        self._before = (list(self._connections), self._default)

        self.list = QTreeWidget()
        self.list.setHeaderLabels([tr("Connection"), tr("Gateway")])
        self.list.setAccessibleName(tr("Connection"))
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.list.currentItemChanged.connect(lambda *_: self._show_possible())
        self.list.itemDoubleClicked.connect(lambda *_: self.edit())

        self.add_button = _button(tr("Add..."), self.add)
        self.edit_button = _button(tr("Edit..."), self.edit)
        self.duplicate_button = _button(tr("Duplicate"), self.duplicate)
        self.remove_button = _button(tr("Remove"), self.remove)
        self.default_button = _button(tr("Make Default"), self.make_default)
        self.import_button = _button(tr("Import..."), self.read_file)
        self.export_button = _button(tr("Export..."), self.write_file)
        self.try_out = TryOut(tr("Test"))
        self.try_out.button.clicked.connect(self.test)

        column = QVBoxLayout()
        for button in (self.add_button, self.edit_button, self.duplicate_button, self.remove_button):
            column.addWidget(button)
        column.addWidget(self.default_button)
        column.addStretch(1)
        column.addWidget(self.import_button)
        column.addWidget(self.export_button)
        upper = QHBoxLayout()
        upper.addWidget(self.list, 1)
        upper.addLayout(column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        variable = _variable()
        if variable:
            told = QLabel(tr("The environment variable {} is set and goes before this list.").format(variable))
            told.setWordWrap(True)
            layout.addWidget(told)
        layout.addLayout(upper, 1)
        layout.addWidget(self.try_out)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(CopyButton())
        layout.addLayout(last)
        self._fill()

    def apply(self) -> None:
        now = (list(self._connections), self._default)
        if now != self._before:
            self._before = now
            connection.store(*now)
            self._applied()

    def hideEvent(self, event: object) -> None:
        self.try_out.forget()
        super().hideEvent(event)

    # What the buttons do

    def add(self) -> None:
        dialog = ConnectionDialog(Connection(""), self._names(), self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.append(dialog.entered())

    def append(self, entered: Connection) -> None:
        """Add a connection at the end."""
        self._connections.append(entered)
        self._fill(entered.name)

    def edit(self) -> None:
        old = self.current()
        if old is None:
            return
        dialog = ConnectionDialog(old, self._names() - {old.name}, self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.replace(old, dialog.entered())

    def replace(self, old: Connection, new: Connection) -> None:
        """Put a connection in the place of another."""
        self._connections[self._connections.index(old)] = new
        if self._default == old.name:
            self._default = new.name
        self._fill(new.name)

    def duplicate(self) -> None:
        old = self.current()
        if old is not None:
            name = connection_files.free_name(old.name, self._connections)
            self._connections.insert(self._connections.index(old) + 1, replace(old, name=name))
            self._fill(name)

    def remove(self) -> None:
        old = self.current()
        if old is not None:
            place = self._connections.index(old)
            self._connections.remove(old)
            following = [entry.name for entry in self._connections[place:] or self._connections[-1:]]
            self._fill(following[0] if following else "")

    def make_default(self) -> None:
        chosen = self.current()
        if chosen is not None:
            self._default = chosen.name
            self._fill(chosen.name)

    def test(self) -> None:
        chosen = self.current()
        if chosen is not None:
            self.try_out.test(chosen)

    def read_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Import Connections"), "", _filter())
        if name:
            self.take_in(Path(name))

    def take_in(self, path: Path) -> None:
        """Add the connections of a file."""
        try:
            merged = connection_files.merged(self._connections, connection_files.read(path))
        except (OSError, connection_files.NotConnections) as error:
            self.try_out.show_answer(False, str(error))
            return
        new = merged[len(self._connections) :]
        self._connections = merged
        self._fill(new[0].name if new else "")
        self.try_out.show_answer(True, tr("New connections: {}. Give them your credentials.").format(len(new)))

    def write_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, tr("Export Connections"), "phidias-connections.json", _filter())
        if name:
            self.give_out(Path(name))

    def give_out(self, path: Path) -> None:
        """Write all connections to a file."""
        try:
            connection_files.write(path, self._connections)
        except OSError as error:
            self.try_out.show_answer(False, str(error))
        else:
            self.try_out.show_answer(True, tr("Exported, without credentials."))

    # What is shown

    def current(self) -> Connection | None:
        """The connection that is marked in the list."""
        item = self.list.currentItem()
        return None if item is None else self._connections[self.list.indexOfTopLevelItem(item)]

    def _names(self) -> set[str]:
        return {entry.name for entry in self._connections}

    def _fill(self, marked: str = "") -> None:
        """Show the connections; mark one by its name."""
        names = [entry.name for entry in self._connections]
        default = self._default if self._default in names else next(iter(names), "")
        self._default = default
        self.list.clear()
        for entry in self._connections:
            is_default = entry.name == default
            item = QTreeWidgetItem([entry.name, entry.url])
            for column, text in enumerate((entry.name, entry.url)):
                item.setToolTip(column, tr("{} (default)").format(text) if is_default else text)
            if is_default:
                item.setIcon(0, QgsApplication.getThemeIcon("/mIconFavorites.svg"))
            self.list.addTopLevelItem(item)
        place = names.index(marked) if marked in names else 0
        self.list.setCurrentItem(self.list.topLevelItem(place))
        self._show_possible()

    def _show_possible(self) -> None:
        chosen = self.current()
        for button in (self.edit_button, self.duplicate_button, self.remove_button):
            button.setEnabled(chosen is not None)
        self.default_button.setEnabled(chosen is not None and chosen.name != self._default)
        self.export_button.setEnabled(bool(self._connections))
        self.try_out.clear(chosen is not None)
        if chosen is None:
            self.try_out.answer.setText(
                tr("Add the address of a gateway, or an SSH host on which a gateway of your own can be started.")
            )


def _button(label: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(label)
    button.setAutoDefault(False)
    button.clicked.connect(lambda: action())
    return button


def _filter() -> str:
    return tr("JSON files (*.json)")


def _variable() -> str:
    """The variable of the environment that decides which connection is used."""
    return next((name for name in (connection.URL_VARIABLE, connection.NAME_VARIABLE) if os.environ.get(name)), "")
