"""Where inputs may point: public http(s) addresses, hosts the site allows by name, and the site's own archives."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from phidias_gateway.errors import InputError


class Archive(BaseModel):
    """A local mirror: every href that starts with `prefix` is read below the directory `path` instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Users may name the archive instead of its catalogue's address."""
    prefix: str
    path: Path

    def local_path(self, href: str) -> Path | None:
        """The file behind `href`, or None if it is not of this archive; never outside `path`, links followed."""
        if not href.startswith(self.prefix):
            return None
        root = self.path.resolve()
        path = (root / unquote(href[len(self.prefix) :].partition("?")[0]).lstrip("/")).resolve()
        return path if path.is_relative_to(root) else None


class Site(BaseModel):
    """What a job may know of the place where it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archives: tuple[Archive, ...] = ()
    allow_hosts: frozenset[str] = Field(default=frozenset())
    """Host names or addresses that may be read although they are not public."""

    def locate(self, href: str, *, input: str) -> str:
        """The local path or the http(s) address to read `href` from.

        Raises InputError, naming `input`, for anything else: other schemes, local paths, loopback and private
        addresses that the site does not allow by name.
        """
        for archive in self.archives:
            if href == archive.name:
                return str(archive.path.resolve() / "catalog.json")
            path = archive.local_path(href)
            if path is not None:
                return str(path)
        self.addresses(href, input=input)
        return href

    def addresses(self, href: str, *, input: str) -> list[str]:
        """The IP addresses of an http(s) address that may be read: whoever connects to one of these can't be rebound.

        Raises InputError, naming `input`, as `locate` does.
        """
        try:
            parts = urlsplit(href)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise InputError(
                input,
                f"{href[:200]!r} is neither an http(s) address nor in an archive of this site.",
                remedy=f"Give an http(s) address, or one of the site's archives: {self._archive_names()}.",
            )
        try:
            found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # UnicodeError: a name that no host can have
            raise InputError(
                input, f"The host {host!r} cannot be found.", remedy="Check the address for a typing error."
            ) from None
        addresses = [str(address[0]) for *_, address in found]
        for address in addresses if host not in self.allow_hosts else ():
            if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise InputError(
                    input,
                    f"The host {host!r} is not a public address.",
                    remedy="Ask the site's administrator to add it to references.allow_hosts, or use a public address.",
                )
        return addresses

    def _archive_names(self) -> str:
        return ", ".join(archive.name for archive in self.archives) or "(none configured)"
