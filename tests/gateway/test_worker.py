"""The worker's fence and its outcome, seen from the job folder."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from phidias_gateway import process_tree
from phidias_gateway.endings import ending
from phidias_gateway.environments import worker_environment
from phidias_gateway.job_folder import JobFolder, Turn
from phidias_gateway.reconcile import look
from phidias_gateway.worker import NOT_OURS
from tests.gateway.jobs_of import processes_of, until
from tests.gateway.test_store import job as make_job


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "jobs" / "x")
    request = {
        "job_id": "x",
        "process": "echo",
        "inputs": {"string": "hi"},
        "site": {},
        "resources": {"minutes": 1},
        "parts": 1,
    }
    made.create(request, {})
    return made


def work(folder: JobFolder, attempt: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "phidias_gateway.worker", str(folder.path), str(attempt)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_outcome_is_written_once(folder: JobFolder) -> None:
    assert work(folder).returncode == 0
    result = folder.result()
    assert result is not None
    assert (result["status"], result["attempt"], result["outputs"]) == ("successful", 1, {"string": {"value": "hi"}})
    written = (folder.path / "result.json").stat()
    for attempt in (1, 2):
        assert work(folder, attempt).returncode == NOT_OURS
    assert (folder.path / "result.json").stat() == written
    left = {path.name for path in folder.path.iterdir()}
    assert left <= {
        "request.json",
        "plan.json",
        "claim.1",
        "claim.2",
        "logs",
        "results",
        "result.json",
        "progress.json",
    }


def test_a_fenced_attempt_does_not_run_and_the_next_one_does(folder: JobFolder) -> None:
    assert folder.forbid(1, 1)
    assert folder.forbid(1, 1)
    assert work(folder, 1).returncode == NOT_OURS
    assert not (folder.path / "results").exists()
    assert work(folder, 2).returncode == 0
    assert folder.results(2).is_dir()
    assert not folder.forbid(2, 1)


def test_of_two_workers_for_one_attempt_one_runs(folder: JobFolder) -> None:
    command = [sys.executable, "-m", "phidias_gateway.worker", str(folder.path), "1"]
    with open(os.devnull, "w") as null:
        both = [subprocess.Popen(command, stderr=null) for _ in range(4)]
        assert sorted(worker.wait(60) for worker in both) == [0, NOT_OURS, NOT_OURS, NOT_OURS]


def test_an_unforeseen_error_is_told_in_one_line_and_logged_in_full(folder: JobFolder) -> None:
    request = json.loads((folder.path / "request.json").read_text())
    (folder.path / "request.json").write_text(json.dumps({**request, "process": "gone"}))
    worker = work(folder)
    assert worker.returncode == 1
    result = folder.result()
    assert result is not None
    assert result["error"]["detail"].endswith("KeyError: 'gone'")
    assert "Traceback" in worker.stderr


def test_a_workers_environment_holds_nothing_of_the_gateway() -> None:
    own = {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "p", "PHIDIAS_TOKEN": "t", "SBATCH_TIMELIMIT": "1", "FOO": "x"}
    made = worker_environment({**own, "LANG": "a\nb", "BASH_FUNC_x%%": "() { :; }"}, {"MODEL": "m"})
    assert made == {"PATH": "/bin", "LC_ALL": "C", "https_proxy": "p", "PYTHONUNBUFFERED": "1", "MODEL": "m"}


def test_a_folder_full_of_nonsense_can_be_read(folder: JobFolder) -> None:
    for nonsense in (b"", b"[1]", b"\xff{", b'{"percent": "much"}', b"null"):
        (folder.path / "claim.1").write_bytes(nonsense)
        (folder.path / "progress.json").write_bytes(nonsense)
        (folder.path / "result.json").write_bytes(nonsense)
        claim = folder.claim(Turn(1))
        assert claim is not None
        assert claim.pid is None
        assert folder.progress() == (0, "")
        assert look(folder, make_job()).result in ({}, {"percent": "much"})
    assert not folder.forbid(1, 1)  # whoever made it: it was not the gateway


def test_a_worker_whose_job_has_ended_or_was_removed_ends(folder: JobFolder) -> None:
    assert not folder.is_over(1)
    (folder.path / "result.json").touch()
    assert folder.is_over(1)
    folder.remove()
    assert folder.is_over(1)


def test_no_process_survives_whichever_of_the_worker_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; from phidias_gateway import process_tree as tree\n"
        "ending = {signal.SIGTERM}; signal.pthread_sigmask(signal.SIG_BLOCK, {*ending, signal.SIGCHLD})\n"
        "def run():\n"
        "    tree.adopt_orphans()\n"
        "    sleep = [sys.executable, '-c', 'import time; time.sleep(1000)', sys.argv[1]]\n"
        "    subprocess.Popen(sleep, start_new_session=True)\n"
        "    print('ready', flush=True); signal.sigwait(ending); tree.end_descendants(tree.os.getpid()); return 9\n"
        "sys.exit(tree.guarded(run, ending))"
    )
    for below, expected in ((False, -signal.SIGKILL), (True, -signal.SIGKILL)):
        mark = f"{tmp_path}-{below}"
        with subprocess.Popen([sys.executable, "-c", code, mark], stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            os.kill(int(children[0]) if below else worker.pid, signal.SIGKILL)
            assert worker.wait(30) == expected
        asyncio.run(until(lambda mark=mark: not processes_of(mark)))


def test_processes_are_found_among_such_of_any_name() -> None:
    rename = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'\\xff) S 1 ('); print(1, flush=True); time.sleep(1000)"
    with subprocess.Popen(
        [sys.executable, "-c", rename], stdout=subprocess.PIPE, env={**os.environ, "MARK": "x"}
    ) as odd:
        assert odd.stdout is not None
        odd.stdout.readline()
        assert process_tree.start_ticks(odd.pid) is not None
        process_tree.end_marked("MARK=x", None, None)
        assert odd.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("wrong", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_a_jobs_times_are_in_order_whatever_the_nodes_clock_says(wrong: timedelta) -> None:
    job = replace(make_job(), created=datetime.now(UTC) - timedelta(minutes=10))
    now = datetime.now(UTC)
    result = {
        "status": "failed",
        "error": {"type": "x", "detail": "d"},
        "started": (now + wrong - timedelta(minutes=5)).isoformat(),
        "finished": (now + wrong).isoformat(),
        "seconds": 300.0,
    }
    values = ending(job, result, 1)
    assert values["finished"] - values["started"] == timedelta(minutes=5)
    assert job.created <= values["started"]
    assert values["finished"] <= datetime.now(UTC)
