"""Scenes of a STAC catalogue: one input of the process, several parameters in QGIS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QDate

from phidias_qgis import catalogues, footprints
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, InputProblem, Unread, described, items

ROLE, FOOTPRINTS = "phidias", "footprints"
"""What marks a parameter, in its metadata"""


def make_scenes(target: Input) -> list[QgsProcessingParameterDefinition]:
    """Those of a search, a layer of footprints that goes before it, and names of chosen scenes."""
    return [
        *make_search(target),
        described(
            _footprints_parameter(target),
            tr(
                "Scenes found with the tool 'Search scenes': those of this layer, or the selected ones of them. They "
                "go before the catalogue and the other wishes."
            ),
        ),
        described(
            QgsProcessingParameterString(f"{target.name}_IDS", tr("{}: names").format(target.title), optional=True),
            tr("Names of chosen scenes, separated by commas; none means every scene of the search."),
            advanced=True,
        ),
    ]


def is_footprints(definition: QgsProcessingParameterDefinition) -> bool:
    """True for the parameter of a tool that takes scenes from a layer of footprints."""
    return definition.metadata().get(ROLE) == FOOTPRINTS


def _footprints_parameter(target: Input) -> QgsProcessingParameterFeatureSource:
    definition = QgsProcessingParameterFeatureSource(
        _layer(target),
        tr("{}: footprints").format(target.title),
        [QgsProcessing.SourceType.TypeVectorPolygon],
        optional=True,
    )
    definition.setMetadata({ROLE: FOOTPRINTS})
    return definition


def make_search(target: Input) -> list[QgsProcessingParameterDefinition]:
    """Catalogue, collections, first and last day, and cloud cover."""
    date = QgsProcessingParameterDateTime.Type.Date
    default = target.default if isinstance(target.default, Mapping) else {}
    return [
        described(
            QgsProcessingParameterString(
                target.name,
                tr("{}: catalogue").format(target.title),
                default.get("catalogue"),
                optional=True,
            ),
            f"{target.help} "
            + tr(
                "The address of a STAC API or of a static catalogue, the name of an archive of the site, or one of {}."
            ).format(", ".join(catalogue.name for catalogue in catalogues.presets())),
        ),
        described(
            QgsProcessingParameterString(
                f"{target.name}_COLLECTIONS", tr("{}: collections").format(target.title), optional=True
            ),
            tr("Collections to search, separated by commas; none means all."),
        ),
        described(
            QgsProcessingParameterDateTime(
                f"{target.name}_START", tr("{}: first day").format(target.title), date, optional=True
            ),
            tr("First day of the period; empty leaves it open."),
        ),
        described(
            QgsProcessingParameterDateTime(
                f"{target.name}_END", tr("{}: last day").format(target.title), date, optional=True
            ),
            tr("Last day of the period, included; empty leaves it open."),
        ),
        described(_cloud(target), tr("Scenes with more cloud, as their metadata say, are left out.")),
    ]


def _cloud(target: Input) -> QgsProcessingParameterNumber:
    percent = QgsProcessingParameterNumber(
        f"{target.name}_CLOUD",
        tr("{}: largest cloud cover (%)").format(target.title),
        QgsProcessingParameterNumber.Type.Double,
        defaultValue=100,
        minValue=0,
        maxValue=100,
    )
    percent.setMetadata({"widget_wrapper": {"decimals": 1}})
    return percent


def read_scenes(target: Input, entered: Entered) -> dict[str, Any] | Unread | None:
    """The search, or the chosen scenes, unread, as the gateway's `stac-scenes`; None if an optional one is left out."""
    if entered.given(_layer(target)):
        return _chosen(target, entered)
    if not entered.given(target.name) and target.optional:
        return None
    scenes = read_search(target, entered)
    if entered.given(f"{target.name}_IDS"):
        scenes["ids"] = items(entered.raw(f"{target.name}_IDS"))
    return scenes


def read_search(target: Input, entered: Entered) -> dict[str, Any]:
    """What is to be searched for, as `stac-scenes`."""
    if not entered.given(target.name):
        raise target.problem(
            tr("no catalogue is given."),
            tr("Give the address of a STAC catalogue, or the name of an archive of the site."),
        )
    start, end = _day(entered, f"{target.name}_START"), _day(entered, f"{target.name}_END")
    if start and end and start > end:
        raise target.problem(
            tr("the period is empty: it ends ({}) before it starts ({}).").format(end, start),
            tr("Exchange the dates."),
        )
    scenes: dict[str, Any] = {
        "catalogue": catalogues.find(entered.text(target.name)).address,
        "max_cloud_cover": entered.algorithm.parameterAsDouble(
            entered.parameters, f"{target.name}_CLOUD", entered.context
        ),
    }
    if start or end:
        scenes["datetime"] = f"{start or '..'}/{end or '..'}"
    if entered.given(f"{target.name}_COLLECTIONS"):
        scenes["collections"] = items(entered.raw(f"{target.name}_COLLECTIONS"))
    return scenes


def write_scenes(target: Input, value: Any) -> dict[str, Any]:
    """The parameters of a search."""
    start, _, end = str(value.get("datetime") or "../..").partition("/")
    days = {"START": start, "END": end or start}
    parameters: dict[str, Any] = {target.name: value["catalogue"]}
    parameters.update({f"{target.name}_{suffix}": day[:10] for suffix, day in days.items() if day not in ("", "..")})
    for suffix, member in (("COLLECTIONS", "collections"), ("IDS", "ids")):
        if value.get(member):
            parameters[f"{target.name}_{suffix}"] = ", ".join(value[member])
    if "max_cloud_cover" in value:
        parameters[f"{target.name}_CLOUD"] = value["max_cloud_cover"]
    return parameters


def _layer(target: Input) -> str:
    return f"{target.name}_LAYER"


def _chosen(target: Input, entered: Entered) -> Unread:
    source = entered.algorithm.parameterAsSource(entered.parameters, _layer(target), entered.context)
    try:
        if source is None:
            raise footprints.NoFootprints(tr("the layer cannot be read."))
        footprints.check(source)
    except footprints.NoFootprints as error:
        raise _not_chosen(target, error) from None

    def read(_: QgsFeedback) -> dict[str, Any]:
        try:
            return footprints.chosen(source)
        except footprints.NoFootprints as error:
            raise _not_chosen(target, error) from None

    return Unread(read)


def _not_chosen(target: Input, error: footprints.NoFootprints) -> InputProblem:
    return target.problem(str(error), tr("Choose a result of the tool 'Search scenes'."))


def _day(entered: Entered, name: str) -> str:
    if not entered.given(name):
        return ""
    day: QDate = entered.algorithm.parameterAsDateTime(entered.parameters, name, entered.context).date()
    return day.toString("yyyy-MM-dd")
