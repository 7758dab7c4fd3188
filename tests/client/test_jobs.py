"""Submitting, following and ending jobs, with PHIDIAS and with other servers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from backend_client import (
    Cancelled,
    Excess,
    Gateway,
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    InputRefused,
    Job,
    JobDismissed,
    JobFailed,
    NoSuchJob,
    OutcomeUnknown,
    ResultNotReady,
    Tasks,
    UnexpectedAnswer,
)
from backend_client.patience import Backoff

from .conftest import Answer, Seen, Server, recording

EXECUTION = "/processes/echo/execution"
ACCEPTED = {"jobID": "j1", "id": "j1", "type": "process", "processID": "echo", "status": "accepted", "progress": 0}
LOGS = {"links": [{"rel": "logs", "href": "/jobs/j1/logs"}]}


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of a tenth: what is tested is whether and in which order, not how long."""
    following = Backoff.next
    monkeypatch.setattr(Backoff, "next", lambda self, asked=None: following(self, asked) / 10)


def advertise_keys(server: Server) -> None:
    server.on("GET", "/", Answer(body={"links": [{"rel": "service-desc", "href": "/api"}]}))
    server.on("GET", "/api", Answer(body={"paths": {"parameters": [{"in": "header", "name": "Idempotency-Key"}]}}))


def test_execute_sends_what_the_standard_asks(server: Server) -> None:
    server.on("POST", EXECUTION, Answer(201, ACCEPTED, {"Location": "/jobs/j1"}))
    gateway = Gateway(server.url)
    job = gateway.execute("echo", {"string": "é"})
    gateway.execute("echo", {"string": "é"}, outputs={"string": {}}, key="mine")
    first, second = server.seen
    assert (job.id, job.status, job.process_id, job.progress, job.ended) == ("j1", "accepted", "echo", 0, False)
    assert json.loads(first.body) == {"inputs": {"string": "é"}, "response": "document"}
    assert json.loads(second.body)["outputs"] == {"string": {}}
    assert first.headers["prefer"] == "respond-async"
    assert len(first.headers["idempotency-key"]) == 36
    assert second.headers["idempotency-key"] == "mine"


@pytest.mark.parametrize("loss", [Answer(cut=-1), Answer(201, ACCEPTED, cut=10), Answer(502), Answer(504)])
def test_a_lost_submission_is_repeated_with_the_same_key(server: Server, loss: Answer) -> None:
    advertise_keys(server)
    server.on("POST", EXECUTION, loss, loss, Answer(201, ACCEPTED))
    assert Gateway(server.url).execute("echo", {}).id == "j1"
    posts = server.requests("POST", EXECUTION)
    assert len(posts) == 3
    assert len({post.headers["idempotency-key"] for post in posts}) == 1
    assert len({post.body for post in posts}) == 1


def test_a_lost_submission_to_a_server_without_keys_is_not_repeated(server: Server) -> None:
    server.on("GET", "/", Answer(body=recording("LandingPage")))
    server.on("POST", EXECUTION, Answer(cut=-1), Answer(201, ACCEPTED))
    server.on("GET", "/", Answer(body={"links": [{"rel": "service-desc", "href": "/api"}]}))
    server.on("GET", "/api", Answer(body={"openapi": "3.0.3"}))
    with pytest.raises(OutcomeUnknown) as caught:
        Gateway(server.url).execute("echo", {})
    assert "list of your jobs" in caught.value.remedy
    assert len(server.requests("POST", EXECUTION)) == 1


def test_a_submission_that_surely_never_arrived_fails_at_once(free_port: int) -> None:
    with pytest.raises(GatewayUnreachable):
        Gateway(f"http://127.0.0.1:{free_port}").execute("echo", {})


def test_an_error_of_the_gateway_is_not_asked_for_twice(server: Server) -> None:
    server.on("POST", EXECUTION, Answer(500, {"detail": "Unforeseen."}))
    with pytest.raises(GatewayFailed, match="Unforeseen"):
        Gateway(server.url).execute("echo", {})
    assert len(server.seen) == 1


