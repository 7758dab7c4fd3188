"""PHIDIAS in QGIS's browser panel: connections, their jobs, and the results of each as layers to drag to the map.

QGIS calls `createChildren` on a thread of its own, so that no gateway, however slow, holds up the window.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qgis.core import (
    Qgis,
    QgsDataCollectionItem,
    QgsDataItem,
    QgsDataItemProvider,
    QgsDataProvider,
    QgsErrorItem,
    QgsFeedback,
    QgsLayerItem,
    QgsMapLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QIcon

from backend_client import GatewayError, Job
from phidias_qgis import connection, job_words, layers, paths
from phidias_qgis.connection import Connection, NotConnected
from phidias_qgis.i18n import tr
from phidias_qgis.job_layers import JobLayers, layers_of
from phidias_qgis.jobs_panel import words
from phidias_qgis.links import href_of, links
from phidias_qgis.references import Reference, file_of

if TYPE_CHECKING:
    from backend_client import Result

KEY = "phidias"
DRESSED = "phidias/dressed"
"""Marks a layer, and its copies, whose looks are the person's own from now on"""
PAGE = 25
"""Jobs that are listed at once"""
SECONDS = 15.0
"""Patience with a gateway"""
RASTERS = ("image/tiff",)
VECTORS = ("application/flatgeobuf", "application/geo+json", "application/geopackage+sqlite3")


class Roots:
    """The root items of all browsers there are; their requests end with `close`."""

    def __init__(self) -> None:
        self.feedback = QgsFeedback()
        self._items: weakref.WeakSet[RootItem] = weakref.WeakSet()

    def make(self) -> RootItem:
        item = RootItem(self.feedback)
        self._items.add(item)
        return item

    def refresh(self) -> None:
        """The connections have changed."""
        for item in list(self._items):
            if not sip.isdeleted(item):
                item.refresh()

    def close(self) -> None:
        self.feedback.cancel()


class ItemProvider(QgsDataItemProvider):
    """Gives QGIS the root item."""

    def __init__(self, roots: Roots) -> None:
        super().__init__()
        self._roots = roots

    def name(self) -> str:
        return "PHIDIAS"

    def dataProviderKey(self) -> str:
        return KEY

    def capabilities(self) -> Any:
        if hasattr(Qgis, "DataItemProviderCapability"):
            return Qgis.DataItemProviderCapability.NetworkSources
        return QgsDataProvider.DataCapability.Net

    def createDataItem(self, path: str, parent: QgsDataItem | None) -> QgsDataItem | None:
        if path or parent is not None:
            return None
        return self._roots.make()


class _Collection(QgsDataCollectionItem):
    """An item whose children are made when somebody opens it, and not just because it was open the last time."""

    def __init__(self, parent: QgsDataItem | None, name: str, path: str, icon: QIcon) -> None:
        super().__init__(parent, name, path, KEY)
        self._icon = icon
        self._can(Qgis.BrowserItemCapability.Fertile, Qgis.BrowserItemCapability.Collapse)

    def icon(self) -> QIcon:
        return self._icon

    def createChildren(self) -> list[QgsDataItem]:
        try:
            children = self.make_children()
        except (GatewayError, NotConnected) as error:
            children = [self.told(str(error), is_error=True)]
        except Exception as error:  # anything that escaped into QGIS would end it
            children = [self.told(repr(error), is_error=True)]
        for place, child in enumerate(children):
            child.setSortKey(f"{place:06}")
            # The children belong to this item; without this, Python would take its halves of them away.
            sip.transferto(child, self)
        return children

    def make_children(self) -> list[QgsDataItem]:
        """The children. Raises GatewayError, NotConnected."""
        raise NotImplementedError

    def _can(self, *capabilities: Any) -> None:
        flags = Qgis.BrowserItemCapabilities()
        for capability in capabilities:
            flags |= capability
        self.setCapabilitiesV2(flags)

    def told(self, text: str, *, is_error: bool = False) -> QgsDataItem:
        """A child that only says something."""
        if is_error:
            item = QgsErrorItem(self, text, f"{self.path()}/error")
        else:
            item = QgsDataItem(Qgis.BrowserItemType.Custom, self, text, f"{self.path()}/note", KEY)
            item.setState(Qgis.BrowserItemState.Populated)
        item.setToolTip(text)  # the whole of it, where the panel is narrow
        return item


class RootItem(_Collection):
    """All connections."""

    def __init__(self, feedback: QgsFeedback) -> None:
        super().__init__(None, "PHIDIAS", f"{KEY}:", QIcon(str(paths.resource("icons", "phidias.svg"))))
        self._feedback = feedback
        # The settings are read at once, and nothing is asked of the network.
        self._can(Qgis.BrowserItemCapability.Fertile, Qgis.BrowserItemCapability.Fast)

    def make_children(self) -> list[QgsDataItem]:
        names = connection.names()
        if not names:
            return [self.told(tr("No connection yet: see Settings > Options > PHIDIAS"))]
        return [ConnectionItem(self, connection.load(name), self._feedback) for name in names]


