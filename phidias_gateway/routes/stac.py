"""`/stac`: your results as a STAC API 1.0, so that QGIS, pystac-client and their like can browse and search them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from phidias_gateway.catalogue import FoundItems
from phidias_gateway.description import to_openapi_30
from phidias_gateway.documents import JSON, Conformance, Link
from phidias_gateway.http_errors import NotFound
from phidias_gateway.routes import stac_documents as documents
from phidias_gateway.routes.bodies import json_body
from phidias_gateway.routes.context import BaseUrl, Gateway, TheGateway, User, self_link
from phidias_gateway.routes.item_search import Search, by_query
from phidias_gateway.routes.landing import OPENAPI
from phidias_gateway.routes.parameters import only_known
from phidias_gateway.routes.stac_documents import GEOJSON


class Answer(JSONResponse):
    """Links in it are signed and expire: no cache may keep it."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        super().init_headers({"Cache-Control": "no-store", **(headers or {})})


class GeoJson(Answer):
    media_type = GEOJSON


Responses = dict[int | str, dict[str, Any]]

router = APIRouter(prefix="/stac", tags=["Results"], dependencies=[Depends(only_known)])

_ITEMS: Responses = {200: {"model": documents.ItemCollection}}
_NO_COLLECTION: Responses = {404: {"description": "No process of this id has given you a result"}}

Asked = Annotated[Search, Depends(by_query)]


@router.get("", responses={200: {"model": documents.Catalog}})
async def stac(user: User, base: BaseUrl, here: TheGateway) -> Answer:
    """The landing page of the STAC API."""
    extents = await run_in_threadpool(here.catalogue.extents, user)
    return Answer(documents.catalog(base, OPENAPI, extents).json_value())


@router.get("/conformance", responses={200: {"model": Conformance}})
async def stac_conformance(user: User) -> Answer:
    """The conformance classes that the STAC API keeps."""
    return Answer(Conformance(conformsTo=documents.CONFORMS_TO).json_value())


@router.get("/collections", responses={200: {"model": documents.Collections}})
async def collections(request: Request, user: User, base: BaseUrl, here: TheGateway) -> Answer:
    """A collection for each process that has given you a result."""
    extents = await run_in_threadpool(here.catalogue.extents, user)
    found = [documents.collection(extent, base, here.settings.catalogue) for extent in extents]
    links = [self_link(request, base), Link(href=f"{base}/stac", rel="root", type=JSON, title="Your results")]
    return Answer(documents.Collections(collections=found, links=links).json_value())


@router.get("/collections/{collection_id}", responses={200: {"model": documents.Collection}, **_NO_COLLECTION})
async def collection(collection_id: str, user: User, base: BaseUrl, here: TheGateway) -> Answer:
    """The results of one process."""
    extents = await run_in_threadpool(here.catalogue.extents, user, collection_id)
    if not extents:
        raise _no_collection(collection_id)
    return Answer(documents.collection(extents[0], base, here.settings.catalogue).json_value())


@router.get("/collections/{collection_id}/items", response_class=GeoJson, responses={**_ITEMS, **_NO_COLLECTION})
async def items(
    collection_id: str, request: Request, user: User, base: BaseUrl, here: TheGateway, asked: Asked
) -> GeoJson:
    """The results of one process as Items, the newest first."""
    asked = asked.model_copy(update={"collections": [collection_id]})
    found = await _found(asked, user, here)
    if not found.items and not await run_in_threadpool(here.catalogue.extents, user, collection_id):
        raise _no_collection(collection_id)
    return await _page(request, asked, found, base, here)


@router.get(
    "/collections/{collection_id}/items/{item_id}",
    response_class=GeoJson,
    responses={200: {"model": documents.Item}, 404: {"description": "You have no such item"}},
)
async def item(collection_id: str, item_id: str, user: User, base: BaseUrl, here: TheGateway) -> GeoJson:
    """The result of one job."""
    found = await run_in_threadpool(here.catalogue.item, user, collection_id, item_id)
    if found is None:
        raise NotFound(f"You have no item {item_id[:40]!r} there.", remedy="See /stac/collections for what you have.")
    return GeoJson(documents.item(found, base, here.signer))


@router.get("/search", response_class=GeoJson, responses=_ITEMS)
async def search(request: Request, user: User, base: BaseUrl, here: TheGateway, asked: Asked) -> GeoJson:
    """Your results, the newest first, by place, time and process."""
    return await _page(request, asked, await _found(asked, user, here), base, here)


@router.post(
    "/search",
    response_class=GeoJson,
    openapi_extra={"requestBody": {"content": {JSON: {"schema": to_openapi_30(Search.model_json_schema(), {})}}}},
    responses={**_ITEMS, 413: {"description": "The body is too large"}, 415: {"description": "The body is not JSON"}},
)
async def search_by_body(request: Request, user: User, base: BaseUrl, here: TheGateway) -> GeoJson:
    """Your results, the newest first, by place, time and process."""
    asked = Search.parse(await json_body(request, limit_mb=here.settings.limits.body_mb))
    return await _page(request, asked, await _found(asked, user, here), base, here)


async def _found(asked: Search, user: str, here: Gateway) -> FoundItems:
    query = await run_in_threadpool(asked.query)
    return await run_in_threadpool(here.catalogue.search, user, query, after=asked.cursor, limit=asked.page_size)


async def _page(request: Request, asked: Search, found: FoundItems, base: str, here: Gateway) -> GeoJson:
    links = [
        Link(href=self_link(request, base).href, rel="self", type=GEOJSON),
        Link(href=f"{base}/stac", rel="root", type=JSON),
    ]
    if found.next is not None:
        links.append(_next_page(request, asked, base, found.next))
    return GeoJson(await run_in_threadpool(documents.item_collection, found, links, base, here.signer))


def _next_page(request: Request, asked: Search, base: str, cursor: str) -> Link:
    if request.method == "POST":
        body = {**asked.model_dump(mode="json", exclude_defaults=True), "cursor": cursor}
        return Link(href=f"{base}{request.url.path}", rel="next", type=GEOJSON, method="POST", body=body)
    following = request.url.include_query_params(cursor=cursor)
    return Link(href=f"{base}{request.url.path}?{following.query}", rel="next", type=GEOJSON, method="GET")


def _no_collection(collection_id: str) -> NotFound:
    return NotFound(
        f"No process {collection_id[:100]!r} has given you a result.", remedy="See /stac/collections for what you have."
    )
