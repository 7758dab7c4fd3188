"""QGIS without a window, in a profile of its own, and a real gateway started by its command."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv" / "bin" / "phidias-gateway"

# pytest-qgis has given QGIS a profile of its own; the plugin must not find the developer's gateway.
for name in [name for name in os.environ if name.startswith("PHIDIAS_")]:
    del os.environ[name]
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that answers, and the environment that started it."""

    url: str
    user: str
    token: str
    pid: int
    root: Path
    environment: Mapping[str, str]

    def stop(self) -> None:
        subprocess.run([COMMAND, "down"], env=dict(self.environment), check=True, capture_output=True, timeout=60)

    @property
    def connection(self) -> dict[str, str]:
        """The plugin's environment variables."""
        return {"PHIDIAS_URL": self.url, "PHIDIAS_USER": self.user, "PHIDIAS_TOKEN": self.token}


StartGateway = Callable[..., RunningGateway]


def start(root: Path, variables: Mapping[str, str]) -> RunningGateway:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PHIDIAS_", "SLURM", "QGIS"))}
    environment = {**inherited, "PHIDIAS_STORE__ROOT": str(root), "PHIDIAS_SCHEDULER__KIND": "local", **variables}
    up = subprocess.run([COMMAND, "up"], env=environment, capture_output=True, text=True, timeout=60)
    assert up.returncode == 0, up.stderr
    line = json.loads(up.stdout)
    return RunningGateway(line["url"], line["user"], line["token"], line["pid"], root, environment)


@pytest.fixture(autouse=True, scope="session")
def no_layer_outlives_qgis(qgis_app: Any) -> Iterator[None]:
    """The traceback of an expected exception holds the layers of its test: deleted after QGIS's end, they crash it."""
    yield
    gc.collect()


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[StartGateway]:
    """Start a gateway of the test's own; keyword arguments are further environment variables."""
    started: list[RunningGateway] = []

    def begin(**variables: str) -> RunningGateway:
        started.append(start(tmp_path / f"gateway-{len(started)}", variables))
        return started[-1]

    yield begin
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="session")
def demo_archive() -> Path:
    """The folder of the demo's static STAC catalogue, made in the other environment."""
    build = [ROOT / ".venv/bin/python", ROOT / "tools/demo_archive.py", ROOT / ".cache/demo-archive"]
    made = subprocess.run(build, check=True, capture_output=True, text=True, timeout=110)
    return Path(made.stdout.strip()).parent


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, demo_archive: Path) -> Iterator[RunningGateway]:
    """One gateway with the demo's archive, for all tests that leave it as they found it."""
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(demo_archive)}]
    running = start(tmp_path_factory.mktemp("gateway"), {"PHIDIAS_ARCHIVES": json.dumps(archives)})
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_memory(qgis_app: Any) -> None:
    """Nothing is known of a gateway, and none is configured, in pytest-qgis's profile, which outlives a run."""
    from qgis.core import QgsApplication, QgsSettings

    shutil.rmtree(Path(QgsApplication.qgisSettingsDirPath()) / "phidias", ignore_errors=True)
    QgsSettings().remove("phidias")


@pytest.fixture(autouse=True)
def no_task_left(qgis_app: Any) -> Iterator[None]:
    """Every task that a test began has ended with it: QGIS would wait for it for ever when it ends."""
    from qgis.core import QgsApplication
    from qgis.PyQt.QtCore import QCoreApplication

    yield
    tasks = QgsApplication.taskManager()
    tasks.cancelAll()
    deadline = time.monotonic() + 20
    while tasks.activeTasks():
        assert time.monotonic() < deadline, [task.description() for task in tasks.activeTasks()]
        QCoreApplication.processEvents()
        time.sleep(0.01)


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Let QGIS work until `condition` holds; returns what it gave."""
    from qgis.PyQt.QtCore import QCoreApplication, QEventLoop

    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.01)
    return found


@pytest.fixture
def connected(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> RunningGateway:
    """The plugin connected to the gateway by its environment variables."""
    for name, value in gateway.connection.items():
        monkeypatch.setenv(name, value)
    return gateway


@pytest.fixture
def provider(qgis_processing: None) -> Iterator[Any]:
    """The plugin's provider in QGIS's registry."""
    from qgis.core import QgsApplication

    from phidias_qgis.provider import PhidiasProvider

    added = PhidiasProvider()
    assert QgsApplication.processingRegistry().addProvider(added)
    yield added
    QgsApplication.processingRegistry().removeProvider(added)


@pytest.fixture
def description() -> Callable[..., Any]:
    """Make a process description of inputs and outputs, as a gateway would send it."""
    from backend_client.models import description_of

    def make(inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None = None) -> Any:
        return description_of({"id": "made-up", "title": "Made up", "inputs": inputs, "outputs": outputs or {}})

    return make


@pytest.fixture
def dialogs(qgis_processing: None, qgis_iface: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What QGIS's dialogs of tools need of QGIS's window."""
    import qgis.utils
    from qgis.gui import QgsBrowserGuiModel

    model = QgsBrowserGuiModel()
    monkeypatch.setattr(qgis.utils.iface, "browserModel", lambda: model)
