"""Running applications of Orfeo ToolBox: an argument list, limits on memory and threads, the log as it comes."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from phidias_gateway.errors import ProcessFailed
from phidias_gateway.process import Report, Resources

RAM_SHARE = 0.5
"""Part of the job's memory that OTB may plan with: it is a hint that its applications exceed"""

_PROGRESS = re.compile(r"(?P<what>.*?)\.*: +(?P<percent>\d+)% \[")
_STAMP = re.compile(r"^\d{4}-\d{2}-\d{2} [\d:]+ \((?P<level>\w+)\) ?(?P<text>.*)$")
_CHATTER = ("Estimated memory", "Estimation will be", "Loading metadata")

log = logging.getLogger(__name__)


def run_otb(
    application: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    resources: Resources,
    report: Report,
    stages: Sequence[tuple[str, float]] = (),
) -> None:
    """Run an application in `folder`.

    `stages` are texts of its log in the order they appear, and how far the job is then, in per cent. Raises
    ProcessFailed with OTB's own message, or if OTB is not installed.
    """
    command = [_program(application), *arguments, "-progress", "true"]
    environment = {
        **os.environ,
        "GDAL_CACHEMAX": "256",  # its default is a share of the machine's memory, not of the job's
        "OTB_MAX_RAM_HINT": str(round(resources.memory_gb * 1024 * RAM_SHARE)),
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(resources.cpus),
    }
    fatal = ""
    waiting = list(stages)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        for line in _lines(process.stdout):
            if _PROGRESS.match(line):
                continue
            stamped = _STAMP.match(line)
            text = (stamped["text"] if stamped else line).replace(f"{folder}/", "")
            if stamped and stamped["level"] == "FATAL":
                fatal = text
            if not text.lstrip(": ").startswith(_CHATTER):
                log.info("OTB %s", text)
            if waiting and waiting[0][0] in text:
                report(waiting[0][1], waiting.pop(0)[0])
    if process.returncode or fatal:
        raise _failed(application, process.returncode, fatal)


def otb_version(application: str) -> str:
    """The version of an installed application, such as 8.1.1. Raises ProcessFailed if it is not there."""
    told = subprocess.run([_program(application), "-help"], capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"version (\d[\d.]*)", told.stdout + told.stderr)
    return found[1].rstrip(".") if found else "unknown"


def _program(application: str) -> str:
    program = shutil.which(f"otbcli_{application}")
    if program is None:
        raise ProcessFailed(
            f"Orfeo ToolBox is not installed where the job runs: there is no otbcli_{application}.",
            remedy="On Debian and Ubuntu: apt install otb-bin. On a cluster: let the environment 'otb' of the "
            "gateway's settings load its module.",
        )
    return program


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    """Lines as they come; progress bars end theirs with a carriage return."""
    rest = b""
    while stream is not None and (chunk := stream.read1(2**16)):
        *complete, rest = re.split(rb"[\r\n]+", rest + chunk)
        yield from (line.decode("utf-8", errors="replace").strip() for line in complete if line.strip())
    if rest.strip():
        yield rest.decode("utf-8", errors="replace").strip()


def _failed(application: str, code: int, fatal: str) -> ProcessFailed:
    reason = fatal.partition(": ")[2] or fatal or (f"signal {-code}" if code < 0 else f"exit code {code}")
    memory = code == -9 or "alloc" in reason.lower()
    return ProcessFailed(
        f"Orfeo ToolBox's {application} failed: {reason.rstrip('.')}.",
        remedy="It ran out of memory: choose a smaller area, or run the job with more memory."
        if memory
        else "The job's log holds all that it said; try other parameters or another area.",
    )
