"""The SSH tunnels of this QGIS: one for each host, shared by all that use it, closed with the plugin."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend_client.tunnel import SshTunnel

HERE = "127.0.0.1"
Way = tuple[str, str]
"""Host and command, as the connection has them"""

_tunnels: dict[Way, SshTunnel] = {}
_lock = threading.Lock()


def tunnel(host: str, command: str) -> SshTunnel:
    """The tunnel to a host; the first who sends a request opens it. Raises BadConnection for what is no host."""
    # Not before somebody needs it: QGIS starts with all connections being read.
    from backend_client.ssh import COMMAND
    from backend_client.tunnel import SshTunnel

    with _lock:
        if (host, command) not in _tunnels:
            _tunnels[host, command] = SshTunnel(host, command=command or COMMAND)
            _spare_the_proxy()
        return _tunnels[host, command]


def try_again(host: str, command: str) -> None:
    """A person asks for another attempt at a host that refused."""
    with _lock:
        known = _tunnels.get((host, command))
    if known is not None:
        known.forgive()


def close(kept: Collection[Way] = ()) -> None:
    """Close all tunnels but those that are still wanted; nobody waits for it, as each takes a tenth of a second."""
    with _lock:
        ended = [_tunnels.pop(way) for way in list(_tunnels) if way not in kept]
    for each in ended:
        threading.Thread(target=each.close, daemon=True).start()


def _spare_the_proxy() -> None:
    """GDAL reads layers at this computer's own address, where the proxy of its settings cannot reach."""
    name = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"
    places = [place for place in os.environ.get(name, "").split(",") if place]
    if HERE not in places:
        os.environ[name] = ",".join([*places, HERE])
