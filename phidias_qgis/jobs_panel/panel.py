"""What is in the dock: the list of jobs with its filters on one side, the selected job on the other."""

from __future__ import annotations

import html
from typing import Any

from qgis.core import QgsApplication, QgsSettings
from qgis.gui import QgsFilterLineEdit
from qgis.PyQt.QtCore import QItemSelectionModel, QPoint, Qt, QTimer
from qgis.PyQt.QtGui import QKeySequence, QResizeEvent
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QAction,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QSplitter,
    QTableView,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from backend_client import Job
from phidias_qgis import connection
from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel import messages
from phidias_qgis.jobs_panel.actions import JobActions
from phidias_qgis.jobs_panel.center import Center
from phidias_qgis.jobs_panel.details import Details
from phidias_qgis.jobs_panel.model import (
    PROCESS,
    STATUS,
    SUBMITTED,
    TIME,
    JobsModel,
    StatusDelegate,
)
from phidias_qgis.jobs_panel.watch import OPEN, Filter, Watch

SEARCHED = 500
"""Jobs that are read by themselves while a search finds too few to fill the list"""
NARROW, MEDIUM, WIDE = 420, 600, 760
"""Widths in pixels: below the first two, filters and columns are left out; from the last, the job is beside the list"""
NARROWEST, LOWEST = 50, 40
"""Pixels that the filters, and the list, do with"""
CONNECTION_KEY = "phidias/jobs/connection"


