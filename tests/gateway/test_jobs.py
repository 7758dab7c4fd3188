"""What is refused before anything is submitted, how inputs are given, and what those who ask are told."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from phidias_gateway.errors import (
    DiskFull,
    GatewayBusy,
    InputError,
    InvalidRequest,
    JobFailed,
    KeyReused,
    LimitExceeded,
    NoSuchJob,
    NoSuchProcess,
    NoSuchResult,
    PhidiasError,
    ResultNotReady,
)
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.inputs import AreaOfInterest
from phidias_gateway.job import Status
from phidias_gateway.limits import area_km2
from phidias_gateway.retention import Sweeper
from phidias_gateway.store import Change
from tests.gateway.jobs_of import BASE, ended, running, settings, submit, until

pytestmark = pytest.mark.usefixtures("trouble_pack")


@pytest.mark.parametrize(
    ("process", "inputs", "name", "word"),
    [
        ("echo", {"pause": "1"}, "pause", "number"),
        ("echo", {"pause": True}, "pause", "number"),
        ("echo", {"pause": -1}, "pause", "greater"),
        ("echo", {"fail": 1}, "fail", "boolean"),
        ("echo", {"integer": 1.5}, "integer", "integer"),
        ("echo", {"choice": "huge"}, "choice", "'small', 'medium' or 'large'"),
        ("echo", {"array": [1, "2"]}, "array", "number"),
        ("echo", {"bbox": {"bbox": [1, 2]}}, "bbox", "4 items"),
        ("echo", {"colour": "red"}, "colour", "no input"),
        ("echo", {"string": "x" * 10_001}, "string", "10000"),
        ("read", {}, "raster", "missing"),
        ("read", {"raster": {"value": "AAAA", "mediaType": "image/tiff"}}, "raster", "Upload"),
        ("read", {"raster": {"href": f"{BASE}/uploads/{'0' * 64}"}}, "raster", "You have no file"),
    ],
)
def test_bad_input_is_refused_by_name_and_nothing_is_kept(
    tmp_path: Path, process: str, inputs: dict[str, Any], name: str, word: str
) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            with pytest.raises(InputError) as caught:
                await submit(jobs, process, **inputs)
            assert caught.value.input == name
            assert word in caught.value.detail + caught.value.remedy
            assert caught.value.remedy
            assert jobs.list("ada").jobs == ()
            assert list((tmp_path / "jobs").iterdir()) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff{}",
        b'{"inputs": {"pause": NaN}}',
        b'{"inputs": {"pause": 1e999}}',
        b'{"inputs": 7}',
        b'{"response": "loud"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_execute_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ExecuteRequest.parse(body)
    assert caught.value.remedy


def test_what_does_not_exist_is_said_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            with pytest.raises(NoSuchProcess):
                await submit(jobs, "nothing")
            request = ExecuteRequest.parse(b'{"outputs": {"sound": {}}}')
            with pytest.raises(InvalidRequest, match="sound"):
                await jobs.submit("ada", "echo", request, key=None, base_url=BASE)
            job = await ended(jobs, await submit(jobs))
            for name in ("../request.json", "request.json", "Data", ""):
                with pytest.raises(NoSuchResult):
                    jobs.result_file(job, name)
            for ask in (jobs.get, lambda owner, job_id: jobs.get(owner, job_id.lower())):
                with pytest.raises(NoSuchJob):
                    ask("eve", job.id)
            with pytest.raises(NoSuchJob):
                await jobs.dismiss("eve", job.id)
            assert jobs.list("eve").jobs == ()

    asyncio.run(scenario())


def test_the_same_key_with_another_request_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await submit(jobs, "echo", key="k", string="a", number=1)
            assert (await submit(jobs, "echo", key="k", number=1, string="a")).id == job.id
            with pytest.raises(KeyReused, match=job.id):
                await submit(jobs, "echo", key="k", string="b")
            assert (await submit(jobs, "echo", key="k", string="b", owner="eve")).id != job.id

    asyncio.run(scenario())


@dataclass
class Server:
    """Documents by path: a status, headers and content."""

    port: int
    documents: dict[str, tuple[int, dict[str, str], bytes]]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    documents: dict[str, tuple[int, dict[str, str], bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = documents.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        yield Server(listening.server_port, documents)
        listening.shutdown()
        thread.join()


def test_inputs_by_reference_are_read_and_guarded(tmp_path: Path, server: Server) -> None:
    server.documents |= {
        "/numbers.json": (200, {"Content-Type": "application/json"}, b"[1, 2.5]"),
        "/text": (200, {"Content-Type": "text/plain; charset=utf-8"}, "12 été".encode()),
        "/hop": (302, {"Location": "/numbers.json"}, b""),
        "/inside": (302, {"Location": server.url("/numbers.json", "localhost")}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        "/round": (302, {"Location": "/round"}, b""),
        "/huge": (200, {}, b"[" + b"1," * 600_000 + b"1]"),
        "/broken": (200, {}, b"[1,"),
    }

    async def scenario() -> None:
        references = {"allow_hosts": ["127.0.0.1"], "fetch_mb": 1.0}
        async with running(settings(tmp_path, references=references)) as jobs:
            inputs = {
                "array": {"href": server.url("/hop"), "type": "application/json"},
                "string": {"href": server.url("/text")},
                "object": {"value": {"href": "kept"}},
            }
            job = await ended(jobs, await submit(jobs, "echo", **inputs))
            assert jobs.results(job).outputs == {"array": [1, 2.5], "string": "12 été", "object": {"href": "kept"}}
            for path, word in {
                "/inside": "not a public address",
                "/file": "neither",
                "/round": "redirects too often",
                "/huge": "fetch_mb",
                "/broken": "no JSON",
                "/none": "404",
            }.items():
                with pytest.raises(InputError, match=word) as caught:
                    await submit(jobs, "echo", array={"href": server.url(path)})
                assert caught.value.input == "array"
            for href in (
                server.url("/numbers.json", "localhost"),
                "http://[::1]/x",
                "http://169.254.169.254/latest",
                "file:///etc/passwd",
                "/etc/passwd",
                "http://127.0.0.1:99999/",
                "http://" + "a" * 70 + ".test/",
                "http://127.0.0.1:1/\r\nX: y",
            ):
                with pytest.raises(InputError):
                    await submit(jobs, "echo", array={"href": href})

    asyncio.run(scenario())


def test_own_uploads_and_results_are_inputs_and_nobody_elses(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        async with running(made) as jobs:
            content = b"pixels"
            sha = hashlib.sha256(content).hexdigest()
            made.store.uploads.mkdir()
            (made.store.uploads / sha).write_bytes(content)
            jobs._store.add_upload("ada", sha, len(content), lambda: None)
            upload = {"href": f"{BASE}/uploads/{sha}"}
            job = await ended(jobs, await submit(jobs, "read", raster=upload))
            assert jobs.results(job).outputs == {"content": "pixels"}

            first = await ended(jobs, await submit(jobs))
            signed = {"href": f"{BASE}/jobs/{first.id}/results/data?expires=1&signature=secret"}
            second = await ended(jobs, await submit(jobs, "read", raster=signed))
            assert jobs.results(second).outputs == {"content": "data"}
            assert b"secret" not in (tmp_path / "jobs" / second.id / "request.json").read_bytes()
            third = await ended(jobs, await submit(jobs, "echo", raster=signed, vector=upload))
            plain = {"href": f"{BASE}/jobs/{first.id}/results/data"}
            assert jobs.results(third).outputs == {"string": "hello", "raster": plain, "vector": upload}
            with pytest.raises(InputError, match="You have no file"):
                await submit(jobs, "echo", vector=upload, owner="eve")

            for href in (upload, signed, {"href": f"{BASE}/jobs/{first.id}/results/..%2Frequest.json"}):
                with pytest.raises(InputError, match="You have no file"):
                    await submit(jobs, "read", raster=href, owner="eve")
            with pytest.raises(InputError, match="You have no file"):
                await submit(jobs, "read", raster={"href": f"{BASE}/jobs/{first.id}/results/..%2Frequest.json"})

    asyncio.run(scenario())


def test_limits_name_themselves_and_their_value(tmp_path: Path) -> None:
    async def scenario() -> None:
        limits = {"queued_jobs_per_user": 2, "min_free_gb": 0}
        async with running(settings(tmp_path, limits=limits, scheduler={"max_parallel": 1})) as jobs:
            first = await submit(jobs, seconds=1000)
            await until(lambda: jobs.get("ada", first.id).status is Status.RUNNING)
            waiting = [await submit(jobs) for _ in range(2)]
            with pytest.raises(LimitExceeded, match=r"2 jobs that are accepted.*queued_jobs_per_user"):
                await submit(jobs)
            assert len(list((tmp_path / "jobs").iterdir())) == 3
            other = await submit(jobs, owner="eve")
            for job in (first, *waiting):
                await jobs.dismiss("ada", job.id)
            await ended(jobs, other)

    asyncio.run(scenario())

    async def full() -> None:
        async with running(settings(tmp_path / "full", limits={"min_free_gb": 1e9})) as jobs:
            with pytest.raises(DiskFull, match="min_free_gb"):
                await submit(jobs)

    asyncio.run(full())


def test_the_area_of_a_degree_at_the_equator_and_at_sixty_north() -> None:
    def square(south: float) -> AreaOfInterest:
        return AreaOfInterest.model_validate({"bbox": [0, south, 1, south + 1]})

    assert area_km2(square(0)) == pytest.approx(12_364, rel=1e-3)
    assert area_km2(square(60)) == pytest.approx(6_089, rel=1e-3)


def test_those_who_wait_hear_of_a_change(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await submit(jobs, "echo", pause=0.5)
            assert (await jobs.changed("ada", job.id, job.version - 1, 60)).version == job.version
            versions, statuses = [job.version], []
            while not job.status.ended:
                job = await jobs.changed("ada", job.id, job.version, 60)
                versions.append(job.version)
                statuses.append(job.status)
            assert versions == sorted(set(versions))
            assert statuses[0] is Status.RUNNING
            assert statuses[-1] is Status.SUCCESSFUL
            assert (await jobs.changed("ada", job.id, job.version, 0.05)) == job

    asyncio.run(scenario())


def test_results_before_the_end_after_a_failure_and_only_those_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(settings(tmp_path)) as jobs:
            job = await submit(jobs, "echo", pause=0.5, fail=True)
            with pytest.raises(ResultNotReady):
                jobs.results(job)
            job = await ended(jobs, job)
            with pytest.raises(JobFailed) as caught:
                jobs.results(job)
            assert caught.value.problem()["type"].endswith("process-failed")
            body = {"inputs": {"number": 2}, "outputs": {"number": {"transmissionMode": "value"}}, "response": "raw"}
            request = ExecuteRequest.parse(json.dumps(body).encode())
            job, _ = await jobs.submit("ada", "echo", request, key=None, base_url=BASE)
            outcome = jobs.results(await ended(jobs, job))
            assert outcome.outputs == {"number": 2.0}
            assert (outcome.transmission, outcome.response) == ({"number": "value"}, "raw")

    asyncio.run(scenario())


def test_expired_jobs_leave_and_running_ones_never(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        async with running(made) as jobs:
            old, kept, pinned = [await ended(jobs, await submit(jobs)) for _ in range(3)]
            busy = await submit(jobs, seconds=1000)
            busy = await until(lambda: (job := jobs.get("ada", busy.id)).status is Status.RUNNING and job)
            past = {"expires": datetime.now(UTC) - timedelta(seconds=1)}
            pinned = await jobs.pin("ada", pinned.id, True)
            jobs._store.update([Change(old, past), Change(pinned, past)])
            await until(lambda: jobs._store.update([Change(jobs.get("ada", busy.id), past)]))
            Sweeper(made, jobs._store).sweep()
            assert {job.id for job in jobs.list("ada").jobs} == {kept.id, pinned.id, busy.id}
            assert {path.name for path in (tmp_path / "jobs").iterdir()} == {kept.id, pinned.id, busy.id}
            await jobs.dismiss("ada", busy.id)

    asyncio.run(scenario())


def test_two_gateways_never_serve_one_store(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = settings(tmp_path)
        async with running(made):
            with pytest.raises(GatewayBusy) as caught:
                async with running(made):
                    pass
            assert isinstance(caught.value, PhidiasError)

    asyncio.run(scenario())
