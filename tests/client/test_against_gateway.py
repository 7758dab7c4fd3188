"""The library against the real gateway, started by its command, also over a line that loses answers."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend_client import (
    Cancelled,
    DescriptionCache,
    Gateway,
    InputRefused,
    JobDismissed,
    JobFailed,
    KeyReused,
    NoSuchJob,
    NoSuchProcess,
    NotAuthorized,
    ResultNotReady,
)
from backend_client.patience import Backoff
from tests.qgis.relay import Relay

COMMAND = Path(__file__).parents[2] / ".venv" / "bin" / "phidias-gateway"

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="the gateway is not installed in .venv")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A personal gateway with the local scheduler: `url`, `user`, `token`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PHIDIAS_")}
    environment["PHIDIAS_STORE__ROOT"] = str(tmp_path_factory.mktemp("gateway"))
    environment["PHIDIAS_SCHEDULER__KIND"] = "local"
    done = subprocess.run([COMMAND, "up"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)
    subprocess.run([COMMAND, "down"], env=environment, check=True, capture_output=True, timeout=60)


@pytest.fixture
def gateway(up: dict[str, Any]) -> Gateway:
    return Gateway(up["url"], token=up["token"])


class Line(socketserver.ThreadingTCPServer):
    """A line to the gateway that loses the answers to the next `losses` POST requests, which do arrive."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        self.losses = 0
        self.posts = 0
        self.upstream = ("127.0.0.1", int(upstream.rsplit(":", 1)[1]))
        super().__init__(("127.0.0.1", 0), _Relay)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Relay(socketserver.BaseRequestHandler):
    server: Line

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream) as upstream:
            answers = threading.Thread(target=self._pass_answers, args=(upstream,))
            self._lose = False
            answers.start()
            while data := self._received(self.request):
                if data.startswith(b"POST "):
                    self.server.posts += 1
                    self._lose = self.server.losses > 0
                    self.server.losses -= self._lose
                upstream.sendall(data)
            _hang_up(upstream)
            answers.join()

    def _pass_answers(self, upstream: socket.socket) -> None:
        while (data := self._received(upstream)) and not self._lose:
            self.request.sendall(data)
        _hang_up(self.request)

    def _received(self, connection: socket.socket) -> bytes:
        try:
            return connection.recv(1 << 16)
        except ConnectionError:
            return b""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()  # the other side was quicker


@pytest.fixture
def line(up: dict[str, Any]) -> Iterator[Line]:
    with Line(up["url"]) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_five_lines(up: dict[str, Any]) -> None:
    gateway = Gateway(up["url"], user=up["user"], token=up["token"])
    job = gateway.execute("echo", {"string": "é\n", "bbox": {"bbox": [1, 2, 3, 4]}, "object": {"a": [1]}, "pause": 1.2})
    lines: list[str] = []
    seen = list(gateway.follow(job.id, log=lines.append))
    assert seen[-1].status == "successful"
    assert [status.progress for status in seen] == sorted(status.progress or 0 for status in seen)
    assert any("echo" in line for line in lines)
    assert len(lines) == len(gateway.log(job.id).text.splitlines())
    found = {name: result.value for name, result in gateway.results(job.id).items()}
    assert found["string"] == "é\n"
    assert found["bbox"]["bbox"] == [1, 2, 3, 4]
    assert found["object"] == {"a": [1]}


@pytest.mark.parametrize("losses", [1, 2])
def test_a_submission_whose_answer_is_lost_makes_one_job(
    up: dict[str, Any], line: Line, losses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "next", lambda self, asked=None: 0.01)
    gateway = Gateway(line.url, token=up["token"])
    before = [job.id for job in gateway.jobs()]
    line.losses = losses
    job = gateway.execute("echo", {})
    assert line.posts == losses + 1
    assert [other.id for other in gateway.jobs()] == [job.id, *before]


def test_the_same_key(gateway: Gateway) -> None:
    first = gateway.execute("echo", {"string": "a"}, key="client-test")
    assert gateway.execute("echo", {"string": "a"}, key="client-test").id == first.id
    with pytest.raises(KeyReused):
        gateway.execute("echo", {"string": "b"}, key="client-test")


def test_a_failed_job_tells_why(gateway: Gateway) -> None:
    job = gateway.execute("echo", {"fail": True})
    *_, last = gateway.follow(job.id)
    assert last.status == "failed"
    with pytest.raises(JobFailed, match="asked to fail") as caught:
        gateway.results(job.id)
    assert "fail" in caught.value.remedy


def test_cancel_then_dismiss(gateway: Gateway) -> None:
    job = gateway.execute("echo", {"pause": 600.0})
    cancelled = threading.Event()
    following = gateway.follow(job.id, wait=1, cancelled=cancelled.is_set)
    next(following)
    with pytest.raises(ResultNotReady):
        gateway.results(job.id)
    cancelled.set()
    with pytest.raises(Cancelled):
        next(following)
    assert gateway.job(job.id).status in ("accepted", "running")
    assert gateway.dismiss(job.id).status == "dismissed"
    with pytest.raises(JobDismissed):
        gateway.results(job.id)


