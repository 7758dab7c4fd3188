"""What runs jobs: this machine, or Slurm. A new scheduler is a new module here and one line in `make_scheduler`."""

from __future__ import annotations

import shutil

from phidias_gateway.schedulers.local import LocalScheduler
from phidias_gateway.schedulers.scheduler import Scheduler
from phidias_gateway.schedulers.slurm import SlurmScheduler
from phidias_gateway.settings import Settings


def make_scheduler(settings: Settings) -> Scheduler:
    """The scheduler that the settings name; `auto` is Slurm where `sbatch` is, else local."""
    kind = settings.scheduler.kind
    if kind == "auto":
        kind = "slurm" if shutil.which("sbatch") else "local"
    if kind == "slurm":
        return SlurmScheduler(settings.scheduler, settings.slurm)
    return LocalScheduler(settings.scheduler)
