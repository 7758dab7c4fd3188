"""What a job gave: its quicklook, its outputs, and where they come from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.PyQt.QtCore import QBuffer, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QImage, QImageReader, QPixmap, QResizeEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QTreeWidget, QTreeWidgetItem, QWidget

from backend_client import Gateway, ProcessDescription, Result
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import words
from phidias_qgis.jobs_panel.request_view import in_short

SMALL = 8_000_000
"""Bytes of a picture or an Item that are fetched to be shown"""
LARGEST = 1024
"""Pixels of a picture's longer side that are kept"""


@dataclass(frozen=True)
class Harvest:
    """The results of a job, with those that can be shown at once."""

    results: Mapping[str, Result]
    quicklook: QImage
    """Null if there is none"""
    item: Mapping[str, Any]


def harvest(gateway: Gateway, job_id: str) -> Harvest:
    """Fetch what is to be shown of a job's results; not for the main thread."""
    results = gateway.results(job_id)
    with tempfile.TemporaryDirectory() as folder:
        picture = _content(results, "image/png", Path(folder))
        item = _content(results, "application/geo+json", Path(folder), name="item")
    try:
        document = json.loads(item or b"{}")
    except ValueError:
        document = {}
    return Harvest(results, _picture(picture), document if isinstance(document, dict) else {})


def _picture(content: bytes) -> QImage:
    """A picture file, no larger than it is ever shown: its size in bytes says nothing of its size in memory."""
    buffer = QBuffer()
    buffer.setData(content)
    reader = QImageReader(buffer)
    whole = reader.size()
    if max(whole.width(), whole.height()) > LARGEST:
        reader.setScaledSize(whole.scaled(LARGEST, LARGEST, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


def _content(results: Mapping[str, Result], media_type: str, folder: Path, *, name: str = "") -> bytes:
    for result in results.values():
        fits = result.media_type.partition(";")[0] == media_type and name in ("", result.name)
        if fits and result.href and (result.length or 0) <= SMALL:
            return result.download(folder / "file").read_bytes()
    return b""


class ResultsView(QWidget):
    """Shows the results of one job."""

    activated = pyqtSignal(str)
    """The name of an output that the person wants to see"""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = Picture()
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([tr("Result"), tr("Content")])
        self.tree.setAlternatingRowColors(True)
        self.tree.itemActivated.connect(self._activate)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tree, 2)
        layout.addWidget(self.picture, 1)
        self.show_message("")

    def show_message(self, text: str) -> None:
        """Say why there is nothing to show."""
        self.picture.show_picture(QImage())
        self.tree.clear()
        if text:
            item = QTreeWidgetItem(self.tree, [text])
            item.setFirstColumnSpanned(True)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            item.setToolTip(0, text)

    def show_harvest(self, found: Harvest, description: ProcessDescription | None) -> None:
        """Show the results of a job."""
        self.show_message("")
        self.picture.show_picture(found.quicklook)
        members = description.outputs if description else {}
        for name, result in found.results.items():
            title = str(members.get(name, {}).get("title") or result.title or name)
            row = QTreeWidgetItem(self.tree, [title, _kind(result)])
            row.setToolTip(0, title)
            row.setData(0, Qt.ItemDataRole.UserRole, name)
            row.setToolTip(1, _kind(result))
        properties = found.item.get("properties")
        if isinstance(properties, dict):
            origin = QTreeWidgetItem(self.tree, [tr("Where it comes from")])
            for label, value in _provenance(properties, found.item.get("links")):
                child = QTreeWidgetItem(origin, [label, value])
                child.setToolTip(1, value)
            origin.setExpanded(True)
        self.tree.resizeColumnToContents(0)
        self.tree.setColumnWidth(0, min(self.tree.columnWidth(0), 200))

    def _activate(self, item: QTreeWidgetItem) -> None:
        name = item.data(0, Qt.ItemDataRole.UserRole)
        if name:
            self.activated.emit(name)


class Picture(QLabel):
    """A picture that fills the place there is, without changing its shape."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(QSize(60, 40))

    def show_picture(self, picture: QImage) -> None:
        """Show a picture; a null one: hide."""
        self._whole = QPixmap.fromImage(picture)
        self.setVisible(not self._whole.isNull())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self._whole.isNull():
            keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self.setPixmap(self._whole.scaled(self.size(), keep, smooth))


def _kind(result: Result) -> str:
    if not result.links:
        return in_short(result.value)
    media = result.media_type.partition(";")[0]
    kind = {
        "image/tiff": tr("raster"),
        "image/png": tr("picture"),
        "application/flatgeobuf": tr("vector layer"),
        "application/geo+json": "GeoJSON",
        "text/html": tr("report"),
        "application/json": "JSON",
    }.get(media, media or tr("file"))
    if len(result.links) > 1:
        kind = tr("{} files: {}").format(len(result.links), kind)
    total = sum(link.length or 0 for link in result.links)
    return f"{kind}, {words.size(total)}" if total else kind


def _provenance(properties: Mapping[str, Any], links: Any) -> list[tuple[str, str]]:
    """What the Item says of its origin, in the words of STAC's processing extension."""
    named = {
        "processing:lineage": tr("Lineage"),
        "processing:expression": tr("Expression"),
        "processing:software": tr("Software"),
        "start_datetime": tr("From"),
        "end_datetime": tr("To"),
        "proj:code": tr("Reference system"),
        "phidias:references": tr("References"),
    }
    rows = []
    for member, label in named.items():
        value = properties.get(member)
        if isinstance(value, Mapping) and member == "processing:software":
            value = ", ".join(f"{name} {version}" for name, version in value.items())
        elif isinstance(value, Mapping):
            value = value.get("expression")
        if value:
            rows.append((label, in_short(value)))
    sources = [
        str(link.get("href"))
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("rel") == "derived_from"
    ]
    rows += [(tr("Scene"), source.rpartition("/")[2].removesuffix(".json")) for source in sources[:100]]
    return rows
