"""What a person copies into a question or a report of a fault: versions, settings, health, messages; and no secret."""

from __future__ import annotations

import configparser
import os
import platform
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsSettings, QgsTask
from qgis.PyQt.QtCore import PYQT_VERSION_STR, qVersion
from qgis.PyQt.QtGui import QGuiApplication
from qgis.PyQt.QtWidgets import QAction, QPushButton

from backend_client import GatewayError
from backend_client.errors import public_url
from phidias_qgis import connection, descriptions, paths, probe
from phidias_qgis.i18n import tr

MESSAGES = 200
"""Of the PHIDIAS log, the last so many are copied"""
PACKAGES = ("requests", "urllib3", "paramiko")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
HIDDEN = "***"

_SECRETS = (
    (re.compile(r"phidias_[0-9A-Za-z]+_[\w-]+"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{12,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"((?:https?|ftp)://)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"((?:https?|ftp)://[^\s?#\"'<>]+)[?#][^\s\"'<>]*"), rf"\1?{HIDDEN}"),
    (
        re.compile(r"(?i)\b(\w*(?:signature|token|passw(?:or)?d|passphrase|secret|api_?key))(\s*[=:]\s*)\S+"),
        rf"\1\2{HIDDEN}",
    ),
)


class MessageKeeper:
    """Keeps the last messages of the PHIDIAS log in memory."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=MESSAGES)

    def start(self) -> None:
        QgsApplication.messageLog().messageReceived.connect(self._receive)

    def stop(self) -> None:
        QgsApplication.messageLog().messageReceived.disconnect(self._receive)

    def messages(self) -> list[str]:
        """Oldest first."""
        return list(self._kept)

    def _receive(self, message: str, tag: str, level: Any) -> None:
        if tag == descriptions.LOG:
            self._kept.append(message)


keeper = MessageKeeper()


def report(messages: Iterable[str], feedback: QgsFeedback) -> str:
    """Everything, as text. Asks the default connection's gateway: not in the window."""
    lines = [*_versions(), "", *_proxies(), "", *_connections(), _health(feedback), "", tr("Last messages:"), *messages]
    return without_secrets("\n".join(lines)) + "\n"


def without_secrets(text: str) -> str:
    """`text` without tokens, signatures, passwords, queries of addresses, and the name of the home folder."""
    token = os.environ.get(connection.TOKEN_VARIABLE, "")
    if token:
        text = text.replace(token, HIDDEN)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    home = str(Path.home())
    for spelling in {home, home.replace("\\", "/")} - {"/", ""}:
        text = re.sub(re.escape(spelling) + r"(?=[/\\\s'\",;:)]|$)", "~", text)
    return text


def version() -> str:
    """The plugin's own."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read([folder / "metadata.txt" for folder in (paths.HERE.parent, paths.HERE)], encoding="utf-8")
    return metadata.get("general", "version", fallback="?")


def _versions() -> Iterator[str]:
    import importlib.metadata

    yield f"PHIDIAS {version()}"
    yield f"QGIS {Qgis.QGIS_VERSION}, Qt {qVersion()}, PyQt {PYQT_VERSION_STR}, GDAL {gdal.VersionInfo('RELEASE_NAME')}"
    yield f"Python {platform.python_version()} ({sys.executable})"
    yield f"{platform.platform()}, {QgsApplication.locale()}"
    for package in PACKAGES:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield tr("{}: not installed").format(package)


def _proxies() -> Iterator[str]:
    settings = QgsSettings()
    if str(settings.value("proxy/proxyEnabled", "false")).lower() in ("true", "1"):
        place = ":".join(str(settings.value(f"proxy/{key}", "") or "") for key in ("proxyHost", "proxyPort"))
        yield tr("Proxy of QGIS: {} {}").format(settings.value("proxy/proxyType", ""), place)
        yield tr("No proxy for: {}").format(settings.value("proxy/noProxyUrls", "") or "-")
    else:
        yield tr("Proxy of QGIS: none")
    for name in PROXY_VARIABLES:
        value = os.environ.get(name)
        if value:
            yield f"{name}={public_url(value) if '://' in value else value.rpartition('@')[2]}"


def _connections() -> Iterator[str]:
    default = connection.default_name()
    for name in connection.names():
        entry = connection.load(name)
        kind = "SSH" if entry.is_ssh else _credentials(entry)
        parts = [
            entry.url if entry.is_ssh else public_url(entry.url),
            kind,
            *([tr("default")] if name == default else []),
        ]
        yield tr("Connection '{}': {}").format(name, ", ".join(parts))


def _credentials(entry: connection.Connection) -> str:
    if entry.token:
        return tr("token from the environment")
    if entry.authcfg:
        return tr("authentication configuration")
    return tr("no credentials")


def _health(feedback: QgsFeedback) -> str:
    try:
        return f"'{connection.default_name()}': {probe.look(connection.load(), feedback)}"
    except (connection.NotConnected, GatewayError) as error:
        return str(error)


class DiagnosticsTask(QgsTask):
    """Makes the report in the background and puts it on the clipboard; `done` is called then."""

    def __init__(self, done: Callable[[], None]) -> None:
        super().__init__(tr("PHIDIAS: collecting diagnostics"), QgsTask.Flag.CanCancel)
        self._done: Callable[[], None] | None = done
        self._messages = keeper.messages()
        self._feedback = QgsFeedback()
        self._text = ""

    def forget(self) -> None:
        """Nobody wants it any more."""
        self._done = None
        self._feedback.cancel()

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def run(self) -> bool:
        try:
            self._text = report(self._messages, self._feedback)
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._text = without_secrets(repr(error))
        return True

    def finished(self, result: bool) -> None:
        if result and self._done is not None:
            QGuiApplication.clipboard().setText(self._text)
            self._done()


class DiagnosticsFeature:
    """The entry in the menu of plugins, and the keeping of messages for it."""

    MENU = "PHIDIAS"

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._task: DiagnosticsTask | None = None
        self._action = QAction(tr("Copy Diagnostics"), iface.mainWindow())
        self._action.triggered.connect(self.copy)

    def start(self) -> None:
        """Add it to QGIS. Asks nothing of the network."""
        keeper.start()
        self._iface.addPluginToMenu(self.MENU, self._action)

    def stop(self) -> None:
        """Take it away again."""
        keeper.stop()
        if self._task is not None:
            self._task.forget()
        self._iface.removePluginMenu(self.MENU, self._action)
        self._action.deleteLater()

    def copy(self) -> None:
        """Make the report and tell when it is on the clipboard."""
        self._task = DiagnosticsTask(self._tell)
        QgsApplication.taskManager().addTask(self._task)

    def _tell(self) -> None:
        self._iface.messageBar().pushMessage(
            "PHIDIAS", tr("The diagnostics are on the clipboard."), Qgis.MessageLevel.Success
        )


class CopyButton(QPushButton):
    """Copies the diagnostics."""

    def __init__(self) -> None:
        super().__init__(tr("Copy Diagnostics"))
        self.setAutoDefault(False)
        self.setToolTip(tr("Versions, settings, the gateway's health and the last messages, without any secret"))
        self._task: DiagnosticsTask | None = None
        self.clicked.connect(self._start)

    def _start(self) -> None:
        self.setEnabled(False)
        self.setText(tr("Collecting..."))
        self._task = DiagnosticsTask(self._done)
        QgsApplication.taskManager().addTask(self._task)

    def hideEvent(self, event: object) -> None:
        if self._task is not None:
            self._task.forget()
        super().hideEvent(event)

    def _done(self) -> None:
        self.setEnabled(True)
        self.setText(tr("Copied"))
