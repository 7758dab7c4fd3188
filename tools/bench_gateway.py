"""Measure the gateway: many clients who follow jobs on a real Slurm, what a POST adds to sbatch, a store full of jobs.

Each part starts its own gateway process (and, where it says so, a private Slurm of two nodes on this machine). Clients
are plain sockets of this process, on the loopback. Slurm's time of a change is that of its controller's log, which has
milliseconds; a client's time is when it holds the whole answer. Prints a table of figures beside what is asked of
them and writes `build/bench_gateway.json`.

    python tools/bench_gateway.py [--clients 1000] [--jobs 100000] [following] [posting] [store]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ulid import ULID

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from phidias_gateway.access import Tokens
from phidias_gateway.causes import problem
from phidias_gateway.job import Job, Status, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.process import Resources
from phidias_gateway.schedulers.scheduler import Task
from phidias_gateway.schedulers.slurm import _sbatch
from phidias_gateway.settings import SlurmSettings
from phidias_gateway.store import Store
from tests.slurm_cluster import SlurmCluster

TICKS = os.sysconf("SC_CLK_TCK")
USERS = 20


@dataclass
class Figures:
    """What was measured, in the order of measuring; `asked` is the most it may be."""

    rows: list[tuple[str, float, str, float | None]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, asked: float | None = None) -> None:
        self.rows.append((name, value, unit, asked))
        bound = "" if asked is None else f"   asked: at most {asked:g}{'' if value <= asked else '   MISSED'}"
        print(f"  {name:66} {value:10.1f} {unit:4}{bound}", flush=True)

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        document = {name: {"value": value, "unit": unit, "asked": asked} for name, value, unit, asked in self.rows}
        path.write_text(json.dumps(document, indent=2) + "\n")


# --- a gateway process, and clients of it ----------------------------------------------------------------------------


@dataclass
class Serving:
    """A gateway process that answers; `seconds` is how long that took from its start."""

    process: subprocess.Popen[bytes]
    port: int
    root: Path
    seconds: float

    def cpu_seconds(self) -> float:
        """CPU time of the gateway itself, without that of the programs it has called."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> float:
        """Tell it to stop; the seconds until it has ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


@contextmanager
def serving(root: Path, environment: Mapping[str, str]) -> Iterator[Serving]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PHIDIAS_", "SLURM", "SBATCH"))}
    began = time.monotonic()
    with open(root.with_suffix(".log"), "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "phidias_gateway.cli", "serve", "--port", str(port)],
            env={**kept, **environment, "PHIDIAS_STORE__ROOT": str(root)},
            stdout=log,
            stderr=log,
        )
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"The gateway ended: {root.with_suffix('.log').read_text()[-2000:]}")
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                    connection.request("GET", "/conformance")
                    if connection.getresponse().status == 200:
                        break
            except OSError:
                time.sleep(0.01)
        yield Serving(process, port, root, time.monotonic() - began)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def users(root: Path, count: int = USERS) -> list[str]:
    """A token for each of some users."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(Tokens(root / "tokens.sqlite3")) as tokens:
        return [tokens.create(f"user{number}") for number in range(count)]


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection of one user, kept open."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        sent = {"Host": "127.0.0.1", "Authorization": f"Bearer {self._token}", **headers}
        if body:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in sent.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        status, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        found = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest) if name}
        content = await reader.readexactly(int(found.get("content-length", 0)))
        if found.get("connection") == "close":
            self.close()
        return Answer(int(status.split()[1]), found, content)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


ECHO = "/processes/echo/execution"


def echo(**inputs: Any) -> bytes:
    return json.dumps({"inputs": inputs}).encode()


@dataclass
class Follower:
    """A client who follows one job to its end, as the plugin does: by long polls on its entity tag."""

    client: Client
    job: str
    seen: dict[str, float] = field(default_factory=dict)
    """When each status was first seen, in seconds since 1970"""
    answers: int = 0
    tag: str = '"0"'
    cut: bool = False
    """The connection broke while an answer was due"""

    async def run(self) -> None:
        """Until the job has ended, or the gateway."""
        try:
            await self._follow()
        except ConnectionRefusedError:
            pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.cut = True
        finally:
            self.client.close()

    async def _follow(self) -> None:
        status = ""
        while status not in ("successful", "failed", "dismissed"):
            answer = await self.client.request("GET", f"/jobs/{self.job}", Prefer="wait=30", If_None_Match=self.tag)
            self.answers += 1
            if answer.status == 200:
                self.tag, status = answer.headers["etag"], answer.json()["status"]
                self.seen.setdefault(status, time.time())
            elif answer.status != 304:
                raise SystemExit(f"A client was answered {answer.status}: {answer.body[:500]!r}")


