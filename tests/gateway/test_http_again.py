"""Running a job again, with what it lacked; what a job would amount to; keeping a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

LIMITS = {
    "PHIDIAS_LIMITS__MEMORY_GB": "0.75",
    "PHIDIAS_LIMITS__MINUTES": "10",
    "PHIDIAS_LIMITS__SCENES": "50",
    "PHIDIAS_LIMITS__PIXELS": "10000",
    "PHIDIAS_LIMITS__AREA_KM2": "5000",
    "PHIDIAS_LIMITS__PINNED_JOBS_PER_USER": "1",
    "PHIDIAS_LIMITS__QUEUED_JOBS_PER_USER": "3",
    "PHIDIAS_SCHEDULER__MAX_PARALLEL": "1",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with low limits."""
    running = Running.start(tmp_path_factory.mktemp("strict"), **LIMITS)
    yield running
    running.stop()


def link(info: dict[str, Any], rel: str) -> dict[str, Any] | None:
    return next((entry for entry in info["links"] if entry["rel"] == rel), None)


def again(user: Running, info: dict[str, Any]) -> dict[str, Any]:
    """Follow the link that proposes a retry, as a client does."""
    retry, definition = link(info, "retry"), link(info, "definition")
    assert retry is not None
    assert definition is not None
    assert (retry["method"], retry["merge"]) == ("POST", True)
    body = {**user.get(definition["href"]).json(), **retry["body"]}
    answer = user.request(retry["method"], retry["href"], json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 201, answer.text
    return user.finished(answer.json()["id"])


def test_a_job_that_ran_out_of_time_is_offered_more(strict: Running) -> None:
    body = {"inputs": {"seconds": 4}, "outputs": {"minutes": {}}, "response": "document"}
    info = strict.finished(strict.start_job("lab-hungry", **body)["id"])
    assert (info["status"], info["cause"]) == ("failed", "time-limit")
    retry = link(info, "retry")
    assert retry is not None
    assert retry["title"] == "Run again with 0.1 minutes"
    assert retry["body"] == {"resources": {"minutes": 0.1}}
    info = again(strict, info)
    assert info["status"] == "successful"
    assert info["resources"] == {"cpus": 1, "memory_gb": 0.5, "minutes": 0.1, "gpus": 0}
    assert link(info, "retry") is None
    assert strict.get(f"/jobs/{info['id']}/results").json() == {"minutes": 0.1}
    assert strict.get(f"/jobs/{info['id']}/definition").json() == {
        "inputs": {"scenes": 1, "pixels": 100, "seconds": 4.0, "megabytes": 0},
        "outputs": {"minutes": {}},
        "response": "document",
        "resources": {"minutes": 0.1},
    }


def test_more_memory_is_offered_up_to_the_sites_limit(strict: Running) -> None:
    info = strict.finished(strict.start_job("lab-hungry", inputs={"megabytes": 700})["id"])
    assert (info["status"], info["cause"]) == ("failed", "out-of-memory")
    info = again(strict, info)
    assert info["status"] == "successful"
    assert info["resources"]["memory_gb"] == 0.75
    body = {"inputs": {"megabytes": 5000}, "resources": {"memory_gb": 0.75}}
    info = strict.finished(strict.start_job("lab-hungry", **body)["id"])
    assert info["cause"] == "out-of-memory"
    assert link(info, "retry") is None


def test_a_failure_that_would_come_again_is_not_offered(strict: Running) -> None:
    info = strict.finished(strict.start_job(inputs={"fail": True})["id"])
    assert info["status"] == "failed"
    assert link(info, "retry") is None


def test_a_dismissed_job_can_be_run_again(strict: Running) -> None:
    job = strict.start_job("lab-hungry", inputs={"seconds": 2})
    info = strict.request("DELETE", f"/jobs/{job['id']}").json()
    assert info["status"] == "dismissed"
    assert again(strict, info)["status"] == "successful"


@pytest.mark.parametrize(
    ("resources", "word"),
    [
        ({"memory_gb": 1.5}, "limits.memory_gb"),
        ({"minutes": 11}, "limits.minutes"),
        ({"cpus": 1000}, "limits.cpus"),
        ({"gpus": 1000}, "limits.gpus"),
        ({"cpus": 0}, "resources.cpus"),
        ({"cpus": 1.5}, "resources.cpus"),
        ({"memory_gb": "8"}, "resources.memory_gb"),
        ({"memory_gb": -1}, "resources.memory_gb"),
        ({"nodes": 2}, "resources.nodes"),
        ([], "resources"),
    ],
)
def test_resources_are_checked(strict: Running, resources: Any, word: str) -> None:
    answer = strict.execute("lab-hungry", inputs={}, resources=resources)
    assert_problem(answer, 400)
    assert word in answer.json()["detail"]


def test_the_definition_is_its_owners_alone(strict: Running) -> None:
    job = strict.start_job(inputs={"integer": 3, "string": "x"})["id"]
    strict.finished(job)
    assert strict.get(f"/jobs/{job}/definition").json()["inputs"]["integer"] == 3
    eve = strict.another_user("eve")
    for method, path in (("GET", "definition"), ("PUT", "pin"), ("DELETE", "pin")):
        assert_problem(eve.request(method, f"/jobs/{job}/{path}"), 404)


def test_a_limit_names_itself_and_its_value(strict: Running) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    for inputs, named, words in (
        ({"scenes": 51}, "scenes", ("51 scenes", "up to 50", "limits.scenes")),
        ({"pixels": 20000}, "area", ("20,000 pixels", "up to 10,000", "limits.pixels")),
        ({"area": square}, "area", ("12,364 km2", "up to 5,000", "limits.area_km2")),
    ):
        answer = strict.execute("lab-hungry", inputs=inputs)
        assert_problem(answer, 400)
        assert answer.json()["input"] == named
        assert all(word in answer.json()["detail"] for word in words), answer.json()["detail"]
        assert answer.json()["remedy"]


def test_the_estimate_tells_size_cost_and_start(strict: Running) -> None:
    user = strict.another_user("estimator")
    user.finished(user.start_job("lab-hungry", inputs={"seconds": 1, "pixels": 1000})["id"])
    description = user.get("/processes/lab-hungry").json()
    estimate = link(description, "estimate")
    assert estimate is not None
    body = {"inputs": {"pixels": 2000, "scenes": 7}, "resources": {"minutes": 5}}
    answer = user.request("POST", estimate["href"], json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert {name: told[name] for name in ("scenes", "tiles", "pixels", "bytesRead")} == {
        "scenes": 7,
        "tiles": 1,
        "pixels": 2000,
        "bytesRead": 4000,
    }
    assert told["resources"]["minutes"] == 5
    assert told["coreHours"] > 0
    assert told["estimatedStart"]
    assert told["limits"] == []
    assert len(user.get("/jobs").json()["jobs"]) == 1


def test_the_estimate_tells_every_limit_that_would_break(strict: Running) -> None:
    user = strict.another_user("greedy")
    long = {"inputs": {"seconds": 200}, "resources": {"minutes": 5}}
    waiting = [user.start_job("lab-hungry", **long)["id"] for _ in range(3)]
    while user.get(f"/jobs/{waiting[0]}").json()["status"] == "accepted":
        user.get(f"/jobs/{waiting[0]}", headers={"Prefer": "wait=5"})
    waiting.append(user.start_job("lab-hungry", inputs={})["id"])
    body = {"inputs": {"pixels": 20000, "scenes": 51}, "resources": {"minutes": 50}}
    told = user.request("POST", "/processes/lab-hungry/estimate", json=body).json()
    broken = {entry["limit"]: entry for entry in told["limits"]}
    assert set(broken) == {"limits.scenes", "limits.pixels", "limits.minutes", "limits.queued_jobs_per_user"}
    assert (broken["limits.scenes"]["allowed"], broken["limits.scenes"]["asked"]) == (50, 51)
    assert all(entry["detail"] and entry["remedy"] for entry in told["limits"])
    assert "estimatedStart" not in told  # a queue whose end nobody knows
    for job in waiting:
        user.request("DELETE", f"/jobs/{job}")
    assert_problem(user.request("POST", "/processes/lab-hungry/estimate", json={"inputs": {"pixels": "x"}}), 400)
    assert_problem(user.request("POST", "/processes/none/estimate", json={"inputs": {}}), 404)


def test_a_pinned_job_does_not_expire(strict: Running, tmp_path: Path) -> None:
    user = strict.another_user("keeper")
    first, second = (user.start_job(inputs={})["id"] for _ in range(2))
    before = user.finished(first)
    assert before["expires"]
    assert before["pinned"] is False
    user.finished(second)
    pinned = user.request("PUT", f"/jobs/{first}/pin").json()
    assert pinned["pinned"] is True
    assert "expires" not in pinned
    assert user.request("PUT", f"/jobs/{first}/pin").status_code == 200
    answer = user.request("PUT", f"/jobs/{second}/pin")
    assert_problem(answer, 429)
    assert "limits.pinned_jobs_per_user" in answer.json()["detail"]
    unpinned = user.request("DELETE", f"/jobs/{first}/pin").json()
    assert unpinned["pinned"] is False
    assert unpinned["expires"] >= before["expires"]
    assert user.request("PUT", f"/jobs/{second}/pin").status_code == 200
