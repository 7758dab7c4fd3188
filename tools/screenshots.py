"""Take the pictures of QGIS that the docs show. Run by QGIS's own Python: `make screenshots`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), "/usr/share/qgis/python/plugins"]

import jobs_scene
from qgis.core import QgsApplication
from qgis.PyQt.QtWidgets import QApplication

IMAGES = ROOT / "docs" / "images"


def main() -> None:
    application = QgsApplication([], True)
    application.initQgis()
    from processing.core.Processing import Processing
    from processing.gui.AlgorithmDialog import AlgorithmDialog

    from phidias_qgis.provider import PhidiasProvider

    Processing.initialize()
    provider = PhidiasProvider()  # QGIS owns it, but its Python half lives only as long as it is named here
    QgsApplication.processingRegistry().addProvider(provider)
    dialog = AlgorithmDialog(QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex"))
    dialog.resize(1000, 760)
    dialog.show()
    QApplication.processEvents()
    dialog.grab().save(str(IMAGES / "tool.png"))
    jobs_scene.picture(IMAGES / "jobs.png")
    for name in ("tool.png", "jobs.png"):
        print((IMAGES / name).relative_to(ROOT), flush=True)
    os._exit(0)  # QGIS's own end of a process without its main window is not a clean one


if __name__ == "__main__":
    main()
