"""Where inputs may point: public http(s) addresses, hosts the site allows by name, and the site's own archives."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from phidias_gateway.credentials import Credential, find
from phidias_gateway.errors import InputError
from phidias_gateway.hosts import Hosts


def _is_network(value: str) -> str:
    ip_network(value)
    return value


Network = Annotated[str, AfterValidator(_is_network)]
"""A network, such as 192.0.2.0/24"""


class Archive(BaseModel):
    """A local mirror: every href that starts with `prefix` is read below the directory `path` instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Users may name the archive instead of its catalogue's address."""
    prefix: str
    path: Path

    def local_path(self, href: str) -> Path | None:
        """The file behind `href`, or None if it is not of this archive. Raises ValueError if it would lie outside
        `path`, links followed."""
        if not href.startswith(self.prefix):
            return None
        root = self.path.resolve()
        path = (root / unquote(href[len(self.prefix) :].partition("?")[0]).lstrip("/")).resolve()
        if not path.is_relative_to(root):
            raise ValueError("it lies outside the archive")
        return path


class Site(BaseModel):
    """What a job may know of the place where it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archives: tuple[Archive, ...] = ()
    allow_hosts: frozenset[str] = Field(default=frozenset())
    """Host names or addresses that may be read although they are not public."""
    internal_networks: tuple[Network, ...] = ()
    """Networks that are not public although their addresses are."""
    credentials: tuple[Credential, ...] = ()
    """What protected addresses are read with, by every job of the site"""

    @property
    def hosts(self) -> Hosts:
        """The hosts that may be read."""
        return Hosts(self.allow_hosts, self.internal_networks)

    def credential(self, href: str) -> Credential | None:
        """What an address is read with, or None if that is nothing."""
        return find(self.credentials, href)

    def locate(self, href: str, *, input: str) -> str:
        """The local path or the http(s) address to read `href` from; an address is to be read through `guard`.

        Raises InputError, naming `input`, for anything else: other schemes, local paths, loopback and private
        addresses that the site does not allow by name.
        """
        for archive in self.archives:
            if href == archive.name:
                return str(archive.path.resolve() / "catalog.json")
            try:
                path = archive.local_path(href)
            except ValueError:  # outside, or no path at all: it holds a NUL
                raise InputError(
                    input,
                    f"{href[:200]!r} leads out of the archive {archive.name!r}.",
                    remedy="Give the address of a file in the archive.",
                ) from None
            if path is not None:
                return str(path)
        self.check(href, input=input)
        return href

    def check(self, href: str, *, input: str) -> None:
        """Raises InputError, naming `input`, for what is no http(s) address of a host that may be read."""
        try:
            parts = urlsplit(href)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        # Control characters and blanks: libraries disagree about where such an address leads.
        if parts.scheme not in ("http", "https") or not host or re.search(r"[\x00-\x20\x7f-\xa0\\]", href):
            raise InputError(
                input,
                f"{href[:200]!r} is neither an http(s) address nor in an archive of this site.",
                remedy=f"Give an http(s) address, or one of the site's archives: {self._archive_names()}.",
            )
        if parts.username is not None:
            raise InputError(
                input,
                f"The address at {host[:100]!r} holds a user name.",
                remedy="Give one that can be read without signing in.",
            )
        if self.hosts.is_allowed(host):
            return
        try:
            self.hosts.addresses(host, port or 443)
        except PermissionError:
            raise InputError(
                input,
                f"The host {host[:100]!r} is not a public address.",
                remedy="Use a public address, or upload the file (in QGIS: save it and choose the copy); the site's "
                "administrator can add the host to references.allow_hosts.",
            ) from None
        except OSError:
            raise InputError(
                input, f"The host {host[:100]!r} cannot be found.", remedy="Check the address for a typing error."
            ) from None

    def _archive_names(self) -> str:
        return ", ".join(archive.name for archive in self.archives) or "(none configured)"
