"""Connections in a file, to hand on: names and addresses, never credentials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend_client.errors import public_url
from phidias_qgis.connection import Connection, of_json, to_json
from phidias_qgis.i18n import tr

TYPE = "phidias-connections"


class NotConnections(Exception):
    """The file is not one that `write` has made."""


def write(path: Path, connections: Sequence[Connection]) -> None:
    """Write the connections to `path`. Raises OSError."""
    entries = [to_json(shareable(entry)) for entry in connections]
    document = {"type": TYPE, "version": 1, "connections": entries}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[Connection]:
    """The connections in the file. Raises OSError, NotConnections."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise NotConnections(
            tr("'{}' is not a file of PHIDIAS connections. Choose one that was made by 'Export'.").format(path.name)
        )
    return [shareable(entry) for entry in of_json(document.get("connections"))]


def shareable(connection: Connection) -> Connection:
    """The connection without what belongs to one person on one computer."""
    url = connection.url if connection.is_ssh else public_url(connection.url)
    return Connection(url, name=connection.name, command=connection.command)


def merged(connections: Sequence[Connection], more: Sequence[Connection]) -> list[Connection]:
    """All of `connections`, and of `more` those to other gateways; one whose name is taken gets a new one."""
    result = list(connections)
    for entry in more:
        if all((entry.url, entry.command) != (known.url, known.command) for known in connections):
            result.append(replace(entry, name=free_name(entry.name, result)))
    return result


def free_name(name: str, connections: Sequence[Connection]) -> str:
    """`name`, or if it is taken `name (2)`."""
    taken = {entry.name for entry in connections}
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate
