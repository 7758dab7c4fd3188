"""What is copied for a report of a fault says what one needs to know, and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsMessageLog, QgsSettings
from qgis.PyQt.QtGui import QGuiApplication

from backend_client import Gateway
from phidias_qgis import connection, diagnostics, tunnels
from phidias_qgis.connection import Connection
from phidias_qgis.diagnostics import CopyButton, report, without_secrets
from tests.qgis.conftest import RunningGateway
from tests.qgis.test_options import until
from tests.ssh_server import GATEWAY, SshServer


@pytest.fixture
def log(qgis_app: Any) -> Iterator[None]:
    diagnostics.keeper.start()
    yield
    diagnostics.keeper.stop()


def say(text: str) -> None:
    QgsMessageLog.logMessage(text, "PHIDIAS", Qgis.MessageLevel.Warning)


def signed_link(gateway: RunningGateway) -> str:
    """A link of the gateway that opens a result by itself."""
    client = Gateway(gateway.url, token=gateway.token)
    search = {"catalogue": "demo"}
    inputs = {"scenes": search, "area": {"bbox": [-75.62, 37.66, -75.61, 37.67]}, "index": "NDVI"}
    job = client.execute("spectral-index", inputs)
    assert [*client.follow(job.id)][-1].status == "successful"
    href = client.results(job.id)["index"].href
    client.dismiss(job.id)
    return href


def test_it_says_everything_but_the_secrets(
    connected: RunningGateway, monkeypatch: pytest.MonkeyPatch, log: None
) -> None:
    link = signed_link(connected)
    [signature] = parse_qs(urlsplit(link).query)["signature"]
    home = str(Path.home())
    monkeypatch.setenv("https_proxy", "http://proxyuser:proxysecret@proxy.example.org:3128")
    settings = QgsSettings()
    for key, value in {
        "proxyEnabled": True,
        "proxyType": "HttpProxy",
        "proxyHost": "inner.example.org",
        "proxyPort": "8080",
        "proxyUser": "innerme",
        "proxyPassword": "innersecret",
    }.items():
        settings.setValue(f"proxy/{key}", value)
    connection.store([Connection("https://ada:urlsecret@old.example.org/?token=asked", authcfg="abc1234", name="Old")])
    say(f"Opening /vsicurl/{link} of {home}/data/index.tif failed")
    say(f"GET {link.replace('http://', '')} and the header Authorization: Bearer {connected.token}")
    say(f"password=hunter2 api_key: k3y-0f-x, token '{connected.token}'")
    say("the last word")
    try:
        told = report(diagnostics.keeper.messages(), QgsFeedback())
    finally:
        settings.remove("proxy")
    for known in (
        f"QGIS {Qgis.QGIS_VERSION}",
        "GDAL 3",
        "Qt 5",
        "Python 3",
        f"PHIDIAS {diagnostics.version()}",
        "paramiko ",
        "HttpProxy inner.example.org:8080",
        "https_proxy=http://proxy.example.org:3128",
        f"'environment': {connected.url}, token from the environment, default",
        "'Old': https://old.example.org/, authentication configuration",
        f"signed in as {connected.user}",
        "the last word",
        "~/data/index.tif",
    ):
        assert known in told
    for secret in (
        connected.token,
        connected.token.rpartition("_")[2],
        signature,
        "proxysecret",
        "proxyuser",
        "innersecret",
        "innerme",
        "urlsecret",
        "asked",
        "hunter2",
        "k3y-0f-x",
        f"{home}/",
    ):
        assert secret not in told, secret


def test_the_token_of_a_tunnel_is_not_told(at_home: SshServer, log: None) -> None:
    connection.store([Connection("ssh://login", name="Cluster", command=str(GATEWAY))])
    token = tunnels.tunnel("ssh://login", str(GATEWAY)).open().authorization.partition(" ")[2]
    say(f"heard {token} from the host")
    told = report(diagnostics.keeper.messages(), QgsFeedback())
    tunnels.close()
    assert "'Cluster': ssh://login, SSH, default" in told
    assert "jobs run on" in told
    assert "heard *** from the host" in told


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://a.org/x?expires=1&signature=abc then", "https://a.org/x?*** then"),
        ("ssh://ada@login and ada@example.org", "ssh://ada@login and ada@example.org"),
        ("PHIDIAS_TOKEN=abc", "PHIDIAS_TOKEN=***"),
        ("a token is needed", "a token is needed"),
        ("5 of 7 basic operations", "5 of 7 basic operations"),
    ],
)
def test_what_is_struck_out(text: str, left: str) -> None:
    assert without_secrets(text) == left


def test_without_a_connection_it_works_as_well(log: None) -> None:
    assert "Settings > Options > PHIDIAS" in report([], QgsFeedback())


def test_only_messages_of_phidias_are_kept(log: None) -> None:
    before = len(diagnostics.keeper.messages())
    QgsMessageLog.logMessage("of somebody else", "Other", Qgis.MessageLevel.Warning)
    say("of ours")
    assert diagnostics.keeper.messages()[before:] == ["of ours"]


def test_the_button_copies(connected: RunningGateway) -> None:
    button = CopyButton()
    button.click()
    assert not button.isEnabled()
    until(button.isEnabled)
    assert "signed in as" in QGuiApplication.clipboard().text()
    assert connected.token not in QGuiApplication.clipboard().text()
    assert not QgsApplication.taskManager().activeTasks()
