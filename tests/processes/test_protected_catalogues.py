"""Catalogues and files that ask for a header or a signature: read with the site's credentials, which stay secret."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import rasterio
from pydantic import TypeAdapter, ValidationError
from rasterio.windows import Window

from phidias_gateway import guard as guards
from phidias_gateway.credentials import Credential, SecretUnusable, find
from phidias_gateway.errors import InputError
from phidias_gateway.guard_keys import Keys
from phidias_gateway.hosts import Unreachable
from phidias_gateway.references import Site
from phidias_processes.eo.bands import Band
from phidias_processes.eo.guarded_http import GuardedReader
from phidias_processes.eo.sources import Sources
from phidias_processes.eo.stac import open_catalogue
from tests.gateway.running import Running, command, environment
from tests.processes.servers import ApiServer, FileServer

COLLECTION = "sentinel-2-l1c"
NIR = f"/{COLLECTION}/S2A_MSIL1C_virginia/B08.tif"
AREA = {"bbox": [-75.64, 37.66, -75.63, 37.67]}
SECRET = "Bearer open-sesame-7541"
HOSTS = frozenset({"127.0.0.1", "127.0.0.2"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", file, "-out", file.with_suffix(".crt"), "-subj", "/CN=x",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


@pytest.fixture(scope="module")
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(autouse=True)
def _own_guards(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Guards that believe the certificate."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.with_suffix(".crt")))
    monkeypatch.setattr(guards, "_guards", {})
    yield
    for started in guards._guards.values():
        started.close()


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secrets" / "header"
    file.parent.mkdir()
    file.touch(0o600)
    file.write_text(SECRET + "\n")
    return file


@pytest.fixture
def api(virginia, tls: ssl.SSLContext) -> Iterator[ApiServer]:
    """A STAC API that shows nothing to who does not send the header, and its files neither."""
    with ApiServer({COLLECTION: virginia.folder / COLLECTION}, tls=tls) as server:
        server.admits = lambda path, headers: headers.get("Authorization") == SECRET
        yield server


class SignedServer(FileServer):
    """The demo's catalogue, open; its images are for those who bring a token of `/token`, until it expires."""

    def __init__(self, folder: Path, tls: ssl.SSLContext, seconds: float) -> None:
        super().__init__(folder, tls=tls)
        self.seconds = seconds
        self.tokens: dict[str, float] = {}
        self.admits = self._admits
        self.special["/token"] = self._token

    def _token(self) -> tuple[int, Mapping[str, str], bytes]:
        end = datetime.now(UTC) + timedelta(seconds=self.seconds)
        signature = f"sesame-{len(self.tokens)}/+"
        self.tokens[signature] = end.timestamp()
        token = f"se={end:%Y}&sig={signature.replace('/', '%2F').replace('+', '%2B')}"
        return 200, {}, json.dumps({"token": token, "msft:expiry": end.isoformat()}).encode()

    def _admits(self, path: str, headers: Mapping[str, str]) -> bool:
        parts = urlsplit(path)
        given = parse_qs(parts.query).get("sig", [""])
        return not parts.path.endswith(".tif") or (len(given) == 1 and time.time() < self.tokens.get(given[0], 0))


@pytest.fixture
def signed(virginia, tls: ssl.SSLContext) -> Iterator[SignedServer]:
    with SignedServer(virginia.folder, tls, seconds=3600) as server:
        yield server


def with_header(server: Any, file: Path, header: str = "Authorization") -> Credential:
    return Credential(server.url, header=header, secret_file=str(file))


def with_token(server: Any) -> Credential:
    return Credential(f"{server.url}/{COLLECTION}/", token_url=f"{server.url}/token")


def site(*credentials: Credential) -> Site:
    return Site(allow_hosts=HOSTS, credentials=credentials)


