"""What the plugin does when QGIS starts: as little as possible."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.qgis.conftest import ROOT

HEAVY = {"cryptography", "numpy", "pandas", "paramiko", "pystac", "pystac_client", "requests", "scipy", "shapely"}


def test_the_start_asks_nothing_and_brings_nothing_heavy_along() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHIDIAS_")}
    command = [sys.executable, ROOT / "tools" / "startup.py"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["asked"] is False
    assert "backend_client" in told["added"]
    assert HEAVY & set(told["added"]) == set()