def test_cancel_while_a_submission_is_repeated(server: Server) -> None:
    server.on("POST", EXECUTION, Answer(cut=-1))
    with pytest.raises(Cancelled):
        Gateway(server.url).execute("echo", {}, cancelled=lambda: bool(server.seen))


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes"])
def test_an_input_that_is_no_json_is_named_and_not_sent(server: Server, value: Any) -> None:
    with pytest.raises(InputRefused) as caught:
        Gateway(server.url).execute("echo", {"fine": 1, "wrong": value})
    assert caught.value.input == "wrong"
    assert server.seen == []


def test_strange_ids_stay_in_their_place(server: Server) -> None:
    with pytest.raises(NoSuchJob):
        Gateway(server.url).job("../processes?x=1#y")
    assert server.seen[0].path == "/jobs/..%2Fprocesses%3Fx%3D1%23y"


# Other servers


def test_a_server_whose_answer_says_nothing_but_where_the_job_is(server: Server) -> None:
    server.on("POST", EXECUTION, Answer(201, {}, {"Location": "http://elsewhere.example.org/oapi/jobs/j9?f=json"}))
    assert Gateway(server.url).execute("echo", {}).id == "j9"


def test_a_server_that_answers_with_the_results(server: Server) -> None:
    server.on("POST", EXECUTION, Answer(200, {"id": "echo", "value": "Hello"}))
    gateway = Gateway(server.url)
    job = gateway.execute("echo", {})
    assert [status.status for status in gateway.follow(job.id)] == ["successful"]
    assert gateway.results(job.id)["echo"].value == "Hello"
    assert len(server.seen) == 1


def test_a_server_without_etag_and_long_poll_is_polled(server: Server) -> None:
    running = {**recording("StatusInfo"), "status": "running", "progress": 40}
    ended = {**running, "status": "successful", "progress": 100}
    server.on("GET", "/jobs/j1", *(Answer(body=body) for body in (running, running, running, ended)))
    seen = [(job.status, job.progress) for job in Gateway(server.url).follow("j1")]
    assert seen == [("running", 40), ("successful", 100)]
    assert all("prefer" not in request.headers for request in server.seen)


def test_lists_of_the_standards_examples(server: Server) -> None:
    jobs = recording("JobList")
    jobs["links"] = [{"rel": "next", "href": "/jobs?cursor=2"}]
    server.on("GET", "/jobs", Answer(body=jobs), Answer(body={"jobs": [ACCEPTED], "links": jobs["links"]}))
    listed = list(Gateway(server.url).jobs(process_id="echo", status="running", limit=3))
    assert [job.status for job in listed] == ["running", "successful", "failed", "accepted"]
    assert server.seen[0].query == {"limit": ["3"], "processID": ["echo"], "status": ["running"]}
    assert server.seen[1].query == {"cursor": ["2"]}
    assert len(server.seen) == 2


# Following


def state(version: int, **members: Any) -> Answer:
    return Answer(body={**ACCEPTED, **members}, headers={"ETag": f'"{version}"'})


def test_following_waits_at_the_gateway_for_each_change(server: Server) -> None:
    unchanged = Answer(304, headers={"ETag": '"1"'})
    server.on(
        "GET",
        "/jobs/j1",
        state(1, queue={"reason": "Resources", "estimatedStart": "2026-01-01T10:00:00Z"}),
        unchanged,
        state(2, status="running", progress=10, message="reading"),
        state(3, status="successful", progress=100),
    )
    seen = list(Gateway(server.url).follow("j1", wait=25))
    assert [(job.status, job.queue_reason, job.message) for job in seen] == [
        ("accepted", "Resources", ""),
        ("running", "", "reading"),
        ("successful", "", ""),
    ]
    assert seen[0].estimated_start is not None
    asked = [(request.headers.get("if-none-match"), request.headers.get("prefer")) for request in server.seen]
    assert asked == [(None, None), ('"1"', "wait=25"), ('"1"', "wait=25"), ('"2"', "wait=25")]


