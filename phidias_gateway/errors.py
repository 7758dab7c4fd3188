"""What can go wrong, one class per situation of the person who meets it.

Each class carries its problem type and HTTP status (RFC 9457, OGC API - Processes 1.0, 7.11.2.2 and 7.13).
Translated once at each border: worker -> `result.json`, gateway -> `application/problem+json`.
This module is the ground floor: it imports nothing of the project.
"""

from __future__ import annotations

from typing import Any, ClassVar

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
PHIDIAS = "https://github.com/phidias-eo/phidias/blob/main/docs/errors.md#"


LONGEST = 2000
"""Characters of a text that an error tells: what a user has sent is not sent back without end"""


class PhidiasError(Exception):
    """Something happened that the user can be told: `detail` says what, `remedy` what to do next."""

    type: ClassVar[str] = PHIDIAS + "internal-error"
    title: ClassVar[str] = "The gateway failed"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, remedy: str = "", input: str | None = None) -> None:
        super().__init__(detail)
        self.detail = _shortened(detail)
        self.remedy = _shortened(remedy)
        self.input = input and _shortened(input)

    def problem(self) -> dict[str, Any]:
        """This error as a problem document (RFC 9457) with the members `input` and `remedy` where known."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.input:
            document["input"] = self.input
        if self.remedy:
            document["remedy"] = self.remedy
        return document


class InputError(PhidiasError):
    """An input of a process is missing, malformed or cannot work; `input` names it."""

    type = OGC + "invalid-parameter-value"
    title = "An input cannot be used"
    status = 400

    def __init__(self, input: str, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy, input=input)


class ProcessFailed(PhidiasError):
    """The algorithm ended without its result, for a reason it can name."""

    type = PHIDIAS + "process-failed"
    title = "The process failed"


class SourceUnreadable(ProcessFailed):
    """A scene's asset or another source of pixels could not be read while the job ran."""

    type = PHIDIAS + "source-unreadable"
    title = "A source could not be read"


class TileFailed(ProcessFailed):
    """The algorithm met an error in a tile that it did not foresee."""

    type = PHIDIAS + "tile-failed"
    title = "A tile could not be computed"


class DiskFull(ProcessFailed):
    """No space is left where the job writes."""

    type = PHIDIAS + "disk-full"
    title = "The disk is full"
    status = 507


class InvalidRequest(PhidiasError):
    """A request that is no execute request, or asks for what the process does not have."""

    type = OGC + "invalid-parameter-value"
    title = "The request cannot be used"
    status = 400


class NoSuchProcess(PhidiasError):
    type = OGC + "no-such-process"
    title = "There is no such process"
    status = 404


class NoSuchJob(PhidiasError):
    """Not there, or not of this user: the answer is the same."""

    type = OGC + "no-such-job"
    title = "There is no such job"
    status = 404


class NoSuchResult(PhidiasError):
    type = PHIDIAS + "no-such-result"
    title = "There is no such result"
    status = 404


class ResultNotReady(PhidiasError):
    type = OGC + "result-not-ready"
    title = "The result is not there yet"
    status = 404


class KeyReused(PhidiasError):
    """An idempotency key came again with another request."""

    type = PHIDIAS + "key-reused"
    title = "The idempotency key was used before"
    status = 409


class LimitExceeded(PhidiasError):
    """A limit of the site; `detail` names the limit and its value."""

    type = PHIDIAS + "limit-exceeded"
    title = "A limit of this site is reached"
    status = 429


class GatewayBusy(PhidiasError):
    """Another gateway serves the same store."""

    type = PHIDIAS + "gateway-busy"
    title = "The store is in use"
    status = 503


class SchedulerUnavailable(PhidiasError):
    """The scheduler does not answer: what it knows is unknown, not gone."""

    type = PHIDIAS + "scheduler-unavailable"
    title = "The scheduler does not answer"
    status = 503


class JobFailed(PhidiasError):
    """A job that ended without a result, told by its own problem document."""

    type = PHIDIAS + "job-failed"
    title = "The job failed"

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail", self.title)))
        self._problem = problem
        self.status: int = int(problem.get("status", 500))  # type: ignore[misc]

    def problem(self) -> dict[str, Any]:
        return self._problem


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