# --- Slurm -----------------------------------------------------------------------------------------------------------


@contextmanager
def slurm(folder: Path) -> Iterator[tuple[SlurmCluster, Path]]:
    """A private cluster, and a folder of tools to put first in the PATH: its squeue notes when it is called."""
    missing = SlurmCluster.missing()
    if missing:
        raise SystemExit(f"Slurm is {missing}")
    tools = folder / "tools"
    tools.mkdir(parents=True)
    squeue = tools / "squeue"
    squeue.write_text(f'#!/bin/sh\ndate +%s.%N >>{folder}/surveys\nexec {shutil.which("squeue")} "$@"\n')
    squeue.chmod(0o755)
    with SlurmCluster.start(folder / "cluster") as cluster:
        yield cluster, tools


def gateway_on(cluster: SlurmCluster, tools: Path) -> dict[str, str]:
    made = {"PHIDIAS_SCHEDULER__KIND": "slurm", **cluster.environment}
    return {**made, "PATH": f"{tools}:{made['PATH']}"}


def slurm_times(cluster: SlurmCluster) -> dict[tuple[str, str], float]:
    """When each job of the gateway started and ended, by (job, "running" or "ended"), in seconds since 1970."""
    listed = cluster.run("squeue", "--noheader", "--states=all", "--format=%i %j").split()
    jobs = {number: name.split("-")[1].upper() for number, name in zip(listed[::2], listed[1::2], strict=True)}
    times: dict[tuple[str, str], float] = {}
    for line in (cluster.folder / "slurmctld.log").read_text().splitlines():
        started = " Allocate JobId=" in line or " Started JobId=" in line  # by the main or the backfill scheduler
        kind = "running" if started else "ended" if line.endswith(" done") else None
        if kind is not None and "JobId=" in line:
            number = line.partition("JobId=")[2].split()[0]
            if number in jobs:
                moment = datetime.fromisoformat(line[1 : line.index("]")]).timestamp()
                times[jobs[number], kind] = moment
    return times


def delays(followers: Sequence[Follower], times: Mapping[tuple[str, str], float], kind: str) -> list[float]:
    """Seconds from Slurm's change to the client's knowledge of it, never below 0: a job tells its end itself."""
    found = []
    for follower in followers:
        seen = [
            moment
            for status, moment in follower.seen.items()
            if (status == "running") == (kind == "running") and status != "accepted"
        ]
        if seen and (follower.job, kind) in times:
            found.append(max(0.0, min(seen) - times[follower.job, kind]))
    return found


def survey_gaps(folder: Path) -> tuple[float, float]:
    """The shortest and the longest time between the starts of two calls of squeue by one gateway; forgets them."""
    moments = [float(line) for line in (folder / "surveys").read_text().split()]
    (folder / "surveys").unlink()
    gaps = [after - before for before, after in zip(moments, moments[1:], strict=False)]
    return min(gaps), max(gaps)


# --- the parts -------------------------------------------------------------------------------------------------------


def following(folder: Path, figures: Figures, clients: int) -> None:
    """Clients who follow: each a job of its own, most of which wait; then all of them one job that runs."""
    print(f"\n{clients} clients follow jobs on Slurm", flush=True)
    with slurm(folder) as (cluster, tools):
        environment = gateway_on(cluster, tools)
        for name, scenario in (("own", own_jobs), ("same", same_job)):
            root = folder / name
            tokens = users(root)
            with serving(root, environment) as gateway:
                asyncio.run(scenario(gateway, cluster, tokens, clients, figures))
            shortest, longest = survey_gaps(folder)
            figures.add(f"{name}: squeue calls in any 2 s", 2 / shortest, "", 1.02)  # the shell that notes jitters
            figures.add(f"{name}: from one call to the next, the longest", longest, "s")
            cluster.run("scontrol", "update", "PartitionName=main", "State=UP")
            cluster.run("scancel", "--partition=main")
            cluster.wait_until_idle()