def test_following_outlasts_outages_and_tells_of_them(server: Server) -> None:
    html = Answer(200, b"<html>Maintenance</html>", {"Content-Type": "text/html"})
    server.on(
        "GET",
        "/jobs/j1",
        state(1, status="running"),
        Answer(503, {}, {"Retry-After": "3"}),
        Answer(cut=-1),
        Answer(cut=-1),
        html,
        Answer(429),
        state(2, status="successful"),
    )
    told: list[tuple[GatewayError, float]] = []
    seen = list(Gateway(server.url).follow("j1", unreachable=lambda error, wait: told.append((error, wait))))
    assert [job.status for job in seen] == ["running", "successful"]
    assert [type(error).__name__ for error, _ in told] == [
        "GatewayFailed",
        "GatewayUnreachable",
        "UnexpectedAnswer",
        "LimitExceeded",
    ]
    assert told[0][1] == pytest.approx(0.3)  # as the server asked, at a tenth


def test_following_waits_for_a_gateway_that_is_not_there_yet(free_port: int) -> None:
    tries: list[float] = []
    following = Gateway(f"http://127.0.0.1:{free_port}").follow(
        "j1", unreachable=lambda error, wait: tries.append(wait), cancelled=lambda: len(tries) >= 3
    )
    with pytest.raises(Cancelled):
        list(following)
    assert tries == sorted(tries)
    assert len(set(tries)) == 3


@pytest.mark.parametrize(("answer", "error"), [(Answer(401), "NotAuthorized"), (Answer(404), "NoSuchJob")])
def test_following_ends_where_waiting_does_not_help(server: Server, answer: Answer, error: str) -> None:
    server.on("GET", "/jobs/j1", state(1, status="running"), answer)
    with pytest.raises(GatewayError) as caught:
        list(Gateway(server.url).follow("j1"))
    assert type(caught.value).__name__ == error


def test_an_address_that_is_no_gateway_is_not_waited_for(server: Server) -> None:
    server.on("GET", "/jobs/j1", Answer(body=b"<html>"))
    with pytest.raises(GatewayError, match="no JSON"):
        list(Gateway(server.url).follow("j1"))


def test_cancel_between_requests_is_heard_without_another_request(server: Server) -> None:
    cancel = threading.Event()
    server.on("GET", "/jobs/j1", state(1, status="running"))
    following = Gateway(server.url).follow("j1", cancelled=cancel.is_set)
    next(following)
    cancel.set()
    with pytest.raises(Cancelled):
        next(following)
    assert len(server.seen) == 1


def test_a_transport_cut_by_the_cancel_is_a_cancel_and_no_outage(server: Server) -> None:
    cancel = threading.Event()

    def cut(request: Seen) -> Answer:
        cancel.set()
        return Answer(cut=-1)

    server.on("GET", "/jobs/j1", state(1, status="running"), cut)
    told: list[GatewayError] = []
    following = Gateway(server.url).follow(
        "j1", cancelled=cancel.is_set, unreachable=lambda error, wait: told.append(error)
    )
    with pytest.raises(Cancelled):
        list(following)
    assert told == []


def test_log_lines_come_whole_and_once_while_the_job_runs(server: Server) -> None:
    log = "reading\r\nwriting é\nlast without end"
    grown = [12, 20, len(log.encode())]

    def piece(request: Seen) -> Answer:
        offset = int(request.query["offset"][0])
        end = grown.pop(0) if len(grown) > 1 else grown[0]
        text = log.encode()[offset:end].decode()
        return Answer(
            body={"text": text, "offset": offset, "next": end, "complete": end == grown[-1] and not grown[1:]}
        )

    server.on("GET", "/jobs/j1", state(1, status="running", **LOGS), state(2, status="successful", **LOGS))
    server.on("GET", "/jobs/j1/logs", Answer(503), piece)
    lines: list[str] = []
    list(Gateway(server.url).follow("j1", log=lines.append))
    assert lines == ["reading", "writing é", "last without end"]


