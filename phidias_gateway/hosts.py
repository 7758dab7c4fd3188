"""Which hosts may be read: public ones, and those a site allows by name."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Unreachable(Exception):
    """No connection, or no response that makes sense, can be had."""


@dataclass(frozen=True)
class Hosts:
    """The hosts a site lets its jobs read."""

    allowed: frozenset[str] = frozenset()
    """Names or addresses that may be read although they are not public"""
    internal: tuple[str, ...] = ()
    """Networks that are not public although their addresses are"""

    def is_allowed(self, host: str) -> bool:
        """Whether the site allows it by this very name or address."""
        return spelled(host) in map(spelled, self.allowed)

    def addresses(self, host: str, port: int) -> list[str]:
        """The IP addresses of a host that may be read: whoever connects to one of these cannot be rebound.

        Raises PermissionError if one of them is not public and the host is not allowed by name, OSError if it has none.
        """
        try:
            found = socket.getaddrinfo(spelled(host), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError):  # a name that no host can have
            raise OSError(f"the host {host[:100]!a} cannot be found") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if not self.is_allowed(host) and not all(map(self._is_outside, addresses)):
            raise PermissionError(f"the host {host[:100]!a} is not a public address")
        return addresses

    def _is_outside(self, address: str) -> bool:
        networks = map(ipaddress.ip_network, self.internal)
        return is_public(address) and not any(_destination(address) in network for network in networks)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's: not of this machine, link or site, nor of a group."""
    ip = _destination(address)
    return ip.is_global and not ip.is_multicast and (ip.version == 4 or ip in _GLOBAL_UNICAST)


def _destination(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Where an IP address leads: what is mapped, of 6to4 or behind a translator (RFC 6052), to an IPv4 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped or ip.sixtofour or ip


def spelled(host: str) -> str:
    """One spelling for each host."""
    host = host.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
