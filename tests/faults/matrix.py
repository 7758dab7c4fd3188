"""The fault matrix: every fault at every moment that we could think of, and what must have become of the job."""

from __future__ import annotations

from tests.faults import (  # noqa: F401  they hold the rows
    broken_slurm,
    damaged_folder,
    full_disk,
    killed_gateway,
    killed_worker,
    slurm_decides,
    wrong_clock,
)
from tests.faults.rows import LOCAL, ROWS, SLURM, Row
from tests.faults.steps import Dismissal, Failing, Finishing, Removal, Submission, killed_at


def quick_rows() -> list[Row]:
    """The few that run among the tests: the quickest that tell most."""
    steps = (
        (Submission(), LOCAL, "before rename plan.json.new"),
        (Submission(), LOCAL, "after a commit"),
        (Submission(), LOCAL, "after starting a worker"),
        (Submission(), SLURM, "before starting sbatch"),
        (Submission(), SLURM, "after starting sbatch"),
        (Finishing(), SLURM, "before a commit"),
        (Failing(), LOCAL, "before link outcome.gateway.json"),
        (Dismissal(), LOCAL, "before a kill"),
        (Dismissal(), SLURM, "before starting scancel"),
        (Removal(), LOCAL, "before remove result.json"),
    )
    return [killed_at(moment, step, scheduler) for moment, scheduler, step in steps] + [
        row for row in ROWS if row.quick
    ]
