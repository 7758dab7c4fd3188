"""The example for nginx in the docs, with a real nginx: all that users do goes through it, from known addresses."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rasterio
import requests

from phidias_gateway.access import FAILURES
from tests.gateway.running import Running
from tests.gateway.test_http_capabilities import assert_problem

EXAMPLE = Path(__file__).parents[2] / "docs" / "nginx.conf.example"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
NAME = "phidias.example.org"


@dataclass(frozen=True)
class Site:
    """A gateway behind nginx."""

    gateway: Running
    """As users see it: by the address of nginx"""
    behind: str
    """The gateway's own address"""
    certificate: Path
    log: Path
    plain: int
    """The port that sends everybody to TLS"""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    names = ["-addext", f"subjectAltName=DNS:{NAME},DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed: run `make setup`")
    folder = tmp_path_factory.mktemp("nginx")
    secure, plain, behind = free_ports(3)
    certificate, key = make_certificate(folder)
    text = EXAMPLE.read_text("utf-8")
    for old, new in {
        "127.0.0.1:8765": f"127.0.0.1:{behind}",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "/etc/ssl/phidias/fullchain.pem": str(certificate),
        "/etc/ssl/phidias/privkey.pem": str(key),
        "/var/log/nginx/phidias.log": str(folder / "access.log"),
        "/var/log/nginx/phidias.error.log": str(folder / "errors.log"),
        "4096m": "64m",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "phidias.conf").write_text(text)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;\n"
        f"events {{}}\nhttp {{ include {folder}/phidias.conf; client_body_temp_path {folder}/body; "
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; "
        f"scgi_temp_path {folder}/s; }}\n"
    )
    gateway = Running.start(
        folder / "store",
        PHIDIAS_SERVER__PORT=str(behind),
        PHIDIAS_SERVER__PUBLIC_URL=f"https://127.0.0.1:{secure}",
        PHIDIAS_LIMITS__UPLOAD_MB="64",
    )
    nginx = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    outside = Running(f"https://127.0.0.1:{secure}", gateway.token, gateway.environment)
    outside.session.verify = str(certificate)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if outside.get("/").status_code == 200:
                    break
            assert nginx.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, (folder / "error.log").read_text()
        yield Site(outside, gateway.url, certificate, folder / "access.log", plain)
    finally:
        nginx.terminate()
        nginx.wait(30)
        gateway.stop()


def test_a_job_runs_and_its_links_have_the_public_address(site: Site) -> None:
    answer = site.gateway.execute("lab-files", inputs={"size": 300}, wait=False)
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith(site.gateway.url)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    job = answer.json()["id"]
    assert site.gateway.finished(job)["status"] == "successful"
    href = site.gateway.get(f"/jobs/{job}/results").json()["data"]["href"]
    assert href.startswith(site.gateway.url + "/")
    part = requests.get(href, headers={"Range": "bytes=10-19"}, verify=site.certificate, timeout=10)
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    plain = requests.get(f"http://127.0.0.1:{site.plain}/jobs", allow_redirects=False, timeout=10)
    assert plain.status_code == 301
    assert plain.headers["Location"] == f"https://{NAME}/jobs"


def test_who_waits_hears_of_the_change(site: Site) -> None:
    job = site.gateway.start_job(inputs={"pause": 2})
    answer = site.gateway.get(f"/jobs/{job['id']}", headers={"Prefer": "wait=50"})
    while answer.json()["status"] != "successful":
        tag = {"If-None-Match": answer.headers["ETag"], "Prefer": "wait=50"}
        answer = site.gateway.get(f"/jobs/{job['id']}", headers=tag)
        assert answer.status_code == 200


def test_a_large_upload_passes_and_is_used(site: Site) -> None:
    content = os.urandom(20_000_000)
    sha256 = hashlib.sha256(content).hexdigest()
    answer = site.gateway.request("PUT", f"/uploads/{sha256}", data=content)
    assert answer.status_code == 201, answer.text
    assert answer.json()["href"] == f"{site.gateway.url}/uploads/{sha256}"
    headers = {"Content-Length": "70000000"}
    assert_problem(site.gateway.request("PUT", f"/uploads/{'0' * 64}", data=b"", headers=headers), 413)


def test_gdal_streams_a_preview_by_ranges(site: Site) -> None:
    job = site.gateway.start_job("lab-tiles", inputs={"done": 2, "fail": True})["id"]
    site.gateway.finished(job)
    href = site.gateway.get(f"/jobs/{job}/preview").json()["outputs"]["halves"]["href"]
    options = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CURL_CA_BUNDLE": str(site.certificate)}
    with rasterio.Env(**options), rasterio.open(f"/vsicurl/{href}") as dataset:
        assert dataset.read(1)[0, 0] == 1


def test_failed_sign_ins_count_for_the_client_and_not_for_the_proxy(site: Site) -> None:
    """Guessing from one address locks out nobody at another one, and a client cannot say that it is somebody else."""
    wrong = {"Authorization": "Bearer phidias_wrong_token"}

    def attempt(address: str, **headers: str) -> int:
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", _From(address))
        with session:
            url = f"{site.gateway.url}/jobs"
            return session.get(url, headers={**wrong, **headers}, verify=site.certificate, timeout=10).status_code

    answers = [attempt("127.0.0.2", **{"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(FAILURES + 1)]
    assert answers == [401] * FAILURES + [429]
    assert attempt("127.0.0.3") == 401


class _From(requests.adapters.HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))  # type: ignore[arg-type]


def test_no_log_holds_a_signature_also_when_the_gateway_is_away(site: Site) -> None:
    """The last test of this file: it stops the gateway."""
    job = site.gateway.execute("lab-files", inputs={"size": 3}, wait=False).json()["id"]
    site.gateway.finished(job)
    href = site.gateway.get(f"/jobs/{job}/results").json()["data"]["href"]
    assert_problem(requests.get(href + "x", verify=site.certificate, timeout=10), 404)
    plain = href.replace(site.gateway.url, f"http://127.0.0.1:{site.plain}")
    assert requests.get(plain, allow_redirects=False, timeout=10).status_code == 301
    site.gateway.stop()
    away = requests.get(href, verify=site.certificate, timeout=10)
    assert_problem(away, 503)
    assert away.headers["Retry-After"] == "10"
    assert f"/jobs/{job}/results/data.bin" in site.log.read_text()
    for log in site.log.parent.glob("*.log"):
        assert re.search(r"signature|expires|Bearer", log.read_text()) is None, log
