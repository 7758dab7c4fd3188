"""Where the tools come from: the gateway when it can be asked, what was seen last, what was shipped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsFeedback

from backend_client import GatewayError, GatewayUnreachable
from phidias_qgis import connection, descriptions
from phidias_qgis.plugin import RefreshTask
from tests.qgis.conftest import COMMAND, ROOT, RunningGateway


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to where no gateway is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PHIDIAS_URL", f"http://127.0.0.1:{free.getsockname()[1]}")


def ids() -> set[str]:
    return {entry.id for entry in descriptions.known()}


def test_the_snapshot_is_that_of_this_tree() -> None:
    printed = subprocess.run([COMMAND, "describe"], check=True, capture_output=True, text=True, timeout=60)
    shipped = json.loads((ROOT / "resources" / "processes.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(printed.stdout), "run `make snapshot`"


@pytest.mark.usefixtures("nobody")
def test_with_no_answer_the_shipped_tools_are_there_and_no_second_attempt_is_made_soon() -> None:
    target = connection.load()
    descriptions.refresh_quickly()
    assert {"echo", "spectral-index"} <= ids()
    assert descriptions.failed_lately(target)
    note = descriptions.cache_of(target).path.with_suffix(".failed")
    old = time.time() - descriptions.PATIENCE - 1
    os.utime(note, (old, old))
    assert not descriptions.failed_lately(target)


def test_what_the_gateway_offers_is_kept(connected: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = descriptions.cache_of(connection.load())
    monkeypatch.setattr(descriptions, "shipped", list)
    assert ids() == set()
    descriptions.refresh_quickly(20)
    assert {"echo", "spectral-index"} <= ids()
    assert all(entry.etag for entry in kept.descriptions())


def test_a_success_ends_the_time_of_no_attempts(connected: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    target = connection.load()
    monkeypatch.setenv("PHIDIAS_TOKEN", "phidias_wrong")
    with pytest.raises(GatewayError):
        descriptions.refresh(connection.load(), QgsFeedback())
    assert descriptions.failed_lately(target)
    descriptions.refresh(target, QgsFeedback())
    assert not descriptions.failed_lately(target)


def test_a_gateway_that_does_not_answer_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("PHIDIAS_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        descriptions.refresh_quickly(0.5)
    assert descriptions.failed_lately(connection.load())


def test_the_tools_are_rebuilt_when_the_gateway_has_other_processes(
    connected: RunningGateway, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "shipped", list)
    provider.refreshAlgorithms()
    assert [algorithm.name() for algorithm in provider.algorithms()] == ["searchscenes"]
    task = RefreshTask(connection.load(), provider)
    QgsApplication.taskManager().addTask(task)
    assert task.waitForFinished(30_000)
    task.finished(True)
    assert provider.algorithm("spectralindex") is not None


@pytest.mark.usefixtures("nobody")
def test_a_refresh_that_fails_leaves_the_tools_as_they_are(provider: Any) -> None:
    before = {algorithm.name() for algorithm in provider.algorithms()}
    task = RefreshTask(connection.load(), provider)
    assert task.run() is False
    task.finished(False)
    assert {algorithm.name() for algorithm in provider.algorithms()} == before != set()
    with pytest.raises(GatewayUnreachable):
        descriptions.refresh(connection.load(), QgsFeedback())
