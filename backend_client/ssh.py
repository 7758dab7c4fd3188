"""A gateway of one's own on a login node, started and reached through SSH. The only file that knows paramiko.

What works with `ssh HOST` in a terminal works here, without a question being asked: the user's agent, keys,
certificates and known hosts, and of `~/.ssh/config` the host's name, user, port, keys, files of known hosts, and the
way there (ProxyJump, ProxyCommand).
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import glob
import hashlib
import json
import logging
import os
import re
import shlex
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from backend_client.errors import BadConnection, GatewayError, GatewayFailed, GatewayUnreachable, PackageMissing

if TYPE_CHECKING:
    import paramiko

COMMAND = "phidias-gateway"
CONNECT_SECONDS = 15
"""For the host to take the connection, and again to answer as an SSH server"""
SIGN_IN_SECONDS = 30
"""For the host to accept a key, an agent's question to the person included"""
UP_SECONDS = 90
"""For the gateway to start"""
BEAT_SECONDS = 15
"""Between two signs of life, and for the answer to one"""
OLDEST = (2, 12)
"""Version of paramiko"""

_HOST = re.compile(
    r"(?:ssh://)?(?:(?P<user>\w[\w.+-]*)@)?(?P<host>\w[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?/?", re.ASCII
)

logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Host:
    """A host as a person writes it: `login`, `ada@login.example.org:2222`, `ssh://ada@login`."""

    name: str
    user: str = ""
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Host:
        """Raises BadConnection."""
        found = _HOST.fullmatch(text.strip())
        if found is None or int(found["port"] or 1) not in range(1, 65536):
            raise BadConnection(
                f"{text.strip()[:100]!r} is no SSH host.", remedy="Write it as ada@login.example.org, as for ssh."
            )
        port = int(found["port"]) if found["port"] else None
        return cls(found["host"].strip("[]"), found["user"] or "", port)

    def __str__(self) -> str:
        return f"{self.user}@{self.name}" if self.user else self.name

    @property
    def command(self) -> str:
        """What reaches it in a terminal."""
        return f"ssh -p {self.port} {self}" if self.port else f"ssh {self}"


@dataclass(frozen=True)
class Line:
    """An open way to the gateway: the SSH connections, the gateway's place behind them, and the credentials."""

    destination: tuple[str, int]
    authorization: str = field(repr=False)
    """Value of the HTTP header"""
    transport: paramiko.Transport = field(repr=False)
    clients: tuple[paramiko.SSHClient, ...] = field(repr=False)
    """Those of the hosts on the way, and of the host itself"""

    @property
    def is_open(self) -> bool:
        return self.transport.is_active()

    def channel(self) -> paramiko.Channel:
        """A new connection to the gateway. Raises GatewayUnreachable."""
        import paramiko

        try:
            return self.transport.open_channel(
                "direct-tcpip", self.destination, ("127.0.0.1", 0), timeout=CONNECT_SECONDS
            )
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise GatewayUnreachable(f"The gateway behind the SSH connection cannot be reached ({error}).") from None

    def keep(self) -> None:
        """Return when the connection is over; one whose other end stays silent is ended."""
        while self.is_open:
            alarm = threading.Timer(BEAT_SECONDS, self.close)
            alarm.start()
            with contextlib.suppress(EOFError, OSError):  # over
                self.transport.global_request("keepalive@openssh.com", wait=True)
            alarm.cancel()
            self.transport.join(BEAT_SECONDS)
        self.close()

    def close(self) -> None:
        _close(self.clients)


def connect(host: Host, command: str = COMMAND) -> Line:
    """Sign in, start the gateway there unless it runs, and return the way to it.

    Blocks for some seconds. Raises PackageMissing, BadConnection (what the person has to put right),
    GatewayUnreachable, GatewayFailed (the gateway did not start).
    """
    try:
        import paramiko
    except ImportError:
        paramiko = None  # type: ignore[assignment]
    if paramiko is None or tuple(map(int, paramiko.__version__.split(".")[:2])) < OLDEST:
        raise PackageMissing(
            "Connections through SSH need the Python package paramiko, 2.12 or newer.",
            remedy="Install it with 'python -m pip install paramiko' in the Python that runs this, and restart.",
        )
    clients: list[paramiko.SSHClient] = []
    try:
        _sign_in(host, _configuration(), None, clients, ())
        transport = _transport(clients[-1])
        return Line(*_up(transport, host, command), transport, tuple(clients))
    except BaseException as error:
        _close(clients)
        if isinstance(error, GatewayError):
            raise
        if isinstance(error, (paramiko.SSHException, OSError, EOFError)):
            raise GatewayUnreachable(
                f"The SSH connection to {host} broke off ({error or type(error).__name__}).",
                remedy=f"Check that '{host.command}' works in a terminal.",
            ) from None
        raise


