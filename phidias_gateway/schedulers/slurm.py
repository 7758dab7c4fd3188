"""Jobs in Slurm, by its command line tools, which every site has.

No value of a user reaches a command line, a job name, the script or `--export`. The job's name is the key: a
controller that lost its state gives ids anew, so a job is looked up and cancelled by its name only.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from phidias_gateway.errors import SchedulerUnavailable
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.process import Resources
from phidias_gateway.schedulers.scheduler import (
    Observed,
    Phase,
    SubmissionRefused,
    SubmissionUnknown,
    Task,
    joined,
)
from phidias_gateway.schedulers.slurm_states import phase_of, reason_of
from phidias_gateway.settings import SchedulerSettings, SlurmSettings

_NAME = re.compile(r"phidias-[0-9a-z]{26}-\d+")
_SEPARATOR = "\x1f"
_FIELDS = ("ArrayJobID", "Name", "State", "Reason", "StartTime", "RestartCnt", "exit_code", "ArrayTaskID")
_WAITING_PARTS = -1
"""Stands for all parts of an array that wait: squeue shows them in one line"""
_USUAL_ARRAY = 1001
"""MaxArraySize, where Slurm does not tell"""
_SUBMIT_SECONDS = 60.0
_QUERY_SECONDS = 30.0
_JOBCOMP_TAIL = 4 * 1024 * 1024

_QUESTIONS = 8
"""Tools asked at the same time"""
_STARTS = 2
"""Of clients' own questions for a start, asked at the same time; however many there are, the survey does not queue"""

# sbatch's last word. What a site's own submit filter says comes before it, in whatever words.
_REFUSAL = re.compile(r"^sbatch: error: Batch job submission failed: (.*)$", re.M)
# After these the controller may have taken the job although sbatch has failed, or will take it later (slurm_errno.c).
_DOUBT = re.compile(
    r"timed out|unable to contact|connection|not connected|communication|transmitted or received"
    r"|message (send|receive) failure|temporarily|standby mode|not responding",
    re.IGNORECASE,
)
_TO_START = re.compile(r"to start at (\d+) ")
_OUTGROWN = re.compile(r"^slurmstepd[^:]*: error: .*(exceeded (job |step )?memory limit|oom.kill)", re.I | re.M)