async def own_jobs(
    gateway: Serving, cluster: SlurmCluster, tokens: Sequence[str], clients: int, figures: Figures
) -> None:
    cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    posters = [Client(gateway.port, tokens[number % USERS]) for number in range(clients)]
    slots = asyncio.Semaphore(8)

    async def post(client: Client) -> Follower:
        async with slots:
            answer = await client.request("POST", ECHO, echo(pause=5), Prefer="respond-async")
            if answer.status != 201:
                raise SystemExit(f"A POST was answered {answer.status}: {answer.body[:500]!r}")
            client.close()  # the gateway would, before all have posted
            return Follower(client, answer.json()["id"])

    began = time.monotonic()
    followers = await asyncio.gather(*(post(client) for client in posters))
    figures.add("own: jobs posted per second, eight at a time", clients / (time.monotonic() - began), "/s")
    tasks = [asyncio.create_task(follower.run()) for follower in followers]
    await asyncio.sleep(8)
    used, answers, began = gateway.cpu_seconds(), sum(each.answers for each in followers), time.monotonic()
    await asyncio.sleep(30)
    passed = time.monotonic() - began
    figures.add("own: CPU of the gateway while all jobs wait", 100 * (gateway.cpu_seconds() - used) / passed, "%")
    figures.add("own: answers meanwhile", (sum(each.answers for each in followers) - answers) / passed, "/s")
    cluster.run("scontrol", "update", "PartitionName=main", "State=UP")
    used, began = gateway.cpu_seconds(), time.monotonic()
    await asyncio.sleep(45)
    passed = time.monotonic() - began
    figures.add("own: CPU of the gateway while jobs start and end", 100 * (gateway.cpu_seconds() - used) / passed, "%")
    times = slurm_times(cluster)

    for kind in ("running", "ended"):
        found = delays(followers, times, kind)
        figures.add(f"own: Slurm's change to client, {kind}, median of {len(found)}", statistics.median(found), "s")
        figures.add(f"own: Slurm's change to client, {kind}, the longest", max(found), "s", 3)
    # The gateway waits some seconds for the outcome that a job may have left on a slow file system.
    last = [number for number, task in enumerate(tasks) if not task.done()][-5:]
    began = time.monotonic()
    for number in last:
        cluster.run("scancel", f"--name=phidias-{followers[number].job.lower()}-1")
    await asyncio.wait_for(asyncio.gather(*(tasks[number] for number in last)), 60)
    figures.add("own: an admin's scancel to clients, the longest of 5", time.monotonic() - began, "s")
    figures.add("own: peak memory of the gateway", gateway.peak_mb(), "MB", 300)
    waiting = [task for task in tasks if not task.done()]
    seconds = await asyncio.to_thread(gateway.stop)
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    figures.add(f"own: stopping with {len(waiting)} who wait", seconds, "s", 5)
    figures.add("own: of them left without an answer", sum(follower.cut for follower in followers), "", 0)


async def same_job(
    gateway: Serving, cluster: SlurmCluster, tokens: Sequence[str], clients: int, figures: Figures
) -> None:
    cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    poster = Client(gateway.port, tokens[0])
    job = (await poster.request("POST", ECHO, echo(pause=20), Prefer="respond-async")).json()["id"]
    followers = [Follower(Client(gateway.port, tokens[0]), job) for _ in range(clients)]
    tasks = [asyncio.create_task(follower.run()) for follower in followers]
    await asyncio.sleep(6)
    used, answers, began = gateway.cpu_seconds(), sum(each.answers for each in followers), time.monotonic()
    cluster.run("scontrol", "update", "PartitionName=main", "State=UP")
    probe = asyncio.create_task(probed(gateway.port, tokens[1], 20))
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    passed = time.monotonic() - began
    figures.add(
        "same: CPU of the gateway while the job tells progress", 100 * (gateway.cpu_seconds() - used) / passed, "%"
    )
    figures.add("same: answers meanwhile", (sum(each.answers for each in followers) - answers) / passed, "/s")
    figures.add("same: peak memory of the gateway", gateway.peak_mb(), "MB", 300)
    took = sorted(await probe)
    figures.add("same: another user's page of /jobs meanwhile, median", 1000 * statistics.median(took), "ms")
    figures.add("same: another user's page of /jobs meanwhile, the longest", 1000 * took[-1], "ms")
    times = slurm_times(cluster)
    for kind in ("running", "ended"):
        found = delays(followers, times, kind)
        figures.add(f"same: Slurm's change to client, {kind}, median of {len(found)}", statistics.median(found), "s")
        figures.add(f"same: Slurm's change to client, {kind}, the longest", max(found), "s", 3)