class JobsItem(_Collection):
    """A page of jobs, and behind its last entry the next one."""

    def __init__(
        self,
        parent: QgsDataItem,
        name: str,
        path: str,
        icon: QIcon,
        target: Connection,
        feedback: QgsFeedback,
        address: str = "",
    ) -> None:
        super().__init__(parent, name, path, icon)
        self.target, self.feedback = target, feedback
        self._address = address

    def make_children(self) -> list[QgsDataItem]:
        page = self.target.gateway(self.feedback, seconds=SECONDS).job_page(self._address, limit=PAGE)
        names = job_words.Names(self.target)
        children: list[QgsDataItem] = [JobItem(self, job, names) for job in page.jobs]
        if page.next:
            place = f"{self.path()}/older"
            icon = job_words.theme_icon("mActionHistory")
            children.append(JobsItem(self, tr("Older jobs"), place, icon, self.target, self.feedback, page.next))
        return children or [self.told(tr("No jobs yet"))]


class ConnectionItem(JobsItem):
    """A connection, with its newest jobs."""

    def __init__(self, parent: QgsDataItem, target: Connection, feedback: QgsFeedback) -> None:
        icon = job_words.theme_icon("mIconConnect")
        super().__init__(parent, target.name, f"{KEY}:/{target.name}", icon, target, feedback)
        self.setToolTip(target.url)


class JobItem(_Collection):
    """A job, with its results that are layers."""

    def __init__(self, parent: JobsItem, job: Job, names: job_words.Names) -> None:
        # When it is read again, an item of the same path is kept as it was.
        version = job.updated.timestamp() if job.updated else job.status
        title = names.title(job)
        name = job_words.line(job, title)
        super().__init__(parent, name, f"{parent.path()}/{job.id}/{version}", words.status_icon(job))
        self.job, self.target, self.feedback = job, parent.target, parent.feedback
        self._names = names
        self.setToolTip(job_words.tip(job, title))
        if job.status != "successful":
            self._can()
            self.setState(Qgis.BrowserItemState.Populated)

    def make_children(self) -> list[QgsDataItem]:
        if self.job.status != "successful":
            return []
        gateway = self.target.gateway(self.feedback, seconds=SECONDS)
        results = gateway.results(self.job.id)
        described = layers_of(self.target.name, gateway, self.job, self._names.tool(self.job), results)
        try:
            chosen = gateway.definition(self.job.id).inputs
        except GatewayError:
            chosen = {}
        children = [item for result in results.values() for item in self._layers(result, described, chosen)]
        return children or [self.told(tr("No layers"))]

    def _layers(self, result: Result, described: JobLayers, chosen: Mapping[str, Any]) -> Iterator[QgsDataItem]:
        kind = result.media_type.partition(";")[0].strip()
        raster = kind in RASTERS
        if not raster and (kind not in VECTORS or result.name == "item"):
            return
        layer = Qgis.BrowserLayerType.Raster if raster else Qgis.BrowserLayerType.Vector
        for link in result.links:
            file = file_of(link.href)
            # Called as the tool's layers are: after what was chosen, such as an index.
            name = chosen.get(result.name)
            if not isinstance(name, str):
                name = f"{self._names.tool(self.job)}: {described.name_of(file, result.name)}"
            links.remember(Reference(self.target.name, self.job.id, file), link.href)
            try:
                # What is read here, the window need not ask for when the layer comes to the map.
                source = layers.open_link(link.href, name, raster=raster).source()
            except layers.NotStreamed:
                continue
            offered[source] = described
            # A link that is signed anew makes a new item; QGIS keeps paths on disk, and so no signature may be in one.
            digest = hashlib.sha256(link.href.encode()).hexdigest()[:12]
            item = QgsLayerItem(
                self, name, f"{self.path()}/{file}/{digest}", source, layer, "gdal" if raster else "ogr"
            )
            item.setState(Qgis.BrowserItemState.Populated)
            yield item


offered: dict[str, JobLayers] = {}
"""By the source of each layer that can be dragged to the map: what its job tells of it"""


def dress(added: list[QgsMapLayer]) -> None:
    """Give layers that come from the browser to the map the looks that a tool would have given them; once."""
    for layer in added:
        described = offered.get(layer.source())
        if described is not None and not layer.customProperty(DRESSED):
            described.dress(layer, file_of(href_of(layer.source())), layer.name())
            layer.setCustomProperty(DRESSED, True)
