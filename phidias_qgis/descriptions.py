"""The process descriptions that the tools are made of: those last seen on the gateway, else those shipped here.

Their titles and texts are in the language of the user, where the plugin knows them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

from qgis.core import Qgis, QgsApplication, QgsFeedback, QgsMessageLog

from backend_client import DescriptionCache, GatewayError, ProcessDescription
from backend_client.models import description_of
from phidias_qgis import connection, paths
from phidias_qgis.process_words import in_words_of_the_user

LOG = "PHIDIAS"
SIGN_IN = 10.0
"""Further seconds for signing in to an SSH host and finding the gateway there"""
PATIENCE = 30
"""Seconds after a failed attempt during which none is made where a person would wait for it"""


def known() -> list[ProcessDescription]:
    """The descriptions at hand, without asking the network."""
    try:
        return kept(connection.load()) or shipped()
    except connection.NotConnected:
        return shipped()


def kept(target: connection.Connection) -> list[ProcessDescription]:
    """Those last seen on the gateway of this connection."""
    return [in_words_of_the_user(description) for description in cache_of(target).descriptions()]


def shipped() -> list[ProcessDescription]:
    """The snapshot that comes with the plugin."""
    path = paths.resource("processes.json")
    if not path.is_file():
        return []
    entries = json.loads(path.read_text(encoding="utf-8"))["processes"]
    return [in_words_of_the_user(description_of(entry)) for entry in entries]


def refresh(target: connection.Connection, feedback: QgsFeedback, *, seconds: float = 20.0) -> None:
    """Ask the gateway for its descriptions and keep them. Raises GatewayError, OSError; blocks: not in the window."""
    cache = cache_of(target)
    try:
        target.gateway(feedback, seconds=seconds, cache=cache).descriptions()
    except GatewayError:
        _failure_note(cache).parent.mkdir(parents=True, exist_ok=True)
        _failure_note(cache).touch()
        raise
    _failure_note(cache).unlink(missing_ok=True)


def refresh_quickly(seconds: float = 2.0) -> None:
    """Refresh in at most so many seconds, and not at all soon after a failure; what goes wrong goes to the log."""
    try:
        target = connection.load()
    except connection.NotConnected as error:
        QgsMessageLog.logMessage(str(error), LOG, Qgis.MessageLevel.Info)
        return
    if failed_lately(target):
        return
    feedback = QgsFeedback()
    end = threading.Timer(seconds + (SIGN_IN if target.is_ssh else 0), feedback.cancel)
    end.start()
    try:
        refresh(target, feedback, seconds=seconds)
    except (GatewayError, OSError) as error:
        QgsMessageLog.logMessage(str(error), LOG, Qgis.MessageLevel.Warning)
    finally:
        end.cancel()


def failed_lately(target: connection.Connection) -> bool:
    """True if the last attempt failed, less than PATIENCE seconds ago."""
    note = _failure_note(cache_of(target))
    return note.exists() and 0 <= time.time() - note.stat().st_mtime < PATIENCE


def cache_of(target: connection.Connection) -> DescriptionCache:
    """The descriptions of this connection in the user's profile."""
    name = hashlib.sha256(target.name.encode()).hexdigest()[:16]
    return DescriptionCache(Path(QgsApplication.qgisSettingsDirPath()) / "phidias" / name, target.url)


def _failure_note(cache: DescriptionCache) -> Path:
    return cache.path.with_suffix(".failed")
