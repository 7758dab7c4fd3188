"""One gateway process: listens, says where in a record of its store, and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn

from phidias_gateway import logs, site_check
from phidias_gateway.app import create_app
from phidias_gateway.errors import PHIDIAS, PhidiasError
from phidias_gateway.process_tree import start_ticks
from phidias_gateway.settings import Settings, SettingsError

DEFAULT_PORT = 8765
GRACE = 2
"""Seconds that requests under way are given when the gateway stops"""
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than proxies do (nginx: 60), so that none meets a closed one"""
FILES = 10_000
"""Open files that this process allows itself, if the system does: one for each connection; who waits takes 50 kB"""
RESERVED = 200
"""Of them, those kept back from connections: for the store, job folders and the scheduler's tools"""


class CannotListen(PhidiasError):
    """The address is taken, or not of this machine."""

    type = PHIDIAS + "cannot-listen"
    title = "The gateway cannot listen"


@dataclass(frozen=True)
class Record:
    """Where a gateway of this store runs. `start_ticks` tells its process from a later one with the same number."""

    pid: int
    start_ticks: int
    host: str
    url: str

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record, or None if there is none that can be read."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @property
    def is_here(self) -> bool:
        """Whether it is about this machine: a store may be shared by several login nodes."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether that very process runs on this machine."""
        return self.is_here and start_ticks(self.pid) == self.start_ticks


def record_path(settings: Settings) -> Path:
    return settings.store.root / "gateway.json"


def serve(settings: Settings, *, port: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Raises CannotListen, SettingsError."""
    logs.to_stderr("%(asctime)s %(levelname)s %(name)s %(message)s")
    for finding in site_check.credentials(settings):
        if finding.state == "missing":
            raise SettingsError(f"The {finding.about} cannot be used: {finding.text}.", remedy=finding.remedy)
    listener = _listen(settings.server.host, _port(settings, port))
    files = _open_files()
    stopping = asyncio.Event()
    app = create_app(settings, stopping)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # ours leaves the query out, where signatures are
        server_header=False,
        # Behind a proxy of the site's own, the client's address and scheme are in its headers.
        proxy_headers=settings.server.public_url is not None,
        forwarded_allow_ips=list(settings.server.trusted_proxies),
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
        limit_concurrency=max(files // 2, files - RESERVED),
    )
    server = _Server(config, stopping, record_path(settings), _url(listener))
    with listener:
        server.run(sockets=[listener])
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, record: Path, url: str) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._record, self._url = record, url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            record = Record(os.getpid(), start_ticks(os.getpid()) or 0, socket.gethostname(), self._url)
            temporary = self._record.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
            temporary.replace(self._record)
            logging.getLogger(__name__).info("the gateway answers at %s", self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)
        found = Record.read(self._record)
        if found is not None and found.pid == os.getpid():
            self._record.unlink(missing_ok=True)


def _port(settings: Settings, port: int | None) -> int:
    if port is not None:
        return port
    return DEFAULT_PORT if settings.server.port is None else settings.server.port


def _open_files() -> int:
    """Allow this process FILES open files, or as many as the system lets it have. Returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(
            f"The gateway cannot listen on {host}, port {port}: {error.strerror or error}.",
            remedy="Choose another server.port (0 takes any free one) or server.host.",
        ) from None
    # Inherited by each connection. Without it Nagle's algorithm holds back a body until the client's delayed
    # acknowledgement of the header, which takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
