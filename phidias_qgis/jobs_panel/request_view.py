"""The parameters of a job as a tree: what it was asked to do, in the words of its process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from backend_client import Definition, ProcessDescription
from phidias_qgis.i18n import tr
from phidias_qgis.rasters import unsigned

SHOWN = 200
"""Members of a long list that are shown"""


class RequestView(QTreeWidget):
    """Shows the definition of one job."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHeaderLabels([tr("Parameter"), tr("Value")])
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.setAlternatingRowColors(True)
        self.setUniformRowHeights(True)

    def show_message(self, text: str) -> None:
        """Say why there is nothing to show."""
        self.clear()
        item = QTreeWidgetItem(self, [text])
        item.setFirstColumnSpanned(True)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        item.setToolTip(0, text)

    def show_definition(self, definition: Definition, description: ProcessDescription | None) -> None:
        """Show what a job was asked to do."""
        self.clear()
        members = description.inputs if description else {}
        titles = {name: str(member.get("title") or name) for name, member in members.items()}
        ordered = [name for name in members if name in definition.inputs]
        for name in [*ordered, *(name for name in definition.inputs if name not in titles)]:
            self._add(self.invisibleRootItem(), titles.get(name, name), definition.inputs[name])
        for name, title in (("outputs", tr("Results asked for")), ("resources", tr("Resources asked for"))):
            if definition.raw.get(name):
                self._add(self.invisibleRootItem(), title, definition.raw[name])
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, min(self.columnWidth(0), 220))

    def _add(self, parent: QTreeWidgetItem, name: str, value: Any) -> None:
        text = in_short(value)
        item = QTreeWidgetItem(parent, [name, text])
        item.setToolTip(0, name)
        item.setToolTip(1, text)
        if isinstance(value, Mapping) and "coordinates" not in value and set(value) != {"href"}:
            for key, member in value.items():
                self._add(item, str(key), member)
        elif isinstance(value, list) and any(isinstance(member, (dict, list)) for member in value):
            for number, member in enumerate(value[:SHOWN], start=1):
                self._add(item, str(number), member)


def in_short(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, str):
        return unsigned(value)
    if isinstance(value, Mapping):
        if "coordinates" in value:
            return _place(value)
        if set(value) == {"href"}:
            return unsigned(str(value["href"]))
        return ", ".join(in_short(member) for member in value.values() if not isinstance(member, (dict, list)))
    if isinstance(value, list):
        return ", ".join(in_short(member) for member in value[:SHOWN]) + (", ..." if len(value) > SHOWN else "")
    return str(value)


def _place(geometry: Mapping[str, Any]) -> str:
    """Kind and extent of a GeoJSON geometry in degrees."""
    box = bounds(geometry)
    if box is None:
        return str(geometry.get("type"))
    west, south, east, north = box
    kind = {"Polygon": tr("polygon"), "MultiPolygon": tr("polygons")}.get(str(geometry["type"]), str(geometry["type"]))
    return tr("{} within {:.4g} to {:.4g} east, {:.4g} to {:.4g} north").format(kind, west, east, south, north)


def bounds(geometry: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """West, south, east and north of a GeoJSON geometry or of an OGC bounding box; None if it has none."""
    box = geometry.get("bbox")
    if isinstance(box, list) and len(box) in (4, 6):
        half = len(box) // 2
        return box[0], box[1], box[half], box[half + 1]
    points = list(_points(geometry.get("coordinates")))
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _points(coordinates: Any) -> Any:
    if not isinstance(coordinates, list) or not coordinates:
        return
    if all(isinstance(number, (int, float)) for number in coordinates[:2]) and len(coordinates) >= 2:
        yield coordinates[0], coordinates[1]
        return
    for part in coordinates:
        yield from _points(part)
