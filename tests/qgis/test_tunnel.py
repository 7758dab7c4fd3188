"""A gateway of one's own behind a real sshd, used from QGIS: jobs, layers that draw, broken lines, proxies."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import processing
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsFeedback,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsNetworkAccessManager,
    QgsProcessingException,
    QgsRasterLayer,
    QgsSettings,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtNetwork import QNetworkProxy

from backend_client import Cancelled, GatewayError
from phidias_qgis import connection, descriptions, tunnels
from phidias_qgis.connection import Connection
from tests.qgis.conftest import until
from tests.qgis.test_execution import Background
from tests.ssh_server import GATEWAY, SshServer


@pytest.fixture
def behind(
    at_home: SshServer, demo_archive: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SshServer]:
    """The default connection leads through SSH to a gateway that has the demo's archive."""
    archives = json.dumps([{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}])
    command = at_home.folder / "gateway"
    command.write_text(f"#!/bin/sh\nPHIDIAS_ARCHIVES='{archives}' exec {GATEWAY} \"$@\"\n")
    command.chmod(stat.S_IRWXU)
    monkeypatch.setenv("NO_PROXY", "")
    connection.store([Connection("ssh://login", name="Cluster", command=str(command))], "Cluster")
    yield at_home
    tunnels.close()


INDEX = {"SCENES": "demo", "AREA": "-75.62,-75.60,37.66,37.68 [EPSG:4326]", "INDEX": "NDVI"}


@pytest.mark.usefixtures("provider")
def test_a_layer_is_streamed_and_drawn_through_the_tunnel(behind: SshServer) -> None:
    results = processing.run("phidias:spectralindex", {**INDEX, "OUTPUT_INDEX": "TEMPORARY_OUTPUT"})
    layer = results["OUTPUT_INDEX"]
    if not isinstance(layer, QgsRasterLayer):
        layer = QgsRasterLayer(layer, "index")
    assert layer.isValid()
    assert "127.0.0.1" in layer.source()
    assert drawn(layer)
    behind.cut()
    gdal.VSICurlClearCache()
    # The same address, over a line that is made anew.
    again = QgsRasterLayer(layer.source(), "again")
    assert again.isValid()
    assert drawn(again)


def drawn(layer: QgsRasterLayer) -> bool:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(layer.extent())
    settings.setDestinationCrs(layer.crs())
    settings.setOutputSize(QSize(64, 64))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return len({image.pixel(x, y) for x in range(0, 64, 4) for y in range(0, 64, 4)}) > 10


@pytest.mark.usefixtures("provider")
def test_a_job_outlives_a_broken_line(behind: SshServer) -> None:
    run = Background("phidias:echo", {"STRING": "through", "PAUSE": 3})
    run.until(lambda: any("s left" in line for line in run.feedback.told))
    behind.cut()
    run.until(lambda: run.ended)
    assert run.ended[0]
    assert run.ended[1]["OUTPUT_STRING"] == "through"


@pytest.mark.usefixtures("provider")
def test_a_host_that_refuses_is_said_with_a_remedy(behind: SshServer) -> None:
    behind.know("# nobody\n")
    with pytest.raises(QgsProcessingException, match=r"not known on this computer.*SHA256.*'ssh login'"):
        processing.run("phidias:echo", {})


def test_a_cancel_is_heard_while_the_host_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Connection(f"ssh://127.0.0.1:{silent.getsockname()[1]}", name="Silent")
        feedback = QgsFeedback()
        gateway = place.gateway(feedback)
        feedback.cancel()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            gateway.processes()
        assert time.monotonic() - began < 10
    tunnels.close()


@pytest.fixture
def dead_proxy() -> Iterator[None]:
    """QGIS and GDAL are told to go through a proxy that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    manager = QgsNetworkAccessManager.instance()
    before = manager.fallbackProxy(), manager.excludeList(), manager.noProxyList()
    proxy = QNetworkProxy(QNetworkProxy.ProxyType.HttpProxy, "127.0.0.1", port)
    manager.setFallbackProxyAndExcludes(proxy, before[1], before[2])
    gdal.SetConfigOption("GDAL_HTTP_PROXY", f"127.0.0.1:{port}")
    yield
    gdal.SetConfigOption("GDAL_HTTP_PROXY", None)
    manager.setFallbackProxyAndExcludes(*before)


@pytest.mark.usefixtures("behind", "dead_proxy")
def test_no_proxy_stands_between_a_tunnel_and_its_users() -> None:
    gateway = connection.load().gateway()
    # As long as it is not known to be a tunnel, the address is out of reach.
    with pytest.raises(GatewayError):
        Connection(gateway.url).gateway().landing()
    assert gateway.status().scheduler == "local"
    file = gdal.VSIFOpenL(f"/vsicurl/{gateway.url}/conformance", "rb")
    assert file is not None
    assert b"conformsTo" in gdal.VSIFReadL(1, 1000, file)
    gdal.VSIFCloseL(file)


def test_the_tools_are_those_of_the_gateway_there(behind: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptions, "shipped", list)
    descriptions.refresh_quickly(20)
    assert "echo" in {entry.id for entry in descriptions.known()}


def test_no_secret_is_kept(behind: SshServer) -> None:
    line = tunnels.tunnel("ssh://login", connection.load().command).open()
    token = line.authorization.partition(" ")[2]
    QgsSettings().sync()
    for path in Path(QgsApplication.qgisSettingsDirPath()).rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
    assert token not in os.environ.get("NO_PROXY", "")


def test_tunnels_end_with_their_connection(behind: SshServer) -> None:
    url = connection.load().gateway().url
    assert connection.load().gateway().url == url
    connection.store([], "")
    until(lambda: is_refused(int(url.rpartition(":")[2])))


def is_refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0
