"""The provider: one tool for each process description at hand."""

from __future__ import annotations

from qgis.core import Qgis, QgsMessageLog, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from backend_client import ProcessDescription
from phidias_qgis import descriptions, paths
from phidias_qgis.algorithm import ProcessAlgorithm
from phidias_qgis.i18n import tr
from phidias_qgis.search import SearchScenes


class PhidiasProvider(QgsProcessingProvider):
    """The processes of the gateway; made of cached descriptions, so that it is there at once and without a network."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[ProcessDescription] = []

    def update(self) -> None:
        """Rebuild the tools if the descriptions at hand have changed. For the main thread."""
        if descriptions.known() != self._shown:
            self.refreshAlgorithms()

    def id(self) -> str:
        return "phidias"

    def name(self) -> str:
        return "PHIDIAS"

    def longName(self) -> str:
        return tr("PHIDIAS (Earth observation on a supercomputer)")

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(paths.resource("icons", "phidias.svg"))

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif"]

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        return ["fgb", "geojson", "gpkg"]

    def supportsNonFileBasedOutput(self) -> bool:
        return True

    def loadAlgorithms(self) -> None:
        self.addAlgorithm(SearchScenes())
        self._shown = descriptions.known()
        for description in self._shown:
            try:
                # Tried from here first: an exception in what QGIS itself calls could not be caught.
                ProcessAlgorithm(description).initAlgorithm()
            except Exception as error:  # a strange description of another server must not take the other tools along
                self._say(f"{description.id}: {error!r}")
                continue
            if not self.addAlgorithm(ProcessAlgorithm(description)):
                self._say(tr("The process {} cannot be shown as a tool.").format(description.id))

    def _say(self, text: str) -> None:
        QgsMessageLog.logMessage(text, descriptions.LOG, Qgis.MessageLevel.Warning)