class SlurmScheduler:
    """See `Scheduler`."""

    kind = "slurm"

    def __init__(self, settings: SchedulerSettings, slurm: SlurmSettings) -> None:
        self.survey_seconds = settings.poll_seconds
        self.grace_seconds = settings.grace_seconds
        self._slurm = slurm
        self._tasks_at_once = settings.tasks_at_once
        self._configuration: dict[str, str] | None = None
        self._questions = asyncio.Semaphore(_QUESTIONS)
        self._starts = asyncio.Semaphore(_STARTS)

    async def adopt(self, tasks: Sequence[Task]) -> None:
        """Slurm keeps them."""

    async def submit(self, task: Task) -> str:
        try:
            with as_file(files("phidias_gateway.schedulers") / "job.sh") as script:
                code, out, err = await _call(
                    _sbatch(task, self._slurm, self._tasks_at_once, script), task.env, _SUBMIT_SECONDS
                )
        except TimeoutError:
            raise SubmissionUnknown("sbatch did not answer") from None
        except (FileNotFoundError, PermissionError) as error:
            raise SubmissionRefused(f"sbatch cannot be run: {error}") from None
        except OSError as error:  # too many processes or open files: not for ever
            raise SubmissionUnknown(f"sbatch cannot be run now: {error}") from None
        if code == 0:
            native_id = out.strip().split(";")[0]
            if not native_id.isdecimal():
                raise SubmissionUnknown(f"sbatch answered {out[:200]!r}")
            return native_id
        said = "\n".join(line.removeprefix("sbatch: error: ") for line in err.strip().splitlines())[:500]
        last = _REFUSAL.search(err)
        if code > 0 and not _DOUBT.search(last[1] if last else err):
            raise SubmissionRefused(said)
        raise SubmissionUnknown(said or f"sbatch ended with {code}")

    async def survey(self) -> Mapping[str, Observed]:
        form = ",".join(f"{field}:{_SEPARATOR}" for field in _FIELDS)
        out = await self._query(["squeue", "--noheader", "--me", "--states=all", f"--Format={form}"])
        observed: dict[str, dict[int | None, Observed]] = {}
        for line in out.splitlines():
            values = line.split(_SEPARATOR)
            if len(values) <= len(_FIELDS) - 1 or not _NAME.fullmatch(values[1]):
                continue
            *told, array = values[: len(_FIELDS)]
            found, part = _observed(*told), _part(array)
            known = observed.setdefault(found.name, {})
            if part not in known or known[part].phase is Phase.ENDED:
                known[part] = found
        return {name: _task(parts) for name, parts in observed.items()}

    async def most_parts(self) -> int:
        try:
            return int((await self._read_configuration()).get("MaxArraySize", _USUAL_ARRAY)) - 1
        except (SchedulerUnavailable, ValueError):
            return _USUAL_ARRAY - 1

    async def history(self, names: Sequence[str]) -> Mapping[str, Observed]:
        """From the accounting, else from the job completion log where we may read it."""
        try:
            configuration = await self._read_configuration()
            if not configuration.get("AccountingStorageType", "").endswith("/none"):
                return await self._accounting(names)
            if configuration.get("JobCompType", "").endswith("/filetxt"):
                return await asyncio.to_thread(_completions, Path(configuration["JobCompLoc"]), frozenset(names))
        except (SchedulerUnavailable, OSError):
            return {}
        return {}

    async def expected_start(self, resources: Resources) -> datetime | None:
        """By `sbatch --test-only`, which submits nothing and says on its error output when and where it would start."""
        site = _site_options(self._slurm)
        command = ["sbatch", "--test-only", *_request(resources), *site, "--wrap=true"]
        try:
            async with self._starts:
                code, _, said = await _call(command, _query_environment(), _QUERY_SECONDS)
        except (TimeoutError, OSError):
            return None
        start = _TO_START.search(said)
        return datetime.fromtimestamp(int(start[1]), UTC) if code == 0 and start else None

    def refine(self, cause: str, log: str) -> str:
        """Without control groups, a job that outgrew its memory is just FAILED; slurmstepd says more in its log."""
        doubtful = ("worker-failed", "worker-killed", "cancelled-by-site")
        return "out-of-memory" if cause in doubtful and _OUTGROWN.search(log) else cause

    async def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            await self._query(["scancel", f"--name={name}"])

    async def stop(self) -> None:
        """Slurm goes on."""

    async def _read_configuration(self) -> dict[str, str]:
        if self._configuration is None:
            self._configuration = _parse_configuration(await self._query(["scontrol", "show", "config"]))
        return self._configuration

    async def _accounting(self, names: Sequence[str]) -> Mapping[str, Observed]:
        columns = ["--format=JobID,JobName,State", "--starttime=now-30days", f"--name={','.join(names)}"]
        out = await self._query(["sacct", "-X", "--noheader", "--parsable2", f"--delimiter={_SEPARATOR}", *columns])
        rows = (line.split(_SEPARATOR) for line in out.splitlines())
        return {row[1]: _observed(*row) for row in rows if len(row) == 3 and row[1] in names}

    async def _query(self, command: list[str]) -> str:
        """What a tool answers. Raises SchedulerUnavailable for anything but success: then nothing is known."""
        try:
            async with self._questions:
                code, out, err = await _call(command, _query_environment(), _QUERY_SECONDS)
        except (TimeoutError, OSError) as error:
            raise SchedulerUnavailable(f"{command[0]} failed: {error or 'no answer'}") from None
        if code != 0:
            raise SchedulerUnavailable(f"{command[0]} failed: {err.strip()[:500]}")
        return out


