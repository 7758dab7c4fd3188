"""The command `phidias-gateway`: a personal gateway, tokens, checks, and one job without a server."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from phidias_gateway.process_tree import start_ticks
from tests.gateway.running import Running, command, environment


@pytest.fixture
def here(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a gateway that is stopped at the end, if it runs."""
    made = environment(tmp_path / "store")
    yield made
    command(made, "down")


def root(here: dict[str, str]) -> Path:
    return Path(here["PHIDIAS_STORE__ROOT"])


def test_up_status_down(here: dict[str, str]) -> None:
    assert json.loads(command(here, "status").stdout)["running"] is False
    up = command(here, "up")
    assert up.returncode == 0, up.stderr
    [line] = up.stdout.splitlines()
    first = json.loads(line)
    assert set(first) == {"url", "user", "token", "pid"}
    assert first["url"].startswith("http://127.0.0.1:")
    assert requests.get(f"{first['url']}/jobs", auth=(first["user"], first["token"]), timeout=10).status_code == 200

    again = json.loads(command(here, "up").stdout)
    assert (again["pid"], again["url"]) == (first["pid"], first["url"])
    assert again["token"] != first["token"]
    for token in (first["token"], again["token"]):
        bearer = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{first['url']}/jobs", headers=bearer, timeout=10).status_code == 200

    status = json.loads(command(here, "status").stdout)
    assert (status["running"], status["answers"], status["pid"]) == (True, True, first["pid"])

    assert json.loads(command(here, "down").stdout) == {"stopped": True, "pid": first["pid"]}
    assert start_ticks(first["pid"]) is None
    assert json.loads(command(here, "status").stdout)["running"] is False
    assert json.loads(command(here, "down").stdout)["stopped"] is False


def test_everything_private_is_private(here: dict[str, str]) -> None:
    token = json.loads(command(here, "up").stdout)["token"]
    assert stat.S_IMODE(root(here).stat().st_mode) == 0o700
    for name in ("tokens.sqlite3", "link_keys.json", "gateway.log"):
        assert stat.S_IMODE((root(here) / name).stat().st_mode) == 0o600
    for path in root(here).iterdir():
        if path.is_file():
            assert token.rpartition("_")[2].encode() not in path.read_bytes(), path


