"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from phidias_gateway.registry import processes
from tests.gateway.jobs_of import PACK
from tests.gateway.running import Running


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A personal gateway with the local scheduler, for all tests that leave it as it was."""
    running = Running.start(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


@pytest.fixture
def trouble_pack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The processes of `trouble_pack`, known to this process as to the workers."""
    monkeypatch.syspath_prepend(PACK)
    processes.cache_clear()
    yield
    processes.cache_clear()
