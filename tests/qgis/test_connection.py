"""Which connections there are, where they are kept, and which one is meant."""

from __future__ import annotations

import pytest
from qgis.core import QgsSettings

from phidias_qgis import connection
from phidias_qgis.connection import Connection, NotConnected

SITE = Connection("https://site.example.org", authcfg="abc1234", name="Site")
LAPTOP = Connection("http://127.0.0.1:8765", name="Zu Hause / ü")


@pytest.fixture
def two() -> None:
    connection.store([LAPTOP, SITE], "Site")


def test_none_is_set_up() -> None:
    assert connection.names() == []
    with pytest.raises(NotConnected, match="Settings > Options > PHIDIAS"):
        connection.load()


@pytest.mark.usefixtures("two")
def test_several_are_kept_in_order_and_one_is_the_default() -> None:
    assert connection.names() == [LAPTOP.name, "Site"]
    assert connection.load() == SITE
    assert connection.load(LAPTOP.name) == LAPTOP
    with pytest.raises(NotConnected, match="named 'Other'"):
        connection.load("Other")


def test_the_first_one_is_the_default_if_the_chosen_one_is_gone() -> None:
    connection.store([LAPTOP], "Site")
    assert connection.load() == LAPTOP


@pytest.mark.usefixtures("two")
def test_an_address_in_the_environment_goes_first_and_takes_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIDIAS_URL", "https://other.example.org")
    assert connection.load() == Connection("https://other.example.org", name="environment")
    assert connection.names() == ["environment", LAPTOP.name, "Site"]
    assert connection.load("Site") == SITE
    monkeypatch.setenv("PHIDIAS_CONNECTION", "Site")
    monkeypatch.setenv("PHIDIAS_USER", "ada")
    monkeypatch.setenv("PHIDIAS_TOKEN", "secret")
    assert connection.load("Site") == Connection("https://other.example.org", "ada", "secret", name="Site")
    assert connection.load() == connection.load("Site")


@pytest.mark.usefixtures("two")
def test_the_environment_names_a_connection_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIDIAS_CONNECTION", LAPTOP.name)
    assert connection.load() == LAPTOP
    monkeypatch.setenv("PHIDIAS_CONNECTION", "Other")
    with pytest.raises(NotConnected, match="named 'Other'"):
        connection.load()
    assert connection.load("Site") == SITE


@pytest.mark.usefixtures("two")
def test_a_token_in_the_environment_is_for_the_default_connection_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIDIAS_TOKEN", "secret")
    assert connection.load() == Connection(SITE.url, token="secret", name="Site")
    assert connection.load(LAPTOP.name) == LAPTOP
    assert "secret" not in repr(connection.load())


def test_the_one_connection_of_before_is_taken_over() -> None:
    settings = QgsSettings()
    settings.setValue("phidias/connection/url", "https://old.example.org:8443/phidias")
    settings.setValue("phidias/connection/authcfg", "abc1234")
    taken = Connection("https://old.example.org:8443/phidias", authcfg="abc1234", name="old.example.org:8443")
    assert connection.load() == taken
    assert connection.load(taken.name) == taken
    assert not settings.contains("phidias/connection/url")


@pytest.mark.parametrize("text", ["", "{", "null", "7", '["x"]', '[{"name": "x"}]', '[{"name": 7, "url": null}]'])
def test_damaged_settings_are_no_connections(text: str) -> None:
    QgsSettings().setValue(connection.CONNECTIONS_KEY, text)
    assert connection.names() == []


def test_an_ssh_host_has_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Connection("ssh://ada@login", name="Cluster", command="~/phidias/bin/phidias-gateway")
    connection.store([cluster], "Cluster")
    monkeypatch.setenv("PHIDIAS_TOKEN", "secret")
    assert connection.load() == cluster
    monkeypatch.setenv("PHIDIAS_URL", "ssh://bob@login")
    monkeypatch.setenv("PHIDIAS_COMMAND", "/opt/phidias-gateway")
    assert connection.load() == Connection("ssh://bob@login", name="environment", command="/opt/phidias-gateway")
