"""Waiting on a thread of QGIS's pool without holding its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QThread, QThreadPool


@contextmanager
def waiting() -> Iterator[None]:
    """The thread does nothing but wait: another task of QGIS may run in its place.

    The pool has as many threads as the computer has cores: that many jobs that are waited for would hold up all else
    that QGIS does in the background.
    """
    if QThread.currentThread() == QCoreApplication.instance().thread():
        yield
        return
    manager = QgsApplication.taskManager()
    # Later versions of QGIS have a pool for its tasks alone.
    pool = manager.threadPool() if hasattr(manager, "threadPool") else QThreadPool.globalInstance()
    pool.releaseThread()
    try:
        yield
    finally:
        pool.reserveThread()
