"""Run by QGIS's Python: `echo` with a long pause, cancelled as a user does once the gateway says that it runs."""

from __future__ import annotations

import sys

from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

from phidias_qgis.provider import PhidiasProvider


class Impatient(QgsProcessingFeedback):
    """Cancels at the first word of the running job."""

    def __init__(self) -> None:
        super().__init__(False)

    def setProgressText(self, text: str) -> None:
        self.look(text)

    def pushInfo(self, text: str) -> None:
        self.look(text)

    def look(self, text: str) -> None:
        if "waiting" in text and "s left" in text and not self.isCanceled():
            self.cancel()
            print("cancelled", flush=True)


def main() -> int:
    application = QgsApplication([], False)
    application.initQgis()
    provider = PhidiasProvider()  # QGIS owns it, but its Python half lives only as long as it is named here
    QgsApplication.processingRegistry().addProvider(provider)
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("phidias:echo")
    feedback = Impatient()
    try:
        algorithm.run({"PAUSE": 600}, QgsProcessingContext(), feedback)
    except QgsProcessingException as error:
        print(error, flush=True)
    ended = feedback.isCanceled()
    application.exitQgis()
    return 0 if ended else 1


if __name__ == "__main__":
    sys.exit(main())