def test_a_server_without_logs_is_not_asked_for_them(server: Server) -> None:
    server.on("GET", "/jobs/j1", state(1, status="successful"))
    assert len(list(Gateway(server.url).follow("j1", log=print))) == 1
    assert len(server.seen) == 1


# Ending and results


def test_dismiss(server: Server) -> None:
    server.on("DELETE", "/jobs/j1", Answer(body=recording("StatusInfo-dismissed")), Answer(204))
    gateway = Gateway(server.url)
    assert gateway.dismiss("j1").status == "dismissed"
    assert gateway.dismiss("j1") == Job("j1", "dismissed")
    with pytest.raises(NoSuchJob):
        gateway.dismiss("j2")


@pytest.mark.parametrize("status", [400, 404, 500, 507])
def test_results_of_a_failed_job_tell_why_it_failed(server: Server, status: int) -> None:
    problem = {"type": "x#disk-full", "status": status, "detail": "No space is left.", "remedy": "Delete old jobs."}
    server.on("GET", "/jobs/j1/results", Answer(status, problem))
    server.on("GET", "/jobs/j1", state(3, status="failed", message="failed", exception=problem))
    with pytest.raises(JobFailed) as caught:
        Gateway(server.url).results("j1")
    assert (caught.value.detail, caught.value.remedy) == ("No space is left.", "Delete old jobs.")


@pytest.mark.parametrize(
    ("status", "expected"), [("running", ResultNotReady), ("dismissed", JobDismissed), ("successful", GatewayFailed)]
)
def test_results_that_are_not_there(server: Server, status: str, expected: type[GatewayError]) -> None:
    server.on("GET", "/jobs/j1/results", Answer(500))
    server.on("GET", "/jobs/j1", state(3, status=status))
    with pytest.raises(expected):
        Gateway(server.url).results("j1")


def test_results_of_a_dismissed_job_that_the_gateway_calls_not_ready(server: Server) -> None:
    problem = {"type": "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready"}
    server.on("GET", "/jobs/j1/results", Answer(404, problem))
    server.on("GET", "/jobs/j1", state(3, status="dismissed"), state(1, status="running"))
    with pytest.raises(JobDismissed):
        Gateway(server.url).results("j1")
    with pytest.raises(ResultNotReady):
        Gateway(server.url).results("j1")


def test_results_of_a_job_that_is_not_there(server: Server) -> None:
    with pytest.raises(NoSuchJob):
        Gateway(server.url).results("nobody's")


# PHIDIAS's own


def test_a_page_of_jobs_and_the_next_one(server: Server) -> None:
    broken: dict[str, Any] = {"status": "running"}
    first = {"jobs": [ACCEPTED, broken], "links": [{"rel": "next", "href": "/jobs?cursor=2"}]}
    server.on("GET", "/jobs", Answer(body=first), Answer(body={"jobs": [], "links": []}), Answer(body={}))
    gateway = Gateway(server.url)
    page = gateway.job_page(process_id="echo", statuses=("accepted", "running"), limit=2)
    assert [job.id for job in page.jobs] == ["j1"]
    assert gateway.job_page(page.next).next == ""
    queries = [request.query for request in server.seen]
    assert queries == [{"limit": ["2"], "processID": ["echo"], "status": ["accepted,running"]}, {"cursor": ["2"]}]
    with pytest.raises(UnexpectedAnswer):
        gateway.job_page()


def test_a_status_with_resources_tasks_and_pin(server: Server) -> None:
    members = {
        "resources": {"cpus": 2, "memory_gb": 1.5},
        "pinned": True,
        "tasks": {"total": 9, "done": 4, "failed": 1},
    }
    server.on("GET", "/jobs/j1", Answer(body={**ACCEPTED, **members}), Answer(body={**ACCEPTED, "tasks": 3}))
    job = Gateway(server.url).job("j1")
    assert (job.resources, job.pinned, job.tasks) == ({"cpus": 2, "memory_gb": 1.5}, True, Tasks(9, 4, 1))
    plain = Gateway(server.url).job("j1")
    assert (plain.resources, plain.pinned, plain.tasks) == ({}, False, None)


