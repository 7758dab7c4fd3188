"""schemathesis holds the gateway to its own OpenAPI document, whatever comes in: Unicode, NUL, huge numbers...

Statuses, media types, headers and bodies are as documented, and nothing is accepted that the document forbids. The
document is given real ids as examples, so that the deep routes are reached. The seed is fixed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.gateway.running import Running

CONTENT = b"content"
UPLOAD = hashlib.sha256(CONTENT).hexdigest()
LINE = re.compile(r" phidias_gateway\.access ([A-Z]+) '([^']*)' (\d{3}) ")
NOT_CHECKED = {
    "ignored_auth": "guesses wrong tokens until it is answered 429; test_http_capabilities asks without one",
    "not_a_server_error": "a failed job's results are 5xx, as the standard has it; the log tells the unforeseen ones",
    "positive_data_acceptance": "no schema says all that a date, an area or a process's input must be",
}


@dataclass(frozen=True)
class Target:
    """A gateway with jobs in every state, and its OpenAPI document as a file."""

    gateway: Running
    document: Path
    log: Path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    root = tmp_path / "store"
    # What is called synchronously must not hold up the fuzzing, nor a body be refused before it is read.
    limits = {"PHIDIAS_LIMITS__SYNC_SECONDS": "1", "PHIDIAS_LIMITS__BODY_MB": "1"}
    archive = {"name": "lab", "prefix": "https://lab.invalid/", "path": str(tmp_path / "archive")}
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "catalog.json").write_text("{}")
    gateway = Running.start(root, PHIDIAS_ARCHIVES=json.dumps([archive]), **limits)
    files, scene = (gateway.start_job(process, inputs={})["id"] for process in ("lab-files", "lab-scene"))
    failed = gateway.start_job("lab-tiles", inputs={"done": 1, "fail": True})["id"]
    for job in (files, scene, failed):
        gateway.finished(job)
    running = gateway.start_job(inputs={"pause": 3600})["id"]
    assert gateway.request("PUT", f"/uploads/{UPLOAD}", data=CONTENT).status_code == 201
    link = gateway.get(f"/jobs/{files}/results").json()["data"]["href"]
    examples = {
        "process_id": ["echo", "lab-files", "lab-scene"],
        "job_id": [files, scene, failed, running],
        "sha256": [UPLOAD],
        "collection_id": ["lab-scene"],
        "item_id": [scene],
        "bbox": ["3,50,4,51"],
        "datetime": ["2018-05-01/.."],
    }
    of_files = {
        "/jobs/{job_id}/results/{name}": {
            "job_id": [files],
            "name": ["data.bin", "notes.json", "count"],
            **{name: [value] for name, value in parse_qsl(urlsplit(link).query)},
        },
        "/jobs/{job_id}/preview/{name}": {"job_id": [failed], "name": ["halves.vrt", "halves.0.tif"]},
        "/archives/{name}/{path}": {"name": ["lab"], "path": ["catalog.json"]},
    }
    api = gateway.get("/api").json()
    for path, operations in api["paths"].items():
        operations.pop("head", None)  # it is GET without the body
        for operation in operations.values():
            give_examples(operation, {**examples, **of_files.get(path, {})})
    document = tmp_path / "api.json"
    document.write_text(json.dumps(api), encoding="utf-8")
    yield Target(gateway, document, root / "gateway.log")
    for job in gateway.get("/jobs?status=accepted,running&limit=1000").json()["jobs"]:
        gateway.request("DELETE", f"/jobs/{job['id']}")
    gateway.stop()


def give_examples(operation: dict[str, Any], examples: dict[str, list[str]]) -> None:
    """Write these examples beside the parameters of an operation."""
    for parameter in operation.get("parameters", ()):
        values = enumerate(examples.get(parameter["name"], ()))
        parameter["examples"] = {f"example {number}": {"value": value} for number, value in values}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "options",
    [
        ["--phases=examples,coverage,fuzzing", "--max-examples=20", "--exclude-method=DELETE"],
        ["--phases=coverage,stateful", "--max-examples=30"],
    ],
    ids=["each operation", "one after the other"],
)
def test_the_gateway_keeps_to_its_description(target: Target, options: list[str], tmp_path: Path) -> None:
    """Deleting comes second, when what is there is not needed any more."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(target.document), "--url", target.gateway.url),
        *("--header", f"Authorization: Bearer {target.gateway.token}", "--request-timeout=60", "--no-color"),
        *("--checks=all", f"--exclude-checks={','.join(NOT_CHECKED)}", "--seed=1", "--continue-on-failure"),
        *("--generation-database=none", *options),
    ]
    environment = {
        **os.environ,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis"),
        "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fuzzing_hooks.py")),
    }
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    log = target.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "urn:uuid" not in log, "there was an error that nobody foresaw"
    if "--exclude-method=DELETE" in options:
        served = {(method, path) for method, path, status in LINE.findall(log) if status[0] == "2"}
        for template, operations in json.loads(target.document.read_text("utf-8"))["paths"].items():
            address = re.compile(re.sub(r"{\w+}", "[^/]+", template))
            for method in operations.keys() - {"delete"}:
                assert any(method.upper() == done and address.fullmatch(path) for done, path in served), (
                    f"{method} {template} never succeeded: nothing behind it was tried"
                )
