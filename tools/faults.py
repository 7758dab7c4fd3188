"""Play the fault matrix and print it: what broke, when, on which scheduler, and what became of the job.

    python tools/faults.py [--at-once 4] [--only WORDS]

`executions` is how often a process was run (of a job in parts: its parts and its end), `seconds` the time from the
fault, or from the end of one that lasts, until the job had its final status. Exit code 1 if any row is wrong. What a
wrong row has left is kept in `build/faults`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.faults.matrix import ROWS
from tests.faults.rows import SLURM, Row, Verdict, judge
from tests.faults.steps import MOMENTS, ON, count_steps, killed_at
from tests.slurm_cluster import SlurmCluster

BUILD = ROOT / "build" / "faults"
HEAD = ("fault", "moment", "scheduler", "executions", "final status", "seconds", "verdict")
WIDTHS = (63, 70, 9, 10, 26, 7)


def main() -> int:
    parser = argparse.ArgumentParser(description="Play the fault matrix and print it.")
    parser.add_argument("--at-once", type=int, default=4, help="rows played at the same time")
    parser.add_argument("--only", default="", help="only rows whose fault, moment or scheduler hold these words")
    options = parser.parse_args()
    missing = SlurmCluster.missing()
    if missing:
        print(f"Slurm is {missing}", file=sys.stderr)
        return 1
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    print(line(HEAD), line(["-" * len(cell) for cell in HEAD]), sep="\n", flush=True)
    count = bad = skipped = 0
    with SlurmCluster.start(BUILD / "slurm") as cluster, ThreadPoolExecutor(options.at_once) as executor:
        try:
            for future in started(executor, cluster, options.only.lower().split()):
                verdict = future.result()
                print(told(verdict), flush=True)
                count, bad, skipped = count + 1, bad + bool(verdict.wrong), skipped + bool(verdict.skipped)
        finally:
            executor.shutdown(cancel_futures=True)
    print(f"{count} rows, {bad} wrong, {skipped} not played")
    return 1 if bad else 0


def started(executor: ThreadPoolExecutor, cluster: SlurmCluster, words: list[str]) -> Iterator[Future[Verdict]]:
    """All rows, being played, in the order of the table."""

    def wanted(*texts: str) -> bool:
        return all(any(word in text.lower() for text in texts) for word in words)

    counts = {
        (moment, scheduler): executor.submit(
            count_steps, moment, BUILD / f"{moment.name} on {scheduler}", cluster if scheduler == SLURM else None
        )
        for moment in MOMENTS
        for scheduler in ON[moment.name]
        if wanted("kill -9 the gateway", moment.name, scheduler)
    }
    futures = [
        executor.submit(played, row, index, cluster)
        for index, row in enumerate(each for each in ROWS if wanted(each.fault, each.moment, each.scheduler))
    ]
    for (moment, scheduler), count in counts.items():
        futures += [
            executor.submit(played, killed_at(moment, step, scheduler), f"{moment.name} {scheduler} {step}", cluster)
            for step in range(1, count.result() + 1)
        ]
    yield from futures


def played(row: Row, name: object, cluster: SlurmCluster) -> Verdict:
    folder = BUILD / str(name)
    folder.mkdir()
    try:
        verdict = judge(row, folder, cluster if row.scheduler == SLURM else None)
    except Exception as error:
        traceback.print_exc()
        verdict = Verdict(row, row.moment, wrong=[f"{type(error).__name__}: {error}"])
    if not verdict.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    return verdict


def told(verdict: Verdict) -> str:
    row = verdict.row
    judgement = f"not played: {verdict.skipped}" if verdict.skipped else "; ".join(verdict.wrong) or "right"
    seconds = f"{verdict.seconds:.1f}"
    return line((row.fault, verdict.moment, row.scheduler, str(verdict.executions), verdict.status, seconds, judgement))


def line(cells: Sequence[str]) -> str:
    """A row of a Markdown table; the last column is as wide as it needs."""
    padded = [" ".join(cell.split()).ljust(width) for cell, width in zip(cells, (*WIDTHS, 0), strict=True)]
    return f"| {' | '.join(padded)} |"


if __name__ == "__main__":
    sys.exit(main())