def test_two_ups_at_once_start_one_gateway(here: dict[str, str]) -> None:
    lines: list[dict[str, object]] = []
    threads = [threading.Thread(target=lambda: lines.append(json.loads(command(here, "up").stdout))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({line["pid"] for line in lines}) == 1
    assert len({line["token"] for line in lines}) == 3


def test_down_leaves_a_stranger_alone(here: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        root(here).mkdir(parents=True)
        record = {"pid": stranger.pid, "start_ticks": 1, "host": socket.gethostname(), "url": "http://127.0.0.1:9"}
        (root(here) / "gateway.json").write_text(json.dumps(record))
        assert json.loads(command(here, "status").stdout)["running"] is False
        assert json.loads(command(here, "down").stdout)["stopped"] is False
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_up_recovers_from_a_killed_gateway_and_its_jobs_are_still_there(here: dict[str, str]) -> None:
    first = json.loads(command(here, "up").stdout)
    bearer = {"Authorization": f"Bearer {first['token']}"}
    job = requests.post(f"{first['url']}/processes/echo/execution", json={}, headers=bearer, timeout=30)
    assert job.status_code == 200
    os.kill(first["pid"], signal.SIGKILL)
    second = json.loads(command(here, "up").stdout)
    assert second["pid"] != first["pid"]
    listed = requests.get(f"{second['url']}/jobs", headers=bearer, timeout=10).json()["jobs"]
    assert [entry["status"] for entry in listed] == ["successful"]


def test_a_taken_port_is_told_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up = command(environment(tmp_path, PHIDIAS_SERVER__PORT=port), "up")
    assert up.returncode == 1
    assert up.stdout == ""
    assert f"port {port}" in up.stderr
    assert "server.port" in up.stderr
    assert "Traceback" not in up.stderr


def test_a_wrong_setting_is_told_with_a_remedy(tmp_path: Path) -> None:
    for name in ("up", "check", "status"):
        wrong = command(environment(tmp_path, PHIDIAS_LIMITS__SYNC_SECONDS="soon"), name)
        assert wrong.returncode == 1
        assert "PHIDIAS_LIMITS__SYNC_SECONDS" in wrong.stderr
        assert "Traceback" not in wrong.stderr


def test_tokens_are_made_listed_and_revoked(here: dict[str, str]) -> None:
    made = json.loads(command(here, "token", "create", "ada", "--days", "2", "--label", "laptop").stdout)
    [listed] = json.loads(command(here, "token", "list").stdout)
    assert made["user"] == listed["user"] == "ada"
    assert listed["label"] == "laptop"
    assert listed["created"] < listed["expires"]
    assert listed["revoked"] is None
    assert command(here, "token", "revoke", listed["id"]).returncode == 0
    assert json.loads(command(here, "token", "list").stdout)[0]["revoked"]
    again = command(here, "token", "revoke", listed["id"])
    assert (again.returncode, "token list" in again.stderr) == (1, True)
    assert command(here, "token", "create", "a b").returncode == 1
    for days in ("0", "-1", "inf", "nan", "x"):
        assert command(here, "token", "create", "ada", f"--days={days}").returncode == 2
    assert command(here, "token", "create", "ada").returncode == 0
    assert command(here, "token", "revoke", "--user", "ada").returncode == 0
    assert all(token["revoked"] for token in json.loads(command(here, "token", "list").stdout))
    assert command(here, "token", "revoke", "--user", "ada").returncode == 1


def test_what_is_revoked_ends_at_once_in_a_gateway_that_runs(tmp_path: Path) -> None:
    running = Running.start(tmp_path)
    other = running.another_user("ada")
    job = other.start_job("lab-files", inputs={"size": 4})["id"]
    other.finished(job)
    link = other.get(f"/jobs/{job}/results").json()["data"]["href"]
    assert requests.get(link, timeout=10).content == b"\0\1\2\3"
    assert command(running.environment, "links", "rotate").returncode == 0
    assert requests.get(link, timeout=10).status_code == 200
    assert command(running.environment, "links", "revoke").returncode == 0
    assert requests.get(link, timeout=10).status_code == 404
    fresh = other.get(f"/jobs/{job}/results").json()["data"]["href"]
    assert requests.get(fresh, timeout=10).status_code == 200

    slow = other.start_job(inputs={"pause": 600})["id"]
    answers: list[requests.Response] = []

    def follow() -> None:
        while not answers or answers[-1].status_code == 200:
            tag = answers[-1].headers["ETag"] if answers else '"0"'
            answers.append(other.get(f"/jobs/{slow}", headers={"Prefer": "wait=60", "If-None-Match": tag}))

    waiter = threading.Thread(target=follow)
    waiter.start()
    while not answers:
        assert waiter.is_alive()
    listed = json.loads(command(running.environment, "token", "list").stdout)
    assert all(token["used"] for token in listed if token["user"] == "ada")
    assert command(running.environment, "token", "revoke", "--user", "ada").returncode == 0
    assert other.get("/jobs").status_code == 401
    waiter.join(30)  # also the request that was waiting hears nothing more of the job
    assert answers[-1].status_code == 401
    assert running.get("/jobs").status_code == 200
    other.session.close()
    running.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_store_of_another_user_is_not_touched(here: dict[str, str]) -> None:
    root(here).mkdir()
    os.chown(root(here), 12345, 12345)
    refused = command(here, "token", "create", "ada")
    assert refused.returncode == 1
    assert "12345" in refused.stderr
    assert list(root(here).iterdir()) == []


def test_describe_is_the_whole_of_every_process(here: dict[str, str]) -> None:
    described = {process["id"]: process for process in json.loads(command(here, "describe").stdout)["processes"]}
    assert {"echo", "lab-files"} <= set(described)
    assert described["lab-files"]["inputs"]["size"]["schema"] == {"type": "integer", "default": 1000}
    assert not root(here).exists()


def test_describe_loads_no_server(here: dict[str, str]) -> None:
    program = "import sys; from phidias_gateway.cli import main; main(['describe']); print('fastapi' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], env=here, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"


def test_check_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    good = command(environment(tmp_path), "check")
    assert good.returncode == 0, good.stdout
    archives = json.dumps([{"name": "lost", "prefix": "https://x.invalid/", "path": str(tmp_path / "lost")}])
    bad = command(
        environment(
            tmp_path,
            PHIDIAS_ARCHIVES=archives,
            PHIDIAS_SCHEDULER__KIND="slurm",
            PHIDIAS_LIMITS__MIN_FREE_GB="1e9",
            PATH="/nonexistent",
        ),
        "check",
    )
    assert bad.returncode == 1
    missing = [line for line in bad.stdout.splitlines() if line.startswith("missing")]
    assert len(missing) == 3
    for word in ("sbatch", "archive lost", "GB"):
        assert any(word in line for line in missing)
    assert bad.stdout.count("->") >= 3


def test_one_job_runs_without_a_server(here: dict[str, str], tmp_path: Path) -> None:
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"size": 4}')
    run = command(here, "run", "lab-files", str(inputs))
    assert run.returncode == 0, run.stderr
    outputs = json.loads(run.stdout)["outputs"]
    assert Path(outputs["data"]).read_bytes() == b"\0\1\2\3"
    assert [Path(path).name for path in outputs["pieces"]] == ["one.bin", "two.bin"]
    assert outputs["count"] == 4
    request = command(here, "run", "echo", "-", text='{"inputs": {"integer": 5}, "outputs": {"integer": {}}}')
    assert json.loads(request.stdout)["outputs"] == {"integer": 5}


@pytest.mark.parametrize(
    ("arguments", "text", "told"),
    [
        (["echo", "-"], '{"fail": true}', "asked to fail"),
        (["echo", "-"], '{"number": "x"}', "number"),
        (["echo", "-"], "{", "JSON"),
        (["nothing", "-"], "{}", "nothing"),
        (["echo", "no-such-file.json"], "", "no-such-file.json"),
    ],
)
def test_a_run_that_fails_says_why(here: dict[str, str], arguments: list[str], text: str, told: str) -> None:
    run = command(here, "run", *arguments, text=text)
    assert run.returncode == 1
    assert run.stdout == ""
    assert told in run.stderr
    assert "Traceback" not in run.stderr


def test_run_and_serve_do_not_share_a_store(here: dict[str, str]) -> None:
    assert command(here, "up").returncode == 0
    run = command(here, "run", "echo", "-", text="{}")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr


def test_who_waits_for_a_job_is_answered_when_the_gateway_stops(tmp_path: Path) -> None:
    running = Running.start(tmp_path)
    job = f"/jobs/{running.start_job(inputs={'pause': 600})['id']}"
    answers: list[requests.Response] = []

    def follow() -> None:
        while not answers or answers[-1].status_code == 200:
            tag = answers[-1].headers["ETag"] if answers else '"0"'
            answers.append(running.get(job, headers={"Prefer": "wait=60", "If-None-Match": tag}))

    waiter = threading.Thread(target=follow)
    waiter.start()
    while not any(answer.json()["status"] == "running" for answer in list(answers)):
        assert waiter.is_alive()
    command(running.environment, "down")
    waiter.join(30)
    assert answers[-1].status_code == 304
    assert answers[-1].headers["Connection"] == "close"
    assert "Traceback" not in (tmp_path / "gateway.log").read_text()
    again = Running.start(tmp_path)
    assert again.request("DELETE", job).json()["status"] == "dismissed"
    again.stop()
    running.session.close()
