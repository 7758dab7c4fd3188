"""Whose data a result is made of: the licence and the providers of its scenes' collections, for its Item."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from phidias_gateway.errors import InputError
from phidias_gateway.references import Site
from phidias_processes.eo.scene import Scene
from phidias_processes.eo.stac import read_document_at

SEVERAL = "other"
"""What STAC 1.1 calls a licence that is none of the known ones, or more than one"""

log = logging.getLogger(__name__)


def attribution(scenes: Iterable[Scene], site: Site) -> dict[str, Any]:
    """`license` and `providers` as an Item has them among its properties, as far as the catalogue tells."""
    collections = [_read(href, site) for href in dict.fromkeys(scene.collection_href for scene in scenes) if href]
    licences = {str(collection["license"]) for collection in collections if collection.get("license")}
    told: dict[str, Any] = {}
    if licences:
        told["license"] = licences.pop() if len(licences) == 1 else SEVERAL
    providers = _providers(collections)
    if providers:
        told["providers"] = providers
    return told


def _read(href: str, site: Site) -> Mapping[str, Any]:
    try:
        return read_document_at(href, site)
    except InputError as error:
        log.info("the licence of the scenes is not known: %s", error)
        return {}


def _providers(collections: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each once, with all its roles."""
    found: dict[str, dict[str, Any]] = {}
    for collection in collections:
        for provider in collection.get("providers") or ():
            if isinstance(provider, dict) and provider.get("name"):
                known = found.setdefault(str(provider["name"]), {**provider, "roles": []})
                known["roles"] += [role for role in provider.get("roles") or () if role not in known["roles"]]
    return list(found.values())
