"""Each way a gateway can fail becomes one typed error that tells what to do, and no error tells a secret."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
import requests

from backend_client import (
    BadConnection,
    Forbidden,
    Gateway,
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    InputRefused,
    KeyReused,
    LimitExceeded,
    NoSuchJob,
    NoSuchProcess,
    NotAuthorized,
    UnexpectedAnswer,
)

from .conftest import Answer, Server, recording

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
WORD = "s3cret-word"


def test_nobody_answers(free_port: int) -> None:
    with pytest.raises(GatewayUnreachable, match=f"127.0.0.1:{free_port} cannot be reached") as caught:
        Gateway(f"http://127.0.0.1:{free_port}").landing()
    assert caught.value.maybe_received is False
    assert "running" in caught.value.remedy


def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise __import__("socket").gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(GatewayUnreachable, match="host name cannot be found"):
        Gateway("http://gateway.invalid").landing()


def test_too_slow(server: Server) -> None:
    hold = threading.Event()
    server.on("GET", "/", Answer(body={}, until=hold))
    with pytest.raises(GatewayUnreachable, match="in time"):
        Gateway(server.url, timeout=0.2).landing()
    hold.set()


def test_connection_dropped_before_the_answer_is_asked_again_once(server: Server) -> None:
    server.on("GET", "/", Answer(cut=-1), Answer(body={"title": "Here"}))
    assert Gateway(server.url).landing().title == "Here"


def test_connection_reset_in_the_middle_of_the_answer(server: Server) -> None:
    server.on("GET", "/", Answer(body=recording("LandingPage"), cut=100))
    with pytest.raises(GatewayUnreachable, match="lost") as caught:
        Gateway(server.url).landing()
    assert caught.value.maybe_received is True


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        (400, {"type": OGC + "invalid-parameter-value", "detail": "No such index.", "input": "index"}, InputRefused),
        (401, {}, NotAuthorized),
        (403, {}, Forbidden),
        (404, {"type": OGC + "no-such-process"}, NoSuchProcess),
        (409, {"detail": "Other inputs."}, KeyReused),
        (413, {"detail": "The area has 900 km2, the limit is 500 km2."}, LimitExceeded),
        (422, {"detail": [{"loc": ["body"]}]}, InputRefused),
        (429, {"detail": "Five jobs run."}, LimitExceeded),
        (500, {}, GatewayFailed),
        (507, {}, LimitExceeded),
    ],
)
def test_refusals(server: Server, status: int, problem: dict[str, Any], expected: type[GatewayError]) -> None:
    server.on("POST", "/processes/x/execution", Answer(status, problem, {"Retry-After": "7"}))
    with pytest.raises(expected) as caught:
        Gateway(server.url).execute("x", {})
    error = caught.value
    assert type(error) is expected
    assert (error.status, error.input, error.retry_after) == (status, problem.get("input"), 7.0)
    assert error.remedy
    if isinstance(problem.get("detail"), str):
        assert error.detail == problem["detail"]
    else:
        assert str(status) in error.detail


def test_the_gateways_own_remedy_is_told(server: Server) -> None:
    problem = {"type": OGC + "no-such-job", "detail": "No job 7.", "remedy": "Look at your list."}
    server.on("GET", "/jobs/7", Answer(404, problem))
    with pytest.raises(NoSuchJob) as caught:
        Gateway(server.url).job("7")
    assert str(caught.value) == "No job 7. Look at your list."


def test_html_of_a_proxy_is_not_shown(server: Server) -> None:
    server.on("GET", "/processes", Answer(502, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"}))
    with pytest.raises(GatewayFailed, match="502 Bad Gateway") as caught:
        Gateway(server.url).processes()
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b"{", b"[" * 100_000, "text"])
def test_an_answer_that_is_no_json_object(server: Server, body: Any) -> None:
    server.on("GET", "/", Answer(body=body))
    with pytest.raises(UnexpectedAnswer, match="no JSON object"):
        Gateway(server.url).landing()


@pytest.mark.parametrize("document", [{}, {"processes": "none"}, {"processes": None}])
def test_a_list_that_is_none(server: Server, document: Any) -> None:
    server.on("GET", "/processes", Answer(body=document))
    with pytest.raises(UnexpectedAnswer, match="no list"):
        Gateway(server.url).processes()


@pytest.mark.parametrize("document", [{}, {"jobID": 7, "status": "running"}, {"jobID": "7"}])
def test_a_status_that_is_none(server: Server, document: Any) -> None:
    server.on("GET", "/jobs/7", Answer(body=document))
    with pytest.raises(UnexpectedAnswer):
        Gateway(server.url).job("7")


def test_an_entry_that_is_not_understood_does_not_hide_the_others(server: Server) -> None:
    server.on("GET", "/processes", Answer(body={"processes": [{"title": "no id"}, 7, {"id": "good"}]}))
    assert [process.id for process in Gateway(server.url).processes()] == ["good"]


@pytest.mark.parametrize(
    "url",
    ["hpc.example.org", "ftp://hpc.example.org", "http://", "https://u:p@h.org", "https://h.org/?a=b", "http://h:x"],
)
def test_an_address_that_cannot_be_one(url: str) -> None:
    with pytest.raises(BadConnection) as caught:
        Gateway(url)
    assert caught.value.remedy
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "naïve"])
def test_a_token_that_cannot_be_one_is_not_repeated(token: str) -> None:
    with pytest.raises(BadConnection) as caught:
        Gateway("https://hpc.example.org", token=token)
    assert token not in str(caught.value)


# Credentials


def test_token_alone_is_a_bearer_and_with_user_basic(server: Server) -> None:
    server.on("GET", "/", Answer(body={}))
    Gateway(server.url, token=WORD).landing()
    Gateway(server.url, user="ada", token=WORD[:1]).landing()
    Gateway(server.url).landing()
    sent = [request.headers.get("authorization") for request in server.seen]
    assert sent == [f"Bearer {WORD}", "Basic YWRhOnM=", None]


def test_a_redirect_to_another_host_does_not_carry_the_token(server: Server, other: Server) -> None:
    server.on("GET", "/processes", Answer(302, headers={"Location": other.url + "/processes"}))
    other.on("GET", "/processes", Answer(body={"processes": []}))
    Gateway(server.url, token=WORD).processes()
    assert "authorization" in server.seen[0].headers
    assert "authorization" not in other.seen[0].headers


def test_a_list_that_goes_on_elsewhere_does_not_carry_the_token(server: Server, other: Server) -> None:
    page = {"processes": [], "links": [{"rel": "next", "href": other.url + "/processes"}]}
    server.on("GET", "/processes", Answer(body=page))
    other.on("GET", "/processes", Answer(body={"processes": [{"id": "far"}]}))
    assert [process.id for process in Gateway(server.url, token=WORD).processes()] == ["far"]
    assert "authorization" not in other.seen[0].headers


def test_a_password_file_does_not_replace_the_token(
    server: Server, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.on("GET", "/", Answer(body={}))
    Gateway(server.url, token=WORD).landing()
    assert server.seen[0].headers["authorization"] == f"Bearer {WORD}"


def test_a_redirected_submission_is_not_turned_into_a_get(server: Server, other: Server) -> None:
    server.on("POST", "/processes/x/execution", Answer(301, headers={"Location": other.url + "/there?key=secret"}))
    with pytest.raises(UnexpectedAnswer, match="redirects to") as caught:
        Gateway(server.url, token=WORD).execute("x", {})
    assert other.url in str(caught.value)
    assert "secret" not in str(caught.value)
    assert other.seen == []


def test_no_secret_in_errors_and_texts(server: Server, free_port: int, tmp_path: Path) -> None:
    gateway = Gateway(server.url, user="ada", token=WORD)
    link = f"http://127.0.0.1:{free_port}/a.tif?signature=hush"
    server.on("GET", "/jobs/7/results", Answer(body={"index": {"href": link, "type": "image/tiff"}}))
    result = gateway.results("7")["index"]
    with pytest.raises(GatewayUnreachable) as caught:
        result.download(tmp_path / "never.tif")
    assert list(tmp_path.iterdir()) == []
    told = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    for text in (told, repr(result), repr(result.links), str(result.links[0]), repr(gateway), repr(caught.value)):
        assert "hush" not in text
        assert WORD not in text
    assert result.href == link


def test_a_session_of_the_callers_is_used(server: Server) -> None:
    server.on("GET", "/", Answer(body={}))
    with requests.Session() as session:
        session.headers["X-Through"] = "the caller's"
        Gateway(server.url, session=session).landing()
    assert server.seen[0].headers["x-through"] == "the caller's"