# --- which addresses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("href", "covered"),
    [
        ("https://stac.example.org/data", True), ("https://stac.example.org/data/a.tif?x=1", True),
        ("https://STAC.example.org.:443/data/", True), ("https://stac.example.org/d%61ta/a b", True),
        ("https://stac.example.org/database", False), ("https://stac.example.org/", False),
        ("https://stac.example.org.evil.com/data/", False), ("https://stac.example.org:8443/data/", False),
        ("http://stac.example.org/data/", False), ("https://evil.com/https://stac.example.org/data/", False),
        ("https://stac.example.org@evil.com/data/", False), ("https://evil.com#@stac.example.org/data/", False),
        ("https://stac.example.org/data/../private", False), ("https://stac.example.org/data/%2e%2e/private", False),
        ("https://stac.example.org/data/%252e%252e/private", False), ("https://stac.example.org/data/..;/x", False),
        ("https://stac.example.org/data/..%5cprivate", False), ("https://stac.example.org:x/data/", False),
        ("/data/a.tif", False),
    ],
)  # fmt: skip
def test_what_a_prefix_covers(href: str, covered: bool) -> None:
    credential = Credential("https://stac.example.org/data", token_url="https://sas.example.org/token")
    assert (find([credential], href) is credential) is covered


def test_the_longest_prefix_counts() -> None:
    short, long = (Credential(f"https://a.example{path}", token_url="https://x.example/") for path in ("", "/b/"))
    assert find([short, long], "https://a.example/b/c") is long
    assert find([long, short], "https://a.example/c") is short


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": "http://a.example/", "token_url": "https://x.example/"}, {"prefix": "https://a.example/"},
        {"prefix": "https://u:p@a.example/", "token_url": "https://x.example/"},
        {"prefix": "https://a.example/?k=v", "token_url": "https://x.example/"},
        {"prefix": "https://a.example/", "token_url": "http://x.example/"},
        {"prefix": "https://a.example/", "header": "Authorization"},
        {"prefix": "https://a.example/", "header": "Authorization", "secret_file": "relative"},
        {"prefix": "https://a.example/", "header": "Bad header", "secret_file": "/x"},
        {"prefix": "https://a.example/", "header": "Host", "secret_file": "/x"},
        {"prefix": "https://a.example/", "header": "A", "secret_file": "/x", "token_url": "https://x.example/"},
        {"prefix": "https://a.example/", "header": "A", "secret": "in the settings"},
    ],
)  # fmt: skip
def test_settings_that_are_no_credential(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Credential).validate_python(wrong)


# --- jobs ------------------------------------------------------------------------------------------------------------


def test_jobs_read_protected_catalogues_and_the_secrets_stay_where_they_are(
    tmp_path: Path, virginia, tls: ssl.SSLContext, api: ApiServer, signed: SignedServer, secret_file: Path
) -> None:
    store = tmp_path / "store"
    credentials = [asdict(with_header(api, secret_file)), asdict(with_token(signed))]
    gateway = Running.start(store, PHIDIAS_CREDENTIALS=json.dumps(credentials))

    def body(catalogue: str) -> dict[str, Any]:
        return {"inputs": {"scenes": {"catalogue": catalogue}, "area": AREA}}

    answers = []
    try:
        for catalogue in (api.url, f"{signed.url}/catalog.json"):
            job = gateway.start_job("spectral-index", **body(catalogue))
            assert gateway.finished(job["id"])["status"] == "successful", gateway.get(f"/jobs/{job['id']}/logs").text
            answers += [gateway.get(f"/jobs/{job['id']}{part}") for part in ("", "/results", "/logs", "/definition")]
        assert all(answer.ok for answer in answers), answers
        # The same servers under addresses that the gateway has no credential for.
        with (
            ApiServer({COLLECTION: virginia.folder / COLLECTION}, tls=tls) as closed,
            SignedServer(virginia.folder, tls, 3600) as unsigned,
        ):
            closed.admits = api.admits
            for catalogue, what in ((closed.url, "The catalogue"), (f"{unsigned.url}/catalog.json", "The asset 'nir'")):
                refused = gateway.execute("spectral-index", wait=False, **body(catalogue))
                assert refused.status_code == 400
                assert refused.json()["detail"].startswith(f"{what}")
                assert "401" in refused.json()["detail"]
                assert "[[credentials]]" in refused.json()["remedy"]
                answers.append(refused)
        assert len(gateway.get("/jobs").json()["jobs"]) == 2, "what is refused is never submitted"
    finally:
        gateway.stop()
    assert signed.tokens
    told = {answer.url: answer.content for answer in answers}
    told |= {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert any(path.endswith("gateway.log") for path in told)
    assert any(path.endswith("request.json") for path in told)
    assert [place for place, content in told.items() if b"sesame" in content] == []


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, api: ApiServer, secret_file: Path) -> None:
    secret_file.chmod(0o640)
    credential = with_header(api, secret_file)
    here = environment(tmp_path / "store", PHIDIAS_CREDENTIALS=json.dumps([asdict(credential)]))
    for name in ("check", "serve"):
        ran = command(here, name)
        assert ran.returncode == 1
        assert f"{secret_file} can be read or changed by others (mode 0640)" in ran.stdout + ran.stderr
        assert "chmod 600" in ran.stdout + ran.stderr
        assert "sesame" not in ran.stdout + ran.stderr
    with pytest.raises(InputError, match="can be read or changed by others") as error:
        open_catalogue(api.url, site(credential))
    assert "administrator" in error.value.remedy
    assert api.requests == []
    secret_file.chmod(0o600)
    assert open_catalogue(api.url, site(credential)), "it counts at once"


