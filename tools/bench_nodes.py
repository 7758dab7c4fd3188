"""How much faster two nodes of Slurm are than one: the same job on a private cluster, first with one node drained.

Each node has one processor of this machine for itself, which therefore must have two. Prints a line and writes
`build/bench_nodes.json`.

    python tools/bench_nodes.py [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import demo_archive

from backend_client import Gateway
from tests.slurm_cluster import SlurmCluster

BUILD = ROOT / "build" / "bench_nodes"
PACK = ROOT / "tests" / "end_to_end" / "tile_pack"
COMMAND = ROOT / ".venv" / "bin" / "phidias-gateway"
TASKS = 12
INPUTS = {"scenes": {"catalogue": "demo"}, "area": {"bbox": [-75.69, 37.62, -75.56, 37.72]}, "resolution": 0.8}
PINNED = """\
#!/bin/sh
case "$SLURMD_NODENAME" in n1) core=0 ;; *) core=1 ;; esac
exec taskset -c "$core" "$@"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    options = parser.parse_args()
    if missing := SlurmCluster.missing():
        sys.exit(f"Slurm is {missing}")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("This machine has one processor only.")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with SlurmCluster.start(BUILD / "slurm", cpus=1) as cluster, gateway(cluster) as client:
        for _ in range(options.runs):
            with cluster.without("n2"):
                seconds[1].append(measure(client))
            seconds[2].append(measure(client))
            cluster.wait_until_idle()
    one, two = (statistics.median(times) for times in seconds.values())
    figures = {"one_node_seconds": one, "two_nodes_seconds": two, "two_nodes_speedup": one / two}
    (BUILD.parent / "bench_nodes.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"one node {one:.1f} s, two nodes {two:.1f} s: {one / two:.2f} times faster ({TASKS} tasks)")


@contextmanager
def gateway(cluster: SlurmCluster) -> Iterator[Gateway]:
    """A gateway before the cluster, whose workers keep to their node's processor."""
    script = BUILD / "pinned.sh"
    script.write_text(PINNED)
    script.chmod(0o755)
    archive = demo_archive.build(ROOT / ".cache" / "demo-archive").parent
    worker = [str(script), sys.executable, "-m", "phidias_gateway.worker"]
    settings: dict[str, Any] = {
        "STORE__ROOT": str(BUILD / "store"),
        "SCHEDULER__KIND": "slurm",
        "LIMITS__TASKS": str(TASKS),
        "ENVIRONMENTS": json.dumps({"default": {"command": worker, "env": {"PYTHONPATH": str(PACK)}}}),
        "ARCHIVES": json.dumps([{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(archive)}]),
    }
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PHIDIAS_", "SLURM"))},
        **{f"PHIDIAS_{name}": value for name, value in settings.items()},
        **cluster.environment,
        "PYTHONPATH": str(PACK),
    }
    up = json.loads(
        subprocess.run([COMMAND, "up"], env=environment, check=True, capture_output=True, timeout=60).stdout
    )
    try:
        yield Gateway(up["url"], token=up["token"])
    finally:
        subprocess.run([COMMAND, "down"], env=environment, check=True, capture_output=True, timeout=60)


def measure(client: Gateway) -> float:
    """Seconds from POST to successful."""
    begun = time.monotonic()
    job = client.execute("fine", INPUTS, resources={"cpus": 1, "memory_gb": 2})
    last = list(client.follow(job.id))[-1]
    if last.status != "successful":
        sys.exit(f"the job {last.status}: {last.message}")
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
