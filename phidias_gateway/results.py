"""Reading what a job gave and said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phidias_gateway.errors import JobFailed, NoSuchResult, ResultNotReady
from phidias_gateway.job import Job, LogPart, Outcome, OutputFile, Status, Step
from phidias_gateway.job_folder import JobFolder


class Results:
    """Of the jobs below one root."""

    def __init__(self, jobs_root: Path) -> None:
        self._jobs_root = jobs_root

    def outcome(self, job: Job) -> Outcome:
        """What a successful job gave. Raises ResultNotReady, or JobFailed with the job's own problem."""
        if job.status is Status.FAILED:
            raise JobFailed(dict(job.problem or {}))
        if job.status is not Status.SUCCESSFUL:
            dismissed = job.status is Status.DISMISSED
            raise ResultNotReady(
                f"The job is {job.status}.",
                remedy="A dismissed job has no results." if dismissed else "Ask again when it has ended.",
            )
        requested = self._folder(job).request()["requested"]
        wanted: Mapping[str, Any] | None = requested["outputs"]
        outputs = {
            name: _output(entry)
            for name, entry in self._outputs(job).items()
            if wanted is None or not wanted or name in wanted
        }
        transmission = {
            name: entry["transmissionMode"] for name, entry in (wanted or {}).items() if entry.get("transmissionMode")
        }
        return Outcome(outputs, transmission, requested["response"])

    def definition(self, job: Job) -> dict[str, Any]:
        """The execute request of a job, as it can be sent again. Raises NoSuchResult if its files are gone."""
        try:
            request = self._folder(job).request()
        except FileNotFoundError:
            raise NoSuchResult("The job's files are gone.", remedy="Fill in the form anew.") from None
        wanted = {name: value for name, value in request["requested"].items() if value is not None}
        # An input left empty says no more than one left out.
        return {"inputs": {name: value for name, value in request["inputs"].items() if value is not None}, **wanted}

    def tiles(self, job: Job) -> Path:
        """Where the job's tasks leave what is finished."""
        return self._folder(job).tiles

    def files(self, job: Job) -> frozenset[str]:
        """The names of the files among the outputs of a successful job that its request asked for."""
        found = self.outcome(job).outputs.values()
        listed = [output if isinstance(output, tuple) else (output,) for output in found]
        return frozenset(entry.file for some in listed for entry in some if isinstance(entry, OutputFile))

    def path(self, job: Job, name: str) -> Path:
        """The path of an output file, by its name in `OutputFile.file`. Raises NoSuchResult for any other name."""
        if job.status is Status.SUCCESSFUL:
            for entry in self._outputs(job).values():
                if any(file["file"] == name for file in entry.get("files", [entry]) if "file" in file):
                    return self._folder(job).results(self._attempt(job)) / name
        raise NoSuchResult(f"The job has no result {name[:100]!r}.", remedy="See the job's results for what it has.")

    def log(self, job: Job, task: int, offset: int, limit: int) -> LogPart:
        """At most `limit` bytes of a task's log, from the byte `offset` on."""
        content, size = self._folder(job).log(task, offset, limit)
        offset = min(offset, size)
        if offset + len(content) < size or not job.status.ended:
            content = _whole_characters(content)
        end = offset + len(content)
        return LogPart(content.decode(errors="replace"), offset, end, job.step is Step.CLOSED and end >= size)

    def _folder(self, job: Job) -> JobFolder:
        return JobFolder(self._jobs_root / job.id)

    def _result(self, job: Job) -> dict[str, Any]:
        result = self._folder(job).result()
        if result is None:
            raise NoSuchResult("The job's files are gone.", remedy="Run it again.")
        return result

    def _outputs(self, job: Job) -> dict[str, Any]:
        return dict(self._result(job)["outputs"])

    def _attempt(self, job: Job) -> int:
        return int(self._result(job)["attempt"])


def _output(entry: Mapping[str, Any]) -> OutputFile | tuple[OutputFile, ...] | Any:
    if "files" in entry:
        return tuple(OutputFile(**file) for file in entry["files"])
    return OutputFile(**entry) if "file" in entry else entry["value"]


def _whole_characters(content: bytes) -> bytes:
    """Without the beginning of a UTF-8 character at the end, so that the next part starts with it."""
    for length in range(1, min(4, len(content)) + 1):
        last = content[-length]
        if last & 0xC0 != 0x80:
            needed = 1 if last < 0xC0 else 2 if last < 0xE0 else 3 if last < 0xF0 else 4
            return content if length >= needed else content[:-length]
    return content
