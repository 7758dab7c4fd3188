"""The page in QGIS's options dialog, and the plugin's coming and going."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QEventLoop

from phidias_qgis import connection
from phidias_qgis.options import OptionsFactory, OptionsPage
from tests.qgis.conftest import RunningGateway


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


def test_the_page_keeps_the_address_and_the_name_of_the_credentials(gateway: RunningGateway, credentials: str) -> None:
    told: list[bool] = []
    page = OptionsFactory(lambda: told.append(True)).createWidget(None)
    assert isinstance(page, OptionsPage)
    page.url.setText(f" {gateway.url} ")
    page.credentials.setConfigId(credentials)
    page.apply()
    page.apply()
    assert told == [True]
    assert connection.load() == connection.Connection(gateway.url, authcfg=credentials, name="PHIDIAS")
    settings = QgsSettings()
    assert gateway.token not in {str(settings.value(key)) for key in settings.allKeys()}
    # And with them the gateway lets us in.
    assert len(connection.load().gateway().processes()) > 3


def test_the_button_says_what_the_gateway_offers(gateway: RunningGateway, credentials: str) -> None:
    page = OptionsPage(lambda: None)
    page.url.setText(gateway.url)
    page.credentials.setConfigId(credentials)
    page.try_it()
    assert not page.button.isEnabled()
    until(page.button.isEnabled)
    assert "✔" in page.answer.text()
    assert "processes" in page.answer.text()


def test_the_button_says_what_is_wrong(gateway: RunningGateway) -> None:
    page = OptionsPage(lambda: None)
    page.try_it()
    assert "address" in page.answer.text()
    page.url.setText(gateway.url)
    page.try_it()
    until(page.button.isEnabled)
    assert "✘" in page.answer.text()
    assert "token" in page.answer.text()


class Window:
    """What the plugin asks of QGIS's window."""

    def __init__(self) -> None:
        self.factories: list[Any] = []

    def registerOptionsWidgetFactory(self, factory: Any) -> None:
        self.factories.append(factory)

    def unregisterOptionsWidgetFactory(self, factory: Any) -> None:
        self.factories.remove(factory)


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
        assert window.factories == []
        assert "backend_client" not in sys.modules
    finally:
        # The other tests go on with the modules that they know.
        sys.modules.update(before)
        sys.path[:] = path
    assert sys.modules["backend_client"] is backend_client
