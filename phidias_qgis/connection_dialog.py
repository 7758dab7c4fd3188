"""The dialog for one connection: its name, where the gateway is, and a button to try it."""

from __future__ import annotations

from collections.abc import Collection

from qgis.core import QgsApplication
from qgis.gui import QgsAuthConfigSelect
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from backend_client import Gateway, GatewayError
from backend_client.ssh import COMMAND, Host
from phidias_qgis.connection import SSH, Connection
from phidias_qgis.i18n import tr
from phidias_qgis.probe import ProbeTask

WEB, LOGIN_NODE = 0, 1
WIDTH = 520
"""Pixels that the dialog is wide at first"""


class ConnectionDialog(QDialog):
    """Edits a connection; `taken` are the names that it cannot have. `entered()` is what was entered."""

    def __init__(self, connection: Connection, taken: Collection[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("PHIDIAS Connection"))
        self._taken = taken
        self.name = QLineEdit(connection.name)
        self.name.setPlaceholderText(tr("What you call it"))
        self.kind = QComboBox()
        self.kind.addItems([tr("At a web address"), tr("On a login node, by SSH")])
        self.kind.setCurrentIndex(LOGIN_NODE if connection.is_ssh else WEB)

        self.url = QLineEdit("" if connection.is_ssh else connection.url)
        self.url.setPlaceholderText("https://hpc.example.org")
        self.credentials = QgsAuthConfigSelect()
        self.credentials.setConfigId(connection.authcfg)
        self.host = QLineEdit(connection.url[len(SSH) :] if connection.is_ssh else "")
        self.host.setPlaceholderText("ada@login.example.org")
        self.command = QLineEdit(connection.command)
        self.command.setPlaceholderText(COMMAND)

        for edit in (self.name, self.url, self.host, self.command):
            edit.setCursorPosition(0)

        form = QFormLayout()
        form.addRow(tr("Name"), self.name)
        form.addRow(tr("The gateway is"), self.kind)
        about_web = _hint(
            tr(
                "Make a configuration of the type 'Basic Authentication' with your user name, and your token as the "
                "password. QGIS keeps it encrypted."
            )
        )
        about_ssh = _hint(
            tr(
                "A gateway of your own is started there. The host must let you in without a question: by a key in "
                "~/.ssh or in your SSH agent. The command is needed if phidias-gateway is not found there by itself."
            )
        )
        self._rows = {
            WEB: _rows(form, (tr("Address"), self.url), (tr("Credentials"), self.credentials), hint=about_web),
            LOGIN_NODE: _rows(form, (tr("Host"), self.host), (tr("Command there"), self.command), hint=about_ssh),
        }
        self.kind.currentIndexChanged.connect(self._show_rows)
        self._show_rows()

        self.try_out = TryOut(tr("Test"))
        self.try_out.button.clicked.connect(self._test)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)

        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.try_out)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.resize(WIDTH, 0)

    def entered(self) -> Connection:
        """The connection as it stands in the dialog."""
        name = " ".join(self.name.text().split())
        if self.kind.currentIndex() == LOGIN_NODE:
            host = self.host.text().strip()
            host = host[len(SSH) :] if host.lower().startswith(SSH) else host
            return Connection(SSH + host, name=name, command=self.command.text().strip())
        return Connection(self.url.text().strip(), authcfg=self.credentials.configId(), name=name)

    def obstacle(self) -> str:
        """Why what was entered cannot be a connection; empty if it can."""
        entered = self.entered()
        if not entered.name:
            return tr("Give the connection a name.")
        if entered.name in self._taken:
            return tr("There is another connection of this name. Choose another one.")
        return _obstacle_of(entered)

    def accept(self) -> None:
        obstacle = self.obstacle()
        if obstacle:
            self.try_out.show_answer(False, obstacle)
        else:
            super().accept()

    def hideEvent(self, event: object) -> None:
        self.try_out.forget()
        super().hideEvent(event)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            # Room for a longer answer: by itself, a dialog would rather cut it off.
            needed = self.layout().totalHeightForWidth(self.width())
            if needed > self.height():
                self.resize(self.width(), needed)
        return bool(handled)

    def _test(self) -> None:
        self.try_out.test(self.entered())

    def _show_rows(self) -> None:
        for kind, widgets in self._rows.items():
            for widget in widgets:
                widget.setVisible(kind == self.kind.currentIndex())


class TryOut(QWidget):
    """A button that tries a connection in the background, and what it found."""

    def __init__(self, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: ProbeTask | None = None
        self.button = QPushButton(label)
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.answer.setTextFormat(Qt.TextFormat.PlainText)
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.answer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.answer, 1)

    def test(self, target: Connection) -> None:
        """Ask the gateway, and show what it says."""
        obstacle = _obstacle_of(target)
        if obstacle:
            self.show_answer(False, obstacle)
            return
        self.button.setEnabled(False)
        self.answer.setText(tr("Asking {} ...").format(target.url))
        self._task = ProbeTask(target, self.show_answer)
        QgsApplication.taskManager().addTask(self._task)

    def show_answer(self, good: bool, text: str) -> None:
        """Show what the test found."""
        self.button.setEnabled(True)
        self.answer.setText(f"{'✔' if good else '✘'} {text}")

    def clear(self, possible: bool) -> None:
        """Forget what was found: something else is to be tested, or nothing."""
        self.forget()
        self.answer.clear()
        self.button.setEnabled(possible)

    def forget(self) -> None:
        """Do not wait any more."""
        if self._task is not None:
            self._task.forget()
            self._task = None


def _obstacle_of(entered: Connection) -> str:
    try:
        if entered.is_ssh:
            Host.parse(entered.url)
        else:
            Gateway(entered.url)
    except GatewayError as error:
        return str(error)
    return ""


def _rows(form: QFormLayout, *rows: tuple[str, QWidget], hint: QLabel) -> list[QWidget]:
    """Add rows and a sentence to the form; returns all their widgets."""
    widgets: list[QWidget] = []
    for label, widget in rows:
        form.addRow(label, widget)
        widgets += [form.labelForField(widget), widget]
    form.addRow(hint)
    return [*widgets, hint]


def _hint(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label
