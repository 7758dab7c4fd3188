"""The watches of all connections, as one: what the status bar, the messages and the dock look at."""

from __future__ import annotations

from qgis.PyQt.QtCore import QObject, pyqtSignal

from phidias_qgis import connection
from phidias_qgis.jobs_panel.lane import wait_for_lanes
from phidias_qgis.jobs_panel.watch import Watch


class Center(QObject):
    """Holds a Watch for each connection; those that nobody looks at and where nothing runs ask nothing."""

    changed = pyqtSignal()
    """The number of jobs that run or wait"""
    ended = pyqtSignal(object, object)
    """A Watch, and a list of its Ending"""
    reloaded = pyqtSignal()
    """The connections are others than before"""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.watches: dict[str, Watch] = {}

    def reload(self) -> None:
        """Follow the settings: watch new connections, and no more those that are gone or have changed."""
        wanted = {name: connection.load(name) for name in connection.names()}
        if wanted == {name: watch.connection for name, watch in self.watches.items()}:
            return
        kept = {name: watch for name, watch in self.watches.items() if wanted.get(name) == watch.connection}
        for name, watch in self.watches.items():
            if name not in kept:
                watch.close()
                watch.deleteLater()
        self.watches = {name: kept.get(name) or self._begin(target) for name, target in wanted.items()}
        self.reloaded.emit()
        self.changed.emit()

    def close(self) -> None:
        """Ask nothing any more."""
        for watch in self.watches.values():
            watch.close()
        self.watches = {}
        wait_for_lanes()

    def counts(self) -> tuple[int, int]:
        """How many jobs run, and how many wait."""
        states = [job.status for watch in self.watches.values() for job in watch.open]
        return states.count("running"), states.count("accepted")

    def _begin(self, target: connection.Connection) -> Watch:
        watch = Watch(target, self)
        watch.changed.connect(self.changed)
        watch.ended.connect(lambda endings: self.ended.emit(watch, endings))
        watch.begin()
        return watch
