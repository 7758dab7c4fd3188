"""`requests` through QGIS's network, against a real server of this machine."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsFeedback

from backend_client import Gateway, GatewayUnreachable
from phidias_qgis import network
from tests.qgis.conftest import until


class Handler(BaseHTTPRequestHandler):
    """Tells what it received; /problem, /packed and /slow do as they are named."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path == "/slow":
            self.server.asked.set()
            self.server.released.wait(30)
        status, headers = 200, {"Content-Type": "application/json", "X-Method": self.command}
        told = {"method": self.command, "headers": dict(self.headers), "length": len(body), "sum": sum(body)}
        content = json.dumps(told).encode()
        if self.path == "/problem":
            status, content = 404, b'{"detail": "It is not here."}'
        if self.path == "/packed":
            headers["Content-Encoding"] = "gzip"
            content = gzip.compress(b'{"unpacked": true}')
        if self.path == "/moved":
            status, headers["Location"] = 302, self.server.url.replace("127.0.0.1", "localhost") + "/"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.path == "/broken":
            self.wfile.write(content[:10])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # A client that hangs up is what some of the tests are about.
    served.handle_error = lambda *arguments: None
    served.asked, served.released = threading.Event(), threading.Event()
    served.url = f"http://127.0.0.1:{served.server_port}"
    thread = threading.Thread(target=served.serve_forever, args=(0.02,))
    thread.start()
    yield served
    served.released.set()
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_goes_out_with_its_body(server: Any, method: str) -> None:
    data = b"abc" if method in ("POST", "PUT", "PATCH") else None
    answer = network.session(server.url).request(method, server.url, data=data, headers={"X-Mine": "1"})
    told = answer.json()
    assert (told["method"], told["length"]) == (method, 3 if data else 0)
    assert told["headers"]["X-Mine"] == "1"
    assert answer.headers["x-method"] == method


def test_head_has_headers_and_no_body(server: Any) -> None:
    answer = network.session(server.url).head(server.url)
    assert (answer.status_code, answer.headers["X-Method"], answer.content) == (200, "HEAD", b"")


def test_a_refusal_is_an_answer_with_its_body(server: Any) -> None:
    answer = network.session(server.url).get(server.url + "/problem")
    assert (answer.status_code, answer.reason, answer.json()["detail"]) == (404, "Not Found", "It is not here.")


def test_a_packed_answer_is_unpacked_once(server: Any) -> None:
    assert network.session(server.url).get(server.url + "/packed").json() == {"unpacked": True}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_file_is_sent_piece_by_piece(server: Any, method: str) -> None:
    class Body:
        def __init__(self) -> None:
            self.left, self.largest, self.len = 3_000_000, 0, 3_000_000

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, size)
            count = min(size, self.left) if size >= 0 else self.left
            self.left -= count
            return b"\x01" * count

        def __iter__(self) -> Iterator[bytes]:
            yield self.read()

    body = Body()
    told = network.session(server.url).request(method, server.url, data=body).json()
    assert (told["length"], told["sum"]) == (3_000_000, 3_000_000)
    assert told["headers"]["Content-Length"] == "3000000"
    assert body.largest < 1_000_000


def test_a_cancel_is_heard_on_a_worker_thread(server: Any) -> None:
    feedback = QgsFeedback()
    heard: list[Any] = []

    def ask() -> None:
        try:
            network.session(server.url, feedback=feedback).get(server.url + "/slow")
        except requests.exceptions.RequestException as error:
            heard.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert server.asked.wait(10)
    feedback.cancel()
    thread.join(10)
    # The server is still holding its answer back.
    assert not server.released.is_set()
    assert [type(error) for error in heard] == [requests.exceptions.ConnectionError]


def test_a_cancel_is_heard_whenever_it_comes(server: Any) -> None:
    for number in range(20):
        feedback = QgsFeedback()
        session = network.session(server.url, feedback=feedback)
        thread = threading.Thread(target=_ignoring(session.post), args=(server.url + "/slow", b"{}"))
        thread.start()
        threading.Timer(number / 2000, feedback.cancel).start()
        thread.join(10)
        assert not thread.is_alive(), number


def test_many_requests_on_several_threads_keep_their_replies_apart(server: Any) -> None:
    failures: list[BaseException] = []

    def ask() -> None:
        session = network.session(server.url)
        for number in range(150):
            try:
                assert session.get(f"{server.url}/{number}").json()["method"] == "GET"
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    # What is deleted elsewhere is told to PyQt where QGIS's window works.
    until(lambda: not any(thread.is_alive() for thread in threads), 60)
    assert failures == []


def _ignoring(method: Callable[..., Any]) -> Callable[..., None]:
    def call(*arguments: Any) -> None:
        with suppress(requests.exceptions.ConnectionError):
            method(*arguments)

    return call


def test_a_redirect_is_followed_without_the_credentials(server: Any) -> None:
    answer = network.session(server.url).get(server.url + "/moved", headers={"Authorization": "Bearer x"})
    assert [step.status_code for step in answer.history] == [302]
    assert answer.url.startswith("http://localhost")
    assert "Authorization" not in answer.json()["headers"]


def test_an_answer_that_breaks_off_is_no_answer(server: Any) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        network.session(server.url).get(server.url + "/broken")


def test_a_server_that_is_silent_is_given_up(server: Any) -> None:
    with pytest.raises(requests.exceptions.Timeout):
        network.session(server.url).get(server.url + "/slow", timeout=0.3)


def test_nobody_at_the_address_is_known_from_a_lost_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(GatewayUnreachable, match="cannot be reached") as unreachable:
        Gateway(url, session=network.session(url)).landing()
    assert not unreachable.value.maybe_received


def test_credentials_of_qgis_go_to_the_gateway_alone(server: Any, qgis_app: Any) -> None:
    manager = QgsApplication.authManager()
    assert manager.setMasterPassword("of the test", verify=True)
    config = QgsAuthMethodConfig("Basic")
    config.setName("gateway")
    config.setConfigMap({"username": "ada", "password": "secret"})
    assert manager.storeAuthenticationConfig(config)
    session = network.session(server.url, config.id())
    assert session.get(server.url + "/").json()["headers"]["Authorization"].startswith("Basic ")
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    assert "Authorization" not in session.get(elsewhere + "/").json()["headers"]
