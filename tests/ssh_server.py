"""A real sshd for the tests: in the foreground, on a port of its own, with keys of its own, for the current user.

The command that signs in finds its home in `home`: there are its keys, known hosts and configuration.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[1] / ".venv" / "bin" / "phidias-gateway"


@dataclass
class SshServer:
    """An sshd that lets the key `id_ed25519` of `home` in; `login` is its name in the configuration there."""

    folder: Path
    home: Path
    port: int
    variables: Mapping[str, str]
    """The environment of what runs behind it"""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def ssh(self) -> Path:
        return self.home / ".ssh"

    @property
    def address(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Serve, and return when it answers."""
        with open(self.folder / "log", "ab") as log:
            command = [shutil.which("sshd", path="/usr/sbin:/usr/bin"), "-D", "-e", "-f", self.folder / "sshd_config"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    probe.recv(4)
                return
            except OSError:
                time.sleep(0.02)

    def stop(self) -> None:
        """End it with all its connections."""
        if self.process is not None:
            sessions = self.sessions()
            self.process.terminate()
            self.process.wait(20)
            self.process = None
            self.signal(sessions, signal.SIGKILL)

    def sessions(self) -> list[int]:
        """The processes that serve one connection each, and those below them."""
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if text.rpartition("(")[2].startswith("sshd)"):
                parents[int(status.parent.name)] = int(text.rpartition(")")[2].split()[1])
        found = {self.process.pid} if self.process else set()
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return [pid for pid in found if self.process and pid != self.process.pid]

    def signal(self, sessions: list[int], number: int) -> None:
        for pid in sessions:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def cut(self) -> None:
        """Break every connection."""
        self.signal(self.sessions(), signal.SIGKILL)

    def stop_gateway(self) -> None:
        """Stop the personal gateway behind it."""
        environment = {**os.environ, **self.variables}
        subprocess.run([GATEWAY, "down"], env=environment, check=True, capture_output=True, timeout=60)

    def know(self, text: str = "") -> None:
        """Write the known hosts: this server's key, or `text`."""
        key = (self.folder / "host_key.pub").read_text()
        (self.ssh / "known_hosts").write_text(text or f"[127.0.0.1]:{self.port} {key}")


def keygen(path: Path, passphrase: str = "") -> Path:
    """Make a key pair."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return path


StartSsh = Callable[..., SshServer]


@pytest.fixture(scope="module")
def start_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSsh]:
    """Start an sshd; `settings` are further lines of its configuration, `variables` the environment behind it."""
    for program, path in (("sshd", "/usr/sbin:/usr/bin"), ("ssh-keygen", None)):
        if shutil.which(program, path=path) is None:
            pytest.skip(f"{program} is not installed (Debian: openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # an sshd of root insists on it
    started: list[SshServer] = []

    def begin(variables: Mapping[str, str], settings: str = "") -> SshServer:
        folder = tmp_path_factory.mktemp("sshd")
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = SshServer(folder, home, port, variables)
        keygen(folder / "host_key")
        keygen(server.ssh / "id_ed25519")
        shutil.copy(server.ssh / "id_ed25519.pub", folder / "authorized_keys")
        server.know()
        (server.ssh / "config").write_text(f"Host login\n  HostName 127.0.0.1\n  Port {port}\n")
        (folder / "sshd_config").write_text(
            # Of two lines on the same, the first holds.
            f"{settings}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "MaxStartups 100\nLogLevel VERBOSE\n"
            f"SetEnv {' '.join(f'{name}={value}' for name, value in variables.items())}\n"
        )
        started.append(server)
        server.start()
        return server

    yield begin
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def ssh_server(start_ssh: StartSsh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An sshd behind which a personal gateway can be started; that one is stopped at the end."""
    root = tmp_path_factory.mktemp("behind")
    variables = {"PHIDIAS_STORE__ROOT": str(root), "PHIDIAS_SCHEDULER__KIND": "local"}
    server = start_ssh(variables)
    yield server
    server.stop_gateway()


@pytest.fixture
def at_home(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """The person's home is that of the server's key, and no agent runs; their files are put back afterwards."""
    monkeypatch.setenv("HOME", str(ssh_server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    before = {path: path.read_bytes() for path in ssh_server.ssh.iterdir()}
    yield ssh_server
    for path in set(ssh_server.ssh.iterdir()) | set(before):
        path.unlink(missing_ok=True)
        if path in before:
            path.write_bytes(before[path])
            path.chmod(0o600)
