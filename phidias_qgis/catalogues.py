"""The catalogues to search: well-known ones that come with the plugin, the person's own, and archives of the site.

Wherever a catalogue is asked for, its name does as well as its address.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from qgis.core import QgsFeedback, QgsSettings

from phidias_qgis import connection, paths

if TYPE_CHECKING:
    from backend_client.stac import Scene

OWN_KEY = "phidias/catalogues"
"""A JSON list of objects with `name`, `url` and, where it is not empty, `authcfg`"""
SECONDS = 45.0
"""The longest wait for a byte of a catalogue"""


@dataclass(frozen=True)
class Catalogue:
    """A STAC API, a static catalogue, or, where it has no address, an archive of the site."""

    name: str
    url: str = ""
    authcfg: str = ""
    """Name of an authentication configuration of QGIS, which signs the requests"""
    collections: Mapping[str, str] = field(default_factory=dict)
    """Titles by ids, as far as they are known without asking"""
    needs_account: bool = False
    """True if its files cannot be read by everybody"""

    @property
    def address(self) -> str:
        """What a gateway finds it by."""
        return self.url or self.name

    def search(self, feedback: QgsFeedback, site: str = "", **wishes: Any) -> Iterator[Scene]:
        """The scenes of a search as `stac.search` takes it, of an archive on the connection `site`; blocks.

        Raises GatewayError, NotConnected, Cancelled.
        """
        from backend_client import stac  # when somebody searches, not when QGIS starts
        from phidias_qgis import network

        if not self.url:
            gateway = connection.load(site).gateway(feedback)
            yield from gateway.scenes(self.name, cancelled=feedback.isCanceled, **wishes)
            return
        session = network.session(self.url, self.authcfg, feedback)
        yield from stac.search(self.url, session, timeout=SECONDS, cancelled=feedback.isCanceled, **wishes)

    def all_collections(self, feedback: QgsFeedback) -> dict[str, str]:
        """Titles of its collections by their ids; blocks. Raises as `search` does."""
        from backend_client import stac
        from phidias_qgis import network

        if not self.url:
            return connection.load().gateway(feedback).collections(self.name, cancelled=feedback.isCanceled)
        session = network.session(self.url, self.authcfg, feedback)
        return stac.collections(self.url, session, timeout=SECONDS, cancelled=feedback.isCanceled)


def find(text: str) -> Catalogue:
    """The catalogue of this name or address; another address is one of no name, another name an archive of the site."""
    wanted = text.strip()
    for known in (*own(), *presets()):
        if wanted.lower() == known.name.lower() or wanted.rstrip("/") == known.url.rstrip("/"):
            return known
    return Catalogue(wanted, wanted) if "://" in wanted else Catalogue(wanted)


@cache
def presets() -> tuple[Catalogue, ...]:
    """Those that come with the plugin."""
    document = json.loads(paths.resource("catalogues.json").read_text(encoding="utf-8"))
    return tuple(
        Catalogue(
            entry["name"],
            entry["url"],
            collections=entry["collections"],
            needs_account=entry["files"] != "open",
        )
        for entry in document["catalogues"]
    )


def own() -> list[Catalogue]:
    """Those that the person has added."""
    try:
        entries = json.loads(str(QgsSettings().value(OWN_KEY, "") or "[]"))
    except ValueError:
        return []
    return [
        Catalogue(str(entry["name"]), str(entry["url"]), str(entry.get("authcfg") or ""))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("name") and entry.get("url")
    ]


def store(catalogues: Sequence[Catalogue]) -> None:
    """Keep these as the person's own; credentials stay in QGIS's authentication database."""
    entries = [{"name": entry.name, "url": entry.url, "authcfg": entry.authcfg} for entry in catalogues]
    QgsSettings().setValue(OWN_KEY, json.dumps(entries, ensure_ascii=False))
