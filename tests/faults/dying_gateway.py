"""`phidias-gateway`, but it kills itself (SIGKILL) at the n-th step of whatever is going on.

A step is anything that outlives the process: a file made, written to, linked, renamed or removed, a folder made or
removed, a commit, a program started, a process killed. The gateway dies before the step, or after it where the next one
may be long in coming: after a commit, and after a program was started.

    FAULT_ARMED   a file name pattern: steps count from the moment that such a file is there
    FAULT_STEP    the number of the step to die at, or its name; 0 only counts
    FAULT_STEPS   the file that gets the name of each step
"""

from __future__ import annotations

import functools
import glob
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

QUESTIONS = {"squeue", "sacct", "scontrol"}
"""Programs that change nothing"""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FILES = {"os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


class Steps:
    def __init__(self, armed: str, last: str, told: str, root: str) -> None:
        self.armed, self.last, self.root = armed, last, root
        self.told = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.counting = False
        self.count = 0
        self.lock = threading.Lock()

    def step(self, name: str) -> None:
        with self.lock:
            self.counting = self.counting or bool(glob.glob(self.armed))
            if not self.counting:
                return
            self.count += 1
            os.write(self.told, f"{name}\n".encode())
            if self.last in (str(self.count), name):
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, values: tuple[Any, ...]) -> None:
        if event in FILES and self.ours(values[0], values[1:]):
            self.step(f"before {event.removeprefix('os.')} {_short(values[0])}")
        elif event == "open" and values[2] & WRITING and self.ours(values[0]):
            self.step(f"before writing {_short(values[0])}")
        elif event == "os.kill" and values[1] and values[0] != os.getpid():
            self.step("before a kill")

    def ours(self, path: Any, others: tuple[Any, ...] = ()) -> bool:
        """Within the store; a tree is removed by names relative to the descriptors of its folders."""
        if isinstance(path, bytes):
            path = path.decode()
        return isinstance(path, str | Path) and (str(path).startswith(self.root) or any(fd != -1 for fd in others[-1:]))

    def around(self, function: Any, name_of: Any) -> Any:
        @functools.wraps(function)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            name = name_of(*arguments, **options)
            if name:
                self.step(f"before {name}")
            result = function(*arguments, **options)
            if name:
                self.step(f"after {name}")
            return result

        return wrapped


def _short(path: Any) -> str:
    """The file's name without what differs between runs."""
    name = os.path.basename(path.decode() if isinstance(path, bytes) else str(path))
    return "a job's folder" if len(name) == 26 else name


def install(steps: Steps) -> None:
    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, query: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
            made = steps.around(super().execute, lambda query, *_: "a commit" if query == "COMMIT" else "")
            return made(query, *values)

        def executescript(self, script: str) -> sqlite3.Cursor:
            return steps.around(super().executescript, lambda *_: "making the tables")(script)

    def program(_: Any, arguments: Any, *__: Any, **___: Any) -> str:
        name = os.path.basename(str(arguments[0]))
        return "" if name in QUESTIONS else f"starting {name}"

    sqlite3.connect = functools.partial(connect, factory=Connection)
    subprocess.Popen.__init__ = steps.around(subprocess.Popen.__init__, program)
    os.posix_spawnp = steps.around(os.posix_spawnp, lambda *_, **__: "starting a worker")
    sys.addaudithook(steps.audit)


if __name__ == "__main__":
    from phidias_gateway.cli import main

    environment = os.environ
    install(
        Steps(
            environment["FAULT_ARMED"],
            environment["FAULT_STEP"],
            environment["FAULT_STEPS"],
            environment["PHIDIAS_STORE__ROOT"],
        )
    )
    sys.exit(main())
