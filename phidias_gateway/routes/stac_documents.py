"""The STAC documents of a user's results: the catalogue, a Collection for each process, an Item for each job."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict, Field

from phidias_gateway.catalogue import CataloguedItem, FoundItems
from phidias_gateway.description import summarize
from phidias_gateway.documents import JSON, Document, Instant, Link
from phidias_gateway.item_index import Extent
from phidias_gateway.links import Signer
from phidias_gateway.registry import processes
from phidias_gateway.settings import CatalogueSettings

GEOJSON = "application/geo+json"
STAC_VERSION = "1.1.0"
_API = "https://api.stacspec.org/v1.0.0/"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
CONFORMS_TO = [
    *(_API + name for name in ("core", "collections", "ogcapi-features", "item-search")),
    *(_FEATURES + name for name in ("core", "oas30", "geojson")),
]
_STRUCTURAL = frozenset({"self", "root", "parent", "collection", "item", "items", "next", "prev"})


class Catalog(Document):
    """The landing page of the STAC API."""

    type: Literal["Catalog"] = "Catalog"
    stac_version: str = STAC_VERSION
    id: str
    title: str
    description: str
    conformsTo: list[str]  # noqa: N815
    links: list[Link]


class Provider(Document):
    name: str
    roles: list[str]
    url: str


class SpatialExtent(Document):
    bbox: list[list[float]]


class TemporalExtent(Document):
    interval: list[list[Instant]]


class CollectionExtent(Document):
    spatial: SpatialExtent
    temporal: TemporalExtent


class Collection(Document):
    """The results of one process."""

    type: Literal["Collection"] = "Collection"
    stac_version: str = STAC_VERSION
    id: str
    title: str
    description: str
    keywords: list[str]
    license: str
    providers: list[Provider]
    extent: CollectionExtent
    links: list[Link]


class Collections(Document):
    collections: list[Collection]
    links: list[Link]


class Item(Document):
    """The result of one job: what OpenAPI says of it; the Item itself is the job's own document."""

    model_config = ConfigDict(extra="allow")

    type: Literal["Feature"]
    stac_version: str
    id: str
    collection: str
    geometry: Annotated[dict[str, Any] | None, Field(json_schema_extra={"nullable": True})]
    properties: dict[str, Any]
    assets: dict[str, dict[str, Any]]
    links: list[dict[str, Any]]


class ItemCollection(Document):
    """A page of Items. `numberMatched` is left out where only a look at every geometry could tell it."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Item]
    numberReturned: int  # noqa: N815
    numberMatched: int | None = None  # noqa: N815
    links: list[Link]


def catalog(base: str, openapi: str, extents: list[Extent]) -> Catalog:
    """The landing page; `openapi` is the media type of the API's description."""
    root = f"{base}/stac"
    search, collections = f"{root}/search", f"{root}/collections"
    return Catalog(
        id="phidias-results",
        title="PHIDIAS: your results",
        description="The results of your successful jobs: a Collection for each process, an Item for each job.",
        conformsTo=CONFORMS_TO,
        links=[
            Link(href=root, rel="self", type=JSON, title="This catalogue"),
            Link(href=root, rel="root", type=JSON, title="This catalogue"),
            Link(href=f"{base}/", rel="up", type=JSON, title="The gateway"),
            Link(href=f"{base}/api", rel="service-desc", type=openapi, title="The API"),
            Link(href=f"{root}/conformance", rel="conformance", type=JSON, title="Conformance classes"),
            Link(href=collections, rel="data", type=JSON, title="The collections"),
            Link(href=search, rel="search", type=GEOJSON, title="Search", method="GET"),
            Link(href=search, rel="search", type=GEOJSON, title="Search", method="POST"),
            *(
                Link(href=_collection(base, extent.process_id), rel="child", type=JSON, title=title)
                for extent in extents
                for title in (_summary(extent.process_id)["title"],)
            ),
        ],
    )


def collection(extent: Extent, base: str, site: CatalogueSettings) -> Collection:
    """The results of one process, also of one that is no longer installed."""
    process_id = extent.process_id
    href = _collection(base, process_id)
    summary = _summary(process_id)
    links = [
        Link(href=href, rel="self", type=JSON, title="This collection"),
        Link(href=f"{base}/stac", rel="root", type=JSON, title="Your results"),
        Link(href=f"{base}/stac", rel="parent", type=JSON, title="Your results"),
        Link(href=f"{href}/items", rel="items", type=GEOJSON, title="The items"),
    ]
    if process_id in processes():
        links.append(Link(href=f"{base}/processes/{quote(process_id)}", rel="about", type=JSON, title="The process"))
        links += [Link(href=_citable(reference), rel="cite-as") for reference in processes()[process_id].references]
    return Collection(
        id=process_id,
        title=summary["title"],
        description=summary["description"] or summary["title"],
        keywords=summary["keywords"],
        license=site.licence,
        providers=[Provider(name=site.provider, roles=["processor", "host"], url=site.provider_url or base)],
        extent=CollectionExtent(
            spatial=SpatialExtent(bbox=[list(extent.box or (-180, -90, 180, 90))]),
            temporal=TemporalExtent(interval=[[extent.since, extent.until]]),
        ),
        links=links,
    )


def item(found: CataloguedItem, base: str, signer: Signer) -> dict[str, Any]:
    """The Item of a job as it is served: with absolute links, and signed ones to the files that can be had."""
    job = found.job
    parent = _collection(base, job.process_id)
    links = [
        {"href": f"{parent}/items/{job.id}", "rel": "self", "type": GEOJSON},
        {"href": f"{base}/stac", "rel": "root", "type": JSON},
        {"href": parent, "rel": "parent", "type": JSON},
        {"href": parent, "rel": "collection", "type": JSON},
        {"href": f"{base}/jobs/{job.id}", "rel": "related", "type": JSON, "title": "The job that made it"},
    ]
    kept = [link for link in found.item["links"] if link["rel"] not in _STRUCTURAL and _is_absolute(link)]
    assets = dict(_assets(found, base, signer))
    return {**found.item, "id": job.id, "collection": job.process_id, "assets": assets, "links": links + kept}


def item_collection(found: FoundItems, links: list[Link], base: str, signer: Signer) -> dict[str, Any]:
    """A page of a search."""
    page = ItemCollection(features=[], numberReturned=len(found.items), numberMatched=found.matched, links=links)
    return {**page.json_value(), "features": [item(each, base, signer) for each in found.items]}


def _assets(found: CataloguedItem, base: str, signer: Signer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, asset in found.item["assets"].items():
        name = posixpath.normpath(asset["href"])
        if name in found.files:
            yield key, {**asset, "href": signer.url(base, found.job.id, name)}
        elif _is_absolute(asset):
            yield key, asset


def _is_absolute(link: Mapping[str, Any]) -> bool:
    """A relative address means nothing here, and a path on the cluster is nobody's business."""
    return urlsplit(link["href"]).scheme not in ("", "file")


def _collection(base: str, process_id: str) -> str:
    return f"{base}/stac/collections/{quote(process_id, safe='')}"


def _summary(process_id: str) -> dict[str, Any]:
    process = processes().get(process_id)
    if process is not None:
        return summarize(process)
    return {"title": process_id, "description": "Results of a process that is no longer installed.", "keywords": []}


def _citable(reference: str) -> str:
    return f"https://doi.org/{reference.removeprefix('doi:')}" if reference.startswith("doi:") else reference
