"""A gateway of one's own in the background: `up` starts it, `down` ends it, `status` looks at it."""

from __future__ import annotations

import fcntl
import getpass
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phidias_gateway.access import Tokens
from phidias_gateway.app import prepare
from phidias_gateway.errors import PHIDIAS, PhidiasError
from phidias_gateway.process_tree import start_ticks
from phidias_gateway.server import Record, record_path
from phidias_gateway.settings import Settings

START_SECONDS = 60
STOP_SECONDS = 15
TOKEN_DAYS = 30
"""Lifetime of the token that `up` hands out, unless the settings say otherwise"""
LOG_BYTES = 10_000_000
"""A log larger than this is put aside at the next start"""


class NotStarted(PhidiasError):
    """The gateway did not come up."""

    type = PHIDIAS + "not-started"
    title = "The gateway did not start"


class NotStopped(PhidiasError):
    """The gateway runs where it cannot be stopped from here."""

    type = PHIDIAS + "not-stopped"
    title = "The gateway was not stopped"


def up(settings: Settings) -> dict[str, Any]:
    """Start a gateway for this store unless one runs, and wait until it answers.

    Returns its url, user, a new token and its pid. Raises NotStarted with the end of the log.
    """
    prepare(settings)
    with _one_at_a_time(settings):
        record = _running(settings) or _start(settings)
        user = re.sub(r"[^A-Za-z0-9._@-]", "-", getpass.getuser()).lstrip("._@-") or "user"
        tokens = Tokens(settings.store.tokens)
        try:
            days = settings.access.token_days or TOKEN_DAYS
            token = tokens.create(user, lifetime=days * 86400, label="up")
        finally:
            tokens.close()
    return {"url": record.url, "user": user, "token": token, "pid": record.pid}


def down(settings: Settings) -> dict[str, Any]:
    """Stop the gateway of this store; its jobs run on. Raises NotStopped if it runs on another machine."""
    record = Record.read(record_path(settings))
    if record is None:
        return {"stopped": False, "pid": None}
    if not record.is_here:
        raise NotStopped(f"The gateway runs on {record.host}.", remedy=f"Run this command on {record.host}.")
    try:
        process = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return {"stopped": False, "pid": None}
    try:
        if not record.is_alive:  # its number belongs to someone else now
            return {"stopped": False, "pid": None}
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if not _ends(record, STOP_SECONDS):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            _ends(record, STOP_SECONDS)
    finally:
        os.close(process)
    return {"stopped": True, "pid": record.pid}


def status(settings: Settings) -> dict[str, Any]:
    """Whether a gateway of this store runs, and where."""
    record = Record.read(record_path(settings))
    here = record is not None and record.is_alive
    elsewhere = record is not None and not record.is_here
    return {
        "running": True if here else None if elsewhere else False,
        "answers": here and record is not None and _answers(record.url),
        "url": record.url if record and (here or elsewhere) else None,
        "pid": record.pid if record and (here or elsewhere) else None,
        "host": record.host if record and (here or elsewhere) else None,
        "root": str(settings.store.root),
        "log": str(_log(settings)),
    }


def _running(settings: Settings) -> Record | None:
    record = Record.read(record_path(settings))
    if record is not None and record.is_alive and _answers(record.url, patience=10):
        return record
    return None


def _start(settings: Settings) -> Record:
    log = _log(settings)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    command = [sys.executable, "-m", "phidias_gateway.cli", "serve"]
    if settings.server.port is None:
        command += ["--port", "0"]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        before = log.stat().st_size
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        record = Record.read(record_path(settings))
        if record is not None and record.pid == process.pid and _answers(record.url):
            return record
        time.sleep(0.05)
    process.terminate()
    process.wait()
    with open(log, "rb") as text:
        text.seek(before)
        last = text.read().decode(errors="replace").strip().splitlines()[-5:]
    raise NotStarted("\n".join(["The gateway did not start:", *last]), remedy=f"The whole log is in {log}.")


def _answers(url: str, patience: float = 2) -> bool:
    # The environment's proxies are not for this machine's own addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/conformance", timeout=patience) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _ends(record: Record, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while start_ticks(record.pid) == record.start_ticks:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _log(settings: Settings) -> Path:
    return settings.store.root / "gateway.log"


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    descriptor = os.open(settings.store.root / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