def test_dismissing_an_ended_job_removes_it(gateway: Gateway) -> None:
    job = gateway.execute("echo", {})
    *_, last = gateway.follow(job.id)
    assert last.status == "successful"
    assert gateway.dismiss(job.id).status == "dismissed"
    with pytest.raises(NoSuchJob):
        gateway.job(job.id)


def test_a_long_poll_is_answered_by_the_change(gateway: Gateway) -> None:
    job = gateway.execute("echo", {"pause": 600.0})
    known = gateway.job(job.id)
    ending = threading.Timer(0.5, lambda: gateway.dismiss(job.id))
    ending.start()
    while not known.ended:
        known = gateway.job(job.id, known=known, wait=50)
    ending.join()
    assert known.status == "dismissed"


def test_a_job_that_ran_out_of_time_is_run_again_with_more(gateway: Gateway) -> None:
    job = gateway.execute("echo", {"string": "again", "pause": 600.0}, resources={"minutes": 0.02})
    *_, last = gateway.follow(job.id)
    assert (last.status, last.resources["minutes"]) == ("failed", 0.02)
    assert gateway.definition(job.id).inputs["string"] == "again"
    again = gateway.retry(last)
    assert gateway.definition(again.id).inputs == gateway.definition(job.id).inputs
    assert gateway.job(again.id).resources["minutes"] > 0.02
    gateway.cancel(again.id)


def test_a_pinned_job_does_not_expire(gateway: Gateway) -> None:
    job = gateway.execute("echo", {})
    *_, last = gateway.follow(job.id)
    assert last.expires is not None
    pinned = gateway.pin(job.id)
    assert (pinned.pinned, pinned.expires) == (True, None)
    assert gateway.unpin(job.id).expires is not None


def test_an_estimate_starts_nothing(gateway: Gateway) -> None:
    before = gateway.job_page().jobs
    assert gateway.estimate("echo", {}).excesses == ()
    assert gateway.job_page().jobs == before
    with pytest.raises(InputRefused):
        gateway.estimate("echo", {"choice": "huge"})


def test_refusals(up: dict[str, Any], gateway: Gateway) -> None:
    with pytest.raises(InputRefused) as caught:
        gateway.execute("echo", {"choice": "huge"})
    assert caught.value.input == "choice"
    with pytest.raises(NoSuchProcess):
        gateway.execute("nothing", {})
    with pytest.raises(NoSuchProcess):
        gateway.process("nothing")
    for token in (None, "wrong"):
        with pytest.raises(NotAuthorized) as refused:
            Gateway(up["url"], token=token).processes()
        assert refused.value.remedy


def test_the_gateway_says_what_it_is(up: dict[str, Any], gateway: Gateway) -> None:
    status = gateway.status()
    assert (status.version[:2], status.scheduler, status.user) == ("0.", "local", up["user"])
    assert gateway.landing().links


def test_descriptions_come_once(gateway: Gateway, up: dict[str, Any], tmp_path: Path) -> None:
    cache = DescriptionCache(tmp_path, up["url"])
    fetched = Gateway(up["url"], token=up["token"], cache=cache).descriptions()
    assert {"echo", "spectral-index"} <= {process.id for process in fetched}
    assert all(process.etag for process in fetched)
    assert cache.descriptions() == fetched
    written = cache.path.stat().st_mtime_ns
    assert Gateway(up["url"], token=up["token"], cache=cache).descriptions() == fetched
    assert cache.path.stat().st_mtime_ns == written


def test_an_upload_whose_connection_is_cut_goes_on(gateway: Gateway, up: dict[str, Any], tmp_path: Path) -> None:
    local = tmp_path / "cut.tif"
    local.write_bytes(os.urandom(12_000_000))
    relay = Relay(up["url"])
    relay.cut_after = 7_000_000
    told: list[int] = []
    Gateway(relay.url, token=up["token"]).upload(local, progress=lambda done, total: told.append(done))
    relay.close()
    assert relay.cut_after == 0
    (again,) = [after for before, after in pairwise(told) if after < before]
    assert again > 5_000_000
    assert gateway.upload(local, progress=lambda done, total: told.append(-1))
    assert told[-1] == 12_000_000


def test_an_upload_is_there_the_second_time(gateway: Gateway, tmp_path: Path) -> None:
    local = tmp_path / "local.tif"
    local.write_bytes(os.urandom(3_000_000))
    told: list[int] = []
    href = gateway.upload(local, progress=lambda done, total: told.append(done))
    assert told[-1] == 3_000_000
    told.clear()
    assert gateway.upload(local, progress=lambda done, total: told.append(done)) == href
    assert told == []
