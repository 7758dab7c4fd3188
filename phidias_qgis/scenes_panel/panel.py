"""The panel to search scenes in: the tool of the same name, with the map beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProcessing,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsCheckableComboBox, QgsDateTimeEdit, QgsDockWidget, QgsExtentWidget, QgsMapCanvas
from qgis.PyQt.QtCore import QDate, QDateTime, Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from phidias_qgis import area, catalogues
from phidias_qgis.i18n import tr
from phidias_qgis.scenes import is_footprints
from phidias_qgis.scenes_panel.own import OwnCatalogue
from phidias_qgis.scenes_panel.searching import Listing, Search
from phidias_qgis.search import LIMIT, MOST, OUTPUT

DAYS = 90
"""The period that is proposed, back from today"""
CLOUDS = 30
SCENES = 500
NARROWEST = 80
"""Width of a field, in pixels"""


class ScenesPanel(QgsDockWidget):
    """What to search for, and a button; `open_tool(id, parameters)` opens the dialog of a tool."""

    def __init__(self, canvas: QgsMapCanvas, open_tool: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__(tr("PHIDIAS: search scenes"))
        self.setObjectName("PhidiasScenesPanel")
        self._canvas, self._open_tool = canvas, open_tool
        self._search: Search | None = None
        self._listings: list[Listing] = []
        self._layer_id = ""
        self._shown = ""

        self.catalogue = QComboBox()
        self.catalogue.setEditable(True)
        self.catalogue.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.catalogue.lineEdit().setPlaceholderText(tr("Name or address of a catalogue"))
        self.catalogue.activated.connect(lambda _: self.show_catalogue())
        self.catalogue.lineEdit().editingFinished.connect(self.show_catalogue)
        self.edit = QToolButton()
        self.edit.setText("…")
        self.edit.setToolTip(tr("Add or change a catalogue of your own"))
        self.edit.setAccessibleName(self.edit.toolTip())
        self.edit.clicked.connect(self._edit_own)
        self.collections = QgsCheckableComboBox()
        self.collections.setDefaultText(tr("All collections"))
        self.first, self.last = _day(-DAYS), _day(0)
        self.clouds = _number(0, 100, CLOUDS)
        self.clouds.setSuffix(" %")
        self.limit = _number(1, MOST, SCENES)
        self.extent = QgsExtentWidget(None, QgsExtentWidget.WidgetStyle.CondensedStyle)
        self.extent.setMapCanvas(canvas)
        self.extent.setOutputCrs(QgsCoordinateReferenceSystem(area.WGS84))
        self.extent.setNullValueAllowed(True, tr("Map view"))
        self.extent.clear()
        self.button = QPushButton(tr("Search"))
        self.button.clicked.connect(self._search_or_cancel)
        self.tools = QToolButton()
        self.tools.setText(tr("Use in a tool"))
        self.tools.setToolTip(tr("The selected footprints, or all if none is selected, become the scenes of a tool."))
        self.tools.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.tools.setEnabled(False)
        self.tools.setMenu(QMenu(self.tools))
        self.tools.menu().aboutToShow.connect(self.list_tools)
        self.progress = QProgressBar()
        self.progress.hide()
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()
        self._list_catalogues()
        self._list(self._add_archives)

    def close_down(self) -> None:
        """The panel goes: nobody wants the answers any more."""
        for listing in self._listings:
            listing.forget()
        if self._search is not None:
            self._search.forget()
            self._search = None

    # The catalogues

    def show_catalogue(self) -> None:
        """Offer the collections of the catalogue that is entered."""
        text = self.catalogue.currentText().strip()
        if text == self._shown:
            return
        self.catalogue.lineEdit().setCursorPosition(0)
        self._shown = text
        known = catalogues.find(text)
        self.collections.clear()
        for identifier, title in known.collections.items():
            self.collections.addItemWithCheckState(f"{title} ({identifier})", Qt.CheckState.Unchecked, identifier)
        if known.collections:
            # What most want; nobody wants an elevation model among their scenes.
            self.collections.setItemCheckState(0, Qt.CheckState.Checked)
        elif text:
            self._list(partial(self._add_collections, text), known)
        note = tr("Its files need an account, and yours stays in QGIS: ask whether the gateway has one.")
        self.answer.setText(note if known.needs_account or known.authcfg else "")

    def _list_catalogues(self, chosen: str = "") -> None:
        known = [*catalogues.own(), *catalogues.presets()]
        self.catalogue.clear()
        self.catalogue.addItems([catalogue.name for catalogue in known])
        self.catalogue.setCurrentText(chosen or known[0].name)
        self.show_catalogue()

    def _list(self, done: Callable[[list[str]], None], catalogue: catalogues.Catalogue | None = None) -> None:
        listing = Listing(done, catalogue)
        self._listings.append(listing)
        listing.start()

    def _add_archives(self, names: list[str]) -> None:
        for name in names:
            if self.catalogue.findText(name) < 0:
                self.catalogue.addItem(name)

    def _add_collections(self, catalogue: str, names: list[str]) -> None:
        if catalogue == self._shown:
            for name in names:
                self.collections.addItemWithCheckState(name, Qt.CheckState.Unchecked, name)

    def _edit_own(self) -> None:
        dialog = OwnCatalogue(self.catalogue.currentText().strip(), self)
        if dialog.exec():
            self._list_catalogues(dialog.name.text().strip())
            self._list(self._add_archives)

    # The search

    def parameters(self) -> dict[str, Any]:
        """What is entered, as the parameters of the tool."""
        entered = {
            "SCENES": self.catalogue.currentText().strip(),
            "SCENES_COLLECTIONS": ",".join(self.collections.checkedItemsData()),
            "SCENES_CLOUD": self.clouds.value(),
            "AREA": self._area(),
            LIMIT: self.limit.value(),
            OUTPUT: QgsProcessing.TEMPORARY_OUTPUT,
        }
        for name, edit in (("SCENES_START", self.first), ("SCENES_END", self.last)):
            if not edit.isNull():
                entered[name] = edit.dateTime().date().toString("yyyy-MM-dd")
        return entered

    def _area(self) -> str:
        box = self.extent.outputExtent() if self.extent.isValid() else QgsRectangle()
        if box.isNull() or box.isEmpty():
            wgs84 = QgsCoordinateReferenceSystem(area.WGS84)
            transform = QgsCoordinateTransform(
                self._canvas.mapSettings().destinationCrs(), wgs84, QgsProject.instance().transformContext()
            )
            transform.setBallparkTransformsAreAppropriate(True)
            box = transform.transformBoundingBox(self._canvas.extent()).intersect(area.DEGREES)
        return f"{box.xMinimum()},{box.xMaximum()},{box.yMinimum()},{box.yMaximum()} [{area.WGS84}]"

    def _search_or_cancel(self) -> None:
        if self._search is not None:
            self._search.cancel()
            return
        self.answer.clear()
        self._search = Search(self.parameters(), self._ended)
        self._search.feedback.progressChanged.connect(lambda percent: self.progress.setValue(int(percent)))
        if self._search.start():
            self.button.setText(tr("Cancel"))
            self.progress.setValue(0)
            self.progress.show()

    def _ended(self, layer: QgsVectorLayer | None, said: str) -> None:
        self._search = None
        self.button.setText(tr("Search"))
        self.progress.hide()
        self.answer.setText(said)
        if layer is None:
            return
        layer.setName(tr("Scenes of {}").format(_short(self.catalogue.currentText().strip())))
        QgsProject.instance().addMapLayer(layer)
        self._layer_id = layer.id()
        self.tools.setEnabled(True)

    # What is done with the scenes

    def list_tools(self) -> None:
        """Fill the menu with the tools that take scenes."""
        menu = self.tools.menu()
        menu.clear()
        provider = QgsApplication.processingRegistry().providerById("phidias")
        for tool in sorted(provider.algorithms(), key=lambda tool: tool.displayName()):
            name = next((entry.name() for entry in tool.parameterDefinitions() if is_footprints(entry)), "")
            if name:
                menu.addAction(tool.displayName()).triggered.connect(partial(self._use, tool.id(), name))

    def _use(self, tool: str, parameter: str, _: bool = False) -> None:
        layer = QgsProject.instance().mapLayer(self._layer_id)
        if layer is None:
            self.tools.setEnabled(False)
            self.answer.setText(tr("The layer of footprints is gone: search again."))
            return
        chosen = QgsProcessingFeatureSourceDefinition(layer.id(), layer.selectedFeatureCount() > 0)
        self._open_tool(tool, {parameter: chosen, "AREA": self._area()})

    def _lay_out(self) -> None:
        where = QHBoxLayout()
        where.addWidget(self.catalogue, 1)
        where.addWidget(self.edit)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(tr("Catalogue"), where)
        form.labelForField(where).setBuddy(self.catalogue)
        form.addRow(tr("Collections"), self.collections)
        form.addRow(tr("First day"), self.first)
        form.addRow(tr("Last day"), self.last)
        form.addRow(tr("Clouds at most"), self.clouds)
        form.addRow(tr("Scenes at most"), self.limit)
        form.addRow(tr("Area"), self.extent)
        for field in (self.catalogue, self.collections, self.extent, self.tools):
            # As narrow as the panel is made; long names are seen when a list is opened.
            field.setMinimumWidth(NARROWEST)
            field.setSizePolicy(QSizePolicy.Policy.Ignored, field.sizePolicy().verticalPolicy())
        content = QWidget()
        column = QVBoxLayout(content)
        column.addLayout(form)
        column.addWidget(self.button)
        column.addWidget(self.progress)
        column.addWidget(self.answer)
        column.addWidget(self.tools)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidget(scroll)


def _short(catalogue: str) -> str:
    """A catalogue's name, or its host."""
    return urlsplit(catalogue).hostname or catalogue


def _day(from_today: int) -> QgsDateTimeEdit:
    edit = QgsDateTimeEdit()
    edit.setDisplayFormat("yyyy-MM-dd")
    edit.setCalendarPopup(True)
    edit.setAllowNull(True)
    edit.setDateTime(QDateTime(QDate.currentDate().addDays(from_today)))
    return edit


def _number(least: int, most: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, most)
    box.setValue(value)
    return box
