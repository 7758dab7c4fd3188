"""The work of a job, in its own process: from the job folder's request to a prepared outcome."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from phidias_gateway import causes
from phidias_gateway.errors import DiskFull, PhidiasError
from phidias_gateway.guard import guard
from phidias_gateway.job_folder import JobFolder, Turn, sync_folder, to_json
from phidias_gateway.outputs import FileOutput, sha256
from phidias_gateway.parts import duration_of_all, failure_of_parts, finished_tasks, task_number
from phidias_gateway.process import ProcessOutputs, Resources, Workspace
from phidias_gateway.references import Site
from phidias_gateway.registry import processes

log = logging.getLogger("phidias.worker")
_REPORT_SECONDS = 0.2


def run_job(folder: JobFolder, turn: Turn, outcome: str, times: Callable[[], dict[str, Any]]) -> None:
    """Run the job's process and prepare the turn's outcome, success or failure, under the name `outcome`.

    `times` gives what an outcome says about the attempt and its duration.
    """
    request = folder.request()

    def prepare(status: str, outputs: dict[str, Any], problem: dict[str, Any] | None) -> None:
        told = {"status": status, "outputs": outputs, "error": problem, **times()}
        if turn.part is None and request["parts"] > 1:
            told |= duration_of_all(folder, request["parts"], told["seconds"])
        folder.prepare(outcome, told)

    try:
        if turn.part is None and (failed := failure_of_parts(folder, request["parts"])) is not None:
            prepare("failed", {}, failed)
            return
        prepare("successful", _run(folder, turn, request), None)
        log.info("done")
    except Exception as error:
        problem = _problem(error)
        log.error("failed: %s", problem["detail"], exc_info=not isinstance(error, PhidiasError))
        # What is left is of no use, and on a full disk its space is.
        shutil.rmtree(folder.scratch(turn), ignore_errors=True)
        if turn.part is None:
            shutil.rmtree(folder.results(turn.attempt), ignore_errors=True)
        prepare("failed", {}, problem)


def _run(folder: JobFolder, turn: Turn, request: Mapping[str, Any]) -> dict[str, Any]:
    process, parts = processes()[request["process"]], request["parts"]
    share = "" if turn.part is None or parts == 1 else f", part {turn.part + 1} of {parts}"
    log.info("job %s, attempt %d%s: %s %s", request["job_id"], turn.attempt, share, process.id, process.version)
    inputs = process.Inputs.model_validate_json(to_json(request["inputs"]), strict=True)
    results, scratch = folder.results(turn.attempt), folder.scratch(turn)
    for path in (results, scratch) if turn.part is None else (scratch,):
        path.mkdir()
    folder.tiles.mkdir(exist_ok=True)
    os.chdir(scratch)
    os.environ["TMPDIR"] = str(scratch)
    site = Site.model_validate(request["site"])
    guard(site).cover()
    workspace = Workspace(
        job_id=request["job_id"],
        results=results,
        scratch=scratch,
        tiles=folder.tiles,
        plan=folder.plan(),
        site=site,
        resources=Resources.model_validate(request["resources"]),
        report=_Reporter(folder, turn.part),
        task=task_number(turn, parts),
        finished=finished_tasks(folder, parts) if turn.part is None else (),
    )
    if turn.part is not None:
        process.run_part(inputs, workspace, turn.part, parts)
        return {}
    return _collect(process.run(inputs, workspace), results)


class _Reporter:
    """Passes progress on, not more often than anyone could look at it."""

    def __init__(self, folder: JobFolder, part: int | None) -> None:
        self.folder = folder
        self.part = part
        self.last = 0.0
        self.message = ""

    def __call__(self, percent: float, message: str = "") -> None:
        if message and message != self.message:
            log.info("%d %%: %s", percent, message)
        elif time.monotonic() - self.last < _REPORT_SECONDS:
            return
        self.message = message or self.message
        self.last = time.monotonic()
        self.folder.report(percent, self.message, self.part)


def _collect(outputs: ProcessOutputs, results: Path) -> dict[str, Any]:
    """The outputs as `result.json` has them; files are on disk, with size and SHA-256, when this returns."""
    plain = outputs.model_dump(mode="json")
    collected: dict[str, Any] = {}
    for name, value in outputs:
        if value is None:
            continue
        if isinstance(value, FileOutput):
            collected[name] = _file(value, results)
        elif isinstance(value, list | tuple) and value and all(isinstance(entry, FileOutput) for entry in value):
            collected[name] = {"files": [_file(entry, results) for entry in value]}
        else:
            collected[name] = {"value": plain[name]}
    sync_folder(results)
    return collected


def _file(output: FileOutput, results: Path) -> dict[str, Any]:
    if Path(output.file).name != output.file:
        raise ValueError(f"the output file {output.file!r} is not a plain file name")
    path = results / output.file
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return {"file": output.file, "media_type": output.media_type, "size": size, "sha256": sha256(path)}


def _problem(error: Exception) -> dict[str, Any]:
    if any(_is_disk_full(link) for link in _chain(error)):
        return causes.problem("disk-full")
    if isinstance(error, PhidiasError):
        return error.problem()
    if any(isinstance(link, MemoryError) for link in _chain(error)):
        return causes.problem("out-of-memory")
    first_line = (str(error).strip().splitlines() or [""])[0]
    return PhidiasError(
        f"The process met an error it did not foresee: {type(error).__name__}: {first_line}"[:1000],
        remedy="Read the job's log, and send it to the author of the process.",
    ).problem()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_disk_full(error: BaseException) -> bool:
    """Also where a library (GDAL) tells it in words only."""
    known = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return known or isinstance(error, DiskFull) or os.strerror(errno.ENOSPC) in str(error)
