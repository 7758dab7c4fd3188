"""The page in QGIS's options: the gateway's address, the credentials, and a button to try them."""

from __future__ import annotations

import html
from collections.abc import Callable

from qgis.core import QgsApplication, QgsFeedback, QgsTask
from qgis.gui import QgsAuthConfigSelect, QgsOptionsPageWidget, QgsOptionsWidgetFactory
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QFormLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from backend_client import GatewayError
from phidias_qgis import connection, paths
from phidias_qgis.i18n import tr


class OptionsFactory(QgsOptionsWidgetFactory):
    """Makes the page; `applied` is called when a person has changed something."""

    def __init__(self, applied: Callable[[], None]) -> None:
        super().__init__()
        self._applied = applied
        self.setTitle("PHIDIAS")

    def icon(self) -> QIcon:
        return QIcon(str(paths.resource("icons", "phidias.svg")))

    def createWidget(self, parent: QWidget | None) -> QgsOptionsPageWidget:
        return OptionsPage(self._applied, parent)


class OptionsPage(QgsOptionsPageWidget):
    """The page itself."""

    def __init__(self, applied: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._applied = applied
        self._task: TryTask | None = None
        self._stored = next(iter(connection.stored()), connection.Connection("", name="PHIDIAS"))

        self.url = QLineEdit(self._stored.url)
        self.url.setPlaceholderText("https://hpc.example.org")
        self.credentials = QgsAuthConfigSelect()
        self.credentials.setConfigId(self._stored.authcfg)
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton(tr("Test"))
        self.button.clicked.connect(self.try_it)

        form = QFormLayout()
        form.addRow(tr("Address of the gateway"), self.url)
        form.addRow(tr("Credentials"), self.credentials)
        hint = QLabel(
            tr(
                "Make a configuration of the type 'Basic Authentication' with your user name, and your token as the "
                "password. QGIS keeps it encrypted."
            )
        )
        hint.setWordWrap(True)
        form.addRow("", hint)
        form.addRow(self.button, self.answer)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addStretch(1)

    def apply(self) -> None:
        url, authcfg = self.url.text().strip(), self.credentials.configId()
        entered = connection.Connection(url, authcfg=authcfg, name=self._stored.name)
        if entered != self._stored:
            self._stored = entered
            connection.store([entered], entered.name)
            self._applied()

    def try_it(self) -> None:
        """Ask the gateway in the background, and show what it says."""
        url = self.url.text().strip()
        if not url:
            self.show_answer(False, tr("Give the address of the gateway first."))
            return
        self.button.setEnabled(False)
        self.answer.setText(tr("Asking {} ...").format(url))
        self._task = TryTask(connection.Connection(url, authcfg=self.credentials.configId()), self)
        QgsApplication.taskManager().addTask(self._task)

    def show_answer(self, good: bool, text: str) -> None:
        """Show what the test found."""
        self.button.setEnabled(True)
        self.answer.setText(f"{'✔' if good else '✘'} {html.escape(text)}")

    def hideEvent(self, event: object) -> None:
        if self._task is not None:
            self._task.forget()
            self._task = None
        super().hideEvent(event)


class TryTask(QgsTask):
    """Asks a gateway who it is and what it offers."""

    def __init__(self, target: connection.Connection, page: OptionsPage) -> None:
        super().__init__(tr("PHIDIAS: testing the connection"), QgsTask.Flag.CanCancel)
        self._target = target
        self._page: OptionsPage | None = page
        self._feedback = QgsFeedback()
        self._answer = ""

    def forget(self) -> None:
        """The page is gone: nobody wants the answer any more."""
        self._page = None
        self._feedback.cancel()

    def run(self) -> bool:
        try:
            gateway = self._target.gateway(self._feedback, seconds=15)
            title = gateway.landing().title or gateway.url
            self._answer = tr("{} answers and offers {} processes.").format(title, len(gateway.processes()))
        except GatewayError as error:
            self._answer = str(error)
            return False
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._answer = repr(error)
            return False
        return True

    def finished(self, result: bool) -> None:
        if self._page is not None:
            self._page.show_answer(result, self._answer)
