"""One job without a server: submitted, watched and reported from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from phidias_gateway.app import prepare
from phidias_gateway.errors import InvalidRequest
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Job, OutputFile
from phidias_gateway.jobs import Jobs
from phidias_gateway.schedulers import make_scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

OWNER = "local"


async def run(settings: Settings, process_id: str, content: bytes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run a process on the inputs in `content` and return the job's id and its outputs; files as their paths.

    `content` is a JSON object of inputs, or an execute request. `tell` is given lines of progress. Raises PhidiasError.
    """
    prepare(settings)
    store = Store(settings.store.database)
    try:
        jobs = Jobs(settings, store, make_scheduler(settings))
        await jobs.start()
        try:
            job, _ = await jobs.submit(OWNER, process_id, _request(content), key=None, base_url="http://localhost")
            tell(f"job {job.id}")
            try:
                job = await _follow(jobs, job, tell)
            except asyncio.CancelledError:
                await jobs.dismiss(OWNER, job.id)
                raise
            outcome = jobs.results(job)
            outputs = {name: _shown(jobs, job, output) for name, output in outcome.outputs.items()}
            return {"job": job.id, "outputs": outputs}
        finally:
            await jobs.stop()
    finally:
        store.close()


async def _follow(jobs: Jobs, job: Job, tell: Callable[[str], None]) -> Job:
    told = ""
    while not job.status.ended:
        line = f"{job.status.value} {job.progress} % {job.message or job.queue_reason or ''}".rstrip()
        if line != told:
            tell(line)
            told = line
        job = await jobs.changed(OWNER, job.id, job.version, 10)
    return job


def _request(content: bytes) -> ExecuteRequest:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise InvalidRequest(f"The inputs are no JSON: {error}.", remedy="Correct the file.") from None
    if isinstance(document, dict) and not isinstance(document.get("inputs"), dict):
        content = json.dumps({"inputs": document}).encode()
    return ExecuteRequest.parse(content)


def _shown(jobs: Jobs, job: Job, output: Any) -> Any:
    if isinstance(output, OutputFile):
        return str(jobs.result_file(job, output.file))
    if isinstance(output, tuple):
        return [_shown(jobs, job, entry) for entry in output]
    return output


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