class JobsPanel(QWidget):
    """The list and the job."""

    def __init__(self, iface: Any, center: Center, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._center = center
        self._watch: Watch | None = None
        self._seen = False
        self._wanted = ""
        """A job to be selected as soon as it is listed"""

        self.connections = _combo(10, tr("Connection"))
        self.connections.activated.connect(lambda _: self._choose_connection())
        self.states = _combo(7, tr("Show jobs in this state"))
        for text, statuses in (
            (tr("All"), ()),
            (tr("Not ended"), OPEN),
            (tr("Successful"), ("successful",)),
            (tr("Failed"), ("failed",)),
            (tr("Cancelled"), ("dismissed",)),
        ):
            self.states.addItem(text, statuses)
        self.processes = _combo(9, tr("Show jobs of this process"))
        for combo in (self.states, self.processes):
            combo.activated.connect(lambda _: self._filter())
        self.search = QgsFilterLineEdit()
        self.search.setShowSearchIcon(True)
        self.search.setPlaceholderText(tr("Search"))
        self.search.textChanged.connect(self._search)
        self.search.setMinimumWidth(NARROWEST)
        self.search.setAccessibleName(tr("Search"))
        self.refresh = QAction(QgsApplication.getThemeIcon("/mActionRefresh.svg"), tr("Refresh"), self)
        self.refresh.setShortcut(QKeySequence(QKeySequence.StandardKey.Refresh))
        self.refresh.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.refresh.triggered.connect(lambda _: self._refresh())
        self.addAction(self.refresh)
        button = QToolButton()
        button.setDefaultAction(self.refresh)
        button.setAutoRaise(True)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        button.setMenu(self._settings())

        self.rows = JobsModel(self)
        self.table = JobsTable(self.rows)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.doubleClicked.connect(lambda _: self.actions.default())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._select())
        self.rows.modelReset.connect(self._select)
        self.footer = QLabel()
        self.footer.setTextFormat(Qt.TextFormat.RichText)
        self.footer.linkActivated.connect(self._follow_link)
        self.footer.setWordWrap(True)

        self.actions = JobActions(iface, self)
        self.details = Details()
        self.details.retry.connect(self.actions.run_retry)
        self.details.output_activated.connect(self.actions.open_output)
        self.table.addAction(self.actions.delete)
        enter = QAction(self)
        enter.setShortcuts([QKeySequence(Qt.Key.Key_Return), QKeySequence(Qt.Key.Key_Enter)])
        enter.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        enter.triggered.connect(lambda _: self.actions.default())
        self.table.addAction(enter)
        tools = QToolBar()
        tools.setIconSize(tools.iconSize() * 0.75)
        tools.addActions(self.actions.on_tool_bar())

        filters = QHBoxLayout()
        filters.setContentsMargins(4, 4, 4, 0)
        filters.setSpacing(3)
        for widget, stretch in (
            (self.connections, 2),
            (self.states, 2),
            (self.processes, 2),
            (self.search, 3),
            (button, 0),
        ):
            filters.addWidget(widget, stretch)
        left, right = QWidget(), QWidget()
        for side, widgets in ((left, (self.table, self.footer)), (right, (tools, self.details))):
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(2)
            for widget in widgets:
                column.addWidget(widget)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(left)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(filters)
        layout.addWidget(self.splitter, 1)

        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        center.reloaded.connect(self._reload)
        self._reload()

    # Which jobs

    def set_seen(self, seen: bool) -> None:
        """Whether somebody can see the panel: only then is the gateway asked for its sake."""
        self._seen = seen
        if self._watch is not None:
            self._watch.observe(self, seen)
        if seen:
            self._clock.start()
        else:
            self._clock.stop()

    def show_job(self, watch: Watch, job_id: str) -> None:
        """Select a job, whatever is listed at the moment."""
        self.states.setCurrentIndex(0)
        self.processes.setCurrentIndex(0)
        self.search.clear()
        self._show_watch(watch)
        self._filter()
        self._wanted = job_id
        self._look_for_wanted()
        if self._wanted:
            watch.look()

    def _reload(self) -> None:
        """The connections have changed."""
        names = list(self._center.watches)
        before = self._watch.connection.name if self._watch else str(QgsSettings().value(CONNECTION_KEY, "") or "")
        chosen = before if before in names else connection.default_name()
        self.connections.clear()
        self.connections.addItems(names)
        self.connections.setCurrentText(chosen)
        self.connections.setVisible(len(names) > 1)
        self._show_watch(self._center.watches.get(chosen))

    def _choose_connection(self) -> None:
        name = self.connections.currentText()
        QgsSettings().setValue(CONNECTION_KEY, name)
        self._show_watch(self._center.watches.get(name))

    def _show_watch(self, watch: Watch | None) -> None:
        if watch is self._watch and watch is not None:
            return
        if self._watch is not None and self._watch in self._center.watches.values():
            self._watch.changed.disconnect(self._follow)
            self._watch.asked.disconnect(self._tell)
            self._watch.observe(self, False)
        self._watch = watch
        self.rows.set_watch(watch)
        self._fill_processes()
        if watch is not None:
            self.connections.setCurrentText(watch.connection.name)
            watch.changed.connect(self._follow)
            watch.asked.connect(self._tell)
            watch.show(self._wish())
            watch.observe(self, self._seen)
        self._select()
        self._tell()

    def _fill_processes(self) -> None:
        chosen = self.processes.currentData()
        self.processes.clear()
        self.processes.addItem(tr("All processes"), "")
        known = self._watch.names.all() if self._watch is not None else []
        for description in sorted(known, key=lambda each: each.title.casefold()):
            self.processes.addItem(description.title, description.id)
        self.processes.setCurrentIndex(max(0, self.processes.findData(chosen)))

    def _wish(self) -> Filter:
        return Filter(self.processes.currentData() or "", tuple(self.states.currentData() or ()))

    def _filter(self) -> None:
        if self._watch is not None:
            self._watch.show(self._wish())

    def _search(self, text: str) -> None:
        self.rows.search(text)
        self._fill()
        self._tell()

    def _fill(self) -> None:
        """Read on while what is found does not fill the list."""
        row = max(1, self.table.rowHeight(0) if self.rows.rowCount() else 24)
        wanted = self.table.viewport().height() // row + 1
        few = self.rows.rowCount() < wanted and self.rows.read < SEARCHED
        if self._watch is not None and self.rows.words and few and self._watch.next:
            self._watch.more()

    def _refresh(self) -> None:
        if self._watch is not None:
            self._watch.look()

    # Following

    def _follow(self) -> None:
        self._fill()
        self._look_for_wanted()
        self._select()
        self._tell()

    def _look_for_wanted(self) -> None:
        row = self.rows.row_of(self._wanted) if self._wanted else -1
        if row >= 0:
            self._wanted = ""
            index = self.rows.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.table.scrollTo(index)

    def selected(self) -> list[Job]:
        """The selected jobs, from above to below."""
        ranges = self.table.selectionModel().selection()
        rows = {row for each in ranges for row in range(each.top(), each.bottom() + 1)}
        return [self.rows.job(row) for row in sorted(rows)]

    def _select(self) -> None:
        jobs = self.selected()
        self.actions.select(self._watch, jobs)
        self.details.show_job(jobs[0] if len(jobs) == 1 else None, self._watch)

    def _tick(self) -> None:
        self.rows.tick()
        self.details.tick()
        self._tell()

    def _tell(self) -> None:
        """What is to be said below the list."""
        watch = self._watch
        if watch is None:
            text = html.escape(tr("No gateway is set up.")) + f' <a href="options">{tr("Set one up")}</a>'
        elif watch.error is not None:
            text = f'⚠ {html.escape(str(watch.error))} <a href="retry">{tr("Try again")}</a>'
        elif not watch.looked:
            text = html.escape(tr("Asking the gateway ..."))
        elif not self.rows.read:
            text = html.escape(tr("No such jobs.") if watch.filter else tr("You have no jobs yet."))
        else:
            text = self._count(watch)
        if text != self.footer.text():
            self.footer.setText(text)

    def _count(self, watch: Watch) -> str:
        shown, read = self.rows.rowCount(), self.rows.read
        if self.rows.words:
            text = tr("{} of the newest {} jobs").format(shown, read) if watch.next else tr("{} of {} jobs")
            text = text.format(shown, read)
        else:
            text = tr("the newest {} jobs").format(read) if watch.next else tr("Jobs: {}").format(read)
        more = f' <a href="more">{tr("Read on")}</a>' if watch.next else ""
        return html.escape(text) + more

    def _follow_link(self, target: str) -> None:
        if target == "options":
            self.actions.open_options()
        elif target == "more" and self._watch is not None:
            self._watch.more()
        else:
            self._refresh()

    # Looks

    def _settings(self) -> QMenu:
        menu = QMenu(self)
        tell = menu.addAction(tr("Tell me when a job ends"))
        tell.setCheckable(True)
        tell.setChecked(not messages.are_off())
        tell.toggled.connect(lambda wish: messages.turn_off(not wish))
        menu.addAction(tr("Connections...")).triggered.connect(lambda _: self.actions.open_options())
        return menu

    def _open_menu(self, place: QPoint) -> None:
        if self.selected():
            self.actions.menu().popup(self.table.viewport().mapToGlobal(place))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = event.size()
        beside = size.width() >= WIDE and size.width() > size.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical)
        self.processes.setVisible(size.width() >= NARROW)


class JobsTable(QTableView):
    """The list; what matters least is left out where it is narrow."""

    def __init__(self, rows: JobsModel) -> None:
        super().__init__()
        self.setModel(rows)
        self.setAccessibleName(tr("Jobs"))
        self.setMinimumHeight(LOWEST)
        self.setItemDelegateForColumn(STATUS, StatusDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setSortIndicator(SUBMITTED, Qt.SortOrder.DescendingOrder)
        header.setSectionResizeMode(STATUS, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() == event.oldSize().width():
            return
        width, header = event.size().width(), self.horizontalHeader()
        self.setColumnHidden(SUBMITTED, width < MEDIUM)
        self.setColumnHidden(TIME, width < NARROW // 2)
        self.setColumnWidth(PROCESS, width * 45 // 100)
        self.setColumnWidth(TIME, min(width * 22 // 100, 150))
        self.setColumnWidth(SUBMITTED, header.sectionSizeHint(SUBMITTED))


def _combo(letters: int, name: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(name)
    combo.setAccessibleName(name)
    combo.setMinimumWidth(NARROWEST)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(letters)
    return combo
