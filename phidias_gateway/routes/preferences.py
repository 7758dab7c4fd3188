"""The `Prefer` header (RFC 7240), entity tags, and what else a request's headers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_WAIT = 60.0
"""Longest wait for an answer, in seconds: below the time-outs of common proxies"""


@dataclass(frozen=True)
class Preferences:
    """What a client would like. Unknown preferences are ignored, as RFC 7240 asks."""

    respond_async: bool = False
    respond_sync: bool = False
    wait: float | None = None


def parse(headers: Sequence[str]) -> Preferences:
    """The preferences in all `Prefer` headers of a request; the first of a name counts."""
    found: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    wait = found.get("wait", "")
    return Preferences(
        respond_async="respond-async" in found,
        respond_sync="respond-sync" in found,
        wait=min(float(wait), MAX_WAIT) if wait.isascii() and wait.isdigit() else None,
    )


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header holds `etag` (weak comparison, RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags
