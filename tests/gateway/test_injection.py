"""What nobody means well by, through every way in: nothing is executed, nothing escapes, nothing breaks.

A real gateway over HTTP, and a real Slurm. A canary is a file that a text would make if anything executed it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import io
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from phidias_gateway.access import Tokens
from tests.gateway.jobs_of import until
from tests.gateway.running import Running, command
from tests.slurm_cluster import SlurmCluster

CANARY = Path(f"/tmp/phidias-canary-{os.getpid()}")  # noqa: S108
SECRET = "sEcReT"
"""In every query and every credential: no log may hold it"""
HIDDEN = "hIdDeN"
"""In a file outside of the store and the archive: no answer may hold it"""
LONG = 1_000_000

TEXTS = {
    "empty": "",
    "blank": " \t",
    "quotes": "'\"`´’\\'\\\"",
    "substitution": f"$(touch {CANARY})",
    "backticks": f"`touch {CANARY}`",
    "and then": f"; touch {CANARY} && touch {CANARY} | touch {CANARY} & touch {CANARY} #",
    "line": f"x\ntouch {CANARY}\r\ntouch {CANARY}\n",
    "sbatch": f"x\n#SBATCH --wrap='touch {CANARY}'\n#SBATCH --uid=root",
    "export": f"ALL,PATH=/tmp,LD_PRELOAD={CANARY},BASH_ENV={CANARY}",
    "option": f"--wrap=touch {CANARY}",
    "short option": "-w",
    "ifs": f"$IFS${{IFS}}touch${{IFS}}{CANARY}",
    "sql": "'; DROP TABLE job; --\" OR '1'='1",
    "nul": "a\x00b",
    "control": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "header": "x\r\nX-Injected: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "path": "../../../../../../etc/passwd",
    "encoded path": "..%2f..%2f%2e%2e/etc/passwd%00.json",
    "windows path": "..\\..\\C:\\x",
    "absolute path": "/etc/passwd",
    "address": "http://127.0.0.1:1/",
    "file": "file:///etc/passwd",
    "vsi": "/vsicurl/http://127.0.0.1:1/x.tif",
    "percent": "%s%n%x %(process)s %c0%ae",
    "braces": "{0.__class__.__mro__} {{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "python": f"__import__('os').system('touch {CANARY}')",
    "log4j": "${jndi:ldap://127.0.0.1:1/x}",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "xml": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "right to left": "\u202egpj.exe\u2066\u200f",
    "combining": "e" + "\u0301" * 300,
    "wide": "\U0001f4a9\U0001f469\u200d\U0001f680 ｆｕｌｌ ﷽",
    "turkish": "İıŞş ẞß ǅ",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "not characters": "\ufeff\ufffe\uffff\U0010ffff",
    "numbers": "-1e999",
    "word": "null",
    "json": '{"__proto__": {"x": 1}, "$ref": "file:///etc/passwd"}',
    "glob": "* ? [a-z] ~ ~root !! !$",
    "long": "A" * LONG,
}
SHORT = {name: text for name, text in TEXTS.items() if name != "long"}


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def of_the_server(self) -> bool:
        """Whether the request was no HTTP, so that it has not come to the gateway."""
        return self.body == b"Invalid HTTP request received."


class Target:
    """A gateway, its files, and all that it was asked."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.root = folder / "store"
        self.outside = folder / "outside"
        for name in ("home", "tmp", "archive", "secret"):
            (self.outside / name).mkdir(parents=True)
        (self.outside / "archive" / "catalog.json").write_text(
            '{"type": "Catalog", "stac_version": "1.0.0", "id": "x"}'
        )
        (self.outside / "secret" / "secret.json").write_text(f'"{HIDDEN}"')
        (self.outside / "archive" / "link.json").symlink_to(self.outside / "secret" / "secret.json")
        archive = {"name": "lab", "prefix": "https://lab.invalid/", "path": str(self.outside / "archive")}
        self.gateway = Running.start(
            self.root,
            HOME=str(self.outside / "home"),
            TMPDIR=str(self.outside / "tmp"),
            PHIDIAS_ARCHIVES=json.dumps([archive]),
            PHIDIAS_LIMITS__BODY_MB="10",
            **variables,
        )
        self.before = self.files()
        self.asked = 0
        parts = urlsplit(self.gateway.url)
        self._place = (parts.hostname or "", parts.port or 0)

    def files(self) -> dict[str, bytes]:
        """What lies outside of the store."""
        return {str(path): path.read_bytes() for path in self.outside.rglob("*") if path.is_file()}

    def log(self) -> str:
        return (self.root / "gateway.log").read_text("utf-8", errors="strict")

    def ask(self, method: str, path: str, *, body: bytes = b"", token: bool = True, **headers: bytes | str) -> Answer:
        """Send a request as it is, byte by byte, and hold its answer to what every answer is held to."""
        lines = [f"{method} {path} HTTP/1.1".encode("utf-8", "surrogatepass")]
        fields: dict[str, bytes | str] = {
            "Host": "gateway.test",
            "Connection": "close",
            "Content-Length": str(len(body)),
        }
        if token:
            fields["Authorization"] = f"Bearer {self.gateway.token}"
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in fields.items():
            lines.append(
                name.encode() + b": " + (value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
            )
        received = bytearray()
        with socket.create_connection(self._place, timeout=60) as connection:
            with suppress(ConnectionError):  # refused before all of it was sent
                connection.sendall(b"\r\n".join([*lines, b"", b""]) + body)
            with suppress(ConnectionError):
                while part := connection.recv(1 << 16):
                    received += part
        answer = parsed(bytes(received), method)
        self.asked += not (answer.of_the_server or answer.status == 304)
        check(answer)
        return answer


def parsed(received: bytes, method: str) -> Answer:
    """The one answer in what was received."""

    class Received:
        def makefile(self, *_: object) -> io.BytesIO:
            return io.BytesIO(received)

    response = http.client.HTTPResponse(Received(), method=method)  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    assert received.endswith(body)
    assert received.count(b"HTTP/1.1 ") - body.count(b"HTTP/1.1 ") == 1, received[:500]
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def check(answer: Answer) -> None:
    assert answer.status < 500, answer
    assert "x-injected" not in answer.headers
    assert HIDDEN.encode() not in answer.body
    assert b"root:" not in answer.body
    assert b"Traceback" not in answer.body
    if answer.status >= 400 and not answer.of_the_server:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status
        assert problem["type"]
        assert problem["title"]
        assert problem["detail"]
        assert len(answer.body) < 10_000, "what was sent is not sent back"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("injection"))
    yield made
    made.gateway.stop()


@pytest.fixture(autouse=True)
def nothing_happened(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no canary, nothing changed outside of the store, a line in the log for each request."""
    target = request.getfixturevalue("target") if "target" in request.fixturenames else None
    lines = access_lines(target) if target else []
    asked = target.asked if target else 0
    yield
    assert not CANARY.exists()
    if target:
        assert target.files() == target.before
        assert {path.name for path in target.root.iterdir()} <= {
            "gateway.json", "gateway.lock", "gateway.log", "gateway.sqlite3", "gateway.sqlite3-shm",
            "gateway.sqlite3-wal", "jobs",
            "link_keys.json", "link_keys.lock", "tokens.sqlite3", "up.lock", "uploads",
        }  # fmt: skip
        assert all(re.fullmatch(r"[0-9A-Z]{26}", path.name) for path in (target.root / "jobs").iterdir())
        assert all(re.fullmatch(r"[0-9a-f]{64}", path.name) for path in (target.root / "uploads").iterdir())
        assert len(access_lines(target)) - len(lines) == target.asked - asked  # read first: it asks once more
        log = target.log()
        assert SECRET not in log
        assert target.gateway.token not in log
        assert "Traceback" not in log


LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO phidias_gateway\.access [A-Z]+ (['\"]).*\1 \d{3} \d+ [\d.]+ \S+"
)


def access_lines(target: Target) -> list[str]:
    """All lines of the access log, up to a request that is made now."""
    mark = f"/mark-{target.asked}"
    target.ask("GET", mark)
    asyncio.run(until(lambda: mark in target.log()))
    lines = [line for line in target.log().split("\n") if "phidias_gateway.access" in line]
    for line in lines:
        assert LINE.fullmatch(line), line
        assert line.isprintable()
    return lines


def encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


PATHS = [
    ("GET", "/{}"), ("GET", "/processes/{}"), ("POST", "/processes/{}/execution"), ("POST", "/processes/{}/estimate"),
    ("GET", "/jobs/{}"), ("DELETE", "/jobs/{}"), ("GET", "/jobs/{}/logs"), ("GET", "/jobs/{}/definition"),
    ("PUT", "/jobs/{}/pin"), ("DELETE", "/jobs/{}/pin"), ("GET", "/jobs/{}/preview"), ("GET", "/jobs/{}/results"),
    ("GET", "/jobs/{job}/results/{}"), ("GET", "/jobs/{job}/preview/{}"), ("PUT", "/uploads/{}"),
    ("GET", "/uploads/{}"),
    ("GET", "/archives/{}/catalog.json"), ("GET", "/archives/lab/{}"), ("GET", "/stac/collections/{}"),
    ("GET", "/stac/collections/{}/items"), ("GET", "/stac/collections/lab-files/items/{}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def job(target: Target) -> str:
    """A job that has ended."""
    answer = target.gateway.execute("lab-files", inputs={"size": 3}, wait=False)
    identifier = str(answer.json()["id"])
    target.gateway.finished(identifier)
    return identifier


def test_paths(target: Target, job: str) -> None:
    for method, path in PATHS:
        for text in (*SHORT.values(), "A" * 5000, "../" * 2000):
            for part in (encoded(text), text if re.fullmatch(r"[\x21-\x7e]+", text) else ""):
                if part and not re.search(r"[?#]", part):
                    answer = target.ask(method, path.replace("{job}", job).replace("{}", part))
                    assert 300 <= answer.status < 500 or part in ("", "."), (method, path, part, answer)
    for name in (
        "link.json",
        "../secret/secret.json",
        "%2e%2e/secret/secret.json",
        "..%2Fsecret%2Fsecret.json",
        ".",
        "x" * 300 + ".json",
    ):
        assert target.ask("GET", f"/archives/lab/{name}").status == 404
    assert target.ask("GET", "/archives/lab/catalog.json").status == 200


def test_queries(target: Target, job: str) -> None:
    document = json.loads(target.ask("GET", "/api").body)
    ids = {"process_id": "echo", "job_id": job, "name": "data.bin", "collection_id": "lab-files"}
    count = 0
    for path, operations in document["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter["in"] != "query":
                continue
            for text in (*SHORT.values(), "A" * 20_000, "[" * 10_000, "1" * 10_000, "\ud800"):
                name = parameter["name"]
                target.ask("GET", f"{path.format(**ids)}?{name}={encoded(text)}&{encoded(text)}={SECRET}")
                count += 1
    assert count > 500


def test_headers(target: Target, job: str) -> None:
    bad = json.dumps({"inputs": {"string": 1}}).encode()
    upload = f"/uploads/{'0' * 64}"
    for text in (*SHORT.values(), "A" * 5000, "A" * 100_000, "é" * 100):
        text = text.replace("\r\n\r\n", "\r\n")  # or what follows would be another request
        marked = SECRET + text
        credentials = base64.b64encode(f"{marked}:{marked}".encode()).decode()
        for value in (
            f"Bearer {marked}",
            f"Basic {credentials}",
            f"Basic {marked}",
            marked,
            f"Bearer phidias_{text}_{SECRET}",
        ):
            answer = target.ask("GET", "/jobs", token=False, Authorization=value)
            assert answer.status in (400, 401, 429)
        for name, method, path in (
            ("Host", "GET", "/"), ("Host", "GET", "/jobs"), ("X-Forwarded-For", "GET", "/"),
            ("X-Forwarded-Proto", "GET", "/"), ("X-Forwarded-Host", "GET", "/"), ("X-Forwarded-Prefix", "GET", "/"),
            ("Forwarded", "GET", "/"), ("Accept", "GET", "/jobs"), ("Accept-Encoding", "GET", "/"), ("Cookie", "GET",
            "/"),
            ("If-None-Match", "GET", f"/jobs/{job}"), ("Prefer", "GET", f"/jobs/{job}"), ("Origin", "GET", "/"),
            ("Range", "GET", f"/jobs/{job}/results/data.bin"), ("If-Range", "GET", f"/jobs/{job}/results/data.bin"),
            ("Range", "GET", "/jobs"), ("User-Agent", "GET", "/"), ("Referer", "GET", "/"),
        ):  # fmt: skip
            answer = target.ask(method, path, **{name: text})
            assert answer.status in (200, 206, 304, 400, 416), (name, answer)
        for name in ("Idempotency-Key", "Prefer", "Content-Type", "Content-Encoding", "Expect", "Content-Length"):
            answer = target.ask("POST", "/processes/echo/execution", body=bad, **{name: text})
            assert answer.status in (400, 413, 415), (name, answer)
        for name in ("Content-Type", "Transfer-Encoding", "Content-MD5"):
            assert target.ask("PUT", upload, body=b"<VRTDataset/>", **{name: text}).status in (400, 501), name
        target.ask("GET", f"/jobs/{job}/results/data.bin", Range=f"bytes={text}-", If_Range=text)
        target.ask("POST", "/processes/echo/execution", body=bad, Prefer=f"wait={text}")
    assert target.ask("GET", f"/jobs/{job}").status == 200


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    return f"{opening * depth}1{closing * depth}".encode()


def test_bodies(target: Target) -> None:
    def refused(body: bytes, path: str = "/processes/echo/execution") -> None:
        answer = target.ask("POST", path, body=body, Content_Type="application/json")
        assert answer.status in (400, 413), (body[:100], answer)

    bodies = [
        b"",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        "{}".encode("utf-16"),
        b'{"inputs": {"string": "\x00"}}',
        b"{'inputs': {}}",
        b'{"inputs": {"string": "\\ud800"}}',
        b'{"inputs": {"string": "\xed\xa0\x80"}}',
        b'{"inputs": {"number": 1e999}}',
        b'{"inputs": {"number": NaN}}',
        b'{"inputs": {"integer": 1' + b"0" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' + b"A" * LONG + b'"',
        b'{"inputs": ' + nested(100_000) + b"}",
        b'{"inputs": {"object": ' + nested(1000) + b"}}",
        b'{"inputs": {"' + b"A" * LONG + b'": 1}}',
        b'{"inputs": {"string": "' + b"A" * LONG + b'"}}',
        b"<x/>",
        b"a=b",
        b'{"inputs": [1]}',
        b'{"outputs": {"string": 1}}',
        b'{"resources": {"cpus": "1; touch x"}}',
        b"\xef\xbb\xbf{}",
        b'{"resources": ' + nested(150) + b"}",
        b'{"outputs": {"string": {"transmissionMode": "$(id)"}}}',
    ]
    for body in bodies:
        refused(body)
        target.ask("POST", "/processes/echo/estimate", body=body)
        target.ask("POST", "/stac/search", body=body)
    for text in TEXTS.values():
        for member in ("response", "resources", "outputs"):
            refused(json.dumps({member: text}).encode())
            refused(json.dumps({member: {text: text}}).encode())
        refused(json.dumps({"inputs": {text: text}}).encode())
        refused(json.dumps({"outputs": {text: {}}}).encode())
        for name in ("choice", "number", "array", "bbox", "integer", "boolean", "pause"):
            refused(json.dumps({"inputs": {name: text}}).encode())
        refused(json.dumps({"inputs": {"array": {"href": text}}}).encode())
        refused(json.dumps({"inputs": {"array": {"value": text, "mediaType": text, "encoding": text}}}).encode())
        for name in ("bbox", "intersects", "datetime", "ids", "collections", "limit", "cursor", text):
            for value in (text, [text], {text: text}):
                target.ask("POST", "/stac/search", body=json.dumps({name: value}).encode())
    for depth in (50, 120, 180, 199, 201, 250):
        body = b'{"inputs": {"object": ' + nested(depth) + b"}}"
        assert target.ask("POST", "/processes/echo/estimate", body=body).status in (200, 400)


def test_inputs_of_algorithms(target: Target) -> None:
    """Looked at where they are planned: in the gateway's own process."""
    area = {"bbox": [4.9, 43.9, 5.1, 44.1]}

    def zones(geometry: object) -> dict[str, object]:
        return {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": geometry}]}

    for text in TEXTS.values():
        scenes = {"catalogue": "lab"}
        asked = [
            {"scenes": {"catalogue": text}}, {"scenes": {**scenes, "collections": [text]}}, {"raster": {"href": text}},
            {"scenes": {**scenes, "datetime": text}}, {"scenes": {**scenes, "ids": [text]}}, {"raster": text},
            {"index": text}, {"expression": text}, {"bands": [text]}, {"crs": text}, {"area": text}, {"scenes": text},
            {"area": {"type": "Polygon", "coordinates": text}}, {"area": {"bbox": [0, 0, 1, 1], "crs": text}},
            {"zones": text}, {"zones": {"href": text}}, {"zones": {"type": "FeatureCollection", "features": text}},
            {"zones": {"type": "FeatureCollection", "features": [text]}},
            {"zones": {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": text}]}},
            {"zones": zones({"type": text})}, {"zones": zones({"type": "Polygon", "coordinates": text})},
            {"zones": zones({"type": "Polygon", "coordinates": [[[text]]]})}, {"zones": {**zones(None), "crs": text}},
        ]  # fmt: skip
        for inputs in asked:
            if "zones" in inputs:
                process = "zonal-statistics"
            else:
                process = "segmentation" if "raster" in inputs else "extract" if "bands" in inputs else "spectral-index"
            whole = {"inputs": {"scenes": scenes, "area": area, **inputs}}
            answer = target.ask("POST", f"/processes/{process}/estimate", body=json.dumps(whole).encode())
            assert answer.status in (400, 413), (process, str(inputs)[:200], answer)
    # What libraries log of the addresses that they read is without their queries.
    scenes = {"catalogue": f"https://127.0.0.1:1/?token={SECRET}"}
    whole = {"inputs": {"scenes": scenes, "area": area}}
    assert target.ask("POST", "/processes/spectral-index/estimate", body=json.dumps(whole).encode()).status == 400
    assert "Retrying" in target.log()


def test_texts_come_back_as_they_were_sent(target: Target) -> None:
    sent = {"object": {text: [text, {"deep": text}] for text in TEXTS.values()}, "string": TEXTS["sbatch"]}
    key = f"$(touch${{IFS}}{CANARY});'\"`../..%00"
    answers = [
        target.ask(
            "POST", "/processes/echo/execution", Idempotency_Key=key, Prefer="respond-async",
            body=json.dumps({"inputs": sent, "outputs": {name: {} for name in sent}, "response": "document"}).encode(),
        )
        for _ in range(2)
    ]  # fmt: skip
    one, two = (json.loads(answer.body)["id"] for answer in answers)
    assert one == two
    status = target.ask("GET", f"/jobs/{one}", Prefer="wait=50")
    while json.loads(status.body)["status"] != "successful":
        assert json.loads(status.body)["status"] in ("accepted", "running"), status
        status = target.ask("GET", f"/jobs/{one}", Prefer="wait=50", If_None_Match=status.headers["etag"])
    results = json.loads(target.ask("GET", f"/jobs/{one}/results").body)
    assert results == {"string": sent["string"], "object": {"value": sent["object"]}}
    assert json.loads(target.ask("GET", f"/jobs/{one}/definition").body)["inputs"].items() >= sent.items()


def test_uploads_are_only_bytes(target: Target) -> None:
    secret = target.outside / "secret" / "secret.json"
    for content in (
        f"<VRTDataset><SourceFilename>{secret}</SourceFilename></VRTDataset>", f"#!/bin/sh\ntouch {CANARY}\n",
        f"<GDAL_WMS><Service name='TMS'><ServerUrl>{secret}</ServerUrl></Service></GDAL_WMS>", TEXTS["xml"],
        json.dumps({"href": str(secret)}),
    ):  # fmt: skip
        name = hashlib.sha256(content.encode()).hexdigest()
        assert target.ask("PUT", f"/uploads/{name}", body=content.encode()).status == 201
        stored = target.root / "uploads" / name
        assert stored.read_text() == content
        assert not os.access(stored, os.X_OK) or not stored.stat().st_mode & 0o111
        inputs = {"raster": {"href": f"http://gateway.test/uploads/{name}"}}
        answer = target.ask("POST", "/processes/segmentation/estimate", body=json.dumps({"inputs": inputs}).encode())
        assert answer.status == 400
        inputs = {"zones": inputs["raster"], "scenes": {"catalogue": "demo"}}
        answer = target.ask(
            "POST", "/processes/zonal-statistics/estimate", body=json.dumps({"inputs": inputs}).encode()
        )
        assert (answer.status, json.loads(answer.body)["input"]) == (400, "zones")
        inputs = {"array": {"href": f"http://gateway.test/uploads/{name}"}}
        answer = target.ask("POST", "/processes/echo/execution", body=json.dumps({"inputs": inputs}).encode())
        assert answer.status == 400


def test_names_of_users(target: Target, tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.sqlite3")
    for text in (*TEXTS.values(), "\ud800", "root\n", "a/b", "a:b", ".a"):
        if text not in ("null",):
            with pytest.raises(ValueError, match="no user name"):
                tokens.create(text)
        tokens.create("ada", label=text.replace("\ud800", ""))
    assert len(tokens.list()) == len(TEXTS) + 5
    tokens.close()
    for text in (TEXTS["substitution"], TEXTS["line"], TEXTS["option"], TEXTS["right to left"]):
        refused = command(target.gateway.environment, "token", "create", "--", text)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""


def test_a_real_slurm(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    target = Target(tmp_path, PHIDIAS_SCHEDULER__KIND="slurm", **slurm_cluster.environment)
    try:
        sent = {"object": {text: text for text in TEXTS.values()}, "string": TEXTS["sbatch"]}
        answer = target.gateway.execute(
            inputs=sent, wait=False, headers={"Idempotency-Key": f"$(touch${{IFS}}{CANARY})"}, outputs={"object": {}},
            response="document",
        )  # fmt: skip
        identifier = answer.json()["id"]
        for tool in (["squeue", "-h", "-o", "%all"], ["scontrol", "show", "job", "-d"]):
            told = subprocess.run(
                tool, env={**os.environ, **slurm_cluster.environment}, capture_output=True, text=True, check=True
            )
            assert "touch" not in told.stdout
        assert target.gateway.finished(identifier)["status"] == "successful"
        assert target.gateway.get(f"/jobs/{identifier}/results").json() == {"object": {"value": sent["object"]}}
        assert target.files() == target.before
        script = [path.read_text() for path in target.root.rglob("*.sh")]
        assert not any("touch" in text for text in script)
    finally:
        target.gateway.stop()
