"""Names of the tests' own: a resolver for this process and for the guards it starts, whose answers can change.

Run as a file, it is the guard's proxy with that resolver.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Names:
    """Host names and their addresses, and addresses that count as public."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._told: dict[str, Any] = {"hosts": {}, "public": []}
        self._write()

    def __setitem__(self, host: str, addresses: list[str]) -> None:
        self._told["hosts"][host] = addresses
        self._write()

    def publish(self, address: str) -> None:
        self._told["public"].append(address)
        self._write()

    def lookups(self) -> list[str]:
        """The names that were looked up, one for each time."""
        log = self.file.with_suffix(".log")
        return log.read_text("utf-8").split() if log.exists() else []

    def _write(self) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self._told), "utf-8")
        new.replace(self.file)


def replace(file: Path, put: Any) -> None:
    """Put the resolver of `file` in the place of the real one; `put` is `setattr` or does the same."""
    from phidias_gateway import hosts

    real_lookup, real_verdict = socket.getaddrinfo, hosts.is_public

    def lookup(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        known = json.loads(file.read_text("utf-8"))["hosts"]
        if host not in known:
            return real_lookup(host, port, *rest, **options)
        with file.with_suffix(".log").open("a", encoding="utf-8") as log:
            log.write(f"{host}\n")
        return [entry for address in known[host] for entry in real_lookup(address, port, *rest, **options)]

    def verdict(address: str) -> bool:
        return address in json.loads(file.read_text("utf-8"))["public"] or real_verdict(address)

    put(socket, "getaddrinfo", lookup)
    put(hosts, "is_public", verdict)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from phidias_gateway.guard_proxy import main

    replace(Path(sys.argv[1]), setattr)
    main()
else:
    import pytest

    @pytest.fixture
    def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
        """A resolver for this test; its guards are new, and end with it."""
        # Not above: the tests inside of QGIS's Python load this file, and have no gateway there.
        from phidias_gateway import guard

        made = Names(tmp_path / "names.json")
        replace(made.file, monkeypatch.setattr)
        monkeypatch.setattr(guard, "COMMAND", (sys.executable, "-I", "-S", __file__, str(made.file)))
        monkeypatch.setattr(guard, "_guards", {})
        yield made
        for started in guard._guards.values():
            started.close()
