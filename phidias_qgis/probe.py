"""What a connection leads to: which gateway answers, how soon, what it offers, and who one is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from qgis.core import QgsFeedback, QgsTask

from backend_client import GatewayError, GatewayStatus
from phidias_qgis import tunnels
from phidias_qgis.connection import Connection
from phidias_qgis.i18n import tr

SECONDS = 15.0
"""Patience with a gateway that is looked at"""


@dataclass(frozen=True)
class Found:
    """A gateway that answers. `status` is None for a server of another vendor."""

    title: str
    milliseconds: int
    """For a small answer, once connected"""
    processes: int
    status: GatewayStatus | None

    def __str__(self) -> str:
        if self.status is None:
            parts = [tr("{} answers in {} ms").format(self.title, self.milliseconds)]
        else:
            version = f"{self.title} {self.status.version}"
            parts = [
                tr("{} answers in {} ms").format(version, self.milliseconds),
                tr("signed in as {}").format(self.status.user),
                tr("jobs run on {}").format(scheduler_name(self.status.scheduler)),
            ]
        return "; ".join([*parts, tr("processes: {}").format(self.processes)]) + "."


def scheduler_name(kind: str) -> str:
    """What people call a scheduler."""
    return {"slurm": "Slurm", "local": tr("the gateway's own computer")}.get(kind, kind)


def look(target: Connection, feedback: QgsFeedback) -> Found:
    """Ask the gateway of a connection what it is. Blocks: not in the window. Raises GatewayError."""
    if target.is_ssh:
        tunnels.try_again(target.url, target.command)
    gateway = target.gateway(feedback, seconds=SECONDS)
    landing = gateway.landing()
    processes = gateway.processes()
    is_ours = any(link.rel == "status" for link in landing.links)
    status = gateway.status() if is_ours else None
    began = time.monotonic()
    gateway.landing()
    elapsed = round(1000 * (time.monotonic() - began))
    return Found(landing.title or target.url, elapsed, len(processes), status)


class ProbeTask(QgsTask):
    """Looks at a gateway in the background, and tells whether it is good, and what was found or went wrong."""

    def __init__(self, target: Connection, tell: Callable[[bool, str], None]) -> None:
        super().__init__(tr("PHIDIAS: testing the connection"), QgsTask.Flag.CanCancel)
        self._target = target
        self._tell: Callable[[bool, str], None] | None = tell
        self._feedback = QgsFeedback()
        self._answer = ""

    def forget(self) -> None:
        """Nobody wants the answer any more."""
        self._tell = None
        self._feedback.cancel()

    def cancel(self) -> None:
        self._feedback.cancel()
        super().cancel()

    def run(self) -> bool:
        try:
            self._answer = str(look(self._target, self._feedback))
        except GatewayError as error:
            self._answer = str(error)
            return False
        except Exception as error:  # an exception that escapes from here ends QGIS
            self._answer = repr(error)
            return False
        return True

    def finished(self, result: bool) -> None:
        if self._tell is not None:
            self._tell(result, self._answer)
