"""The guard: no library that reads through it can be led to a host that the site does not allow."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from phidias_gateway import guard as guards
from phidias_gateway.errors import InputError
from phidias_gateway.guard import guard, reason, refusal
from phidias_gateway.guard_proxy import Proxy
from phidias_gateway.hosts import Hosts, is_public
from phidias_gateway.references import Archive, Site
from tests.gateway.jobs_of import until
from tests.names import ROOT, Names

SECRET = b"0123456789" * 100


class Server:
    """Answers on a loopback address; `seen` are the request lines with the client's port, and the headers."""

    def __init__(self, host: str) -> None:
        self.seen: list[tuple[str, int, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.redirect = ""
        self.hang_up = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.requestline, self.client_address[1], dict(self.headers)))
                if self.headers.get("Content-Length"):
                    outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.reply(self.path)
                self.close_connection = self.close_connection or outer.hang_up

            def reply(self, path: str) -> None:
                if path == "/hop":
                    self.answer(302, b"", Location=outer.redirect)
                elif path == "/chunks":
                    self.answer(200, b"4;x=y\r\nabcd\r\n400\r\n" + b"e" * 1024 + b"\r\n0\r\nT: r\r\n\r\n",
                                **{"Transfer-Encoding": "chunked"})  # fmt: skip
                elif path == "/no-chunks":
                    self.answer(200, b"-5\r\nabcde\r\n0\r\n\r\n", **{"Transfer-Encoding": "chunked"})
                elif path == "/no-length":
                    self.answer(200, b"", **{"Content-Length": "-1"})
                elif path == "/endless":
                    self.answer(200, SECRET, Connection="close")
                elif path == "/same":
                    self.answer(304, b"", ETag='"x"')
                elif path == "/early":
                    self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                    self.answer(200, SECRET, **{"Content-Length": "1000"})
                elif span := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
                    part = SECRET[int(span[1]) : int(span[2]) + 1]
                    self.answer(206, part, **{"Content-Length": str(len(part))})
                else:
                    self.answer(200, SECRET, **{"Content-Length": "1000"})

            def answer(self, status: int, content: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status == 302:
                    self.send_header("Content-Length", "0")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://{host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[str], Server]]:
    servers: list[Server] = []

    def start(host: str) -> Server:
        servers.append(Server(host))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def get(site: Site, url: str, **options: object) -> requests.Response:
    with guard(site).session() as session:
        return session.get(url, timeout=20, **options)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("1.1.1.1", True), ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False), ("127.255.255.254", False), ("0.0.0.0", False), ("10.0.0.1", False),  # noqa: S104
        ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("192.0.2.1", False), ("198.18.0.1", False), ("224.0.0.1", False), ("240.0.0.1", False),
        ("255.255.255.255", False), ("::", False), ("::1", False), ("fe80::1", False), ("fe80::1%lo", False),
        ("fc00::1", False), ("fd00:ec2::254", False), ("fec0::1", False), ("ff02::1", False), ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::ffff:93.184.216.34", True), ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("64:ff9b::a00:1", False), ("64:ff9b::5db8:d822", True), ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False), ("2002:a00:1::1", False), ("2001:0:7f00:1::1", False), ("4000::1", False),
    ],
)  # fmt: skip
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.1.",
        "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]",  # noqa: S104
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "①②⑦.⓪.⓪.①", "ｌｏｃａｌｈｏｓｔ", "127。0。0。1",
    ],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_read(serve: Callable[[str], Server], host: str) -> None:
    server = serve("127.0.0.1")
    with pytest.raises(InputError, match=r"not a public address|cannot be found|neither") as error:
        Site().locate(f"http://{host}:{server.port}/", input="raster")
    assert error.value.remedy
    # The guard itself, for whoever has not asked `locate`: as a proxy for http, and for a tunnel.
    try:
        answer = get(Site(), f"http://{host}:{server.port}/")
        assert (answer.status_code, answer.content) in ((403, b""), (502, b""))
        assert refusal(answer)
    except requests.exceptions.InvalidURL:
        pass
    with pytest.raises(requests.RequestException):
        get(Site(), f"https://{host}:{server.port}/")
    assert server.seen == []


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd", "file:/etc/passwd", "/etc/passwd", "etc/passwd", "../../etc/passwd", "", ".", "~",
        "/vsicurl/http://127.0.0.1/", "/vsizip/vsicurl/http://x.example/a.zip", "/vsis3/bucket/key", "/vsimem/x",
        "vrt:///etc/x.tif", "vrt://http://example.com/x.tif", "GTIFF_DIR:1:/etc/x", "ftp://example.com/x", "s3://b/k",
        "http:///etc/passwd", "http://", "https://:80/", "//example.com/x", "http:example.com", "gopher://example.com",
        "data:,x", "<VRTDataset/>", "http://[::1/", "http://example.com:99999/", "http://example.com:x/",
        "http://user@127.0.0.1/x", "http://user:password@127.0.0.1/x", "http://:@127.0.0.1/",
        "http://127.0.0.1\\@127.0.0.1/", "http://127.0.0.1\\.127.0.0.1/", " http://127.0.0.1/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://127.0.\n0.1/", "http://127.0.0.1/\x00",
        "http\n://127.0.0.1/", "http://127.0.0.1/\x7f", "\x01http://127.0.0.1/", "http://a..example/",
        "http://" + "a" * 70 + ".test/", "http://" + "a." * 200 + "test/", "http://\ud800.example/", "http://％31.com/",
        "x" * 1_000_000, "http://" + "x" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(href: str) -> None:
    with pytest.raises(InputError) as error:
        Site(allow_hosts=frozenset({"127.0.0.1"})).locate(href, input="raster")
    assert error.value.input == "raster"
    assert error.value.remedy
    assert len(error.value.detail) < 2000
    assert "password" not in error.value.detail or "user" not in href


