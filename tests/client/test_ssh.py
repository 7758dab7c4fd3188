"""A personal gateway through a real sshd: a job, broken lines, and everything that keeps one from signing in."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from backend_client import (
    BadConnection,
    Cancelled,
    Gateway,
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    PackageMissing,
)
from backend_client import ssh as ssh_module
from backend_client.patience import Backoff
from backend_client.ssh import Host
from backend_client.tunnel import SshTunnel
from tests.ssh_server import GATEWAY, SshServer, StartSsh, keygen

pytestmark = pytest.mark.skipif(not GATEWAY.exists(), reason="the gateway is not installed in .venv")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what does not come."""
    monkeypatch.setattr(ssh_module, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(ssh_module, "BEAT_SECONDS", 0.5)
    monkeypatch.setattr(Backoff, "next", lambda self, asked=None: 0.1)


@pytest.fixture
def tunnel(at_home: SshServer) -> Iterator[SshTunnel]:
    opened = SshTunnel("login", command=str(GATEWAY))
    yield opened
    opened.close()


def script(folder: Path, text: str) -> str:
    path = folder / "gateway.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


def refused(host: str = "login", command: str = str(GATEWAY)) -> GatewayError:
    """The error of a connection that cannot be made."""
    tunnel = SshTunnel(host, command=command)
    try:
        with pytest.raises(GatewayError) as caught:
            tunnel.open()
    finally:
        tunnel.close()
    return caught.value


def test_a_job_in_five_lines(at_home: SshServer, tmp_path: Path) -> None:
    gateway = Gateway.over_ssh("login", command=str(GATEWAY))
    job = gateway.execute("echo", {"string": "é\n"})
    lines: list[str] = []
    *_, last = gateway.follow(job.id, log=lines.append)
    assert last.status == "successful"
    assert lines
    assert gateway.results(job.id)["string"].value == "é\n"
    # Bytes go both ways unharmed: a file up, by its hash, and the links that come back lead through the tunnel.
    (tmp_path / "data.tif").write_bytes(os.urandom(3_000_000))
    assert gateway.upload(tmp_path / "data.tif")
    assert last.links[0].href.startswith(gateway.url)


def test_the_tunnel_ends_with_its_gateway(at_home: SshServer) -> None:
    gateway = Gateway.over_ssh(at_home.address, command=str(GATEWAY))
    port = int(gateway.url.rpartition(":")[2])
    del gateway
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_token_is_shown_nowhere(tunnel: SshTunnel) -> None:
    line = tunnel.open()
    assert line.authorization.startswith("Bearer phidias_")
    assert "phidias_" not in repr(line) + repr(tunnel) + repr(vars(tunnel))
    # Without it, the port of this computer opens nothing to its other users.
    assert requests.get(f"{tunnel.url}/jobs", timeout=10).status_code == 401


def through(tunnel: SshTunnel) -> Gateway:
    session = requests.Session()
    session.mount(f"{tunnel.url}/", tunnel.transport(requests.adapters.HTTPAdapter()))
    return Gateway(tunnel.url, session=session)


@pytest.mark.usefixtures("quick")
def test_a_broken_line_is_made_anew_and_the_job_goes_on(at_home: SshServer, tunnel: SshTunnel) -> None:
    gateway = through(tunnel)
    job = gateway.execute("echo", {"pause": 2})
    following = gateway.follow(job.id, wait=1)
    next(following)
    at_home.cut()
    # What knows nothing of tunnels, as GDAL, finds the same address again.
    assert requests.get(f"{tunnel.url}/conformance", timeout=30).status_code == 200
    at_home.cut()
    *_, last = following
    assert last.status == "successful"


@pytest.mark.usefixtures("quick")
def test_a_host_that_comes_back_is_found_again(at_home: SshServer, tunnel: SshTunnel) -> None:
    gateway = through(tunnel)
    job = gateway.execute("echo", {"pause": 2})
    told: list[GatewayError] = []

    def unreachable(error: GatewayError, seconds: float) -> None:
        told.append(error)
        if len(told) == 3:
            at_home.start()

    following = gateway.follow(job.id, wait=1, unreachable=unreachable)
    next(following)
    at_home.stop()
    *_, last = following
    assert last.status == "successful"
    assert any("cannot be reached by SSH" in error.detail for error in told)


def test_a_gateway_that_has_gone_is_started_again(at_home: SshServer, tunnel: SshTunnel) -> None:
    gateway = through(tunnel)
    assert gateway.landing().title
    at_home.stop_gateway()
    assert gateway.processes()


@pytest.mark.usefixtures("quick")
def test_a_line_that_falls_silent_is_given_up(at_home: SshServer, tunnel: SshTunnel) -> None:
    gateway = through(tunnel)
    first = tunnel.open()
    silent = at_home.sessions()
    at_home.signal(silent, signal.SIGSTOP)
    try:
        assert gateway.landing().title
        assert tunnel.open() is not first
    finally:
        at_home.signal(silent, signal.SIGKILL)


def test_an_unknown_host_is_refused_with_its_fingerprint(at_home: SshServer) -> None:
    at_home.know("# nobody\n")
    error = refused()
    shown = subprocess.run(
        ["ssh-keygen", "-lf", at_home.folder / "host_key.pub"], capture_output=True, text=True, check=True, timeout=30
    )
    assert shown.stdout.split()[1] in error.detail
    assert "'ssh login'" in error.remedy
    assert (at_home.ssh / "known_hosts").read_text() == "# nobody\n"


def test_a_changed_host_key_is_refused(at_home: SshServer, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other").with_suffix(".pub").read_text()
    at_home.know(f"[127.0.0.1]:{at_home.port} {other}")
    error = refused()
    assert isinstance(error, BadConnection)
    assert "not the one that is known" in error.detail
    assert f"ssh-keygen -R '[127.0.0.1]:{at_home.port}'" in error.remedy


def test_a_key_that_does_not_open_is_not_tried_again_and_again(at_home: SshServer) -> None:
    key = (at_home.ssh / "id_ed25519").rename(at_home.ssh / "good")
    (at_home.ssh / "id_ed25519.pub").unlink()
    keygen(at_home.ssh / "id_ed25519")
    tunnel = SshTunnel("login", command=str(GATEWAY))
    before = at_home.log.count("Connection from")
    for _ in range(3):
        with pytest.raises(BadConnection, match="does not accept your SSH keys"):
            tunnel.open()
        # What knows nothing of tunnels sees its connection end, and does not knock either.
        with pytest.raises(requests.ConnectionError):
            requests.get(tunnel.url, timeout=10)
    assert at_home.log.count("Connection from") == before + 1
    # Until the person has put it right, and says so.
    key.rename(at_home.ssh / "id_ed25519")
    tunnel.forgive()
    assert requests.get(f"{tunnel.url}/conformance", timeout=30).status_code == 200
    tunnel.close()


def test_no_key_at_all(at_home: SshServer) -> None:
    (at_home.ssh / "id_ed25519").unlink()
    error = refused()
    assert "there is none" in error.detail
    assert "ssh-add" in error.remedy


def test_a_locked_key_needs_the_agent(at_home: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = at_home.ssh / "id_ed25519"
    plain = tmp_path / "plain"
    plain.write_bytes(key.read_bytes())
    plain.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key],
        check=True,
        capture_output=True,
        timeout=30,
    )
    error = refused()
    assert "locked with a passphrase" in error.detail
    assert "ssh-add" in error.remedy
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
            while not path.exists():
                assert agent.poll() is None
                time.sleep(0.01)
            subprocess.run(["ssh-add", plain], check=True, capture_output=True, timeout=30)
            # Also where the configuration keeps to the key that is named.
            with open(at_home.ssh / "config", "a") as config:
                config.write(f"  IdentitiesOnly yes\n  IdentityFile {key}\n")
            assert Gateway.over_ssh("login", command=str(GATEWAY)).processes()
        finally:
            agent.terminate()


def test_a_host_that_asks_for_more_than_a_key(start_ssh: StartSsh, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_ssh({"X": "y"}, "PasswordAuthentication yes\nAuthenticationMethods publickey,password")
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert "wants a password or a code" in refused().detail


@pytest.mark.usefixtures("quick", "at_home")
def test_a_host_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        error = refused(f"127.0.0.1:{port}")
        assert isinstance(error, GatewayUnreachable)
        assert time.monotonic() - began < 30
    assert "refused" in refused(f"127.0.0.1:{port}").detail
    assert "cannot be found" in refused("nowhere.invalid").detail


@pytest.mark.usefixtures("at_home")
def test_a_cancel_is_heard_while_the_host_is_silent() -> None:
    cancelled = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tunnel = SshTunnel(f"127.0.0.1:{silent.getsockname()[1]}")
        threading.Timer(0.3, cancelled.set).start()
        with pytest.raises(Cancelled):
            tunnel.open(cancelled.is_set)
        tunnel.close()


@pytest.mark.usefixtures("at_home")
def test_a_command_that_is_not_there() -> None:
    error = refused(command="/nowhere/phidias-gateway")
    assert isinstance(error, BadConnection)
    assert "no command '/nowhere/phidias-gateway' on login" in error.detail
    assert "whole path" in error.remedy


@pytest.mark.usefixtures("at_home")
def test_a_gateway_that_does_not_start_says_why(tmp_path: Path) -> None:
    error = refused(command=script(tmp_path, 'echo "The disk is full." >&2; exit 1'))
    assert isinstance(error, GatewayFailed)
    assert "did not start: The disk is full." in error.detail


@pytest.mark.usefixtures("at_home")
def test_words_of_a_login_script_and_a_path_with_odd_letters_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "it's $(touch owned); `x`"
    folder.mkdir()
    command = script(folder, f'echo "Welcome to {{the}} cluster"; exec {GATEWAY} "$@"')
    assert Gateway.over_ssh("login", command=command).processes()
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.usefixtures("at_home")
def test_a_path_from_the_home_there() -> None:
    import pwd

    below = os.path.relpath(GATEWAY, pwd.getpwuid(os.getuid()).pw_dir)
    assert Gateway.over_ssh("login", command=f"~/{below}").processes()


def test_the_configuration_leads_over_another_host(at_home: SshServer) -> None:
    (at_home.ssh / "config").rename(at_home.ssh / "config.site")
    (at_home.ssh / "config").write_text("Host inner outer\n  ProxyJump login\nInclude config.s*\nHost inner\n")
    with open(at_home.ssh / "config", "a") as config:
        config.write(f"  HostName 127.0.0.1\n  Port {at_home.port}\n")
    before = at_home.log.count("Accepted publickey")
    assert Gateway.over_ssh("inner", command=str(GATEWAY)).processes()
    assert at_home.log.count("Accepted publickey") == before + 2


def test_a_circle_in_the_configuration(at_home: SshServer) -> None:
    (at_home.ssh / "config").write_text("Host *\n  ProxyJump login\n")
    assert "in a circle" in refused().detail
    (at_home.ssh / "config").write_text("Host *\n  Port many\n")
    assert "~/.ssh/config cannot be used" in refused().detail


def test_without_paramiko_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    error = refused()
    assert isinstance(error, PackageMissing)
    assert "pip install paramiko" in error.remedy


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("login", Host("login")),
        (" ada@login.example.org ", Host("login.example.org", "ada")),
        ("ssh://Ada.L@Login-1:2222/", Host("Login-1", "Ada.L", 2222)),
        ("[::1]:22", Host("::1", port=22)),
    ],
)
def test_hosts_as_people_write_them(text: str, host: Host) -> None:
    assert Host.parse(text) == host


def test_the_command_that_a_person_is_told_to_run() -> None:
    assert Host.parse("ada@login").command == "ssh ada@login"
    assert Host.parse("ada@login:2222").command == "ssh -p 2222 ada@login"


@pytest.mark.parametrize(
    "text", ["", "-oProxyCommand=x", "a b", "a@-b", "a@b:0", "a@b:70000", "a/b", "http://a", "a;b"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(BadConnection, match="no SSH host"):
        Host.parse(text)