async def probed(port: int, token: str, seconds: float) -> list[float]:
    """How long an unrelated request takes, asked again and again for some seconds."""
    client, found, ends = Client(port, token), [], time.monotonic() + seconds
    while time.monotonic() < ends:
        began = time.monotonic()
        answer = await client.request("GET", "/jobs?limit=10")
        found.append(time.monotonic() - began)
        if answer.status != 200:
            raise SystemExit(f"A client was answered {answer.status}: {answer.body[:500]!r}")
        await asyncio.sleep(0.05)
    client.close()
    return found


def posting(folder: Path, figures: Figures, pairs: int) -> None:
    """POST beside sbatch of the same script with the same options, in turns; then one user's flood of POSTs."""
    print("\nWhat a POST adds to sbatch", flush=True)
    with slurm(folder) as (cluster, tools):
        cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
        root = folder / "store"
        tokens = users(root)
        with serving(root, gateway_on(cluster, tools)) as gateway:
            ours, sbatch = [], []
            with closing(gateway.connection()) as connection:
                headers = {"Authorization": f"Bearer {tokens[0]}", "Prefer": "respond-async"}
                headers["Content-Type"] = "application/json"
                for number in range(pairs + 1):
                    began = time.monotonic()
                    connection.request("POST", ECHO, echo(number=number), headers)
                    answer = connection.getresponse()
                    answer.read()
                    ours.append(time.monotonic() - began)
                    if answer.status != 201:
                        raise SystemExit(f"A POST was answered {answer.status}")
                    task = direct_task(folder / "direct" / str(number))
                    began = time.monotonic()
                    subprocess.run(
                        _sbatch(task, SlurmSettings(), None, ROOT / "phidias_gateway" / "schedulers" / "job.sh"),
                        env={**task.env, **cluster.environment},
                        capture_output=True,
                        check=True,
                    )
                    sbatch.append(time.monotonic() - began)
            figures.add("first POST of a gateway", 1000 * ours[0], "ms")
            figures.add(f"sbatch, median of {pairs}", 1000 * statistics.median(sbatch[1:]), "ms")
            figures.add(f"POST, median of {pairs}", 1000 * statistics.median(ours[1:]), "ms")
            added = statistics.median(ours[1:]) - statistics.median(sbatch[1:])
            figures.add("POST adds to sbatch", 1000 * added, "ms", 25)
            quiet, flooded = asyncio.run(flood(gateway, tokens))
            figures.add("another user's GET, median", 1000 * statistics.median(quiet), "ms")
            figures.add("another user's GET, median, in a flood of POSTs", 1000 * statistics.median(flooded), "ms")
            figures.add("another user's GET, the longest, in a flood of POSTs", 1000 * max(flooded), "ms")
        cluster.run("scancel", "--partition=main")


def direct_task(folder: Path) -> Task:
    """What the gateway's task for an echo job is to sbatch."""
    (folder / "logs").mkdir(parents=True)
    command = (sys.executable, "-m", "phidias_gateway.worker", str(folder), "1")
    resources = Resources(cpus=1, memory_gb=0.5, minutes=65)
    return Task(f"direct-{folder.name}", folder, 1, resources, command, {"HOME": os.environ.get("HOME", "/")})


