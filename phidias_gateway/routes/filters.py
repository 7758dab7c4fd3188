"""The filters of the job list, from the words of a query to what the store understands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from phidias_gateway.http_errors import BadParameter
from phidias_gateway.job import Status

_SECONDS = re.compile(r".*T\d{2}:\d{2}:\d{2}(?:\.(\d{1,6}))?(?:Z|[+-]\d{2}:\d{2})?")


def words(values: Sequence[str] | None) -> list[str]:
    """A parameter given several times, or once with commas: OGC's clients do both."""
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]


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

    An end means all that it is precise to: a date its whole day, a time the whole of its last digit. A time without a
    zone is in UTC. Raises BadParameter.
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
        moment = datetime.fromisoformat(text)
        if last:
            moment += _precision(text) - timedelta(microseconds=1)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadParameter(
            f"{text[:40]!r} is no date.",
            remedy="Write 2026-05-01, 2026-05-01T12:00:00Z, or an interval such as 2026-05-01/..",
            input="datetime",
        ) from None


def _precision(text: str) -> timedelta:
    time = _SECONDS.fullmatch(text)
    if time is None:
        return timedelta(minutes=1) if "T" in text else timedelta(days=1)
    return timedelta(microseconds=10 ** (6 - len(time[1] or "")))
