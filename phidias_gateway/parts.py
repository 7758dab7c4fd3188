"""A job in parts: how far they are, which tasks have done them, and what becomes of the job when some have failed.

Said by the folder alone, so that the worker that finishes last and the gateway say the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from phidias_gateway import causes
from phidias_gateway.job_folder import JobFolder, Turn

_SHOWN = 5
_WORK = 90
"""Per cent of a job's progress that its parts are; the rest is its end"""


@dataclass(frozen=True)
class PartsSight:
    """How far the parts of a job are."""

    open: tuple[int, ...]
    """Those without an outcome"""
    done: int
    failed: int
    progress: tuple[int, str]


def look_at_parts(folder: JobFolder, parts: int) -> PartsSight:
    """From the outcomes and the progress of all parts."""
    waiting = folder.open_parts(parts)
    ended = parts - len(waiting)
    failed = sum(_has_failed(folder, part) for part in set(range(parts)).difference(waiting))
    share = (ended + sum(folder.progress(part)[0] for part in waiting) / 100) / parts
    percent, message = int(_WORK * share), f"{ended} of {parts} tasks have ended"
    if not waiting:
        at_end = folder.progress()
        percent, message = max(percent, at_end[0]), at_end[1] or message
    return PartsSight(tuple(waiting), ended - failed, failed, (percent, message))


def failure_of_parts(folder: JobFolder, parts: int) -> dict[str, Any] | None:
    """The problem document of a job some of whose parts have failed, or None. It names them, and why the first did."""
    if parts == 1:
        return None
    ended = set(range(parts)).difference(folder.open_parts(parts))
    failed = [part for part in sorted(ended) if _has_failed(folder, part)]
    if not failed:
        return None
    problem = folder.outcome_of(failed[0]).get("error") or causes.problem("outcome-unreadable")
    shown = ", ".join(str(part) for part in failed[:_SHOWN]) + (", ..." if len(failed) > _SHOWN else "")
    which = (
        f"Task {shown} of {parts} has failed"
        if len(failed) == 1
        else f"{len(failed)} of {parts} tasks ({shown}) failed"
    )
    return {**problem, "detail": f"{which}: {problem['detail']}"}


def task_number(turn: Turn, parts: int) -> int:
    """A number for what does this turn, other than that of every other turn at a part of the job."""
    return (turn.attempt - 1) * parts + (turn.part or 0)


def finished_tasks(folder: JobFolder, parts: int) -> tuple[int, ...]:
    """The numbers of the tasks that have done the parts, in the order of the parts; none if there are no parts."""
    if parts == 1:
        return ()
    return tuple(task_number(Turn(folder.outcome_of(part)["attempt"], part), parts) for part in range(parts))


def duration_of_all(folder: JobFolder, parts: int, last: float) -> dict[str, Any]:
    """What the outcome of a job in parts says of its duration; `last` are the seconds that its end has taken.

    `seconds` is nobody's to tell: its tasks ran on several machines.
    """
    ended: Collection[int] = set(range(parts)).difference(folder.open_parts(parts))
    busy = sum(float(folder.outcome_of(part).get("seconds") or 0.0) for part in ended)
    return {"seconds": None, "busy_seconds": busy + last}


@lru_cache(maxsize=100_000)
def _has_failed(folder: JobFolder, part: int) -> bool:
    """Of a part that has its outcome, which is written once."""
    return bool(folder.outcome_of(part).get("status") != "successful")
