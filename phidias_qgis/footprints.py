"""Footprints: found scenes as polygons, drawn by date, with their quicklooks; and the scenes chosen among them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from osgeo import ogr
from qgis.core import (
    Qgis,
    QgsCategorizedSymbolRenderer,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSource,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsRendererCategory,
    QgsSimpleLineSymbolLayer,
    QgsStyle,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)
from qgis.PyQt.QtCore import QDateTime, Qt
from qgis.PyQt.QtGui import QColor

from phidias_qgis.i18n import tr

if TYPE_CHECKING:
    from backend_client.stac import Scene

COLUMNS = (
    "id:string", "datetime:datetime", "cloud_cover:double", "platform:string", "collection:string",
    "catalogue:string", "thumbnail:string", "item:string",
)  # fmt: skip
NEEDED = ("id", "catalogue")
"""What makes a layer one of footprints"""
GRAINS = ("yyyy-MM-dd", "yyyy-MM", "yyyy")
CATEGORIES = 12
"""Colours that can be told apart; with more dates than that, months or years share one"""
RAMP = "Viridis"
LINE = 0.7
"""Width of an outline, in millimetres"""
MAP_TIP = """<b>[% "id" %]</b><br>
[% format_date("datetime", 'yyyy-MM-dd HH:mm') %][% coalesce(' · ' || round("cloud_cover", 1) || ' % ☁', '') %]
[% coalesce(' · ' || nullif("platform", ''), '') %]<br>
[% CASE WHEN "thumbnail" <> '' THEN '<img src="' || "thumbnail" || '" width="280">' ELSE '' END %]"""


class NoFootprints(ValueError):
    """A layer has no scenes to take; the text says why."""


def fields() -> QgsFields:
    """The columns of a layer of footprints."""
    columns = "&".join(f"field={column}" for column in COLUMNS)
    return QgsVectorLayer(f"MultiPolygon?crs=EPSG:4326&{columns}", "", "memory").fields()


def feature(scene: Scene, catalogue: str, columns: QgsFields) -> QgsFeature:
    """A scene found in the catalogue of this address."""
    result = QgsFeature(columns)
    geometry = ogr.CreateGeometryFromJson(json.dumps(scene.geometry or _box(scene.bbox)))
    if geometry is not None:
        footprint = QgsGeometry()
        footprint.fromWkb(bytes(ogr.ForceToMultiPolygon(geometry).ExportToIsoWkb()))
        result.setGeometry(footprint)
    taken = f"{scene.datetime:%Y-%m-%dT%H:%M:%SZ}" if scene.datetime else ""
    result.setAttributes(
        [
            scene.id,
            QDateTime.fromString(taken, Qt.DateFormat.ISODate),
            scene.cloud_cover,
            scene.platform,
            scene.collection,
            catalogue,
            scene.quicklook if scene.quicklook.startswith(("http://", "https://")) else "",
            scene.href,
        ]
    )
    return result


def dress(layer: QgsVectorLayer) -> None:
    """Draw footprints by date, show quicklooks in the map tip, and let the temporal controller find the dates."""
    grain, names = _grain(layer)
    layer.setRenderer(QgsCategorizedSymbolRenderer(f"format_date(\"datetime\", '{grain}')", _categories(names)))
    layer.setDisplayExpression('"id"')
    layer.setMapTipTemplate(MAP_TIP)
    period = layer.temporalProperties()
    period.setMode(Qgis.VectorTemporalMode.FeatureDateTimeInstantFromField)
    period.setStartField("datetime")
    period.setIsActive(True)


def check(source: QgsFeatureSource) -> None:
    """Look, without reading it, whether a layer may have scenes to take. Raises NoFootprints."""
    names = source.fields().names()
    if not all(name in names for name in NEEDED):
        raise NoFootprints(tr("the layer '{}' has no footprints of scenes.").format(source.sourceName()))
    if source.featureCount() == 0:
        raise _none(source)


def chosen(source: QgsFeatureSource) -> dict[str, Any]:
    """The scenes of a layer of footprints, or of its selected ones if it stands for these, as `stac-scenes`.

    Raises NoFootprints. Not for the main thread: there may be thousands.
    """
    names = source.fields().names()
    ids: list[str] = []
    found: dict[str, set[str]] = {"catalogue": set(), "collection": set()}
    for footprint in source.getFeatures(QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)):
        ids.append(str(footprint["id"]))
        for name, values in found.items():
            if name in names and footprint[name]:
                values.add(str(footprint[name]))
    if not ids:
        raise _none(source)
    if len(found["catalogue"]) != 1:
        raise NoFootprints(tr("the footprints are of {} catalogues; a tool takes one.").format(len(found["catalogue"])))
    return {"catalogue": found["catalogue"].pop(), "collections": sorted(found["collection"]), "ids": sorted(set(ids))}


def _none(source: QgsFeatureSource) -> NoFootprints:
    return NoFootprints(tr("the layer '{}' has no footprint, or none is selected.").format(source.sourceName()))


def _box(bbox: tuple[float, ...]) -> dict[str, Any]:
    if len(bbox) not in (4, 6):
        return {"type": "MultiPolygon", "coordinates": []}
    west, south, east, north = bbox[0], bbox[1], bbox[len(bbox) // 2], bbox[len(bbox) // 2 + 1]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _grain(layer: QgsVectorLayer) -> tuple[str, list[str]]:
    """Days, months or years, whichever is the finest that is not too many, and those that there are."""
    for grain in GRAINS:
        values, _ = QgsVectorLayerUtils.getValues(layer, f"format_date(\"datetime\", '{grain}')")
        names = sorted({str(value) for value in values if value})
        if len(names) <= CATEGORIES:
            break
    return grain, names


def _categories(names: Iterable[str]) -> list[QgsRendererCategory]:
    listed = list(names)
    ramp = QgsStyle.defaultStyle().colorRamp(RAMP)
    categories = []
    for number, name in enumerate(listed):
        colour = ramp.color(number / max(1, len(listed) - 1)) if ramp else QColor("#31688e")
        # An outline alone: QGIS fills a selected polygon all over, and what is below could not be seen any more.
        symbol = QgsFillSymbol.createSimple({})
        symbol.changeSymbolLayer(0, QgsSimpleLineSymbolLayer(colour, LINE))
        categories.append(QgsRendererCategory(name, symbol, name))
    return categories
