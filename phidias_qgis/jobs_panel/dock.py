"""The dock 'PHIDIAS jobs', which is light as long as nobody looks into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.gui import QgsDockWidget

from phidias_qgis.i18n import tr
from phidias_qgis.jobs_panel.center import Center
from phidias_qgis.jobs_panel.watch import Watch

if TYPE_CHECKING:
    from phidias_qgis.jobs_panel.panel import JobsPanel


class JobsDock(QgsDockWidget):
    """The dock; what is in it is made when it is first seen."""

    def __init__(self, iface: Any, center: Center) -> None:
        super().__init__(tr("PHIDIAS jobs"))
        self.setObjectName("PhidiasJobs")
        self._iface, self._center = iface, center
        self.panel: JobsPanel | None = None
        self.visibilityChanged.connect(self._see)

    def _see(self, visible: bool) -> None:
        if visible and self.panel is None:
            from phidias_qgis.jobs_panel.panel import JobsPanel

            self.panel = JobsPanel(self._iface, self._center, self)
            self.setWidget(self.panel)
        if self.panel is not None:
            self.panel.set_seen(visible)

    def show_job(self, watch: Watch, job_id: str) -> None:
        """Open the dock on a job."""
        self.setUserVisible(True)
        self._see(True)
        if self.panel is not None:
            self.panel.show_job(watch, job_id)

    def close_down(self) -> None:
        """End what runs for the dock alone."""
        self.visibilityChanged.disconnect(self._see)
        if self.panel is not None:
            self.panel.set_seen(False)
            self.panel.actions.stop_previews()
