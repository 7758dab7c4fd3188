"""The tool that searches catalogues for scenes: a layer of footprints, which other tools take as their scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeatureSink,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterAuthConfig,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
    QgsProcessingUtils,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtGui import QIcon

from backend_client import Cancelled, GatewayError
from phidias_qgis import area, catalogues, connection, footprints, paths, scenes
from phidias_qgis.algorithm import CONNECTION, connection_parameter
from phidias_qgis.catalogues import Catalogue
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, InputProblem, all_read, described
from phidias_qgis.job_layers import keep_beside

LIMIT, CREDENTIALS, OUTPUT, COUNT = "LIMIT", "CREDENTIALS", "OUTPUT", "COUNT"
MOST = 10_000
"""Scenes that a tool takes"""


class SearchScenes(QgsProcessingAlgorithm):
    """Its parameters are those of the scenes of every tool, so that one search serves both."""

    def __init__(self) -> None:
        super().__init__()
        help_text = tr("Where to search.")
        self._scenes = Input("scenes", tr("Scenes"), help_text, {"default": {"catalogue": "Earth Search"}}, True)
        self._area = Input("area", tr("Area"), tr("Scenes that touch it are found."), {}, True)
        self._catalogue = Catalogue("")
        self._wishes: dict[str, Any] = {}
        self._site = self._found = ""

    def createInstance(self) -> SearchScenes:
        return SearchScenes()

    def name(self) -> str:
        return "searchscenes"

    def displayName(self) -> str:
        return tr("Search scenes")

    def group(self) -> str:
        return tr("Scenes")

    def groupId(self) -> str:
        return "scenes"

    def tags(self) -> list[str]:
        return ["stac", "catalogue", "footprints", "sentinel", "landsat", "quicklook"]

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(paths.resource("icons", "phidias.svg"))

    def shortHelpString(self) -> str:
        return tr(
            "Searches a STAC catalogue for scenes of an area and a period. The result is a layer of footprints, drawn "
            "by date; pointing at one with map tips switched on shows its quicklook. Given to another tool as its "
            "footprints, these scenes, or the selected ones of them, are what it works on."
        )

    def initAlgorithm(self, configuration: Mapping[str, Any] | None = None) -> None:
        definitions = [*scenes.make_search(self._scenes), *area.make_area(self._area)]
        definitions += [
            described(
                QgsProcessingParameterNumber(LIMIT, tr("Scenes at most"), defaultValue=500, minValue=1, maxValue=MOST),
                tr("The search ends with this number, in the catalogue's order."),
            ),
            described(
                QgsProcessingParameterAuthConfig(CREDENTIALS, tr("Credentials"), optional=True),
                tr("For a protected catalogue: an authentication configuration of QGIS."),
                advanced=True,
            ),
            QgsProcessingParameterFeatureSink(OUTPUT, tr("Footprints"), QgsProcessing.SourceType.TypeVectorPolygon),
        ]
        for definition in [*definitions, connection_parameter()]:
            self.addParameter(definition)
        self.addOutput(QgsProcessingOutputNumber(COUNT, tr("Scenes found")))

    def checkParameterValues(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        try:
            self._read(parameters, context)
        except InputProblem as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        try:
            self._read(parameters, context)
        except InputProblem as error:
            raise QgsProcessingException(str(error)) from None
        return True

    def processAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        columns = footprints.fields()
        wgs84 = QgsCoordinateReferenceSystem(area.WGS84)
        sink, self._found = self.parameterAsSink(
            parameters, OUTPUT, context, columns, QgsWkbTypes.Type.MultiPolygon, wgs84
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, OUTPUT))
        count = 0
        try:
            for scene in self._catalogue.search(feedback, self._site, **all_read(self._wishes, feedback)):
                footprint = footprints.feature(scene, self._catalogue.address, columns)
                sink.addFeature(footprint, QgsFeatureSink.Flag.FastInsert)
                count += 1
                feedback.setProgress(100 * count / self._wishes["limit"])
                if count % 50 == 0:
                    feedback.setProgressText(tr("{} scenes so far").format(count))
        except Cancelled:
            return {}
        except (GatewayError, InputProblem, connection.NotConnected) as error:
            raise QgsProcessingException(str(error)) from None
        feedback.pushInfo(tr("Scenes found: {}").format(count))
        if count == self._wishes["limit"]:
            feedback.pushWarning(tr("There may be more: the search ended at the number of scenes that was allowed."))
        return {OUTPUT: self._found, COUNT: count}

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        layer = QgsProcessingUtils.mapLayerFromString(self._found, context)
        if isinstance(layer, QgsVectorLayer):
            footprints.dress(layer)
            if layer.providerType() != "memory":
                keep_beside(layer, Path(layer.source().partition("|")[0]))
        return {}

    def _read(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> None:
        entered = Entered(self, parameters, context)
        wanted = scenes.read_search(self._scenes, entered)
        catalogue = catalogues.find(entered.text(self._scenes.name))
        credentials, self._site = entered.text(CREDENTIALS), entered.text(CONNECTION)
        self._catalogue = replace(catalogue, authcfg=credentials) if credentials else catalogue
        self._wishes = {
            "area": area.read_area(self._area, entered),
            "period": wanted.get("datetime"),
            "collections": wanted.get("collections", ()),
            "max_cloud_cover": wanted["max_cloud_cover"] if wanted["max_cloud_cover"] < 100 else None,
            "limit": self.parameterAsInt(parameters, LIMIT, context),
        }
