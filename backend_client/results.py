"""What a job gave: values, and links to files, in every form that OGC API - Processes servers answer with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from backend_client.download import Progress
from backend_client.errors import GatewayError
from backend_client.models import Link, link_of
from backend_client.patience import Cancel, never

Fetch = Callable[..., Path]
"""Downloads a link: `fetch(href, path, length=..., progress=..., cancelled=...)`"""


@dataclass(frozen=True)
class Result:
    """One output of a job: an inline `value`, or one or several links to files."""

    name: str
    value: Any = field(default=None, repr=False)
    """The value, if it came inline; None for files"""
    links: tuple[Link, ...] = field(default=(), repr=False)
    media_type: str = ""
    title: str = ""
    length: int | None = None
    """Bytes of the file, where known"""
    _fetch: Fetch | None = field(default=None, repr=False, compare=False)

    @property
    def href(self) -> str:
        """The address of the file (it may hold a signature: do not show or keep it); empty for an inline value.

        Raises GatewayError if the output is several files: use `links`.
        """
        if len(self.links) > 1:
            raise GatewayError(
                f"The output {self.name!r} is {len(self.links)} files.", remedy="Take them from 'links'."
            )
        return self.links[0].href if self.links else ""

    def download(self, path: str | Path, *, progress: Progress | None = None, cancelled: Cancel = never) -> Path:
        """Write the output to the file `path`, resuming an earlier attempt; an inline value is written as text or JSON.

        `progress(bytes so far, bytes in all or None)`. Raises GatewayError, Cancelled, OSError (disk).
        """
        target = Path(path)
        if not self.href:
            return _write_value(self.value, target)
        return self._get(self.links[0], target, progress, cancelled)

    def download_all(
        self, folder: str | Path, *, progress: Progress | None = None, cancelled: Cancel = never
    ) -> list[Path]:
        """Write every file of the output to `folder` under the name it has on the gateway."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        names = [_file_name(link, f"{self.name}-{number}") for number, link in enumerate(self.links)]
        if len(set(names)) < len(names):
            names = [f"{number}-{name}" for number, name in enumerate(names)]
        return [self._get(link, target / name, progress, cancelled) for link, name in zip(self.links, names)]

    def _get(self, link: Link, path: Path, progress: Progress | None, cancelled: Cancel) -> Path:
        if self._fetch is None:
            raise GatewayError("This result belongs to no gateway.", remedy="Take it from Gateway.results().")
        return self._fetch(link.href, path, length=link.length, progress=progress, cancelled=cancelled)


def results_of(document: Any, base: str, fetch: Fetch | None) -> dict[str, Result]:
    """The results by output name.

    Understands the results document of OGC 1.0 and 2.0 (values, qualified values, links, arrays of links), a lone
    `{"id", "value"}` and `{"outputs": [{"id", "value"}]}` as pygeoapi answers, and a bare value, named `result`.
    """
    if isinstance(document, dict) and set(document) == {"outputs"} and isinstance(document["outputs"], list):
        entries = [entry for entry in document["outputs"] if isinstance(entry, dict)]
        document = {str(entry.get("id", number)): entry.get("value") for number, entry in enumerate(entries)}
    elif isinstance(document, dict) and set(document) == {"id", "value"} and isinstance(document["id"], str):
        document = {document["id"]: document["value"]}
    elif not isinstance(document, dict):
        document = {"result": document}
    return {str(name): _result(str(name), value, base, fetch) for name, value in document.items()}


def _result(name: str, value: Any, base: str, fetch: Fetch | None) -> Result:
    if _is_link(value):
        link = link_of(value, base)
        return Result(name, None, (link,), link.type, link.title, link.length, fetch)
    if isinstance(value, list) and value and all(_is_link(entry) for entry in value):
        links = tuple(link_of(entry, base) for entry in value)
        return Result(name, None, links, links[0].type, links[0].title, None, fetch)
    if isinstance(value, dict) and "value" in value and set(value) <= _QUALIFIED:
        form = value.get("format")
        media = value.get("mediaType") or (form.get("mediaType") if isinstance(form, dict) else "")
        return Result(name, value["value"], (), str(media or ""), "", None, fetch)
    return Result(name, value, _fetch=fetch)


_QUALIFIED = {"value", "mediaType", "encoding", "schema", "format"}


def _is_link(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("href"), str) and "value" not in value


def _file_name(link: Link, otherwise: str) -> str:
    """The last part of the link's path, if it is a plain name: a server does not choose folders on this computer."""
    name = unquote(urlsplit(link.href).path.rsplit("/", 1)[-1])
    plain = name.strip(". ") and not any(letter in '<>:"/\\|?*' or ord(letter) < 32 for letter in name)
    return name if plain else otherwise


def _write_value(value: Any, path: Path) -> Path:
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        path.write_text(value if isinstance(value, str) else json.dumps(value, indent=2), encoding="utf-8")
    return path