def _sign_in(
    host: Host,
    configuration: paramiko.SSHConfig,
    via: paramiko.Channel | None,
    clients: list[paramiko.SSHClient],
    above: tuple[Host, ...],
) -> None:
    """Add the client of `host` to `clients`, after those of the hosts that its configuration jumps over."""
    import paramiko

    name, port, options = _looked_up(configuration, host)
    user = host.user or options.get("user") or getpass.getuser()
    way: Any = via
    jumps = str(options.get("proxyjump") or "none")
    if way is None and jumps.lower() != "none":
        hosts = [Host.parse(jump) for jump in jumps.split(",")]
        places = [*(_looked_up(configuration, jump)[:2] for jump in hosts[1:]), (name, port)]
        for jump, place in zip(hosts, places):
            if jump in above:
                raise BadConnection(
                    f"In ~/.ssh/config the way to {host} goes over {jump} in a circle.",
                    remedy="Give the host that is jumped over 'ProxyJump none'.",
                )
            _sign_in(jump, configuration, way, clients, (*above, jump))
            last = _transport(clients[-1])
            way = last.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=CONNECT_SECONDS)
    elif way is None and options.get("proxycommand"):
        way = paramiko.ProxyCommand(options["proxycommand"])

    client = paramiko.SSHClient()
    clients.append(client)
    client.set_missing_host_key_policy(_policy(host))
    for path in _known_hosts(options):
        client.load_system_host_keys(path)
    keys: Any = [path for path in options.get("identityfile", ()) if os.access(path, os.R_OK)]
    try:
        client.connect(
            name,
            port,
            user,
            key_filename=keys,
            # The agent may hold the very key that is named, unlocked.
            look_for_keys=str(options.get("identitiesonly", "no")).lower() != "yes",
            sock=way,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=SIGN_IN_SECONDS,
            transport_factory=_silent_transport(),
        )
    except Exception as error:
        raise _refusal(error, host, name, port, user) from None


def _looked_up(configuration: paramiko.SSHConfig, host: Host) -> tuple[str, int, Mapping[str, Any]]:
    """Real name, port and all that `~/.ssh/config` says of a host."""
    import paramiko

    try:
        options = configuration.lookup(host.name)
        return str(options["hostname"]), host.port or int(options.get("port", 22)), options
    except (paramiko.SSHException, ImportError, ValueError, KeyError) as error:
        raise _unreadable_configuration(error) from None


def _silent_transport() -> Any:
    """A transport that never asks at the terminal: there may be none, and nobody sits at it."""
    import paramiko

    class Transport(paramiko.Transport):
        def auth_interactive_dumb(self, username: str, handler: Any = None, submethods: str = "") -> Any:
            raise paramiko.BadAuthenticationType("it asks for more", ["keyboard-interactive"])

    return Transport


def _policy(host: Host) -> paramiko.MissingHostKeyPolicy:
    """Reject hosts that are not known, and say how they become so."""
    import paramiko

    class Reject(paramiko.RejectPolicy):
        def missing_host_key(self, client: Any, hostname: str, key: paramiko.PKey) -> NoReturn:
            digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
            raise BadConnection(
                f"The host {hostname} is not known on this computer. Its key is {key.get_name()} SHA256:{digest}.",
                remedy="Compare it with the one that the site publishes; then run "
                f"'{host.command}' once in a terminal, which asks whether to keep it.",
            )

    return Reject()


def _refusal(error: Exception, host: Host, name: str, port: int, user: str) -> GatewayError:
    """What paramiko's exception means to the person."""
    import paramiko

    if isinstance(error, GatewayError):
        return error
    if isinstance(error, paramiko.BadHostKeyException):
        return BadConnection(
            f"The key of {name} is not the one that is known on this computer: somebody may be listening in, or the "
            "host was set up anew.",
            remedy=f"Ask the site. If it has a new key, run 'ssh-keygen -R {_bracketed(name, port)}' and then "
            f"'{host.command}' in a terminal.",
        )
    if isinstance(error, paramiko.PasswordRequiredException):
        return BadConnection(
            f"Your SSH key for {user}@{name} is locked with a passphrase.",
            remedy="Unlock it in your SSH agent with 'ssh-add', then try again.",
        )
    if isinstance(error, paramiko.BadAuthenticationType):
        return BadConnection(
            f"{name} wants a password or a code of {user}, besides or instead of an SSH key.",
            remedy="Ask the site for a way to sign in with a key alone: "
            f"'{host.command}' must work without a question.",
        )
    if isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error):
        found = (
            "does not accept your SSH keys"
            if isinstance(error, paramiko.AuthenticationException)
            else ("needs an SSH key, and there is none in ~/.ssh nor in your SSH agent")
        )
        return BadConnection(
            f"{name} {found} (user {user}).",
            remedy=f"Check the user name, and that '{host.command}' works in a terminal without a question; "
            "a key with a passphrase must be in your SSH agent ('ssh-add').",
        )
    remedy = f"Check its name, your network or VPN, and that '{host.command}' works in a terminal."
    if isinstance(error, socket.gaierror):
        return GatewayUnreachable(f"The host {name} cannot be found.", remedy=remedy)
    if isinstance(error, (socket.timeout, TimeoutError)) or "Timeout" in str(error):
        return GatewayUnreachable(f"{name} did not answer within {CONNECT_SECONDS} s.", remedy=remedy)
    if isinstance(error, OSError):
        each = getattr(error, "errors", {})
        reason = next((tried.strerror for tried in each.values()), error.strerror or error)
        return GatewayUnreachable(f"{name}, port {port}, cannot be reached by SSH ({reason}).", remedy=remedy)
    if isinstance(error, (paramiko.SSHException, EOFError)):
        return GatewayUnreachable(f"{name}, port {port}, does not answer as an SSH server ({error}).", remedy=remedy)
    return BadConnection(
        f"The SSH connection to {host} cannot be made ({type(error).__name__}: {error}).",
        remedy=f"Check ~/.ssh, and that '{host.command}' works in a terminal.",
    )