def test_a_name_that_means_another_address_a_moment_later(names: Names, serve: Callable[[str], Server]) -> None:
    inside, site = serve("127.0.0.1"), Site()
    url = f"http://rebound.example:{inside.port}/"
    names["rebound.example"] = ["93.184.216.34"]
    assert site.locate(url, input="raster") == url
    names["rebound.example"] = ["127.0.0.1"]
    answer = get(site, url)
    assert (answer.status_code, refusal(answer)) == (403, "the host 'rebound.example' is not a public address")
    with pytest.raises(requests.RequestException) as error:
        get(site, url.replace("http:", "https:"))
    assert reason(error.value) == "the host 'rebound.example' is not a public address"
    assert inside.seen == []


def test_of_several_addresses_none_may_be_inside(names: Names, serve: Callable[[str], Server]) -> None:
    inside, outside = serve("127.0.0.1"), serve("127.0.0.2")
    names.publish("127.0.0.2")
    names["two.example"] = ["127.0.0.2", "127.0.0.1"]
    with pytest.raises(InputError, match="not a public address"):
        Site().locate("http://two.example/", input="raster")
    assert get(Site(), f"http://two.example:{outside.port}/").status_code == 403
    assert inside.seen == outside.seen == []


def test_networks_of_the_site_are_not_public(names: Names, serve: Callable[[str], Server]) -> None:
    server, site = serve("127.0.0.2"), Site(internal_networks=("127.0.0.0/30", "2001:db8::/32"))
    names.publish("127.0.0.2")
    with pytest.raises(InputError, match="not a public address"):
        site.locate(server.url, input="raster")
    assert get(site, server.url).status_code == 403
    assert server.seen == []
    assert get(Site(), server.url).content == SECRET
    # An IPv6 address that leads to one of them.
    names.publish("::ffff:127.0.0.2")
    with pytest.raises(PermissionError):
        site.hosts.addresses("::ffff:127.0.0.2", 80)
    with pytest.raises(ValueError, match="network"):
        Site(internal_networks=("127.0.0.1/8",))


def test_a_connection_goes_to_the_address_that_was_checked(names: Names, serve: Callable[[str], Server]) -> None:
    server = serve("127.0.0.2")
    names.publish("127.0.0.2")
    names["one.example"] = ["127.0.0.9", "127.0.0.2"]  # nobody is at the first
    names.publish("127.0.0.9")
    assert get(Site(), f"http://one.example:{server.port}/").content == SECRET
    assert names.lookups() == ["one.example"]
    [(_, _, headers)] = server.seen
    assert headers["Host"] == f"one.example:{server.port}"


def test_a_redirect_that_a_library_follows_by_itself(names: Names, serve: Callable[[str], Server]) -> None:
    inside, outside = serve("127.0.0.1"), serve("127.0.0.2")
    names.publish("127.0.0.2")
    for outside.redirect in (f"{inside.url}/", f"http://localhost:{inside.port}/", f"http://[::1]:{inside.port}/"):
        answer = get(Site(), f"{outside.url}/hop")
        assert (answer.status_code, len(answer.history)) == (403, 1)
    assert len(outside.seen) == 3
    assert inside.seen == []


