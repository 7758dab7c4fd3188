"""Many who follow, one who asks: what those who wait cost, and that no user's wishes hold up another's."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import phidias_gateway
from phidias_gateway import watcher
from phidias_gateway.changes import _AT_ONCE, Changes
from phidias_gateway.job import Job, Status
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.reconcile import Sight, look
from phidias_gateway.store import Change, Store
from tests.gateway.jobs_of import PACK, ended, running, settings, submit, until
from tests.gateway.running import PACK as LAB_PACK
from tests.gateway.running import Running, command, environment
from tests.gateway.test_http_capabilities import assert_problem
from tests.gateway.test_store import job, unchecked
from tests.slurm_cluster import SlurmCluster

MANY = 50


def test_all_who_wait_are_told_once_and_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = Store(tmp_path / "store.sqlite3")
        changes = Changes(store)
        made, other = [store.record(job(number), key=None, digest="d", check=unchecked)[0] for number in range(2)]
        many = [asyncio.create_task(changes.next(made.id, 60)) for _ in range(3 * _AT_ONCE)]
        alone = asyncio.create_task(changes.next(other.id, 0.2))
        await asyncio.sleep(0)
        assert changes.waiting == 3 * _AT_ONCE + 1
        (changed,) = await changes.apply([Change(made, {"status": Status.RUNNING})])
        turns = 0
        while not many[-1].done():
            turns += 1
            await asyncio.sleep(0)
        assert turns >= 2  # others had theirs in between
        assert {await each for each in many} == {changed}
        assert await alone is None
        assert changes.waiting == 0
        gone = asyncio.create_task(changes.next(made.id, 60))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        assert changes.waiting == 0
        store.close()

    asyncio.run(scenario())


def test_nobody_waits_after_the_release(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            made = await submit(jobs, "echo", pause=600)
            waiting = asyncio.create_task(jobs.ended("ada", made.id, 600))
            await asyncio.sleep(0)
            jobs.release()
            assert not (await asyncio.wait_for(waiting, 30)).status.ended
            assert not (await asyncio.wait_for(jobs.ended("ada", made.id, 600), 30)).status.ended
            await jobs.dismiss("ada", made.id)

    asyncio.run(scenario())


def test_progress_waits_while_many_are_busy_with_the_last_one_and_the_end_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_ANSWERS_PER_SECOND", 1 / 3600)

    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            now = await submit(jobs, "echo", pause=3)
            seen: list[Job] = []
            while not now.status.ended:
                now = await jobs.changed("ada", now.id, now.version, 60)
                seen.append(now)
            assert now.status is Status.SUCCESSFUL
            told = [each.progress for each in seen if each.status is Status.RUNNING]
            assert len(told) <= 2, seen

    asyncio.run(scenario())


@pytest.mark.usefixtures("trouble_pack")
def test_many_who_follow_ask_slurm_no_more_than_one(
    slurm_cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the job waits, its folder is not looked at either: thousands may wait."""
    squeue = tmp_path / "bin" / "squeue"
    squeue.parent.mkdir()
    squeue.write_text(f'#!/bin/sh\necho >>{tmp_path}/asked\nexec {shutil.which("squeue")} "$@"\n')
    squeue.chmod(0o755)
    monkeypatch.setenv("SLURM_CONF", slurm_cluster.environment["SLURM_CONF"])
    monkeypatch.setenv("PATH", f"{squeue.parent}:{slurm_cluster.environment['PATH']}")
    looked: list[str] = []

    def watched(folder: JobFolder, attempt: int, *more: int) -> Sight:
        looked.append(folder.path.name)
        return look(folder, attempt, *more)

    monkeypatch.setattr(watcher, "look", watched)

    def asked() -> int:
        path = tmp_path / "asked"
        return path.stat().st_size if path.exists() else 0

    async def follow(jobs: object, made: Job) -> Job:
        while not made.status.ended:
            made = await jobs.changed("ada", made.id, made.version, 60)  # type: ignore[attr-defined]
        return made

    async def scenario() -> None:
        pause = 2.0
        async with running(settings(tmp_path, "slurm", scheduler={"poll_seconds": pause})) as jobs:
            began, before = time.monotonic(), asked()
            slurm_cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
            try:
                made = await submit(jobs)
                followers = [asyncio.create_task(follow(jobs, made)) for _ in range(MANY)]
                await until(lambda: jobs.get("ada", made.id).queue_reason)
                looked.clear()
                surveys = asked()
                await until(lambda: asked() >= surveys + 2)
                assert looked == []
            finally:
                slurm_cluster.run("scontrol", "update", "PartitionName=main", "State=UP")
            assert {each.status for each in await asyncio.gather(*followers)} == {Status.SUCCESSFUL}
            assert asked() - before <= 1 + (time.monotonic() - began) / pause

    asyncio.run(scenario())


