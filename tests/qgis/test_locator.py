"""`phi ...` in the search bar: tools, jobs, and nothing asked of the network that nobody wanted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from qgis.core import QgsFeedback, QgsLocator, QgsLocatorContext, QgsLocatorResult

from backend_client import Gateway
from phidias_qgis import connection
from phidias_qgis.connection import Connection
from phidias_qgis.locator import PhidiasFilter, data_of
from tests.qgis.conftest import RunningGateway
from tests.qgis.test_options import until


class Search:
    """A search bar with the filter in it."""

    def __init__(self) -> None:
        self.tools: list[str] = []
        self.jobs: list[tuple[str, str]] = []
        self.found: list[tuple[str, list[str]]] = []
        self.locator = QgsLocator()
        self.filter = PhidiasFilter(self.tools.append, lambda *job: self.jobs.append(job))
        self.locator.registerFilter(self.filter)
        self.locator.foundResult.connect(self._note)

    def _note(self, result: Any) -> None:
        # A result lives no longer than the signal that brings it.
        self.found.append((result.displayString, data_of(result)))

    def __call__(self, text: str) -> list[str]:
        """What is found once the search has ended."""
        self.found.clear()
        self.locator.fetchResults(text, QgsLocatorContext())
        until(lambda: not self.locator.isRunning())
        return [shown for shown, _ in self.found]

    def choose(self, data: list[str]) -> None:
        """As when somebody clicks on the result."""
        assert data in [held for _, held in self.found]
        self.filter.triggerResult(QgsLocatorResult(self.filter, "", data))


@pytest.fixture
def search(qgis_app: Any) -> Iterator[Search]:
    made = Search()
    yield made
    made.locator.cancel()
    until(lambda: not made.locator.isRunning())
    made.locator.deregisterFilter(made.filter)


def test_tools_are_found_by_words(search: Search) -> None:
    assert "Spectral index" in search("phi spec")
    assert "Spectral index" in search("phi INDEX spectral")
    assert "Spectral index" not in search("phi nothing of that kind")
    search("phi spectral-index")
    search.choose(["tool", "spectral-index"])
    assert search.tools == ["spectral-index"]


def test_jobs_are_found_by_tool_state_and_id(search: Search, connected: RunningGateway) -> None:
    client = Gateway(connected.url, token=connected.token)
    job = client.execute("echo", {"fail": True})
    assert [*client.follow(job.id)][-1].status == "failed"
    for text in (f"phi {job.id}", "phi echo failed"):
        search(text)
        search.choose(["job", "environment", job.id])
    assert search.jobs == [("environment", job.id)] * 2
    client.dismiss(job.id)


def test_without_its_prefix_it_is_silent(search: Search, connected: RunningGateway) -> None:
    assert search("spectral") == []


def test_a_dead_gateway_leaves_the_tools(search: Search) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        connection.store([Connection(f"http://127.0.0.1:{free.getsockname()[1]}", name="Dead")])
    assert search("phi spectral") == ["Spectral index"]


def test_a_search_that_is_given_up_ends(qgis_app: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection.store([Connection(f"http://127.0.0.1:{silent.getsockname()[1]}", name="Silent")])
        feedback = QgsFeedback()
        feedback.cancel()
        began = time.monotonic()
        PhidiasFilter(print, print).fetchResults("echo", QgsLocatorContext(), feedback)
        assert time.monotonic() - began < 10
