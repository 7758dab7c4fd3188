"""The page in QGIS's options dialog, and the plugin's coming and going."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop, Qt
from qgis.PyQt.QtWidgets import QDialog

from phidias_qgis import connection
from phidias_qgis.connection import Connection
from phidias_qgis.connection_dialog import ConnectionDialog, TryOut
from phidias_qgis.options import OptionsFactory
from phidias_qgis.options_page import OptionsPage
from tests.qgis.conftest import RunningGateway
from tests.qgis.window import Window

LAPTOP = Connection("http://127.0.0.1:8765", name="Laptop")
SITE = Connection("https://site.example.org", authcfg="abc1234", name="Site")


def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.01)


@pytest.fixture
def credentials(qgis_app: Any, gateway: RunningGateway) -> str:
    """The gateway's token in QGIS's authentication database; the configuration's id."""
    manager = QgsApplication.authManager()
    assert manager.setMasterPassword("of the test", verify=True)
    config = QgsAuthMethodConfig("Basic")
    config.setName("phidias")
    config.setConfigMap({"username": gateway.user, "password": gateway.token})
    assert manager.storeAuthenticationConfig(config)
    return str(config.id())


@pytest.fixture
def page() -> OptionsPage:
    """The page with two connections, of which the second is the default one."""
    connection.store([LAPTOP, SITE], SITE.name)
    return OptionsPage(lambda: None)


def mark(page: OptionsPage, name: str) -> None:
    [item] = page.list.findItems(name, Qt.MatchFlag.MatchExactly)
    page.list.setCurrentItem(item)


def test_what_was_entered_is_kept_when_it_is_applied(gateway: RunningGateway, credentials: str) -> None:
    told: list[bool] = []
    page = OptionsFactory(lambda: told.append(True)).createWidget(None)
    assert isinstance(page, OptionsPage)
    page.apply()
    assert told == []
    dialog = ConnectionDialog(Connection(""), set())
    dialog.name.setText("  My   cluster ")
    dialog.url.setText(f" {gateway.url} ")
    dialog.credentials.setConfigId(credentials)
    page.append(dialog.entered())
    assert connection.names() == []
    page.apply()
    page.apply()
    assert told == [True]
    assert connection.load() == Connection(gateway.url, authcfg=credentials, name="My cluster")
    settings = QgsSettings()
    assert gateway.token not in {str(settings.value(key)) for key in settings.allKeys()}
    # And with them the gateway lets us in.
    assert len(connection.load().gateway().processes()) > 3


def test_the_list_is_edited(page: OptionsPage) -> None:
    mark(page, LAPTOP.name)
    page.duplicate()
    assert page.current() == Connection(LAPTOP.url, name="Laptop (2)")
    page.make_default()
    page.replace(page.current(), Connection("ssh://ada@login", name="Cluster"))
    mark(page, SITE.name)
    page.remove()
    page.apply()
    assert connection.names() == ["Laptop", "Cluster"]
    # The default one has kept its place under its new name.
    assert connection.load() == Connection("ssh://ada@login", name="Cluster")
    page.remove()
    page.remove()
    assert page.current() is None
    assert not page.edit_button.isEnabled()
    assert not page.try_out.button.isEnabled()
    page.apply()
    assert connection.names() == []


