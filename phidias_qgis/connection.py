"""The connections to gateways: their addresses in QGIS's settings, their credentials in its authentication database.

An address is that of a web server, or a host for SSH as `ssh://ada@login.example.org`, on which a gateway of one's own
is started; SSH has its own credentials.

For use without a window, the environment goes before the settings. PHIDIAS_URL is an address, with PHIDIAS_USER and
PHIDIAS_TOKEN, or with PHIDIAS_COMMAND on an SSH host; PHIDIAS_CONNECTION names one of the connections in the settings,
or that of PHIDIAS_URL.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from qgis.core import QgsFeedback, QgsSettings

from backend_client import DescriptionCache
from phidias_qgis import tunnels
from phidias_qgis.i18n import tr

if TYPE_CHECKING:
    from backend_client import Gateway

CONNECTIONS_KEY = "phidias/connections"
"""A JSON list of objects with `name`, `url`, `authcfg` and `command`; what is empty is left out"""
DEFAULT_KEY = "phidias/default"
URL_VARIABLE, USER_VARIABLE, TOKEN_VARIABLE = "PHIDIAS_URL", "PHIDIAS_USER", "PHIDIAS_TOKEN"
NAME_VARIABLE, COMMAND_VARIABLE = "PHIDIAS_CONNECTION", "PHIDIAS_COMMAND"
ENVIRONMENT = "environment"
"""Name of the connection that PHIDIAS_URL makes, unless PHIDIAS_CONNECTION gives it one"""

MEMBERS = ("name", "url", "authcfg", "command")
SSH = "ssh://"

PIECE = 8 * 1024 * 1024
"""Bytes of a download that are held in memory at once"""


class NotConnected(Exception):
    """No gateway is configured, or none of the name that was asked for."""

    def __init__(self, name: str = "") -> None:
        if name:
            text = tr(
                "There is no PHIDIAS connection named '{}'. Choose another one, or set it up in Settings > Options > "
                "PHIDIAS."
            ).format(name)
        else:
            text = tr(
                "No PHIDIAS gateway is set up. Give its address and your token in Settings > Options > PHIDIAS, "
                "or set the environment variables PHIDIAS_URL and PHIDIAS_TOKEN."
            )
        super().__init__(text)


@dataclass(frozen=True)
class Connection:
    """Where a gateway is and who asks. May be used on any thread."""

    url: str
    user: str = ""
    token: str = field(default="", repr=False)
    authcfg: str = ""
    """Name of an authentication configuration of QGIS, which signs the requests; no token is needed then"""
    name: str = ""
    """What the person calls it"""
    command: str = ""
    """Path of `phidias-gateway` on an SSH host, empty if it is found without"""

    @property
    def is_ssh(self) -> bool:
        return self.url.lower().startswith(SSH)

    def gateway(
        self,
        feedback: QgsFeedback | None = None,
        *,
        seconds: float = 45.0,
        cache: DescriptionCache | None = None,
    ) -> Gateway:
        """A client whose requests stop when `feedback` is cancelled, or after so many seconds without a byte.

        Nothing is asked of the network here: the first request opens a tunnel where there is one.
        Raises GatewayError for a malformed address.
        """
        # Not before somebody asks a gateway: `requests` is the heaviest thing that a start could bring along.
        from backend_client import Gateway
        from phidias_qgis import network

        tunnel = tunnels.tunnel(self.url, self.command) if self.is_ssh else None
        url = tunnel.url if tunnel else self.url
        return Gateway(
            url,
            user=self.user or None,
            token=self.token or None,
            session=network.session(url, self.authcfg, feedback, tunnel),
            timeout=seconds,
            cache=cache,
            piece=PIECE,
        )


def load(name: str | None = None) -> Connection:
    """The connection of this name, or the default one. Raises NotConnected if there is none."""
    available = _available()
    wanted = name or default_name()
    if wanted not in available:
        raise NotConnected(wanted)
    return available[wanted]


def names() -> list[str]:
    """The names of all connections, in the person's order; that of the environment comes first."""
    return list(_available())


def default_name() -> str:
    """The name of the connection that is used where none is named; empty if there is none at all."""
    if os.environ.get(URL_VARIABLE):
        return os.environ.get(NAME_VARIABLE) or ENVIRONMENT
    return os.environ.get(NAME_VARIABLE) or stored_default()


def stored_default() -> str:
    """The default connection of QGIS's settings; the first one, if none was chosen."""
    known = [connection.name for connection in stored()]
    chosen = str(QgsSettings().value(DEFAULT_KEY, "") or "")
    return chosen if chosen in known else next(iter(known), "")


def stored() -> list[Connection]:
    """The connections in QGIS's settings."""
    settings = QgsSettings()
    _migrate(settings)
    return list(_parsed(str(settings.value(CONNECTIONS_KEY, "") or "[]")))


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[Connection, ...]:
    """Read once: every tool asks for the connections when it is made."""
    try:
        return tuple(of_json(json.loads(text)))
    except ValueError:
        return ()


def store(connections: Sequence[Connection], default: str = "") -> None:
    """Keep these connections, and the name of the default one; a token itself is never in the settings."""
    settings = QgsSettings()
    settings.setValue(CONNECTIONS_KEY, json.dumps([to_json(entry) for entry in connections], ensure_ascii=False))
    settings.setValue(DEFAULT_KEY, default)
    tunnels.close(kept=[(entry.url, entry.command) for entry in _available().values()])


def to_json(connection: Connection) -> dict[str, str]:
    """What is kept of a connection."""
    members = {key: getattr(connection, key) for key in MEMBERS}
    return {key: value for key, value in members.items() if value}


def of_json(entries: object) -> list[Connection]:
    """The connections of a JSON list, without the entries that cannot be one; of two of the same name, the first."""
    found: dict[str, Connection] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            connection = Connection(**{key: str(entry.get(key) or "").strip() for key in MEMBERS})
            if connection.name and connection.url:
                found.setdefault(connection.name, connection)
    return list(found.values())


def _available() -> dict[str, Connection]:
    """All connections by name, as the environment has them."""
    found = {connection.name: connection for connection in stored()}
    default = default_name()
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if url:
        # The credentials in the settings belong to the address in the settings.
        found.pop(default, None)
        found = {default: Connection(url, name=default, command=os.environ.get(COMMAND_VARIABLE, "")), **found}
    if token and default in found and not found[default].is_ssh:
        user = os.environ.get(USER_VARIABLE, "")
        found[default] = replace(found[default], user=user, token=token, authcfg="")
    return found


def _migrate(settings: QgsSettings) -> None:
    """Version 0.1 had one connection, in keys of its own."""
    url = str(settings.value("phidias/connection/url", "") or "")
    if not url:
        return
    if not settings.value(CONNECTIONS_KEY):
        name = url.partition("://")[2].partition("/")[0] or "PHIDIAS"
        authcfg = str(settings.value("phidias/connection/authcfg", "") or "")
        store([Connection(url, authcfg=authcfg, name=name)], name)
    settings.remove("phidias/connection")