@pytest.mark.usefixtures("trouble_pack")
def test_a_users_long_plans_do_not_hold_up_another_user(tmp_path: Path) -> None:
    async def scenario() -> None:
        flag = tmp_path / "planned"
        async with running(settings(tmp_path)) as jobs:
            flood = [asyncio.create_task(submit(jobs, "ponder", owner="eve", until=str(flag))) for _ in range(MANY)]
            await asyncio.sleep(0)
            await ended(jobs, await submit(jobs, "echo"))
            assert not any(task.done() for task in flood)
            flag.touch()
            for made in await asyncio.gather(*flood):
                await jobs.dismiss("eve", made.id)

    asyncio.run(scenario())


def test_a_slow_sweep_holds_up_neither_jobs_nor_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removing, go_on = threading.Event(), threading.Event()
    remove = JobFolder.remove

    def slow(folder: JobFolder) -> None:
        removing.set()
        go_on.wait(60)
        remove(folder)

    async def scenario() -> None:
        made = settings(tmp_path)
        async with running(made) as jobs:
            old = await ended(jobs, await submit(jobs, "echo"))
            monkeypatch.setattr(JobFolder, "remove", slow)
            await jobs.dismiss("ada", old.id)
            await until(removing.is_set)
            await ended(jobs, await submit(jobs, "echo"))
        assert not go_on.is_set()
        assert (made.store.jobs / old.id).exists()
        monkeypatch.setattr(JobFolder, "remove", remove)
        async with running(made) as jobs:  # what was left is taken up
            await until(lambda: not (made.store.jobs / old.id).exists())
        go_on.set()

    asyncio.run(scenario())


def test_who_hangs_up_is_not_waited_for(tmp_path: Path) -> None:
    gateway = Running.start(tmp_path, PYTHONPATH=f"{LAB_PACK}:{PACK}")
    path = f"/jobs/{gateway.start_job('trouble', inputs={'seconds': 600})['id']}"
    while (now := gateway.get(path, headers={"Prefer": "wait=10"})).json()["status"] != "running":
        assert now.json()["status"] == "accepted"
    address = urlsplit(gateway.url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
        lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {gateway.token}", "Prefer: wait=60"]
        connection.sendall("\r\n".join([*lines, f"If-None-Match: {now.headers['ETag']}", "", ""]).encode())
        time.sleep(0.3)
    deadline = time.monotonic() + 30
    while f"GET {path!r} 400" not in (tmp_path / "gateway.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gateway.request("DELETE", path)
    gateway.stop()


def test_a_gateway_stops_while_a_job_is_planned(tmp_path: Path) -> None:
    gateway = Running.start(tmp_path, PYTHONPATH=f"{LAB_PACK}:{PACK}")

    answers: list[requests.Response] = []

    def ask() -> None:
        answers.append(gateway.execute("ponder", wait=False, inputs={"until": str(tmp_path / "never")}))

    asking = threading.Thread(target=ask)
    asking.start()
    while not (tmp_path / "never.begun").exists():
        assert asking.is_alive()
    pid = json.loads(command(gateway.environment, "status").stdout)["pid"]
    os.kill(pid, signal.SIGTERM)
    asking.join(30)
    assert_problem(answers[0], 503)
    assert answers[0].headers["Connection"] == "close"
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gateway.session.close()
    again = Running.start(tmp_path)
    assert again.execute().status_code == 200
    again.stop()


def test_the_gateway_allows_itself_the_files_that_many_connections_need(tmp_path: Path) -> None:
    made = environment(tmp_path)
    up = subprocess.run(
        ["prlimit", "--nofile=300:4000", sys.executable, "-m", "phidias_gateway.cli", "up"],
        env=made,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    pid = json.loads(up.stdout)["pid"]
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")) == ["4000"] * 2
    assert command(made, "down").returncode == 0


def test_no_answer_is_held_back_until_the_client_acknowledges_its_header() -> None:
    program = """
import socket
from phidias_gateway.server import _listen
with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
    with listener.accept()[0] as accepted:
        print(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "1\n"


def test_what_every_request_needs_is_found_without_changing_threads() -> None:
    """FastAPI calls a dependency that is no coroutine in another thread, which costs more than all the rest."""
    found = []
    for path in sorted(Path(phidias_gateway.__file__).parent.rglob("*.py")):
        names = re.findall(r"Depends\((\w+)\)", path.read_text())
        module = ".".join(path.relative_to(Path(phidias_gateway.__file__).parents[1]).with_suffix("").parts)
        found += [getattr(importlib.import_module(module), name) for name in names]
    assert len(found) >= 5
    for dependency in found:
        assert inspect.iscoroutinefunction(dependency), dependency
