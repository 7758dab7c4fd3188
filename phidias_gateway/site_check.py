"""What this site lacks to run jobs, and how to put it right."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from phidias_gateway.credentials import SecretUnusable
from phidias_gateway.registry import processes
from phidias_gateway.settings import Settings

GB = 1e9


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `missing` keeps jobs from running, `note` only some of them."""

    state: Literal["ok", "note", "missing"]
    about: str
    text: str
    remedy: str = ""


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything looked at, good and bad."""
    yield _store(settings)
    yield _scheduler(settings)
    yield _processes()
    yield _orfeo(settings)
    yield from _archives(settings)
    yield from credentials(settings)


def _store(settings: Settings) -> Finding:
    root = settings.store.root
    place = next(path for path in (root, *root.parents) if path.exists())
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        return Finding("missing", "store", f"{place} cannot be written to", "Set store.root to a folder of your own.")
    free, least = shutil.disk_usage(place).free / GB, settings.limits.min_free_gb
    if free < least:
        remedy = "Free space there, or set store.root to another disk."
        return Finding("missing", "disk", f"{free:.1f} GB free below {place}, {least:g} GB wanted", remedy)
    return Finding("ok", "store", f"{root}, {free:.1f} GB free")


def _scheduler(settings: Settings) -> Finding:
    kind = settings.scheduler.kind
    absent = [command for command in ("sbatch", "squeue", "scancel") if shutil.which(command) is None]
    if kind == "local" or (kind == "auto" and "sbatch" in absent):
        return Finding("ok", "scheduler", f"local, {settings.scheduler.max_parallel} jobs at a time")
    if absent:
        remedy = "Install Slurm's commands, add them to PATH, or set scheduler.kind to local."
        return Finding("missing", "scheduler", f"Slurm's {', '.join(absent)} not found", remedy)
    try:
        subprocess.run(  # noqa: S603
            [shutil.which("squeue") or "squeue", "--noheader", "--me"], capture_output=True, check=True, timeout=15
        )
    except (subprocess.SubprocessError, OSError):
        remedy = "See whether slurmctld runs and slurm.conf is right (scontrol ping), or set scheduler.kind to local."
        return Finding("missing", "scheduler", "Slurm does not answer", remedy)
    return Finding("ok", "scheduler", "Slurm answers")


def _processes() -> Finding:
    found = processes()
    if set(found) <= {"echo"}:
        return Finding("note", "processes", "only 'echo'", "Install a pack of processes into this Python.")
    return Finding("ok", "processes", ", ".join(found))


def _orfeo(settings: Settings) -> Finding:
    if "otb" in settings.environments:
        return Finding("ok", "Orfeo ToolBox", "from the environment 'otb'")
    if shutil.which("otbcli_LargeScaleMeanShift") is None:
        remedy = "Install it (Debian: otb-bin), or name a software stack that has it under environments.otb."
        return Finding("note", "Orfeo ToolBox", "not found; the processes that need it fail", remedy)
    return Finding("ok", "Orfeo ToolBox", "installed")


def _archives(settings: Settings) -> Iterator[Finding]:
    for archive in settings.archives:
        if archive.path.is_dir():
            yield Finding("ok", f"archive {archive.name}", str(archive.path))
        else:
            remedy = f"Correct its path in the settings, or mount {archive.path}."
            yield Finding("missing", f"archive {archive.name}", f"{archive.path} is no folder", remedy)


def credentials(settings: Settings) -> Iterator[Finding]:
    """Whether the secrets can be used, of those that are in files."""
    for credential in settings.credentials:
        about = f"credential for {credential.prefix}"
        if credential.token_url:
            yield Finding("ok", about, f"from the token service at {credential.token_url.partition('?')[0]}")
            continue
        try:
            credential.secret()
        except SecretUnusable as error:
            remedy = f"Let {credential.secret_file} hold the value of {credential.header}, and chmod 600 it."
            yield Finding("missing", about, str(error), remedy)
        else:
            yield Finding("ok", about, f"{credential.header} from {credential.secret_file}")