def _up(transport: paramiko.Transport, host: Host, command: str) -> tuple[tuple[str, int], str]:
    """Run the gateway's command `up` there: where the gateway listens, and the credentials for it."""
    channel = transport.open_session(timeout=CONNECT_SECONDS)
    with contextlib.closing(channel):
        channel.settimeout(UP_SECONDS)
        # The login shell reads this: one quoted word, relative to the home directory in which it starts.
        channel.exec_command(f"{shlex.quote(_checked(command))} up")  # nosec B601
        channel.shutdown_write()
        try:
            answer = channel.makefile("rb").read(1 << 20).decode(errors="replace")
            trouble = channel.makefile_stderr("rb").read(1 << 20).decode(errors="replace")
        except socket.timeout:
            raise GatewayFailed(
                f"The gateway on {host} did not start within {UP_SECONDS} s.",
                remedy=f"Run '{command} up' there and see what it says.",
            ) from None
        code = channel.recv_exit_status()
    for line in reversed(answer.splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return _gateway_in(json.loads(line))
    if code in (126, 127):
        raise BadConnection(
            f"There is no command {command!r} on {host}.",
            remedy="Give the whole path of phidias-gateway there in the connection, as ~/phidias/bin/phidias-gateway.",
        )
    said = " ".join(trouble.split()[-80:]) or f"it ended with {code} and said nothing"
    raise GatewayFailed(
        f"The gateway on {host} did not start: {said}", remedy=f"Run '{command} up' there and see what it says."
    )


def _gateway_in(document: Mapping[str, Any]) -> tuple[tuple[str, int], str]:
    """Read the line that `up` prints. Raises ValueError, KeyError, TypeError."""
    parts = urlsplit(document["url"])
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"{document['url']!r} is no address behind a tunnel")
    token = str(document["token"])
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the token is none")
    return (parts.hostname, parts.port), f"Bearer {token}"


def _checked(command: str) -> str:
    path = command.strip() or COMMAND
    if not path.isprintable() or path.startswith("-"):
        raise BadConnection(
            f"{command[:100]!r} is no path of a command.", remedy="Give the path of phidias-gateway on the host."
        )
    return path[2:] if path.startswith("~/") else path


def _configuration() -> paramiko.SSHConfig:
    import paramiko

    try:
        return paramiko.SSHConfig.from_text("\n".join(_lines(Path("~/.ssh/config").expanduser())))
    except (paramiko.SSHException, OSError, ValueError) as error:
        raise _unreadable_configuration(error) from None


def _lines(path: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a configuration file, with those of the files that it includes in their place."""
    if not path.is_file() or depth > 16:
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        keyword, _, value = line.strip().replace("=", " ", 1).partition(" ")
        if keyword.lower() != "include":
            yield line
            continue
        for pattern in shlex.split(value):
            # Relative to ~/.ssh, as ssh_config(5) has it.
            for name in sorted(glob.glob(str(path.home() / ".ssh" / Path(pattern).expanduser()))):
                yield from _lines(Path(name), depth + 1)


def _unreadable_configuration(error: Exception) -> BadConnection:
    return BadConnection(
        f"~/.ssh/config cannot be used ({error}).",
        remedy="Write the host's name, user and port into the connection, or simplify that file.",
    )


def _known_hosts(options: Mapping[str, Any]) -> list[str]:
    names = str(options.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"))
    names += " " + str(options.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts"))
    return [
        path for path in map(os.path.expanduser, names.split()) if os.access(path, os.R_OK) and os.path.isfile(path)
    ]


def _transport(client: paramiko.SSHClient) -> paramiko.Transport:
    transport = client.get_transport()
    if transport is None:
        raise GatewayUnreachable("The SSH connection is closed.")
    return transport


def _close(clients: Sequence[paramiko.SSHClient]) -> None:
    for client in reversed(clients):
        with contextlib.suppress(EOFError, OSError):  # the other side was quicker
            client.close()


def _bracketed(name: str, port: int) -> str:
    return name if port == 22 else f"'[{name}]:{port}'"