async def flood(gateway: Serving, tokens: Sequence[str]) -> tuple[list[float], list[float]]:
    """What another user's requests take without and with 32 connections of one user that post without a pause.

    An area has to be understood for each, so that there is work for the threads that plan.
    """
    quiet = await probed(gateway.port, tokens[1], 3)
    going = True

    async def post() -> None:
        client = Client(gateway.port, tokens[0])
        ring = [[index % 7, 45 + index % 5] for index in range(2000)]
        body = echo(object={"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
        while going:
            answer = await client.request("POST", ECHO, body, Prefer="respond-async")
            if answer.status not in (201, 429):
                raise SystemExit(f"A POST was answered {answer.status}: {answer.body[:500]!r}")
        client.close()

    posters = [asyncio.create_task(post()) for _ in range(32)]
    flooded = await probed(gateway.port, tokens[1], 6)
    going = False
    await asyncio.gather(*posters)
    return quiet, flooded


PROCESSES = ("spectral-index", "spectral-index", "spectral-index", "segmentation", "extract", "echo")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def store_full_of_jobs(folder: Path, figures: Figures, jobs: int) -> None:
    """Starting, asking and sweeping with many finished jobs, all of one user, each with a folder."""
    print(f"\n{jobs} finished jobs in the store", flush=True)
    root = folder / "store"
    token = users(root, 1)[0]
    made = fill(root, jobs)
    local = {"PHIDIAS_SCHEDULER__KIND": "local", "PHIDIAS_SCHEDULER__MAX_PARALLEL": "1"}
    starts = []
    for _ in range(3):
        with serving(root, local) as gateway:
            starts.append(gateway.seconds)
    figures.add("start to first answer, the longest of 3", max(starts), "s", 5)
    with serving(root, local) as gateway, closing(gateway.connection()) as connection:
        month = made[len(made) // 2].created
        span = f"{month.isoformat()[:19]}Z/{(month + timedelta(days=1)).isoformat()[:19]}Z"
        for name, path, asked in (
            ("a page of /jobs: the first", "/jobs", 50),
            ("a page of /jobs: a deep one", f"/jobs?cursor={made[len(made) // 20].id}", 50),
            ("a page of /jobs: status=failed", "/jobs?status=failed", 50),
            ("a page of /jobs: status=failed,dismissed", "/jobs?status=failed,dismissed", 50),
            ("a page of /jobs: status=successful,failed", "/jobs?status=successful,failed", 50),
            ("a page of /jobs: status=running", "/jobs?status=running,accepted", 50),
            ("a page of /jobs: processID=extract", "/jobs?processID=extract", 50),
            ("a page of /jobs: processID and status", "/jobs?processID=extract,echo&status=dismissed", 50),
            ("a page of /jobs: an unknown processID", "/jobs?processID=nothing", 50),
            ("a page of /jobs: datetime, a day", f"/jobs?datetime={span}", 50),
            ("a page of /jobs: datetime, the oldest", "/jobs?datetime=../2026-01-01T06:00:00Z", 50),
            ("a page of /jobs: minDuration that few have", "/jobs?minDuration=3599", 50),
            ("GET of one job", f"/jobs/{made[len(made) // 2].id}", None),
        ):
            figures.add(f"{name}, median of 20", 1000 * statistics.median(timed(connection, path, token)), "ms", asked)
        figures.add("POST of a job, median of 20", 1000 * statistics.median(posted(connection, token)), "ms")
        figures.add("memory of the gateway", gateway.peak_mb(), "MB", 300)
    sweeping(root, token, made[:3000], figures)


def timed(connection: http.client.HTTPConnection, path: str, token: str, times: int = 20) -> list[float]:
    found = []
    for _ in range(times):
        began = time.monotonic()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        found.append(time.monotonic() - began)
        if answer.status != 200:
            raise SystemExit(f"{path} was answered {answer.status}")
    return found


def posted(connection: http.client.HTTPConnection, token: str, times: int = 20) -> list[float]:
    """How long a POST takes, until the job is recorded and queued; the jobs are dismissed."""
    found, locations = [], []
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(times):
        began = time.monotonic()
        connection.request("POST", ECHO, echo(pause=600), {**headers, "Prefer": "respond-async"})
        answer = connection.getresponse()
        answer.read()
        found.append(time.monotonic() - began)
        locations.append(urlsplit(answer.headers["Location"]).path)
    for location in locations:
        connection.request("DELETE", location, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"DELETE {location} was answered {answer.status}")
    return found


def sweeping(root: Path, token: str, expired: Sequence[Job], figures: Figures) -> None:
    """Expire jobs with whole folders; how long their removal takes, and a job that is run meanwhile."""
    with closing(Store(root / "gateway.sqlite3")) as store, store._transaction() as connection:
        ids = [(job.id,) for job in expired]
        connection.executemany("UPDATE job SET expires = 1 WHERE id = ?", ids)
    for job in expired:
        furnish(root / "jobs" / job.id)
    with serving(root, {"PHIDIAS_SCHEDULER__KIND": "local"}) as gateway, closing(gateway.connection()) as connection:
        began = time.monotonic()
        connection.request("POST", ECHO, echo(), {"Authorization": f"Bearer {token}"})
        connection.getresponse().read()
        ran = time.monotonic() - began
        waits = []
        while any((root / "jobs" / job.id).exists() for job in expired):
            waits += timed(connection, "/jobs?limit=10", token, 1)
            if time.monotonic() - began > 300:
                raise SystemExit("The sweeper does not come to an end.")
        passed = time.monotonic() - began + gateway.seconds
        figures.add(f"sweeping {len(expired)} expired jobs, from the start on", passed, "s")
        figures.add("a job of no work, run meanwhile", ran, "s")
        figures.add("GET of a page meanwhile, the longest", 1000 * max(waits, default=0), "ms")


def fill(root: Path, count: int) -> list[Job]:
    """Finished jobs, oldest first, over 200 days, with a folder each."""
    (root / "jobs").mkdir(parents=True, exist_ok=True)
    made = []
    kept = datetime.now(UTC) + timedelta(days=300)
    for number in range(count):
        created = FIRST + number * timedelta(days=200) / count
        status = Status.FAILED if number % 25 == 0 else Status.DISMISSED if number % 99 == 0 else Status.SUCCESSFUL
        told = problem("out-of-memory") if status is Status.FAILED else None
        made.append(
            Job(
                id=str(ULID.from_datetime(created)),
                owner="user0",
                process_id=PROCESSES[number % len(PROCESSES)],
                process_version="1.0.0",
                status=status,
                step=Step.CLOSED,
                attempt=1,
                retries=0,
                version=7,
                resources=Resources(cpus=2, memory_gb=4, minutes=30),
                environment="default",
                created=created,
                updated=created + timedelta(minutes=9),
                started=created + timedelta(minutes=1),
                finished=created + timedelta(minutes=1, seconds=number % 1800),
                expires=kept,
                progress=100,
                message="Done" if told is None else told["detail"],
                cause=None if told is None else "out-of-memory",
                remedy=None if told is None else told["remedy"],
                problem=told,
                native_id=str(number),
                size=100_000 if status is Status.SUCCESSFUL else 0,
            )
        )
        (root / "jobs" / made[-1].id).mkdir()
    with closing(Store(root / "gateway.sqlite3")) as store:
        store.record_all(made)
    return made


def furnish(path: Path) -> None:
    """The files of a job that has ended."""
    folder = JobFolder(path)
    for name in ("logs", "results"):
        (path / name).mkdir()
    for name in ("request.json", "plan.json", "progress.json", "claim.1", "job.sh", "result.json", "logs/task-0.log"):
        (path / name).write_text("{}")
    for name in ("index.tif", "item.json", "quicklook.png"):
        (folder.results(1) / name).write_bytes(bytes(10_000))


PARTS: dict[str, Callable[[Path, Figures, argparse.Namespace], None]] = {
    "following": lambda folder, figures, options: following(folder, figures, options.clients),
    "posting": lambda folder, figures, options: posting(folder, figures, options.pairs),
    "store": lambda folder, figures, options: store_full_of_jobs(folder, figures, options.jobs),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the gateway.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; all if none is named")
    parser.add_argument("--clients", type=int, default=1000, help="who follow jobs")
    parser.add_argument("--pairs", type=int, default=100, help="POSTs beside as many calls of sbatch")
    parser.add_argument("--jobs", type=int, default=100_000, help="finished jobs in the store")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="phidias-bench-") as folder:
        for name in options.parts or PARTS:
            PARTS[name](Path(folder) / name, figures, options)
    figures.write(ROOT / "build" / "bench_gateway.json")


if __name__ == "__main__":
    main()
