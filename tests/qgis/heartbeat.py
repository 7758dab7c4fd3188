"""Whether QGIS's window could work all the time, and if not, what held it up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from qgis.PyQt.QtCore import QTimer

PLUGIN = str(Path(__file__).parents[2] / "phidias_qgis")
BEAT = 5
"""Milliseconds between two beats of a window that is free"""
LATE = 0.1
"""Seconds after which a person notices"""
MUCH = 2 * LATE
"""Seconds of a processor that are too many, however busy its caches are with other work"""
LOOK = 0.05
"""Seconds between two looks at what a late window does"""

PACEMAKER = """
import select, sys, time
print(flush=True)
longest, last = 0.0, time.monotonic()
while not select.select([sys.stdin], [], [], 0.005)[0]:
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print(longest)
"""
"""Tells at the end of its input how late it has ever been"""


@dataclass(frozen=True)
class Stop:
    """A time for which the window did nothing but work of the plugin."""

    seconds: float
    computed: float
    """Seconds in which the window's thread had a processor: what the machine does besides does not count"""
    stack: str

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.computed:.2f} s computing):\n{self.stack}"


class Heartbeat:
    """Watches QGIS's window while it is open as a context, on the thread of the window.

    A timer of the window beats every few milliseconds. Late beats alone prove nothing: on a machine that has much to
    do, or where QGIS itself draws, they are late as well. Two things are evidence against the plugin, and `stops` and
    `longest` tell them:

    * A thread of the test looks, as soon as a beat is late, at what the window's thread does. Where it finds it within
      the plugin's code in two looks that follow each other, the plugin holds the window up; the stack says where. It
      either computes, which the processor time of the thread tells whatever else runs, or waits.
    * A wait for the network need not have the plugin on its stack (a layer's provider asks as well). So all gateways
      in these tests take `delay` seconds or more for an answer, far longer than a busy machine is late: whoever waits
      for one shows in `longest`, beside which `others` is the same of another process on this machine.
    """

    def __init__(self) -> None:
        self.longest = self.others = 0.0
        """Seconds"""
        self.stops: list[Stop] = []
        self._stacks: list[str] = []
        self._last, self._computed = time.monotonic(), time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._thread = threading.get_ident()
        self._over = threading.Event()

    def must_have_been_free(self, delay: float | None = None) -> None:
        """Fail if the plugin computed in the window for longer than it may, or the window waited for a gateway.

        delay: seconds that all gateways took; None where there was nothing to wait for.
        """
        late = [stop for stop in self.stops if stop.computed > MUCH]
        if delay is not None:
            late += [stop for stop in self.stops if stop.seconds > delay / 2 + self.others]
        assert not late, "\n".join(map(str, late))
        assert delay is None or self.longest < delay / 2 + self.others, (self.longest, self.others)

    def __enter__(self) -> Heartbeat:
        pipe = subprocess.PIPE
        self._other = subprocess.Popen([sys.executable, "-c", PACEMAKER], stdin=pipe, stdout=pipe, text=True)
        assert self._other.stdout is not None
        self._other.stdout.readline()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._last, self._computed = time.monotonic(), time.thread_time()
        self._watch.start()
        self._timer.start(BEAT)
        return self

    def __exit__(self, *error: object) -> None:
        self._beat()
        self._timer.stop()
        self._over.set()
        self._watch.join()
        self.others = float(self._other.communicate()[0])

    def _beat(self) -> None:
        now, computed, stacks = time.monotonic(), time.thread_time(), self._stacks
        seconds, self._last, self._stacks = now - self._last, now, []
        self.longest = max(self.longest, seconds)
        ours = [index for index, stack in enumerate(stacks[1:]) if stack and stacks[index]]
        if ours:
            self.stops.append(Stop(seconds, computed - self._computed, stacks[ours[0] + 1]))
        self._computed = computed

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            if time.monotonic() - self._last > LATE:
                stacks = self._stacks
                stacks.append(_ours(sys._current_frames()[self._thread]))


def _ours(frame: FrameType | None) -> str:
    """What a thread does, if that is work of the plugin; else empty."""
    found = traceback.extract_stack(frame)
    return "".join(traceback.format_list(found)) if any(PLUGIN in entry.filename for entry in found) else ""
