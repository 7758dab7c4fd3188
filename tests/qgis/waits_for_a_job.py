"""Run by QGIS's Python: a tool that waits for its job, in the profile that is named, until it is killed."""

from __future__ import annotations

import os
import sys

os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.append("/usr/share/qgis/python/plugins")

from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback

from phidias_qgis.provider import PhidiasProvider


class Speaking(QgsProcessingFeedback):
    """Says that the job is being waited for."""

    def pushInfo(self, text: str) -> None:
        if text.startswith("Job "):
            print("waiting", flush=True)


def main() -> None:
    application = QgsApplication([], False, sys.argv[1])
    application.initQgis()
    provider = PhidiasProvider()  # QGIS owns it, but its Python half lives only as long as it is named here
    QgsApplication.processingRegistry().addProvider(provider)
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:spectralindex")
    area = "-75.62,-75.60,37.66,37.68 [EPSG:4326]"
    algorithm.run({"SCENES": "demo", "AREA": area, "INDEX": "EVI"}, QgsProcessingContext(), Speaking())


if __name__ == "__main__":
    main()
