"""The job list, the state of a job, waiting for it, ending it, its log, and that all this is its owner's alone."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import pytest

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem


@pytest.fixture
def user(gateway: Running, request: pytest.FixtureRequest) -> Running:
    """A user with no jobs."""
    return gateway.another_user(request.node.name.partition("[")[0][:60])


def ids(user: Running, query: str = "") -> list[str]:
    answer = user.get(f"/jobs{query}")
    assert answer.status_code == 200, answer.text
    return [job["jobID"] for job in answer.json()["jobs"]]


def test_the_list_is_filtered(user: Running) -> None:
    good = user.start_job(inputs={"pause": 1.2})
    bad = user.start_job(inputs={"fail": True})
    lab = user.start_job("lab-files", inputs={"size": 1})
    ended = [user.finished(job["id"]) for job in (lab, bad, good)]
    seconds = [
        (datetime.fromisoformat(job["finished"]) - datetime.fromisoformat(job["started"])).total_seconds()
        for job in ended
    ]
    long = [job["id"] for job, taken in zip(ended, seconds, strict=True) if taken >= 1]
    short = [job["id"] for job, taken in zip(ended, seconds, strict=True) if taken <= 1]
    assert good["id"] in long
    assert ids(user) == [lab["id"], bad["id"], good["id"]]
    assert ids(user, "?processID=lab-files") == [lab["id"]]
    assert ids(user, "?processID=lab-files,echo") == ids(user, "?processID=lab-files&processID=echo") == ids(user)
    assert ids(user, "?status=failed") == [bad["id"]]
    assert ids(user, "?status=failed,successful&type=process") == ids(user)
    assert ids(user, "?status=running") == []
    assert ids(user, "?minDuration=1") == long
    assert ids(user, "?maxDuration=1") == short
    assert ids(user, f"?datetime={bad['created']}") == [bad["id"]]
    assert ids(user, f"?datetime={bad['created']}/..") == [lab["id"], bad["id"]]
    assert ids(user, f"?datetime=../{bad['created']}") == [bad["id"], good["id"]]
    assert ids(user, "?datetime=2001-01-01/2001-12-31") == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=done", "status"),
        ("type=wps", "type"),
        ("datetime=yesterday", "datetime"),
        ("maxDuration=100000000000000000000", "maxDuration"),
        ("limit=1&limit=2", "limit"),
        ("datetime=2026-02-30", "datetime"),
        ("datetime=2026-02-20T10:00:00,5Z", "datetime"),
        ("datetime=2026-02-02/2026-02-01", "datetime"),
        ("minDuration=-1", "minDuration"),
        ("maxDuration=x", "maxDuration"),
        ("processID=" + ",".join(map(str, range(101))), "processID"),
    ],
)
def test_a_bad_filter_is_named(gateway: Running, query: str, name: str) -> None:
    answer = gateway.get(f"/jobs?{query}")
    assert_problem(answer, 400)
    assert answer.json()["input"] == name


def test_the_list_comes_in_pages(user: Running) -> None:
    started = [user.start_job(inputs={})["id"] for _ in range(5)]
    found, href = [], "/jobs?limit=2&processID=echo"
    while href:
        page = user.get(href).json()
        found.append([job["id"] for job in page["jobs"]])
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    newest_first = started[::-1]
    assert found == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_a_job_is_its_owners_alone(gateway: Running, user: Running) -> None:
    job = user.start_job("lab-files", inputs={"size": 1})["id"]
    user.finished(job)
    for path in (f"/jobs/{job}", f"/jobs/{job}/results", f"/jobs/{job}/logs", f"/jobs/{job}/results/data.bin"):
        assert user.get(path).status_code == 200
        answer = gateway.get(path)
        assert_problem(answer, 404)
        assert answer.json()["type"].endswith("/no-such-job")
    assert_problem(gateway.request("DELETE", f"/jobs/{job}"), 404)
    assert job not in ids(gateway)
    assert ids(user) == [job]


def test_waiting_ends_when_the_job_changes(user: Running) -> None:
    job = user.start_job(inputs={"pause": 2})["id"]
    tag, seen = "", []
    while not seen or seen[-1] not in ("successful", "failed"):
        answer = user.get(f"/jobs/{job}", headers={"Prefer": "wait=30", **({"If-None-Match": tag} if tag else {})})
        assert answer.status_code == 200
        assert answer.headers["Preference-Applied"] == "wait=30"
        assert answer.headers["ETag"] != tag
        tag = answer.headers["ETag"]
        seen.append(answer.json()["status"])
    assert seen[-1] == "successful"
    # Ended: nothing will change, so nobody is kept waiting.
    began = time.monotonic()
    assert user.get(f"/jobs/{job}", headers={"Prefer": "wait=30"}).status_code == 200
    assert user.get(f"/jobs/{job}", headers={"Prefer": "wait=30", "If-None-Match": tag}).status_code == 304
    assert user.get(f"/jobs/{job}", headers={"If-None-Match": tag}).status_code == 304
    assert user.get(f"/jobs/{job}", headers={"If-None-Match": '"0"'}).status_code == 200
    assert time.monotonic() - began < 30


def test_dismissing_ends_a_job_and_then_removes_it(user: Running) -> None:
    job = user.start_job(inputs={"pause": 600})["id"]
    waiting: list[str] = []
    waiter = threading.Thread(target=lambda: waiting.append(user.finished(job)["status"]))
    waiter.start()
    gone = user.request("DELETE", f"/jobs/{job}")
    assert (gone.status_code, gone.json()["status"]) == (200, "dismissed")
    waiter.join(30)
    assert waiting == ["dismissed"]
    assert user.get(f"/jobs/{job}").json()["status"] == "dismissed"
    assert_problem(user.get(f"/jobs/{job}/results"), 404)
    deadline = time.monotonic() + 30  # its files are kept until its processes are seen to have ended
    while user.get(f"/jobs/{job}").status_code == 200:
        removed = user.request("DELETE", f"/jobs/{job}")
        assert (removed.status_code, removed.json()["status"]) == (200, "dismissed")
        assert time.monotonic() < deadline
    assert_problem(user.request("DELETE", f"/jobs/{job}"), 404)
    assert ids(user) == []


def test_results_of_a_running_job_are_not_ready(user: Running) -> None:
    job = user.start_job(inputs={"pause": 600})["id"]
    answer = user.get(f"/jobs/{job}/results")
    assert_problem(answer, 404)
    assert answer.json()["type"].endswith("/result-not-ready")
    user.request("DELETE", f"/jobs/{job}")


def test_the_log_is_read_by_offset(user: Running) -> None:
    job = user.start_job("lab-files", inputs={"size": 1})["id"]
    user.finished(job)
    whole = user.get(f"/jobs/{job}/logs").json()
    assert "lab-files" in whole["text"]
    assert whole["complete"] is True
    assert whole["next"] == len(whole["text"].encode())
    rest = user.get(f"/jobs/{job}/logs?offset=5").json()
    assert rest["text"] == whole["text"][5:]
    assert user.get(f"/jobs/{job}/logs?offset={whole['next']}").json()["text"] == ""
    assert_problem(user.get(f"/jobs/{job}/logs?offset=-1"), 400)
    assert_problem(user.get(f"/jobs/{job}/logs?task=x"), 400)
