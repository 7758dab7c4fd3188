"""The site's limits on what a user may ask for. Each excess names its limit, the value allowed and the value asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phidias_gateway.errors import DiskFull, InputError, LimitExceeded, PhidiasError
from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.job import Status
from phidias_gateway.process import Effort, ProcessInputs, Resources
from phidias_gateway.settings import LimitSettings, Settings
from phidias_gateway.store import Store

_EARTH_RADIUS_KM = 6371.0088
_GB = 1e9


@dataclass(frozen=True)
class Excess:
    """A limit that a request would break."""

    limit: str
    allowed: float
    asked: float
    error: PhidiasError
    """What a submission is refused with"""


def of_inputs(inputs: ProcessInputs, limits: LimitSettings) -> Iterator[Excess]:
    """Known before anything is looked up."""
    for name, value in inputs:
        if isinstance(value, AreaOfInterest) and (size := area_km2(value)) > limits.area_km2:
            detail = f"The area has {size:,.0f} km2; this site takes up to {limits.area_km2:,.0f} km2"
            remedy = "Draw a smaller area, or run the process on its parts."
            yield _of_input("area_km2", limits.area_km2, size, name, detail, remedy)


def of_effort(effort: Effort, limits: LimitSettings) -> Iterator[Excess]:
    """Known from the plan."""
    if effort.scenes is not None and effort.scenes > limits.scenes:
        detail = f"The search gives {effort.scenes:,} scenes; this site takes up to {limits.scenes:,}"
        remedy = "Choose a shorter period, a smaller area or less cloud cover."
        yield _of_input("scenes", limits.scenes, effort.scenes, "scenes", detail, remedy)
    if effort.pixels is not None and effort.pixels > limits.pixels:
        detail = f"The result would have {effort.pixels:,} pixels; this site takes up to {limits.pixels:,}"
        remedy = "Choose a smaller area or a coarser resolution."
        yield _of_input("pixels", limits.pixels, effort.pixels, "area", detail, remedy)


def of_resources(resources: Resources, own: Resources, limits: LimitSettings) -> Iterator[Excess]:
    """Of one task. What the process asks for by itself (`own`) is the site's choice, and may be more."""
    units = {"cpus": "CPUs", "memory_gb": "GB of memory", "minutes": "minutes", "gpus": "GPUs"}
    for name, unit in units.items():
        asked, allowed = getattr(resources, name), getattr(limits, name)
        if asked > max(allowed, getattr(own, name)):
            detail = f"The job asks for {asked:g} {unit}; this site gives up to {allowed:g}"
            yield _of_input(name, allowed, asked, "resources", detail, f"Ask for at most {allowed:g} {unit}.")


def of_jobs(owner: str, limits: LimitSettings, store: Store) -> Iterator[Excess]:
    """What the user has already."""
    for status, name in ((Status.ACCEPTED, "queued_jobs_per_user"), (Status.RUNNING, "running_jobs_per_user")):
        count, allowed = store.count_open(owner, status), getattr(limits, name)
        if count >= allowed:
            detail = f"You have {count} jobs that are {status}; this site allows {allowed}"
            yield _of_user(name, allowed, count, detail, "Wait until some have ended, or dismiss some.")
    used = store.bytes_of(owner) / _GB
    if used >= limits.disk_gb_per_user:
        detail = f"Your results and uploads take {used:,.1f} GB; this site keeps up to {limits.disk_gb_per_user:g} GB"
        yield _of_user("disk_gb_per_user", limits.disk_gb_per_user, used, detail, "Delete jobs you no longer need.")


def of_upload(owner: str, kept: int, coming: int, limits: LimitSettings, store: Store) -> Iterator[Excess]:
    """What a file of `coming` bytes adds to what the user has already, `kept` bytes of it in unfinished uploads."""
    used = (store.bytes_of(owner) + kept + coming) / _GB
    if used > limits.disk_gb_per_user:
        detail = f"Your results and uploads would take {used:,.1f} GB with this file; this site keeps up to "
        detail += f"{limits.disk_gb_per_user:g} GB"
        yield _of_user("disk_gb_per_user", limits.disk_gb_per_user, used, detail, "Delete jobs you no longer need.")


def of_pins(owner: str, limits: LimitSettings, store: Store) -> Iterator[Excess]:
    """What the user has pinned already."""
    count, allowed = store.count_pinned(owner), limits.pinned_jobs_per_user
    if count >= allowed:
        detail = f"You have pinned {count} jobs; this site allows {allowed}"
        yield _of_user("pinned_jobs_per_user", allowed, count, detail, "Unpin some.")


def of_disk(settings: Settings, coming: int = 0) -> Iterator[Excess]:
    """What is left for everybody, when `coming` bytes have come."""
    free, least = (shutil.disk_usage(settings.store.root).free - coming) / _GB, settings.limits.min_free_gb
    if free < least:
        error = DiskFull(
            f"{max(free, 0):.1f} GB are left for jobs; this site keeps {least:g} GB (limits.min_free_gb).",
            remedy="Delete jobs you no longer need, or ask the site's administrator for space.",
        )
        yield Excess("limits.min_free_gb", least, free, error)


def refuse(excesses: Iterator[Excess]) -> None:
    """Raise the error of the first."""
    for excess in excesses:
        raise excess.error


def area_km2(area: AreaOfInterest) -> float:
    """Its surface in km2 on a sphere, by Lambert's cylindrical equal-area projection."""
    import numpy as np
    import shapely
    from shapely.geometry import shape

    def project(degrees: Any) -> Any:
        radians = np.radians(degrees)
        return _EARTH_RADIUS_KM * np.column_stack([radians[:, 0], np.sin(radians[:, 1])])

    return float(shapely.transform(shape(area.geometry()), project).area)


def _of_input(limit: str, allowed: float, asked: float, input: str, detail: str, remedy: str) -> Excess:
    name = f"limits.{limit}"
    return Excess(name, allowed, asked, InputError(input, f"{detail} ({name}).", remedy=remedy))


def _of_user(limit: str, allowed: float, asked: float, detail: str, remedy: str) -> Excess:
    name = f"limits.{limit}"
    return Excess(name, allowed, asked, LimitExceeded(f"{detail} ({name}).", remedy=remedy))
