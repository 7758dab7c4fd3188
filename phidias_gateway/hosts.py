"""Which hosts may be read: public ones, and those a site allows by name."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Hosts:
    """The hosts a site lets its jobs read."""

    allowed: frozenset[str] = frozenset()
    """Names or addresses that may be read although they are not public"""

    def is_allowed(self, host: str) -> bool:
        """Whether the site allows it by this very name or address."""
        return _spelled(host) in map(_spelled, self.allowed)

    def addresses(self, host: str, port: int) -> list[str]:
        """The IP addresses of a host that may be read: whoever connects to one of these cannot be rebound.

        Raises PermissionError if one of them is not public and the host is not allowed by name, OSError if it has none.
        """
        try:
            found = socket.getaddrinfo(_spelled(host), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError):  # a name that no host can have
            raise OSError(f"the host {host[:100]!a} cannot be found") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if not self.is_allowed(host) and not all(map(is_public, addresses)):
            raise PermissionError(f"the host {host[:100]!a} is not a public address")
        return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's: not of this machine, link or site, nor of a group."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        # What is mapped, of 6to4 or behind a translator (RFC 6052) leads to an IPv4 address.
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def _spelled(host: str) -> str:
    """One spelling for each host."""
    host = host.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
