"""Real gateways for the tests over HTTP, started and stopped by their own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

PACK = Path(__file__).with_name("lab_pack")


def environment(root: Path, **variables: str) -> dict[str, str]:
    """The environment of a gateway whose store is `root`, with a laboratory's pack of processes installed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PHIDIAS_", "SLURM", "SBATCH"))}
    return {
        **kept,
        "PYTHONPATH": str(PACK),
        "PHIDIAS_STORE__ROOT": str(root),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_SCHEDULER__MAX_PARALLEL": "4",
        "PHIDIAS_REFERENCES__ALLOW_HOSTS": '["127.0.0.1"]',
        "PHIDIAS_LIMITS__BODY_MB": "0.1",
        "PHIDIAS_LIMITS__UPLOAD_MB": "1",
        **variables,
    }


def command(environment: dict[str, str], *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `phidias-gateway` with its output captured."""
    return subprocess.run(
        [sys.executable, "-m", "phidias_gateway.cli", *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
    )


@dataclass
class Running:
    """A gateway that answers, and a session of one of its users."""

    url: str
    token: str
    environment: dict[str, str]
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def start(cls, root: Path, **variables: str) -> Running:
        made = environment(root, **variables)
        up = command(made, "up")
        assert up.returncode == 0, up.stderr
        line = json.loads(up.stdout)
        return cls(line["url"], line["token"], made)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def stop(self) -> None:
        self.session.close()
        stopped = command(self.environment, "down")
        assert stopped.returncode == 0, stopped.stderr

    def another_user(self, name: str = "other") -> Running:
        """The same gateway as another user sees it."""
        created = command(self.environment, "token", "create", name)
        return Running(self.url, json.loads(created.stdout)["token"], self.environment)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        address = path if path.startswith("http") else self.url + path
        return self.session.request(method, address, timeout=60, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def execute(
        self, process: str = "echo", *, wait: bool = True, headers: dict[str, str] | None = None, **body: Any
    ) -> requests.Response:
        """Execute a process; `body` is the execute request."""
        prefer = {} if wait else {"Prefer": "respond-async"}
        return self.request("POST", f"/processes/{process}/execution", json=body, headers={**prefer, **(headers or {})})

    def start_job(self, process: str = "echo", **body: Any) -> dict[str, Any]:
        """Start a job and return its StatusInfo."""
        answer = self.execute(process, wait=False, **body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def finished(self, job_id: str) -> dict[str, Any]:
        """The StatusInfo of a job once it has ended."""
        for _ in range(30):
            info = self.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10"}).json()
            if info["status"] in ("successful", "failed", "dismissed"):
                return dict(info)
        raise AssertionError(f"the job did not end: {info}")
