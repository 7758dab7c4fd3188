"""Reading under the site's guard: whatever goes through `Guard` cannot be led to a host that the site does not allow.

    reading = guard(workspace.site)
    reading.session().get(href)                                  # requests
    with rasterio.Env(**reading.gdal_options):                   # GDAL
        rasterio.open(reading.address(href))

A job's process is under the guard as a whole (`cover`): what it and its programs read by the usual environment
variables goes the same way. `Process.plan` runs in the gateway, and uses one of the above.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from phidias_gateway import guard_proxy
from phidias_gateway.credentials import Credential, find
from phidias_gateway.hosts import Hosts
from phidias_gateway.references import Site

# Isolated and without site packages, it starts in 30 ms.
COMMAND = (sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, sys.argv[1])\n"
           "from phidias_gateway.guard_proxy import main; main()", str(Path(__file__).parents[1]))  # fmt: skip
CLOSE_SECONDS = 5.0
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PART = 64 * 1024

_upstream: Mapping[str, str] = urllib.request.getproxies_environment()
"""The site's own proxies, before `cover` puts ours in their place"""
_guards: dict[tuple[Hosts, tuple[Credential, ...]], Guard] = {}
_lock = threading.Lock()


def guard(site: Site) -> Guard:
    """The guard of this process for a site; started when it is first asked for, and again should it have ended."""
    with _lock:
        asked = site.hosts, site.credentials
        found = _guards.get(asked)
        if found is None or not found.is_alive:
            found = _guards[asked] = Guard(*asked)
        return found


class Guard:
    """A proxy on the loopback, for this process and those it starts (see `guard_proxy`)."""

    def __init__(self, hosts: Hosts, credentials: Sequence[Credential]) -> None:
        self._keys_to = credentials
        # libcurl would go around the proxy for these, whatever GDAL tells it; Python's environment keeps them.
        for name in ("no_proxy", "NO_PROXY"):
            os.unsetenv(name)
        secret = secrets.token_urlsafe(24)
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            self._address = f"127.0.0.1:{listener.getsockname()[1]}"
            self._process = subprocess.Popen(  # noqa: S603
                [*COMMAND, str(listener.fileno())], stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
            )
        told = {
            "secret": secret,
            "allowed": sorted(hosts.allowed),
            "internal": hosts.internal,
            "upstream": _upstream,
            "credentials": [asdict(credential) for credential in credentials],
            "authorities": next(filter(None, map(os.environ.get, _AUTHORITIES)), DEFAULT_CA_BUNDLE_PATH),
        }
        self._tell(told)
        self._credentials = f"{guard_proxy.USER}:{secret}"
        atexit.register(self.close)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the proxy, which also ends by itself with this process."""
        self._process.communicate(timeout=CLOSE_SECONDS)

    def _tell(self, told: Mapping[str, Any]) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()

    def address(self, href: str) -> str:
        """What to ask the proxy for so as to read `href`: another address where the site has a credential for it.

        Its port is that of https, and by https it is read: who asks another than the proxy for it gets nothing.
        """
        if find(self._keys_to, href) is None:
            return href
        parts = urlsplit(href)
        netloc = parts.netloc if parts.port else f"{parts.netloc.rstrip(':')}:443"
        return urlunsplit(("http", netloc, parts.path, parts.query, ""))

    @property
    def url(self) -> str:
        """The address of the proxy, with its secret."""
        return f"http://{self._credentials}@{self._address}"

    @property
    def gdal_options(self) -> dict[str, str]:
        """For GDAL: they belong in `rasterio.Env`."""
        return {
            "GDAL_HTTP_PROXY": self._address,
            "GDAL_HTTPS_PROXY": self._address,
            "GDAL_HTTP_PROXYUSERPWD": self._credentials,
            "GDAL_PROXY_AUTH": "BASIC",
        }

    def session(self, *, retry: Retry | int = 0, connections: int = 10) -> requests.Session:
        """A session that reads through the proxy alone, and sends no password from ~/.netrc."""
        session = requests.Session()
        adapter = _Adapter(self, max_retries=retry, pool_maxsize=connections)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.auth = _no_password
        return session

    def cover(self) -> None:
        """Put this process, and every program it starts, under the guard: for libraries that go by the environment."""
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            os.environ[name] = os.environ[name.upper()] = self.url
        for name in ("no_proxy", "NO_PROXY"):
            os.environ.pop(name, None)
        os.environ |= self.gdal_options


class _Adapter(HTTPAdapter):
    """Sends every request through one proxy: requests would prefer those of the environment."""

    def __init__(self, through: Guard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = through
        self._proxies = {"http": through.url, "https": through.url}

    def send(self, request: requests.PreparedRequest, *positional: Any, **options: Any) -> requests.Response:
        request = request.copy()
        request.url = self._guard.address(request.url or "")
        return super().send(request, *positional, **{**options, "proxies": self._proxies})


def _no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def parts(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body of a streamed response as it comes in, until `deadline` of the monotonic clock.

    Raises requests.Timeout after that, however little comes at a time, and requests.ConnectionError.
    """
    try:
        while part := response.raw.read1(PART, decode_content=True):
            yield part
            if time.monotonic() > deadline:
                raise requests.Timeout
    except HTTPError as error:
        raise requests.ConnectionError(error) from None


def refusal(response: requests.Response) -> str | None:
    """Why the guard gave no connection, if the answer is its own."""
    return str(response.reason) if guard_proxy.MARK in response.headers else None


def reason(error: requests.RequestException) -> str:
    """What went wrong, in a few words for the user."""
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    cause = getattr(error.args[0], "reason", None) if error.args else None
    text = str(cause or error)
    refused = re.search(r"Tunnel connection failed: \d+ (.+?)['\"]?\)*$", text)
    return refused[1] if refused else re.sub(r"^\[Errno -?\d+\] ", "", text.rpartition(": ")[2])[:200]
