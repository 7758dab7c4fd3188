"""How a project names a streamed result: phidias://<connection>/<job>/<file>, which is no secret and does not age."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

SCHEME = "phidias://"
RASTER_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Reference:
    """One file of the results of a job on a connection, by its name."""

    connection: str
    job: str
    file: str

    def __str__(self) -> str:
        return SCHEME + "/".join(quote(part, safe="") for part in (self.connection, self.job, self.file))

    @classmethod
    def parse(cls, text: str) -> Reference | None:
        """The reference that was written as `text`, None if it is something else."""
        parts = text[len(SCHEME) :].split("/")
        if not text.startswith(SCHEME) or len(parts) != 3 or not all(parts):
            return None
        return cls(*(unquote(part) for part in parts))

    @property
    def is_raster(self) -> bool:
        return self.file.lower().endswith(RASTER_SUFFIXES)


def file_of(href: str) -> str:
    """The name of the file behind a link."""
    return unquote(urlsplit(href).path.rpartition("/")[2])
