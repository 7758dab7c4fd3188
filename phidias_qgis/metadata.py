"""When a layer is from, and the metadata that QGIS keeps with it, from its Item."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timezone
from typing import Any

from qgis.core import (
    QgsAbstractMetadataBase,
    QgsBox3d,
    QgsCoordinateReferenceSystem,
    QgsDateTimeRange,
    QgsLayerMetadata,
    QgsMapLayer,
)
from qgis.PyQt.QtCore import QDateTime, Qt

from phidias_qgis.i18n import tr
from phidias_qgis.item import ItemAsset, Period


def apply(layer: QgsMapLayer, asset: ItemAsset, name: str) -> None:
    """Give a layer its period, for the temporal controller, and its metadata; `name` is its name on the map."""
    if asset.period:
        properties = layer.temporalProperties()
        properties.setFixedTemporalRange(_whole_days(asset.period))
        properties.setIsActive(True)
    layer.setMetadata(_metadata(layer, asset, name))


def _whole_days(period: Period) -> QgsDateTimeRange:
    """A period with the days that it begins and ends in, so that a frame of the controller cannot fall beside it."""
    first, last = period
    begin = datetime.combine(first.date(), time.min, timezone.utc)
    end = datetime.combine(last.date(), time(23, 59, 59), timezone.utc)
    return QgsDateTimeRange(_qt(begin), _qt(end))


def _qt(instant: datetime) -> QDateTime:
    return QDateTime.fromString(f"{instant:%Y-%m-%dT%H:%M:%SZ}", Qt.DateFormat.ISODate)


def _metadata(layer: QgsMapLayer, asset: ItemAsset, name: str) -> QgsLayerMetadata:
    told = asset.properties
    metadata = QgsLayerMetadata()
    metadata.setIdentifier(f"{asset.item.get('id', '')}/{asset.key}")
    metadata.setType("dataset")
    metadata.setTitle(name)
    metadata.setAbstract(_abstract(asset))
    metadata.setHistory(list(_history(told)))
    metadata.setCrs(layer.crs())
    metadata.setExtent(_extent(layer, asset))
    metadata.setLinks(list(_links(asset)))
    metadata.setContacts(list(_contacts(told.get("providers"))))
    licence = str(told.get("license") or "")
    if licence:
        metadata.setLicenses([licence])
    return metadata


def _abstract(asset: ItemAsset) -> str:
    lines = [str(asset.properties.get("title") or ""), str(asset.properties.get("description") or "")]
    if asset.period:
        first, last = (instant.date().isoformat() for instant in asset.period)
        lines.append(first if first == last else tr("{} to {}").format(first, last))
    return "\n".join(line for line in lines if line)


def _history(told: Mapping[str, Any]) -> Iterable[str]:
    """How the layer was made, one step a line."""
    if told.get("processing:lineage"):
        yield str(told["processing:lineage"])
    inputs = told.get("phidias:inputs")
    if isinstance(inputs, Mapping):
        yield tr("Inputs: {}").format(json.dumps(inputs, ensure_ascii=False))
    software = told.get("processing:software")
    if isinstance(software, Mapping):
        listed = ", ".join(f"{name} {version}" for name, version in software.items())
        yield tr("Software: {}").format(listed)
    if told.get("created"):
        yield tr("Made on {}").format(told["created"])


def _extent(layer: QgsMapLayer, asset: ItemAsset) -> QgsLayerMetadata.Extent:
    place = QgsLayerMetadata.SpatialExtent()
    box = asset.item.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        place.bounds = QgsBox3d(box[0], box[1], 0, box[2], box[3], 0)
        place.extentCrs = QgsCoordinateReferenceSystem("EPSG:4326")
    else:
        place.bounds = QgsBox3d(layer.extent())
        place.extentCrs = layer.crs()
    extent = QgsLayerMetadata.Extent()
    extent.setSpatialExtents([place])
    if asset.period:
        extent.setTemporalExtents([QgsDateTimeRange(*map(_qt, asset.period))])
    return extent


def _links(asset: ItemAsset) -> Iterable[QgsAbstractMetadataBase.Link]:
    """What to cite, and the scenes behind the result."""
    references = asset.properties.get("phidias:references")
    for href in references if isinstance(references, list) else []:
        yield _link(tr("Cite"), str(href))
    for href in asset.links("cite-as"):
        yield _link(tr("Cite"), href)
    for href in asset.links("derived_from"):
        yield _link(tr("Made from"), href)


def _link(name: str, href: str) -> QgsAbstractMetadataBase.Link:
    return QgsAbstractMetadataBase.Link(name, "WWW:LINK", href)


def _contacts(providers: Any) -> Iterable[QgsAbstractMetadataBase.Contact]:
    for provider in providers if isinstance(providers, list) else []:
        if isinstance(provider, Mapping) and provider.get("name"):
            contact = QgsAbstractMetadataBase.Contact(str(provider["name"]))
            contact.organization = str(provider["name"])
            contact.role = ", ".join(map(str, provider.get("roles") or ()))
            contact.voice = ""
            address = QgsAbstractMetadataBase.Address()
            address.address = str(provider.get("url") or "")
            contact.addresses = [address]
            yield contact