def _sbatch(task: Task, slurm: SlurmSettings, tasks_at_once: int | None, script: Path) -> list[str]:
    log = str(JobFolder(task.folder).log_of(0)).replace("%", "%%")  # sbatch replaces %j and the like in file names
    array = []
    if task.parts:
        log = log.removesuffix("0.log") + "%a.log"
        array = [f"--array={_ranges(task.parts)}" + (f"%{tasks_at_once}" if tasks_at_once else "")]
    return [
        "sbatch",
        "--parsable",
        f"--job-name={task.name}",
        f"--output={log}",
        *array,
        "--open-mode=append",
        "--input=/dev/null",
        f"--chdir={task.folder}",
        "--no-requeue",
        "--export=ALL",  # all of the scrubbed environment; named variables would be split at commas
        "--propagate=NONE",  # a login node's limits, and those that this process has set itself, are not the job's
        "--nodes=1",
        "--ntasks=1",
        *_request(task.resources),
        *_site_options(slurm),
        str(script),
        *task.command,
    ]


def _ranges(parts: Sequence[int]) -> str:
    """Numbers in ascending order as sbatch writes them: 0-3,7."""
    ranges: list[list[int]] = []
    for part in parts:
        if ranges and ranges[-1][1] == part - 1:
            ranges[-1][1] = part
        else:
            ranges.append([part, part])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def _site_options(slurm: SlurmSettings) -> list[str]:
    return [f"--{key}={value}" for key, value in slurm.model_dump().items() if value is not None]


def _request(resources: Resources) -> list[str]:
    """The worker keeps the time limit itself, and says so in the outcome; Slurm's is one minute later."""
    return [
        f"--cpus-per-task={resources.cpus}",
        f"--mem={math.ceil(resources.memory_gb * 1024)}M",
        f"--time={math.ceil(resources.minutes) + 1}",
        *([f"--gpus={resources.gpus}"] if resources.gpus else []),
    ]


def _observed(
    native_id: str, name: str, state: str, reason: str = "", start: str = "", restarts: str = "0", code: str = ""
) -> Observed:
    phase, cause = phase_of(state)
    waiting = phase is Phase.WAITING
    if cause == "worker-failed" and code.isdecimal() and os.WIFSIGNALED(int(code)):
        cause = "worker-killed"
    return Observed(
        name=name,
        native_id=native_id,
        phase=phase,
        cause=cause,
        reason=reason_of(reason) if waiting else "",
        estimated_start=datetime.fromtimestamp(int(start), UTC) if waiting and start.isdecimal() else None,
        restarted=restarts not in ("", "0"),
    )


def _part(array: str) -> int | None:
    """The part of an array that a line of squeue is about; None for a job that is none."""
    if array in ("", "N/A"):
        return None
    return int(array) if array.isdecimal() else _WAITING_PARTS


def _task(parts: Mapping[int | None, Observed]) -> Observed:
    array = {part: seen for part, seen in parts.items() if part is not None}
    return joined(array) if array else parts[None]


def _completions(path: Path, names: frozenset[str]) -> Mapping[str, Observed]:
    """The end of jobcomp/filetxt: `JobId=7 UserId=ada(1000) ... Name=x JobState=COMPLETED ...`, one job a line."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _JOBCOMP_TAIL))
        text = file.read().decode(errors="replace")
    found = {}
    line = re.compile(rf"^JobId=(\d+) UserId=[^ ]*\({os.getuid()}\) .*?Name=({_NAME.pattern}) JobState=(\w+) ", re.M)
    for native_id, name, state in line.findall(text):
        if name in names:
            found[name] = _observed(native_id, name, state)
    return found


def _parse_configuration(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _query_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SLURM_CONF")}
    return {**kept, "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}


async def _call(command: list[str], env: Mapping[str, str], seconds: float) -> tuple[int, str, str]:
    """Exit code, output and errors. Raises TimeoutError after having killed the tool, or OSError."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=pipe, stderr=pipe, env=dict(env))
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except (TimeoutError, asyncio.CancelledError):
        if process.returncode is None:
            process.kill()
            await process.communicate()
        raise
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
