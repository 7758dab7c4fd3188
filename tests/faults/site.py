"""A gateway with all around it that can fail: its own store, its scheduler, a client as users have it.

The gateway is a real process that listens on a port of its own, also after it was killed and started anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from backend_client import Gateway, Job
from backend_client.errors import GatewayError, GatewayUnreachable, NoSuchJob, OutcomeUnknown
from phidias_gateway.access import Tokens
from phidias_gateway.job_folder import Claim, JobFolder, Turn
from tests.gateway.jobs_of import PACK, processes_of, runs
from tests.slurm_cluster import SlurmCluster

HERE = Path(__file__).parent
PATIENCE = 120.0
"""Seconds that anything may take; nothing is judged by how long it took"""
KEPT = {"request.json", "plan.json", "progress.json", "logs", "parts", "result.json"}
KEPT_OF_A_FAILURE = {"tiles"}
MARKERS = ("claim.", "revoked.")
"""Nothing is asked of the numbers that follow"""


class NeverHappened(Exception):
    """What had to come true did not."""


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What the condition gives as soon as that is true. Raises NeverHappened."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise NeverHappened(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return found


@dataclass
class Site:
    root: Path
    cluster: SlurmCluster | None
    """None: the local scheduler"""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the gateway's environment"""
    disk: str = ""
    """The folder that is a small disk of its own"""
    process: subprocess.Popen[bytes] | None = None
    killed_itself: bool = False
    ids: set[str] = field(default_factory=set)
    """Of all jobs that were made"""
    failed_at: float = 0.0
    """When the fault came or ended (monotonic)"""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        self.port = _free_port()
        self.store.mkdir(mode=0o700)
        if self.disk:
            self._small_disk(self.root / self.disk)
        tokens = Tokens(self.store / "tokens.sqlite3")
        self.token = tokens.create("ada", lifetime=None, label="")
        tokens.close()
        self.tools.mkdir()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.closing.close()

    # --- where things are --------------------------------------------------------------------------------------------

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def tools(self) -> Path:
        """Programs in this folder come before Slurm's own."""
        return self.root / "bin"

    @property
    def counted(self) -> Path:
        """A line for each execution"""
        return self.root / "runs"

    @property
    def clock(self) -> Path:
        """How much the gateway's clock is fast, where it is not this machine's"""
        return self.root / "clock"

    @property
    def log(self) -> Path:
        return self.root / "gateway.log"

    @property
    def jobs(self) -> Path:
        return self.store / "jobs"

    def folders(self) -> list[Path]:
        return [path for path in self.jobs.iterdir() if path.is_dir()] if self.jobs.exists() else []

    def folder(self, job_id: str) -> JobFolder:
        return JobFolder(self.jobs / job_id)

    # --- the gateway -------------------------------------------------------------------------------------------------

    def start(self, **variables: str) -> None:
        """Start the gateway and wait until it answers."""
        self._spawn(["-m", "phidias_gateway.cli"], variables)
        until(self._answers, "the gateway answers")

    def start_dying(self, step: int | str, armed: str) -> None:
        """Start a gateway that kills itself at that step, once a file of the pattern `armed` is there.

        `step` is its number (0: it only counts) or its name.
        """
        told = {"FAULT_STEP": str(step), "FAULT_ARMED": armed, "FAULT_STEPS": str(self.root / "steps")}
        self._spawn([str(HERE / "dying_gateway.py")], told)
        until(lambda: self.died or self._answers(), "the gateway answers")

    @property
    def died(self) -> bool:
        """Whether the gateway's process has ended."""
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def restart(self, **variables: str) -> None:
        """Kill the gateway with SIGKILL and start another one."""
        self.kill()
        self.fault()
        self.start(**variables)

    def fault(self) -> None:
        """It is now that the fault comes; or, where it lasts, that it ends."""
        self.failed_at = time.monotonic()

    def steps(self) -> list[str]:
        """The steps that a dying gateway has counted."""
        told = self.root / "steps"
        return told.read_text().splitlines() if told.exists() else []

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PHIDIAS_", "SLURM", "SBATCH"))}
        slurm = self.cluster.environment if self.cluster else {"PATH": kept["PATH"]}
        return {
            **kept,
            **slurm,
            "PATH": f"{self.tools}:{slurm['PATH']}",
            "PYTHONPATH": str(PACK),
            "PHIDIAS_STORE__ROOT": str(self.store),
            "PHIDIAS_SCHEDULER__KIND": "slurm" if self.cluster else "local",
            "PHIDIAS_SCHEDULER__MAX_PARALLEL": "4",
            "PHIDIAS_SCHEDULER__POLL_SECONDS": "0.5",
            "PHIDIAS_SCHEDULER__GRACE_SECONDS": "5",
            "PHIDIAS_LIMITS__MIN_FREE_GB": "0",
            **self.variables,
            **variables,
        }

    def _spawn(self, program: list[str], variables: dict[str, str]) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "serve", "--port", str(self.port)],
                env=self.environment(variables),
                cwd=HERE.parents[1],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        if self.died:
            raise NeverHappened(f"the gateway has ended: {self.log.read_text()[-1000:]}")
        with contextlib.suppress(GatewayError):
            return bool(self.client().landing().links)
        return False

    def clock_of_its_own(self) -> dict[str, str]:
        """Variables by which a process follows `clock`, in seconds. Its monotonic clock stays what it is."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not self.clock.exists():
            self.clock.write_text("+0\n")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else waits of Python's own locks last for seconds
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": f"{HERE / 'clock'}:{PACK}",
        }

    # --- a user's client ---------------------------------------------------------------------------------------------

    def client(self) -> Gateway:
        session = self.closing.enter_context(requests.Session())
        session.trust_env = False
        return Gateway(f"http://127.0.0.1:{self.port}", token=self.token, session=session)

    def submit(self, process: str = "trouble", **inputs: Any) -> str:
        """The id of the job that this site's one execution request makes, however often it has to be sent."""
        wanted = {"runs": str(self.counted), **inputs}
        job_id = str(self.insist(lambda: self.client().execute(process, wanted, key=self.key)).id)
        self.ids.add(job_id)
        return job_id

    def insist(self, request: Callable[[], Any]) -> Any:
        """Repeat a request, as a user does, until the gateway answers."""

        def answered() -> list[Any]:
            with contextlib.suppress(OutcomeUnknown, GatewayUnreachable):
                return [request()]
            return []

        return until(answered, "the gateway answers the request")[0]

    def job(self, job_id: str) -> Job:
        return self.insist(lambda: self.client().job(job_id))

    def status(self, job_id: str) -> str:
        """The job's status as one request tells it; "gone" if it is not there, empty if nobody answers."""
        try:
            return self.client().job(job_id).status
        except NoSuchJob:
            return "gone"
        except GatewayUnreachable:
            return ""

    def running(self, job_id: str) -> Claim:
        """Wait until the job's worker, or that of its first part, has begun the work."""
        until(lambda: {job_id, "0"} & set(runs(self.counted)), "the job runs")
        turns = (Turn(1), Turn(1, 0))
        claims = (self.folder(job_id).claim(turn) for turn in turns)
        claim = next(claim for claim in claims if claim is not None)
        until(lambda: self.job(job_id).status == "running", "the job is seen to run")
        return claim

    def waiting(self) -> str:
        """The id of a new job that is seen to wait in the queue."""
        job_id = self.submit()
        until(lambda: "Waiting" in self.job(job_id).message, "the job is seen to wait")
        return job_id

    def ended(self, job_id: str) -> Job:
        """The job as soon as it has ended."""
        deadline = time.monotonic() + PATIENCE
        *_, job = self.client().follow(job_id, wait=2, cancelled=lambda: time.monotonic() > deadline)
        return job

    # --- what can fail -----------------------------------------------------------------------------------------------

    def tool(self, name: str, script: str) -> None:
        """Put a program of that name before Slurm's own; `$REAL` in the script is Slurm's."""
        path = self.tools / f"{name}.new"
        path.write_text(f"#!/bin/sh\nREAL={shutil.which(name)}\n{script}\n")
        path.chmod(0o755)
        path.replace(self.tools / name)

    @contextlib.contextmanager
    def closed_partition(self) -> Iterator[None]:
        """While this lasts, no job of Slurm starts."""
        self.cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
        try:
            yield
        finally:
            self.cluster.run("scontrol", "update", "PartitionName=main", "State=UP")

    @contextlib.contextmanager
    def behind_another(self) -> Iterator[None]:
        """While this lasts, another job takes the local scheduler's only place."""
        other = self.client().execute("trouble", {"seconds": 1000.0}).id
        try:
            yield
        finally:
            until(lambda: self.gone(other), "the other job is removed")

    @contextlib.contextmanager
    def broken(self, name: str, script: str) -> Iterator[None]:
        """While this lasts, the tool does what the script says."""
        self.tool(name, script)
        try:
            yield
        finally:
            self.tool(name, 'exec "$REAL" "$@"')

    def _small_disk(self, path: Path) -> None:
        """Raises CalledProcessError where that is not allowed."""
        path.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", str(path)]
        subprocess.run(mount, check=True, capture_output=True)
        self.closing.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)

    def fill(self, folder: Path) -> Path:
        """Use up the disk to its last byte. Returns the file that does it."""
        filler = folder / "filler"
        with contextlib.suppress(OSError), open(filler, "ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        return filler

    # --- what must be true at the end --------------------------------------------------------------------------------

    def executions(self) -> int:
        return len(runs(self.counted))

    def wrong(self, job_id: str | None) -> list[str]:
        """What is not as it must be after any fault, but for the job's own end. Waits for what may take a while."""
        found = []
        jobs = {job.id for job in self.insist(lambda: list(self.client().jobs()))}
        if jobs != ({job_id} if job_id else set()):
            found.append(f"{len(jobs)} jobs")
        for check in (self.open_jobs, self._processes, self._slurm_jobs, self._stray_folders, self._leftovers):
            try:
                until(lambda check=check: not check(), "", 60)
            except NeverHappened:
                found.append(f"{check.__name__.strip('_').replace('_', ' ')}: {check()}")
        if "Traceback" in self.log.read_text(errors="replace"):
            found.append("a traceback in the gateway's log")
        return found

    def gone(self, job_id: str) -> bool:
        """Remove the ended job, as its owner does. Whether it is not to be found any more."""
        self.insist(lambda: self.client().dismiss(job_id))
        try:
            until(lambda: self.status(job_id) == "gone" and not (self.jobs / job_id).exists(), "it is gone", 30)
        except NeverHappened:
            return False
        return True

    def _rows(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.store / "gateway.sqlite3", timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def open_jobs(self) -> list[Any]:
        return self._rows("SELECT id, step, message FROM job WHERE step != 'closed'")

    def _processes(self) -> list[int]:
        return [pid for job_id in self.ids for pid in processes_of(job_id)]

    def _slurm_jobs(self) -> list[str]:
        names = self.cluster.job_names() if self.cluster else []
        return [name for name in names if any(job_id.lower() in name for job_id in self.ids)]

    def _stray_folders(self) -> list[str]:
        recorded = {row[0] for row in self._rows("SELECT id FROM job")}
        return [folder.name for folder in self.folders() if folder.name not in recorded]

    def _leftovers(self) -> list[str]:
        """Files that an ended job has no use for."""
        found = []
        for folder in self.folders():
            result = _read(folder / "result.json")
            successful = result.get("status") == "successful"
            results = {"results" if result.get("attempt") == 1 else f"results.{result.get('attempt')}"}
            kept = KEPT | (results if successful else KEPT_OF_A_FAILURE)
            for path in folder.iterdir():
                if path.name not in kept and not path.name.startswith(MARKERS):
                    found.append(path.name)
        return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return {}


def _free_port() -> int:
    """One that no client's connection gets by chance: the gateway needs it again after a while."""
    while True:
        port = secrets.choice(range(20000, 32000))
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