def test_retry_sends_the_definition_with_what_the_link_adds(server: Server) -> None:
    definition = {"inputs": {"a": 1}, "outputs": {"a": {}}, "resources": {"cpus": 2, "memory_gb": 4}}
    link = {"rel": "retry", "method": "POST", "href": "/again", "merge": True, "body": {"resources": {"memory_gb": 8}}}
    server.on("GET", "/jobs/j1", Answer(body={**ACCEPTED, "status": "failed", "links": [link]}), Answer(body=ACCEPTED))
    server.on("GET", "/jobs/j1/definition", Answer(body=definition))
    server.on("POST", "/again", Answer(201, {**ACCEPTED, "jobID": "j2"}))
    gateway = Gateway(server.url)
    assert gateway.retry(gateway.job("j1"), key="once").id == "j2"
    (post,) = server.requests("POST", "/again")
    assert json.loads(post.body) == {
        **definition,
        "response": "document",
        "resources": {"cpus": 2, "memory_gb": 8},
    }
    assert post.headers["idempotency-key"] == "once"
    with pytest.raises(GatewayError, match="proposes no"):
        gateway.retry(gateway.job("j1"))


def test_a_definition_that_is_none(server: Server) -> None:
    server.on("GET", "/jobs/j1/definition", Answer(body={"outputs": {}}))
    with pytest.raises(UnexpectedAnswer):
        Gateway(server.url).definition("j1")


def test_a_preview_with_its_links_and_what_of_it_is_malformed(server: Server) -> None:
    outputs = {"index": {"href": "/p.vrt?signature=x", "type": "application/x-gdal-vrt"}, "other": None}
    server.on("GET", "/jobs/j1/preview", Answer(body={"tilesDone": 3, "tiles": 8, "outputs": outputs}), Answer(body={}))
    preview = Gateway(server.url).preview("j1")
    assert (preview.done, preview.total) == (3, 8)
    assert {name: link.href for name, link in preview.outputs.items()} == {"index": f"{server.url}/p.vrt?signature=x"}
    assert "signature" not in repr(preview)
    assert Gateway(server.url).preview("j1").outputs == {}


def test_an_estimate_with_the_limits_that_it_breaks(server: Server) -> None:
    excess = {"limit": "limits.pixels", "allowed": 1, "asked": 2, "detail": "Too many.", "remedy": "Ask for less."}
    document = {
        "scenes": 3,
        "pixels": 2,
        "coreHours": 0.5,
        "estimatedStart": "2026-01-01T10:00:00Z",
        "limits": [excess],
    }
    server.on("POST", "/processes/echo/estimate", Answer(body=document))
    estimate = Gateway(server.url).estimate("echo", {"a": 1}, resources={"cpus": 4})
    assert (estimate.scenes, estimate.tiles, estimate.pixels, estimate.core_hours) == (3, None, 2, 0.5)
    assert estimate.estimated_start is not None
    assert estimate.excesses == (Excess("limits.pixels", "Too many.", "Ask for less."),)
    assert json.loads(server.seen[0].body) == {"inputs": {"a": 1}, "resources": {"cpus": 4}}


def test_cancel_leaves_a_job_that_has_ended_alone(server: Server) -> None:
    server.on("GET", "/jobs/j1", state(1, status="successful"), state(1, status="running"))
    server.on("DELETE", "/jobs/j1", Answer(body={**ACCEPTED, "status": "dismissed"}))
    gateway = Gateway(server.url)
    assert gateway.cancel("j1").status == "successful"
    assert server.requests("DELETE", "/jobs/j1") == []
    assert gateway.cancel("j1").status == "dismissed"
