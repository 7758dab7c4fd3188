"""Process descriptions kept on disk, so that a start needs no network and an update moves only what changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend_client.errors import public_url
from backend_client.models import ProcessDescription, description_of


class DescriptionCache:
    """The descriptions of one gateway, in one file of `folder`; made when first stored. Holds no secret.

    url: the gateway's address, or a lasting name of it where the address changes, as behind a tunnel.
    A file that is missing, damaged or of another version is an empty cache.
    """

    VERSION = 1

    def __init__(self, folder: str | Path, url: str) -> None:
        self.url = public_url(url.strip().rstrip("/"))
        self.path = Path(folder) / (hashlib.sha256(self.url.encode()).hexdigest()[:24] + ".json")

    def descriptions(self) -> list[ProcessDescription]:
        """All descriptions kept, in the gateway's order. Never raises for a damaged file, never asks the network."""
        try:
            document = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return []
        if not isinstance(document, dict) or document.get("version") != self.VERSION or document.get("url") != self.url:
            return []
        entries = document.get("processes")
        found = [_entry(entry) for entry in (entries if isinstance(entries, list) else [])]
        return [description for description in found if description is not None]

    def get(self, process_id: str) -> ProcessDescription | None:
        """The kept description of one process."""
        return next((kept for kept in self.descriptions() if kept.id == process_id), None)

    def put(self, description: ProcessDescription) -> None:
        """Keep one description, in the place of an older one of the same process. Raises OSError."""
        kept = self.descriptions()
        places = [index for index, other in enumerate(kept) if other.id == description.id]
        if places:
            kept[places[0]] = description
        else:
            kept.append(description)
        self.replace(kept)

    def replace(self, descriptions: list[ProcessDescription]) -> None:
        """Keep exactly these, all or nothing: a reader never sees half a file. Raises OSError."""
        document = {
            "version": self.VERSION,
            "url": self.url,
            "processes": [{"etag": entry.etag, "description": entry.raw} for entry in descriptions],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem, suffix=".new")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(name, self.path)
        except OSError:
            with suppress(OSError):
                os.remove(name)
            raise


def _entry(entry: Any) -> ProcessDescription | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("description"), dict):
        return None
    try:
        return description_of(entry["description"], str(entry.get("etag") or ""))
    except ValueError:
        return None
