"""Jobs in words and pictures: their states, why they wait or have failed, how long they take."""

from __future__ import annotations

from datetime import datetime, timezone

from qgis.PyQt.QtCore import QDate, QDateTime, QLocale
from qgis.PyQt.QtGui import QIcon

from backend_client import Job
from phidias_qgis import paths
from phidias_qgis.i18n import tr

FORETOLD_FROM = 5
"""Seconds and per cent from which on progress says something about the time that is left"""

_icons: dict[str, QIcon] = {}


def status(job: Job) -> str:
    """The state of a job in a word."""
    return {
        "accepted": tr("Waiting"),
        "running": tr("Running"),
        "successful": tr("Successful"),
        "failed": tr("Failed"),
        "dismissed": tr("Cancelled"),
    }.get(job.status, job.status)


def icon(name: str) -> QIcon:
    """A picture of `resources/icons`."""
    if name not in _icons:
        _icons[name] = QIcon(str(paths.resource("icons", f"{name}.svg")))
    return _icons[name]


def status_icon(job: Job) -> QIcon:
    """The picture of a state."""
    return icon(f"job-{job.status}")


def situation(job: Job) -> str:
    """What a job does at the moment, or why it waits or has ended."""
    if job.status == "accepted":
        return job.queue_reason or tr("in the queue")
    if job.status == "running":
        tasks = job.tasks
        if tasks and tasks.total > 1:
            done = tr("{} of {} tasks done").format(tasks.done, tasks.total)
            return f"{done}, {tr('{} failed').format(tasks.failed)}" if tasks.failed else done
        return job.message
    if job.status == "failed":
        return cause(job)
    return ""


def cause(job: Job) -> str:
    """Why a job failed."""
    return str((job.problem or {}).get("detail") or job.message or job.cause)


def remedy(job: Job) -> str:
    """What to do about a job that failed."""
    return str((job.problem or {}).get("remedy") or job.remedy)


def times(job: Job, now: datetime | None = None) -> str:
    """How long a job has run or waited, and what is expected."""
    now = now or datetime.now(timezone.utc)
    if job.status == "accepted":
        if job.estimated_start and job.estimated_start > now:
            return tr("starts about {}").format(clock(job.estimated_start))
        return tr("for {}").format(duration((now - job.created).total_seconds())) if job.created else ""
    if job.status == "running":
        if job.started is None:
            return ""
        elapsed = (now - job.started).total_seconds()
        left = seconds_left(job, elapsed)
        return stopwatch(elapsed) + (", " + tr("{} left").format(roughly(left)) if left is not None else "")
    if job.started and job.finished:
        return duration((job.finished - job.started).total_seconds())
    return ""


def seconds_left(job: Job, elapsed: float) -> float | None:
    """When a job will have ended if it goes on as it did, None if that cannot be told yet."""
    if not job.progress or job.progress < FORETOLD_FROM or job.progress >= 100 or elapsed < FORETOLD_FROM:
        return None
    return elapsed * (100 - job.progress) / job.progress


def duration(seconds: float) -> str:
    """A time span as people say it, in two units at most."""
    whole = max(0, round(seconds))
    if whole < 60:
        return tr("{} s").format(whole)
    if whole < 3600:
        minutes, rest = whole // 60, whole % 60
        return tr("{} min {} s").format(minutes, rest) if whole < 600 and rest else tr("{} min").format(minutes)
    if whole < 86400:
        return tr("{} h {} min").format(whole // 3600, whole % 3600 // 60)
    return tr("{} d {} h").format(whole // 86400, whole % 86400 // 3600)


def stopwatch(seconds: float) -> str:
    """A time span that goes on."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def roughly(seconds: float) -> str:
    """A time span that is only guessed."""
    steps = ((60, 10), (600, 60), (3600, 300), (36000, 1800))
    step = next((step for limit, step in steps if seconds < limit), 3600)
    return f"~{duration(max(step, round(seconds / step) * step))}"


def moment(when: datetime | None) -> str:
    """Day and time as the user's country writes it, empty for None."""
    return "" if when is None else QLocale().toString(_local(when), QLocale.FormatType.ShortFormat)


def clock(when: datetime) -> str:
    """The time of day, with the day if it is not today."""
    local = _local(when)
    return local.toString("hh:mm") if local.date() == _today() else moment(when)


def briefly(when: datetime | None) -> str:
    """The time of day for today, the day for what is longer ago."""
    if when is None:
        return ""
    local = _local(when)
    if local.date() == _today():
        return local.toString("hh:mm")
    return QLocale().toString(local.date(), "d MMM" if local.date().year() == _today().year() else "d MMM yyyy")


def size(count: float) -> str:
    """A number of bytes."""
    return QLocale().formattedDataSize(int(count), 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def _today() -> QDate:
    return QDate.currentDate()


def _local(when: datetime) -> QDateTime:
    return QDateTime.fromMSecsSinceEpoch(int(when.timestamp() * 1000))