def test_the_dialog_opens_for_what_is_marked(page: OptionsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def entered(dialog: ConnectionDialog) -> QDialog.DialogCode:
        dialog.name.setText("Renamed")
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(ConnectionDialog, "exec", entered)
    mark(page, SITE.name)
    page.edit_button.click()
    page.add_button.click()
    assert [entry.name for entry in page._connections] == ["Laptop", "Renamed", "Renamed"]


def test_the_dialog_shows_and_gives_both_kinds(credentials: str) -> None:
    cluster = Connection("ssh://ada@login:22", name="Cluster", command="~/bin/phidias-gateway")
    for entry in (cluster, Connection("https://a.example.org", authcfg=credentials, name="Site")):
        dialog = ConnectionDialog(entry, set())
        assert dialog.entered() == entry
        assert dialog.obstacle() == ""
        shown = dialog.host if entry.is_ssh else dialog.url
        hidden = dialog.url if entry.is_ssh else dialog.host
        assert shown.isVisibleTo(dialog)
        assert not hidden.isVisibleTo(dialog)


@pytest.mark.parametrize(
    ("url", "name", "told"),
    [
        ("https://a.example.org", "", "name"),
        ("https://a.example.org", "Taken", "another connection of this name"),
        ("a.example.org", "A", "https://"),
        ("https://ada:secret@a.example.org", "A", "holds a user name or password"),
        ("ssh://ada@", "A", "ada@login"),
    ],
)
def test_what_cannot_be_a_connection_is_not_accepted(url: str, name: str, told: str) -> None:
    dialog = ConnectionDialog(Connection(url, name=name), {"Taken"})
    dialog.accept()
    assert told in dialog.try_out.answer.text()
    assert "secret" not in dialog.try_out.answer.text()
    assert dialog.result() != QDialog.DialogCode.Accepted


def test_the_button_says_what_was_found(gateway: RunningGateway, credentials: str) -> None:
    try_out = TryOut("Test")
    try_out.test(Connection(gateway.url, authcfg=credentials))
    assert not try_out.button.isEnabled()
    until(try_out.button.isEnabled)
    found = try_out.answer.text()
    assert re.fullmatch(
        rf"✔ PHIDIAS [\d.]+ answers in \d+ ms; signed in as {gateway.user}; "
        r"jobs run on the gateway's own computer; processes: \d+\.",
        found,
    )


def test_the_button_says_what_is_wrong(gateway: RunningGateway) -> None:
    try_out = TryOut("Test")
    try_out.test(Connection(""))
    assert "address" in try_out.answer.text()
    try_out.test(Connection(gateway.url))
    until(try_out.button.isEnabled)
    assert "✘" in try_out.answer.text()
    assert "token" in try_out.answer.text()


def test_a_test_that_nobody_waits_for_says_nothing(page: OptionsPage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page.append(Connection(f"http://127.0.0.1:{silent.getsockname()[1]}", name="Silent"))
        page.test()
        assert "Asking" in page.try_out.answer.text()
        mark(page, SITE.name)
        until(lambda: not QgsApplication.taskManager().activeTasks())
    assert page.try_out.answer.text() == ""
    assert page.try_out.button.isEnabled()


def test_connections_are_handed_on_without_credentials(page: OptionsPage, tmp_path: Path) -> None:
    path = tmp_path / "connections.json"
    page.append(Connection("ssh://ada@login", name="Cluster", command="/opt/phidias-gateway"))
    page.append(Connection("https://ada:secret@old.example.org/x?token=secret", authcfg="abc1234", name="Old"))
    page.give_out(path)
    assert "without credentials" in page.try_out.answer.text()
    assert "secret" not in path.read_text()
    assert "abc1234" not in path.read_text()

    connection.store([SITE, Connection("https://other.example.org", name=LAPTOP.name)], SITE.name)
    other = OptionsPage(lambda: None)
    other.take_in(path)
    other.apply()
    assert connection.names() == [SITE.name, "Laptop", "Laptop (2)", "Cluster", "Old"]
    # What was known before has kept its credentials.
    assert connection.load(SITE.name) == SITE
    assert connection.load("Laptop (2)").url == LAPTOP.url
    assert connection.load("Cluster").command == "/opt/phidias-gateway"
    other.take_in(path)
    assert len(other._connections) == 5


@pytest.mark.parametrize("text", ["", "[]", '{"type": "else"}', None])
def test_a_file_that_is_none_of_ours_changes_nothing(page: OptionsPage, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "connections.json"
    if text is not None:
        path.write_text(text)
    page.take_in(path)
    assert "✘" in page.try_out.answer.text()
    assert "connections.json" in page.try_out.answer.text()
    assert len(page._connections) == 2


def test_the_plugin_comes_and_goes_without_a_trace(qgis_processing: None, connected: RunningGateway) -> None:
    import backend_client
    from phidias_qgis import classFactory

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "backend_client"}
    path = list(sys.path)
    window = Window()
    registry = QgsApplication.processingRegistry()
    plugin = classFactory(window)
    try:
        plugin.initGui()
        assert registry.algorithmById("phidias:spectralindex") is not None
        assert len(window.factories) == 1
        plugin.unload()
        assert registry.providerById("phidias") is None
        assert window.factories == window.menu == window.filters == window.layer_actions == []
        assert "backend_client" not in sys.modules
    finally:
        # The other tests go on with the modules that they know.
        sys.modules.update(before)
        sys.path[:] = path
    assert sys.modules["backend_client"] is backend_client