@pytest.mark.parametrize("content", [b"", b"one\r\nX-Other: two", b"a\0b", b"x" * 20_000])
def test_a_file_that_holds_no_header(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_bytes(content)
    with pytest.raises(SecretUnusable, match="one line"):
        Credential("https://a.example/", header="Authorization", secret_file=str(file)).secret()
    file.unlink()
    with pytest.raises(SecretUnusable, match="cannot be read"):
        Credential("https://a.example/", header="Authorization", secret_file=str(file)).secret()


def test_a_secret_that_was_replaced_counts_at_once_and_a_wrong_one_is_told(api: ApiServer, secret_file: Path) -> None:
    secret_file.write_text("Bearer of yesterday")
    here = site(with_header(api, secret_file))
    with pytest.raises(InputError, match="401 Unauthorized") as error:
        open_catalogue(api.url, here)
    assert f"the credential for {api.url}" in error.value.remedy
    secret_file.write_text(SECRET)
    assert open_catalogue(api.url, here)


# --- where secrets go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["before", "while reading"])
@pytest.mark.parametrize("kind", ["header", "token"])
def test_a_redirect_takes_no_secret_along(
    virginia, tls: ssl.SSLContext, signed: SignedServer, secret_file: Path, kind: str, way: str
) -> None:
    """Neither with us nor with GDAL, which sends a header of its own settings on to whatever host."""
    if kind == "header":
        signed.admits = lambda path, headers: headers.get("X-Api-Key") == SECRET
        here = site(with_header(signed, secret_file, "X-Api-Key"))
    else:
        here = site(with_token(signed))
    image = (virginia.folder / NIR[1:]).read_bytes()
    with FileServer(virginia.folder, "127.0.0.2") as other, closing(Sources(here)) as sources:
        elsewhere = (302, {"Location": other.url + NIR}, b"")
        signed.special[NIR] = lambda: elsewhere if way == "before" else (200, {}, image)

        def work(open_at: Callable[[str], rasterio.DatasetReader]) -> int:
            dataset = open_at("")
            signed.special[NIR] = lambda: elsewhere
            return int(dataset.read(1).max())

        assert sources.read("", Band("", signed.url + NIR), work) > 0
    assert any(NIR in request for request in signed.requests)
    assert other.requests
    assert "sesame" not in str(other.requests) + "".join(map(str, other.headers))


def test_a_file_beside_the_prefix_gets_no_secret(signed: SignedServer, secret_file: Path) -> None:
    here = site(Credential(f"{signed.url}/{COLLECTION}/", header="X-Api-Key", secret_file=str(secret_file)))
    with closing(GuardedReader(here, input="scenes")) as reader:
        reader.text(f"{signed.url}/catalog.json")
        reader.text(f"{signed.url}/{COLLECTION}/collection.json", headers={"x-api-key": "the reader's own"})
    assert [headers.get_all("X-Api-Key") for headers in signed.headers] == [None, [SECRET]]
    assert [headers.get_all("Host") for headers in signed.headers] == [[f"127.0.0.1:{signed.port}"]] * 2


def test_a_certificate_that_nobody_knows(api: ApiServer, secret_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(InputError, match="self-signed certificate") as error:
        open_catalogue(api.url, site(with_header(api, secret_file)))
    assert "administrator" in error.value.remedy
    assert api.requests == []


def test_what_is_asked_of_the_guard_is_plain_to_nobody_else() -> None:
    """By http, but at the port of https: without the guard, no server answers that."""
    here = guards.guard(site(Credential("https://a.example/b", token_url="https://x.example/")))
    assert here.address("https://a.example/b/c.tif?d=e#f") == "http://a.example:443/b/c.tif?d=e"
    assert here.address("https://a.example:/b/") == "http://a.example:443/b/"
    assert here.address("https://a.example/c") == "https://a.example/c"


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_until_shortly_before_it_expires_and_then_renewed(signed: SignedServer) -> None:
    signed.seconds = 2.0
    rows: list[int] = []

    def work(open_at: Callable[[str], rasterio.DatasetReader]) -> int:
        dataset = open_at("")
        rows.append(1500 - 500 * len(rows))
        return int(dataset.read(1, window=Window(0, rows[-1], 1900, 8)).max())

    with closing(Sources(site(with_token(signed)))) as sources:
        band = Band("", f"{signed.url}{NIR}?sig=of-yesterday")
        sources.read("", band, work)
        first = list(signed.tokens.values())
        asked = len(signed.requests)
        time.sleep(max(0.0, first[-1] - time.time()))
        sources.read("", band, work)
        later = signed.requests[asked:]
    assert len(first) < len(signed.tokens) <= len(first) + 2
    assert any(".tif" in request for request in later), "the rows were not in a cache"
    assert sum("/token" in request for request in signed.requests) < len(signed.requests) / 2


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FileServer]:
    """A token service, without its TLS."""
    with FileServer(tmp_path) as server:
        yield server


def keys(service: FileServer) -> Keys:
    credential = Credential("https://files.example/", token_url=f"https://127.0.0.1:{service.port}/token?for=me")
    return Keys([credential], lambda host, port: socket.create_connection((host, port)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((503, {}, b""), "it answers 503"), ((200, {}, b"[]"), "not understood"), ((200, {}, b"<html>"), "understood"),
        ((200, {}, b'{"token": "sesame sesame"}'), "no query"), ((200, {}, b'{"token": "sesame\\nX: y"}'), "no query"),
        ((200, {}, b'{"token": "sig=sesame", "msft:expiry": 5}'), "time of expiry is not understood"),
        ((302, {"Location": "https://evil.example/"}, b""), "it answers 302"),
    ],
)  # fmt: skip
def test_a_token_service_that_gives_none(service: FileServer, answer: Any, reason: str) -> None:
    service.special["/token"] = lambda: answer
    with pytest.raises(Unreachable, match=f"the token service at .*/token gives no token: .*{reason}") as error:
        keys(service).key("files.example", 443, b"/a.tif")
    assert "sesame" not in str(error.value)
    assert service.requests == ["GET /token?for=me"]


def test_a_token_is_used_while_it_is_good_although_its_service_is_down(service: FileServer) -> None:
    end = datetime.now(UTC) + timedelta(seconds=1.5)
    answers = iter([(200, {}, json.dumps({"token": "?sig=1", "msft:expiry": end.isoformat()}).encode())])
    service.special["/token"] = lambda: next(answers, (500, {}, b""))
    mine = keys(service)
    failed = False
    while not failed:
        try:
            key = mine.key("files.example", 443, b"/a.tif?x=1")
            assert key is not None
            assert key.added_to(b"/a.tif?x=1&sig=0") == b"/a.tif?x=1&sig=1"
        except Unreachable:
            failed = True
            assert datetime.now(UTC) >= end - timedelta(seconds=0.1)
        time.sleep(0.05)
    assert len(service.requests) > 2, "it was asked for a new one before"
    assert mine.key("elsewhere.example", 443, b"/a.tif") is None
