"""A gateway of this machine for as long as it is needed, with the archive `demo` and the local scheduler."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = ROOT / ".cache" / "demo-archive"
PREFIX = "https://demo.phidias.invalid/"
PROGRAM = ROOT / ".venv" / "bin" / "phidias-gateway"


@contextmanager
def running(store: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Start it, give what `phidias-gateway up` prints (url, user, token, pid), and end it.

    `settings` are the gateway's own, in the words of its environment, such as `SCHEDULER__MAX_PARALLEL="2"`.
    """
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PHIDIAS_")},
        "PHIDIAS_STORE__ROOT": str(store),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_ARCHIVES": json.dumps([{"name": "demo", "prefix": PREFIX, "path": str(ARCHIVE)}]),
        **{f"PHIDIAS_{name}": value for name, value in settings.items()},
    }
    up = subprocess.run([PROGRAM, "up"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    try:
        yield json.loads(up.stdout)
    finally:
        subprocess.run([PROGRAM, "down"], env=environment, stdout=subprocess.DEVNULL, check=True)