def test_only_who_knows_the_secret_gets_a_connection(serve: Callable[[str], Server]) -> None:
    server, site = serve("127.0.0.1"), Site(allow_hosts=frozenset({"127.0.0.1"}))
    good = guard(site).url
    address = good.partition("@")[2]
    for proxy in (f"http://{address}", f"http://phidias:wrong@{address}", f"http://phidias@{address}"):
        answer = requests.get(server.url, proxies={"http": proxy}, timeout=10)
        assert (answer.status_code, answer.content) == (407, b"")
    assert server.seen == []
    assert requests.get(server.url, proxies={"http": good}, timeout=10).content == SECRET
    [(line, _, headers)] = server.seen
    assert line == "GET / HTTP/1.1"
    assert not [name for name in headers if name.lower().startswith("proxy-")]


def test_the_environment_leads_nobody_around_the_guard(
    names: Names, serve: Callable[[str], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, elsewhere = serve("127.0.0.2"), serve("127.0.0.3")
    names.publish("127.0.0.2")
    (tmp_path / ".netrc").write_text("default login me password hidden")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("no_proxy", "*")
    assert get(Site(), server.url).content == SECRET
    assert get(Site(), "http://127.0.0.3/").status_code == 403
    [(_, _, headers)] = server.seen
    assert "Authorization" not in headers
    assert elsewhere.seen == []


def test_a_connection_is_kept_for_the_next_request(serve: Callable[[str], Server]) -> None:
    server, site = serve("127.0.0.1"), Site(allow_hosts=frozenset({"127.0.0.1"}))
    with guard(site).session() as session:

        def ask(method: str, path: str, **options: object) -> requests.Response:
            return session.request(method, server.url + path, timeout=20, **options)

        assert ask("GET", "/").content == SECRET
        ranged = ask("GET", "/x?y=%2F%20&z=1#f", headers={"Range": "bytes=10-19"})
        assert (ranged.status_code, ranged.content) == (206, SECRET[10:20])
        head = ask("HEAD", "/")
        assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "1000", b"")
        assert ask("GET", "/same").status_code == 304
        assert ask("POST", "/", json={"a": [1] * 5000}).content == SECRET
        assert json.loads(server.bodies[0]) == {"a": [1] * 5000}
        assert ask("GET", "/chunks").content == b"abcd" + b"e" * 1024
        assert ask("GET", "/early").content == SECRET
    assert len({port for _, port, _ in server.seen}) == 1
    assert server.seen[1][0] == "GET /x?y=%2F%20&z=1 HTTP/1.1"
    assert get(site, f"{server.url}/endless").content == SECRET
    for path in ("/no-chunks", "/no-length"):
        with pytest.raises(requests.RequestException):
            get(site, server.url + path)


def test_a_connection_that_the_server_has_closed_meanwhile_is_made_anew(serve: Callable[[str], Server]) -> None:
    server = serve("127.0.0.1")
    server.hang_up = True  # without saying so
    with guard(Site(allow_hosts=frozenset({"127.0.0.1"}))).session() as session:
        for _ in range(5):
            assert session.get(server.url, timeout=20).content == SECRET
    assert len({port for _, port, _ in server.seen}) == 5


def test_many_at_once(serve: Callable[[str], Server]) -> None:
    server, site = serve("127.0.0.1"), Site(allow_hosts=frozenset({"127.0.0.1"}))
    with guard(site).session(connections=40) as session, ThreadPoolExecutor(40) as pool:

        def ask(number: int) -> bytes:
            span = {"Range": f"bytes={number}-{number + 99}"}
            return session.get(server.url, headers=span, timeout=60).content

        assert list(pool.map(ask, range(300))) == [SECRET[number : number + 100] for number in range(300)]


def test_tls_is_from_end_to_end(serve: Callable[[str], Server], tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = serve("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    site, url = Site(allow_hosts=frozenset({"127.0.0.1"})), server.url.replace("http:", "https:")
    assert get(site, url, verify=str(certificate)).content == SECRET
    with pytest.raises(requests.exceptions.SSLError):
        get(site, url)


def test_the_proxy_of_the_site_is_used_by_the_address_that_was_checked(
    names: Names, serve: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, asked = serve("127.0.0.2"), []
    names.publish("127.0.0.2")
    names["public.example"] = ["127.0.0.2"]

    class SitesProxy(Proxy):
        def reach(self, host: str, port: int, scheme: str) -> socket.socket:
            asked.append(host)
            return super().reach("127.0.0.2" if host == "allowed.example" else host, port, scheme)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(
            target=SitesProxy(listener, "s", Hosts(frozenset({"127.0.0.2"})), {}).serve, daemon=True
        ).start()
        upstream = {"http": f"http://phidias:s@127.0.0.1:{listener.getsockname()[1]}", "no": "direct.example"}
        monkeypatch.setattr(guards, "_upstream", upstream)
        names["direct.example"] = ["127.0.0.2"]
        names["inside.example"] = ["127.0.0.1"]
        # A host allowed by name goes by its name: this node may not be able to look it up.
        site = Site(allow_hosts=frozenset({"allowed.example"}))
        assert site.locate("http://allowed.example/", input="raster")
        for host in ("public.example", "allowed.example", "direct.example"):
            assert get(site, f"http://{host}:{server.port}/").content == SECRET, host
        assert get(site, f"http://inside.example:{server.port}/").status_code == 403
        assert asked == ["127.0.0.2", "allowed.example"]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_job_is_under_the_guard_with_every_program_it_starts(serve: Callable[[str], Server]) -> None:
    allowed, forbidden = serve("127.0.0.1"), serve("127.0.0.2")
    program = f"""
import subprocess, sys, urllib.request
from phidias_gateway.guard import guard
from phidias_gateway.references import Site
guard(Site(allow_hosts=frozenset({{"127.0.0.1"}}))).cover()
print(len(urllib.request.urlopen("{allowed.url}").read()))
try:
    urllib.request.urlopen("{forbidden.url}")
except urllib.error.HTTPError as error:
    print(error.code)
for ask in ("import urllib.request; urllib.request.urlopen('{forbidden.url}')", "import requests; "
            "requests.get('{forbidden.url}').raise_for_status()"):
    print(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stderr.strip().splitlines()[-1])
print(subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{{http_code}}", "{forbidden.url}"],
    capture_output=True, text=True).stdout)
"""
    environment = {**os.environ, "no_proxy": "127.0.0.2", "NO_PROXY": "*"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    lines = ran.stdout.splitlines()
    assert lines[0] == "1000", ran.stderr
    assert ["403" in line for line in lines[1:]] == [True] * 4, lines
    assert len(allowed.seen) == 1
    assert forbidden.seen == []
    assert ran.stderr.count("refused: the host '127.0.0.2' is not a public address") == 4


def test_it_ends_with_its_process_and_starts_again_should_it_have_ended(serve: Callable[[str], Server]) -> None:
    program = (
        "import time; from phidias_gateway.guard import guard; from phidias_gateway.references import Site\n"
        "print(guard(Site())._process.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        started = int(process.stdout.readline())
        assert Path(f"/proc/{started}").exists()
        process.send_signal(signal.SIGKILL)
    asyncio.run(
        until(lambda: not Path(f"/proc/{started}").exists() or "Z" in Path(f"/proc/{started}/stat").read_text())
    )

    server, site = serve("127.0.0.1"), Site(allow_hosts=frozenset({"127.0.0.1"}))
    first = guard(site)
    assert guard(site) is first
    first._process.kill()
    first._process.wait()
    assert get(site, server.url).content == SECRET
    assert guard(site) is not first


def test_an_archive_is_never_left(tmp_path: Path) -> None:
    root, outside = tmp_path / "archive", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
        (folder / "x.tif").write_text(folder.name)
    (root / "link.tif").symlink_to(outside / "x.tif")
    (root / "folder").symlink_to(outside)
    (root / "within.tif").symlink_to(root / "x.tif")
    site = Site(archives=(Archive(name="mine", prefix="https://mine.example/", path=root),))

    def locate(rest: str) -> str:
        return site.locate("https://mine.example/" + rest, input="raster")

    for rest in ("x.tif", "within.tif", "a/../x.tif", "x.tif?token=1", "/x.tif", "%78.tif"):
        assert Path(locate(rest)).read_text() == "archive"
    for rest in (
        "../outside/x.tif", "..%2Foutside/x.tif", "%2e%2e/outside/x.tif", "a/../../outside/x.tif", "link.tif",
        "folder/x.tif", "x.tif\x00", "x%00.tif", "\ud800.tif",
    ):  # fmt: skip
        with pytest.raises(InputError, match="out of the archive") as error:
            locate(rest)
        assert str(tmp_path) not in error.value.detail
