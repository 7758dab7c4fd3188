"""STAC catalogues: every document goes through the site's guard. The only module that knows pystac-client.

A catalogue is a STAC API, or a static catalogue (over http, or in an archive of the site). Both give items as the
catalogue writes them, each with the address it lies at; `scenes` makes sense of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic_core import from_json
from pystac import Link
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from phidias_gateway.errors import InputError
from phidias_gateway.references import Site
from phidias_processes.eo.guarded_http import GuardedReader, Unreadable, without_query

INPUT = "scenes"
MAX_DOCUMENTS = 20_000
MAX_PAGES = 1000
"""Of a list of collections"""
READERS = 16


@dataclass(frozen=True)
class Search:
    """What to ask a catalogue for; None and an empty sequence ask for everything."""

    collections: Sequence[str] = ()
    ids: Sequence[str] = ()
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry in WGS 84"""
    datetime: str | None = None
    most: int | None = None
    """Stop after so many items"""


@dataclass(frozen=True)
class FoundItem:
    """An item as the catalogue writes it, and the address that its relative links start from."""

    href: str
    document: Mapping[str, Any]


class Catalogue:
    """A catalogue that can be searched. `open_catalogue` makes one."""

    address: str

    def items(self, search: Search) -> Iterator[FoundItem]:
        """Items of the search. A static catalogue looks at collections only: the caller checks the rest."""
        raise NotImplementedError

    def collection_boxes(self, names: Sequence[str]) -> list[list[float]]:
        """The bounding boxes that the collections (none: all) claim, for a message."""
        raise NotImplementedError


def open_catalogue(address: str, site: Site) -> Catalogue:
    """The catalogue at an address, or of an archive's name. Raises InputError if there is none that can be read."""
    archive = next((archive for archive in site.archives if archive.name == address), None)
    if archive is not None:
        address = archive.prefix.rstrip("/") + "/catalog.json"
    reader = _Reader(site)
    document = read_document(reader, address)
    links = {link.get("rel"): link.get("href", "") for link in document.get("links", []) if isinstance(link, dict)}
    if document.get("type") == "Catalog" and "search" in links and document.get("conformsTo"):
        return _Api(address, reader, document)
    if "items" in links and "item" not in links:
        raise InputError(
            INPUT,
            f"{without_query(address)} is one collection of a STAC API.",
            remedy=f"Give the address of the API ({links.get('root', 'its landing page')}), and name the collection.",
        )
    if "stac_version" not in document or document.get("type") not in ("Catalog", "Collection"):
        raise InputError(
            INPUT,
            f"There is no STAC catalogue at {without_query(address)}.",
            remedy="Give the address of a STAC API or of a static catalogue's catalog.json.",
        )
    return _StaticCatalogue(address, reader, document)


def read_document(reader: _Reader, href: str) -> dict[str, Any]:
    """A JSON object of the catalogue. Raises InputError if it cannot be read or is none."""
    try:
        document = reader.json_loads(reader.request(href))
    except APIError as error:
        raise _unreachable(href, error) from None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InputError(
            INPUT,
            f"There is no STAC document at {without_query(href)}: what is there is no JSON object.",
            remedy="Give the address of a STAC API or of a static catalogue's catalog.json.",
        )
    return document


def read_document_at(href: str, site: Site) -> dict[str, Any]:
    """A JSON object anywhere that this site may read. Raises InputError."""
    return read_document(_Reader(site), href)


def join(base: str, href: str) -> str:
    """`href`, absolute: relative ones start from the folder of `base`, whatever its scheme."""
    if urlsplit(href).scheme:
        return href
    if urlsplit(base).scheme in ("http", "https"):
        return urljoin(base, href)
    scheme, slashes, path = base.rpartition("://")
    return scheme + slashes + posixpath.normpath(posixpath.join(posixpath.dirname(path), href))


class _Reader(StacApiIO):
    """pystac-client's way to the world, through the guard."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._reader = GuardedReader(site, input=INPUT, connections=READERS)

    def read_text(self, source: Any, *positional: Any, **options: Any) -> str:
        """The text at a link or an address: never a local file, as pystac-client has it for what is no address."""
        if isinstance(source, Link):
            return super().read_text(source, *positional, **options)
        return self.request(str(source), *positional, **options)

    def json_loads(self, txt: str, *positional: Any, **options: Any) -> Any:
        """JSON by the book: no half characters, not nested without end. Raises ValueError."""
        return from_json(txt)

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text at `href`. Raises APIError if it cannot be had, InputError if the site forbids the address."""
        try:
            return self._reader.text(href, "POST" if method == "POST" else "GET", headers, parameters)
        except Unreadable as error:
            failure = APIError(str(error))
            failure.status_code = error.status  # pystac-client tries GET after a 405 to POST
            raise failure from error


