"""The STAC Item of a job's results: what each of its files shows, when, and how it wants to be drawn.

Everything in it may be missing or strange: an Item may come from any server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from backend_client import GatewayError
from backend_client.models import instant_of
from phidias_qgis.references import file_of

if TYPE_CHECKING:
    from backend_client import Gateway, Result

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class ItemAsset:
    """One file of an Item."""

    key: str
    item: Mapping[str, Any] = field(repr=False)

    @property
    def properties(self) -> Mapping[str, Any]:
        """What is told of the whole Item."""
        return _mapping(self.item.get("properties"))

    @property
    def fields(self) -> Mapping[str, Any]:
        """What is told of this file alone."""
        return _mapping(_mapping(self.item.get("assets")).get(self.key))

    @property
    def title(self) -> str:
        return str(self.fields.get("title") or self.key)

    @property
    def bands(self) -> list[Mapping[str, Any]]:
        """In the order of the file."""
        return _mappings(self.fields.get("bands"))

    @property
    def classes(self) -> list[Mapping[str, Any]]:
        """What its numbers stand for (extension `classification`)."""
        return _mappings(self.fields.get("classification:classes"))

    @property
    def render(self) -> Mapping[str, Any]:
        """The first Render Object (extension `render`) of this file alone; empty if there is none."""
        renders = _mapping(self.properties.get("renders")).values()
        return next((entry for entry in _mappings(list(renders)) if entry.get("assets") == [self.key]), {})

    @property
    def period(self) -> Period | None:
        """First and last instant that it shows, in UTC."""
        for told in (self.fields, self.properties):
            first = instant_of(told.get("start_datetime") or told.get("datetime"))
            last = instant_of(told.get("end_datetime") or told.get("datetime"))
            if first and last and first <= last:
                return first, last
        return None

    def links(self, *relations: str) -> list[str]:
        """Addresses of the Item's links of these relations."""
        entries = _mappings(self.item.get("links"))
        return [str(entry["href"]) for entry in entries if entry.get("rel") in relations and entry.get("href")]


def asset_of(item: Mapping[str, Any], file: str) -> ItemAsset | None:
    """The asset that is the file of this name."""
    for key, asset in _mapping(item.get("assets")).items():
        if file_of(str(_mapping(asset).get("href") or "")) == file:
            return ItemAsset(str(key), item)
    return None


def fetch(gateway: Gateway, results: Mapping[str, Result]) -> Mapping[str, Any]:
    """The Item among the results; empty if there is none that can be read, since layers can do without."""
    for result in results.values():
        if result.name == "item" and isinstance(result.value, Mapping):
            return result.value
        if result.name == "item" and len(result.links) == 1:
            try:
                return gateway.document(result.href)
            except GatewayError:
                return {}
    return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
