"""Cancel in QGIS ends the job and all its processes within two seconds, on both schedulers."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, RunningGateway, StartGateway
from tests.slurm_cluster import SlurmCluster

PYTHON = ROOT / ".venv-qgis" / "bin" / "python"
PROGRAM = Path(__file__).with_name("cancel_in_qgis.py")


def processes_of(job: str) -> list[str]:
    """The command lines of this machine that name the job's folder."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"/jobs/{job}" in command:
                found.append(command)
    return found


def cancel_in_qgis(gateway: RunningGateway, folder: Path) -> None:
    """QGIS runs `echo` with a long pause and cancels as soon as it runs; then nothing may be left of it."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(runtime),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
        "PYTHONPATH": str(ROOT),
        "PHIDIAS_URL": gateway.url,
        "PHIDIAS_USER": gateway.user,
        "PHIDIAS_TOKEN": gateway.token,
    }
    with subprocess.Popen([PYTHON, PROGRAM], env=environment, stdout=subprocess.PIPE, text=True) as qgis:
        assert qgis.stdout is not None
        said: list[str] = []
        for line in qgis.stdout:
            said.append(line.strip())
            if said[-1] == "cancelled":
                deadline = time.monotonic() + 2
                break
        else:
            pytest.fail(f"QGIS never cancelled: {said}")
        job = next(gateway.client().jobs()).id
        while processes_of(job) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert processes_of(job) == []
        said += [line.strip() for line in qgis.stdout]
    assert qgis.returncode == 0, said
    assert gateway.client().job(job).status == "dismissed"


def test_with_the_local_scheduler(start_gateway: StartGateway, tmp_path: Path) -> None:
    cancel_in_qgis(start_gateway(), tmp_path)


def test_with_slurm(start_gateway: StartGateway, slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    gateway = start_gateway(**slurm_cluster.environment, PHIDIAS_SCHEDULER__KIND="slurm")
    cancel_in_qgis(gateway, tmp_path)
    slurm_cluster.wait_until_idle()