class _Api(Catalogue):
    def __init__(self, address: str, reader: _Reader, landing: Mapping[str, Any]) -> None:
        self.address = address
        self._reader = reader
        searches = [link for link in landing["links"] if link.get("rel") == "search"]
        self._search = join(address, searches[0]["href"])
        self._method = "POST" if "POST" in {link.get("method", "GET") for link in searches} else "GET"
        data = [link["href"] for link in landing["links"] if link.get("rel") == "data"]
        self._data = join(address, data[0]) if data else ""

    def items(self, search: Search) -> Iterator[FoundItem]:
        if search.collections and self._data:
            known = [str(document.get("id")) for document in self._collections]
            for name in search.collections:
                if name not in known:
                    raise _unknown_collection(name, known)
        found = ItemSearch(
            self._search,
            method=self._method,
            stac_io=self._reader,
            collections=list(search.collections) or None,
            ids=list(search.ids) or None,
            intersects=search.area,
            datetime=search.datetime,
            max_items=search.most,
            limit=100,
        )
        try:
            for document in found.items_as_dicts():
                own = next((link["href"] for link in document.get("links", []) if link.get("rel") == "self"), "")
                yield FoundItem(join(self.address, own), document)
        except (APIError, KeyError, ValueError) as error:
            raise _unreachable(self._search, error) from None

    def collection_boxes(self, names: Sequence[str]) -> list[list[float]]:
        return _boxes([document for document in self._collections if not names or document.get("id") in names])

    @cached_property
    def _collections(self) -> list[Mapping[str, Any]]:
        if not self._data:
            return []
        try:
            pages = islice(self._reader.get_pages(self._data), MAX_PAGES)
            return [document for page in pages for document in page["collections"]]
        except (APIError, KeyError, ValueError) as error:
            raise _unreachable(self._data, error) from None


class _StaticCatalogue(Catalogue):
    def __init__(self, address: str, reader: _Reader, root: Mapping[str, Any]) -> None:
        self.address = address
        self._reader = reader
        self._root = root

    def items(self, search: Search) -> Iterator[FoundItem]:
        known = [str(document.get("id")) for _, document in self._tree if document.get("type") == "Collection"]
        for name in search.collections:
            if name not in known:
                raise _unknown_collection(name, known)
        hrefs = []
        for address, document in self._tree:
            if not search.collections or document.get("id") in search.collections:
                hrefs += _linked(address, document, "item")
        if len(hrefs) > MAX_DOCUMENTS:
            raise InputError(
                INPUT,
                f"The static catalogue holds {len(hrefs)} scenes, too many to read one by one.",
                remedy="Name the collections to search, or use a STAC API.",
            )
        yield from (FoundItem(href, document) for href, document in self._read_all(hrefs))

    def collection_boxes(self, names: Sequence[str]) -> list[list[float]]:
        return _boxes([document for _, document in self._tree if not names or document.get("id") in names])

    @cached_property
    def _tree(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The catalogue and all catalogues and collections below it, each with its address."""
        found: list[tuple[str, Mapping[str, Any]]] = [(self.address, self._root)]
        level, seen = list(found), {self.address}
        while level:
            hrefs = [href for address, document in level for href in _linked(address, document, "child")]
            hrefs = [href for href in dict.fromkeys(hrefs) if href not in seen]
            seen.update(hrefs)
            if len(seen) > MAX_DOCUMENTS:
                raise InputError(
                    INPUT,
                    f"{without_query(self.address)} has too many catalogues below it.",
                    remedy="Give one of them.",
                )
            level = list(self._read_all(hrefs))
            found += level
        return found

    def _read_all(self, hrefs: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        with ThreadPoolExecutor(READERS) as pool:
            documents = pool.map(lambda href: read_document(self._reader, href), hrefs)
            yield from zip(hrefs, documents, strict=True)


def _boxes(collections: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [document["extent"]["spatial"]["bbox"][0] for document in collections if "extent" in document]


def _linked(address: str, document: Mapping[str, Any], relation: str) -> list[str]:
    return [join(address, link["href"]) for link in document.get("links", []) if link.get("rel") == relation]


def _unreachable(href: str, error: Exception) -> InputError:
    known = error.__cause__.remedy if isinstance(error.__cause__, Unreadable) else ""
    return InputError(
        INPUT,
        f"The catalogue cannot be read at {without_query(href)}: {error}.",
        remedy=known or "Check the address in a browser; try again later if its server is down.",
    )


def _unknown_collection(name: str, known: Sequence[str]) -> InputError:
    listed = ", ".join(sorted(known)[:30]) + (", ..." if len(known) > 30 else "")
    return InputError(
        INPUT,
        f"The catalogue has no collection {name!r}.",
        remedy=f"Choose from: {listed}." if known else "Leave the collections empty: this catalogue has none.",
    )
