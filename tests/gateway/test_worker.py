"""The worker's fence and its outcome, seen from the job folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phidias_gateway.environments import worker_environment
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.worker import NOT_OURS


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
