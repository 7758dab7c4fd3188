"""Whole lines: real gateways started by their command, real QGIS, real Slurm, a real Sentinel-2 scene."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend_client import Gateway

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv" / "bin" / "phidias-gateway"
QGIS_PROCESS = Path("/usr/bin/qgis_process.bin")

sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture(scope="session")
def demo_archive() -> Path:
    """The folder of the demo's static STAC catalogue."""
    import demo_archive

    return demo_archive.build(ROOT / ".cache" / "demo-archive").parent


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that answers, and the environment that started it."""

    url: str
    user: str
    token: str
    root: Path
    environment: Mapping[str, str]

    def client(self) -> Gateway:
        return Gateway(self.url, token=self.token)

    def stop(self) -> None:
        subprocess.run([COMMAND, "down"], env=dict(self.environment), check=True, capture_output=True, timeout=60)


StartGateway = Callable[..., RunningGateway]


def start_gateway_at(root: Path, archive: Path, **variables: str) -> RunningGateway:
    """Start a personal gateway with the demo's archive; `variables` are more of its environment."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PHIDIAS_", "SLURM"))}
    archives = [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(archive)}]
    environment |= {
        "PHIDIAS_STORE__ROOT": str(root),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_ARCHIVES": json.dumps(archives),
        **variables,
    }
    up = subprocess.run([COMMAND, "up"], env=environment, capture_output=True, text=True, timeout=60)
    assert up.returncode == 0, up.stderr
    line = json.loads(up.stdout)
    return RunningGateway(line["url"], line["user"], line["token"], root, environment)


@pytest.fixture
def start_gateway(tmp_path: Path, demo_archive: Path) -> Iterator[StartGateway]:
    """Start personal gateways, stopped at the end of the test."""
    started: list[RunningGateway] = []

    def start(**variables: str) -> RunningGateway:
        gateway = start_gateway_at(tmp_path / f"gateway-{len(started)}", demo_archive, **variables)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


@dataclass(frozen=True)
class QgisProcess:
    """QGIS's command line with the plugin of this tree, in a profile of its own."""

    environment: Mapping[str, str]

    def __call__(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [QGIS_PROCESS, *arguments],
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )


@pytest.fixture
def qgis_process(tmp_path: Path) -> Callable[[RunningGateway], QgisProcess]:
    """QGIS's command line, pointed at a gateway."""
    if not QGIS_PROCESS.exists():
        pytest.skip("QGIS is not installed: run `make setup`")

    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)

    def point(gateway: RunningGateway) -> QgisProcess:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path / "profile"),
            "QGIS_PLUGINPATH": str(ROOT),
            "XDG_RUNTIME_DIR": str(runtime),
            "PHIDIAS_URL": gateway.url,
            "PHIDIAS_USER": gateway.user,
            "PHIDIAS_TOKEN": gateway.token,
        }
        command = QgisProcess(environment)
        enabled = command("plugins", "enable", "phidias_qgis", timeout=60)
        assert enabled.returncode == 0, enabled.stdout
        return command

    return point
