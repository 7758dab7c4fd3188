"""The filters of the job list, from the words of a query to what the store understands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from phidias_gateway.http_errors import BadParameter
from phidias_gateway.job import Status

PROCESSES = 100
"""That one question may name"""
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?P<seconds>:\d{2}(?:\.(?P<fraction>\d+))?)?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


def words(values: Sequence[str] | None) -> list[str]:
    """A parameter given several times, or once with commas: OGC's clients do both."""
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]


def processes(values: Sequence[str] | None) -> list[str]:
    """Ids of processes. Raises BadParameter for too many."""
    found = list(dict.fromkeys(words(values)))
    if len(found) > PROCESSES:
        raise BadParameter(
            f"{len(found)} processes are too many to ask for at once.",
            remedy=f"Name up to {PROCESSES}, or leave the parameter out.",
            input="processID",
        )
    return found


def statuses(values: Sequence[str] | None) -> list[Status]:
    """Raises BadParameter for a word that is no state."""
    found = words(values)
    known = [status.value for status in Status]
    for word in found:
        if word not in known:
            raise BadParameter(
                f"{word[:40]!r} is no state of a job.", remedy=f"Choose among {', '.join(known)}.", input="status"
            )
    return [Status(word) for word in found]


def kinds(values: Sequence[str] | None) -> None:
    """Raises BadParameter for another type of job than `process`."""
    for word in words(values):
        if word != "process":
            raise BadParameter(
                f"{word[:40]!r} is no type of job here.", remedy="Leave it out, or write 'process'.", input="type"
            )


def interval(value: str | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of a `datetime` parameter (OGC API - Common): an instant, or an interval with '..' for an open side.

    More is understood than RFC 3339 has: a date means its whole day, a time all that it is precise to, and one without
    a zone is in UTC. Raises BadParameter.
    """
    if not value:
        return None, None
    start, slash, end = value.partition("/")
    since = _instant(start, last=False)
    until = _instant(end if slash else start, last=True)
    if since and until and since > until:
        raise BadParameter("The interval ends before it starts.", remedy="Exchange its ends.", input="datetime")
    return since, until


def _instant(text: str, *, last: bool) -> datetime | None:
    if text in ("", ".."):
        return None
    try:
        written = _INSTANT.fullmatch(text.upper())
        if written is None:
            raise ValueError
        moment = datetime.fromisoformat(written[0])
        if last:
            moment += _precision(written) - timedelta(microseconds=1)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadParameter(
            f"{text[:40]!r} is no date.",
            remedy="Write 2026-05-01, 2026-05-01T12:00:00Z, or an interval such as 2026-05-01/..",
            input="datetime",
        ) from None


def _precision(written: re.Match[str]) -> timedelta:
    if written["seconds"]:
        return timedelta(microseconds=10 ** max(0, 6 - len(written["fraction"] or "")))
    return timedelta(minutes=1) if "T" in written[0] else timedelta(days=1)
