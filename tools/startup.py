"""What the plugin adds to the start of QGIS: milliseconds by the clock and of a processor, requests, packages.

Run by QGIS's own Python; prints one line of JSON. Processing is there already, as it is in QGIS.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QGIS_CUSTOM_CONFIG_PATH"] = tempfile.mkdtemp()
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), "/usr/share/qgis/python/plugins"]

from qgis.core import QgsApplication, QgsSettings


class Window:
    """Takes whatever a plugin adds to QGIS's window."""

    def __getattr__(self, name: str) -> Any:
        return (lambda *_: None) if name == "mainWindow" else Window()

    def __call__(self, *arguments: Any) -> Window:
        return self


def main() -> None:
    application = QgsApplication([], True)
    application.initQgis()
    from processing.core.Processing import Processing

    Processing.initialize()
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        place = {"name": "here", "url": f"http://127.0.0.1:{gateway.getsockname()[1]}"}
        QgsSettings().setValue("phidias/connections", json.dumps([place]))
        before = set(sys.modules)
        began, computed = time.perf_counter(), time.process_time()
        from phidias_qgis import classFactory

        plugin = classFactory(Window())
        plugin.initGui()
        elapsed, computed = time.perf_counter() - began, time.process_time() - computed
        gateway.setblocking(False)
        try:
            gateway.accept()
            asked = True
        except BlockingIOError:
            asked = False
    added = sorted({name.split(".")[0] for name in set(sys.modules) - before})
    times = {"milliseconds": round(1000 * elapsed), "cpu_milliseconds": round(1000 * computed)}
    print(json.dumps({**times, "asked": asked, "added": added}), flush=True)
    os._exit(0)  # QGIS's own end of a process without its main window is not a clean one


if __name__ == "__main__":
    main()
