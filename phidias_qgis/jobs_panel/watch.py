"""What is known of the jobs on one connection: asked for while somebody looks or something runs, and not else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qgis.core import Qgis, QgsMessageLog
from qgis.PyQt.QtCore import QFileSystemWatcher, QObject, QTimer, pyqtSignal

from backend_client import GatewayError, Job, JobPage, NoSuchJob, ProcessDescription
from backend_client.models import ENDED
from phidias_qgis.connection import Connection
from phidias_qgis.descriptions import LOG
from phidias_qgis.i18n import tr
from phidias_qgis.job_words import Names
from phidias_qgis.jobs_panel.lane import Answered, Failed, Lane, Question
from phidias_qgis.remembered import ADD, WAIT, Note, Notes, me, runs

if TYPE_CHECKING:
    from backend_client import Gateway

PAGE = 50
"""Jobs on a page of the list"""
OPEN = ("accepted", "running")
OPEN_AT_MOST = 1000
"""Jobs that have not ended, in the answer to one question"""
SEEN_AND_RUNNING, HIDDEN_AND_RUNNING, SEEN_AND_IDLE = 2.0, 10.0, 20.0
"""Seconds between two looks"""
NOTED = 100
"""Jobs that are noted on disk because they were seen: somebody with a thousand of them would wait for the disk"""
LONGEST = 60.0
"""Seconds between two attempts at a gateway that does not answer"""


@dataclass(frozen=True)
class Filter:
    """Which jobs the gateway is asked to list."""

    process: str = ""
    statuses: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.process or self.statuses)

    def admits(self, job: Job) -> bool:
        """Whether a job is one of them."""
        return self.process in ("", job.process_id) and (not self.statuses or job.status in self.statuses)


@dataclass(frozen=True)
class Look:
    """What one look at the gateway gave."""

    page: JobPage
    others: tuple[Job, ...] = ()
    """Jobs that have not ended, or had not when last seen, and are not on the page"""
    gone: tuple[str, ...] = ()
    """Jobs of which the gateway says that they do not exist"""


@dataclass(frozen=True)
class Ending:
    """A job that has ended, and the outputs of it that are to be fetched now."""

    job: Job
    wanted: Mapping[str, object] = field(default_factory=dict)


class Watch(QObject):
    """The jobs of one connection; for the main thread, which it never lets wait."""

    changed = pyqtSignal()
    """The list, or the state of a job in it"""
    asked = pyqtSignal()
    """A look at the gateway begins or is over"""
    ended = pyqtSignal(object)
    """A list of Ending: of jobs that nobody waits for"""

    def __init__(self, connection: Connection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.connection = connection
        self.jobs: dict[str, Job] = {}
        self.order: list[str] = []
        """The list as the filter has it, in the gateway's order, as far as it has been read"""
        self.next = ""
        self.error: GatewayError | None = None
        self.looked = False
        """Whether the gateway has answered since the filter was set"""
        self.filter = Filter()
        self.names = Names(connection)
        self._asked_for: set[str] = set()
        """Processes that are not known, and about which the gateway was asked"""
        self._notes = Notes(connection)
        self._noted: dict[str, Note] = {}
        self._quiet: set[str] = set()
        self._lane, self._errands = Lane(connection), Lane(connection)
        self._asking = self._again = False
        self._failures = 0
        self._observers: set[object] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.changed)
        """Tells of many jobs at once: their list may be long"""
        self._folder = QFileSystemWatcher(self)
        self._folder.directoryChanged.connect(self._read_notes)

    def begin(self) -> None:
        """Look whether something is to be watched: jobs that had not ended when QGIS was closed."""
        try:
            self._notes.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            QgsMessageLog.logMessage(str(error), LOG, Qgis.MessageLevel.Warning)
        self._folder.addPath(str(self._notes.folder))
        if self.connection.is_ssh:
            # Nobody is signed in to a host unless they do something there, or look.
            self._noted = self._notes.all()
        else:
            self._read_notes()

    def close(self) -> None:
        """Ask nothing any more."""
        self._timer.stop()
        for lane in (self._lane, self._errands):
            lane.close()

    # Asking

    @property
    def open(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs.values() if not job.ended]

    @property
    def asking(self) -> bool:
        """Whether a look at the gateway is under way."""
        return self._asking

    @property
    def idle(self) -> bool:
        """Whether nothing will be asked until something happens."""
        return not (self._asking or self._timer.isActive())

    def observe(self, who: object, looking: bool) -> None:
        """Somebody begins, or ceases, to look at the jobs."""
        before = bool(self._observers)
        (self._observers.add if looking else self._observers.discard)(who)
        if looking and not before:
            self.look()
        elif before and not self._observers:
            self._schedule()

    def look(self) -> None:
        """Ask now."""
        self._failures = 0
        self._look()

    def show(self, wish: Filter) -> None:
        """List other jobs."""
        if wish != self.filter:
            self.filter, self.order, self.next, self.looked = wish, [], "", False
            self.changed.emit()
            self.look()

    def more(self) -> None:
        """Read the next page of the list, if there is one."""
        address, wish = self.next, self.filter
        if not address:
            return
        self.next = ""

        def answered(page: JobPage) -> None:
            if wish == self.filter:
                self._learn(page.jobs)
                listed = set(self.order)
                self.order += [job.id for job in page.jobs if job.id not in listed]
                self.next = page.next
                self.changed.emit()

        def failed(error: GatewayError) -> None:
            if wish == self.filter:
                self.next = address
            self._fail(error)

        self._lane.ask(lambda gateway: gateway.job_page(address), answered, failed)

    def ask(self, question: Question, answered: Answered, failed: Failed) -> None:
        """Ask the gateway something about jobs, in the background."""
        self._lane.ask(question, answered, failed)

    def run(self, errand: Question, answered: Answered, failed: Failed) -> None:
        """Have the gateway do something, without waiting for questions that are under way."""
        self._errands.ask(errand, answered, failed)

    def take_in(self, job: Job) -> None:
        """A job as an errand has given it: it need not be asked for."""
        if job.id not in self.jobs and self.filter.admits(job):
            self.order.insert(0, job.id)
        self._learn([job])
        self._soon.start()
        self._schedule()

    def forget(self, job_id: str) -> None:
        """A job was removed from the gateway."""
        self._remove(job_id)
        self._soon.start()

    def keep_quiet(self, job_id: str, quiet: bool = True) -> None:
        """Say nothing when this job ends: the person is ending it."""
        (self._quiet.add if quiet else self._quiet.discard)(job_id)

    def add_when_done(self, job: Job, wanted: Mapping[str, object]) -> None:
        """Fetch these outputs when the job has ended; none: only tell. Raises OSError."""
        note = Note(job.id, job.process_id, ADD, me(), wanted) if wanted else Note(job.id, job.process_id)
        self._notes.keep(note)
        self._noted[job.id] = note

    def will_be_added(self, job_id: str) -> bool:
        """Whether results of a job are fetched when it has ended."""
        note = self._noted.get(job_id)
        return note is not None and note.then == ADD

    # Looking

    def _schedule(self) -> None:
        running = bool(self.open or self._unseen())
        if self._observers:
            seconds = SEEN_AND_RUNNING if running else SEEN_AND_IDLE
        elif running:
            seconds = HIDDEN_AND_RUNNING
        else:
            self._timer.stop()
            return
        if self._failures:
            seconds = min(LONGEST, max(5.0, seconds) * 1.5 ** (self._failures - 1))
        self._timer.start(int(seconds * 1000))

    def _unseen(self) -> set[str]:
        """Jobs of which there is a note, and no more."""
        return {job for job in self._noted if job not in self.jobs}

    def _look(self) -> None:
        if self._asking:
            self._again = True
            return
        self._timer.stop()
        self._asking = True
        wish, known = self.filter, {job.id for job in self.open} | self._unseen()
        whole = bool(wish) or not self.looked

        def answered(look: Look) -> None:
            self._asking = False
            self._take(look, wish)
            self._go_on()

        def failed(error: GatewayError) -> None:
            self._asking = False
            self._fail(error)
            self._go_on()

        self._lane.ask(lambda gateway: _look_at(gateway, wish, known, whole), answered, failed)
        self.asked.emit()

    def _go_on(self) -> None:
        again, self._again = self._again, False
        if again:
            self._look()
        else:
            self._schedule()
            self.asked.emit()

    def _fail(self, error: GatewayError) -> None:
        # Nothing is forgotten: a gateway that does not answer says nothing about the jobs.
        self._failures += 1
        self.error = error
        self.changed.emit()

    def _take(self, look: Look, wish: Filter) -> None:
        self._failures, self.error = 0, None
        self._learn([*look.page.jobs, *look.others])
        for job_id in look.gone:
            self._remove(job_id)
        if wish == self.filter:
            self._merge(look.page)
            self.looked = True
        self.changed.emit()

    def _merge(self, page: JobPage) -> None:
        """Put the first page in front of what is listed already."""
        listed = [job.id for job in page.jobs]
        known, older = set(listed), []
        # Without a job in common, there may be others between the page and what was listed before.
        if page.next and not known.isdisjoint(self.order):
            place = max(index for index, job_id in enumerate(self.order) if job_id in known)
            older = [job_id for job_id in self.order[place:] if job_id not in known]
        self.order = [*listed, *older]
        if not older:
            self.next = page.next

    def _learn(self, jobs: Iterable[Job]) -> None:
        endings = []
        for job in jobs:
            self._learn_process(job.process_id)
            before = self.jobs.get(job.id)
            self.jobs[job.id] = job
            if not job.ended:
                self._note(job)
            elif job.id in self._noted or (before is not None and not before.ended):
                endings += self._end(job, seen=before is not None and not before.ended)
        if endings:
            self.ended.emit(endings)

    def _learn_process(self, process_id: str) -> None:
        """Ask once what a process is that no tool is known of."""
        if not process_id or process_id in self._asked_for or self.names.description(process_id) is not None:
            return
        self._asked_for.add(process_id)

        def answered(description: ProcessDescription) -> None:
            self.names.learn(description)
            self.changed.emit()

        self._lane.ask(lambda gateway: gateway.process(process_id), answered, lambda error: None)

    def _end(self, job: Job, *, seen: bool) -> list[Ending]:
        """What is to be made of a job's end: nothing, if somebody else deals with it."""
        note = self._noted.pop(job.id, None) or Note(job.id, job.process_id)
        elsewhere = note.by != me() and runs(note.by)
        if note.then == WAIT and runs(note.by):
            return []
        if note.then == ADD and elsewhere:
            return [Ending(job)] if seen else []
        first = self._notes.drop(job.id)
        if job.id in self._quiet:
            self._quiet.discard(job.id)
            return []
        if not (seen or first):
            return []
        return [Ending(job, note.wanted if note.then == ADD and first else {})]

    # Notes

    def _note(self, job: Job) -> None:
        if job.id in self._noted or len(self._noted) >= NOTED:
            return
        note = Note(job.id, job.process_id)
        try:
            kept = self._notes.add(note)
        except OSError as error:
            QgsMessageLog.logMessage(
                tr("The job cannot be noted in the user profile: {}").format(error), LOG, Qgis.MessageLevel.Warning
            )
            kept = note
        if kept is None:
            self._quiet.add(job.id)
        else:
            self._noted[job.id] = kept

    def _read_notes(self) -> None:
        """A job was started, or its end was dealt with: by a tool, or by another QGIS."""
        found = self._notes.all()
        new = any(job not in self._noted and job not in self.jobs for job in found)
        over = any(job.id in self._noted and job.id not in found for job in self.open)
        # A note that is gone is remembered until the job's end is seen here: it tells what was to be done then.
        self._noted.update(found)
        if new or over:
            self.look()

    def _remove(self, job_id: str) -> None:
        self._notes.drop(job_id)
        self._noted.pop(job_id, None)
        self.jobs.pop(job_id, None)
        if job_id in self.order:
            self.order.remove(job_id)


def _look_at(gateway: Gateway, wish: Filter, known: set[str], whole: bool) -> Look:
    """The first page of the list, and the state of every job that is not on it and has, or had, not ended."""
    page = gateway.job_page(process_id=wish.process, statuses=wish.statuses, limit=PAGE)
    listed = {job.id for job in page.jobs}
    others: dict[str, Job] = {}
    if known - listed or (whole and (wish or page.next)):
        running = gateway.job_page(statuses=OPEN, limit=OPEN_AT_MOST)
        others = {job.id: job for job in running.jobs if job.id not in listed and job.status not in ENDED}
    gone = []
    for job_id in known - listed - others.keys():
        try:
            others[job_id] = gateway.job(job_id)
        except NoSuchJob as error:
            # Only the gateway itself can say so: a proxy in its place knows nothing of jobs.
            if error.type:
                gone.append(job_id)
    return Look(page, tuple(others.values()), tuple(gone))
