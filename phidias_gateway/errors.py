"""What can go wrong, one class per situation of the person who meets it.

Each class carries its problem type and HTTP status (RFC 9457, OGC API - Processes 1.0, 7.11.2.2 and 7.13).
Translated once at each border: worker -> `result.json`, gateway -> `application/problem+json`.
This module is the ground floor: it imports nothing of the project.
"""

from __future__ import annotations

from typing import Any, ClassVar

OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
PHIDIAS = "https://github.com/phidias-eo/phidias/blob/main/docs/errors.md#"


class PhidiasError(Exception):
    """Something happened that the user can be told: `detail` says what, `remedy` what to do next."""

    type: ClassVar[str] = PHIDIAS + "internal-error"
    title: ClassVar[str] = "The gateway failed"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, remedy: str = "", input: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.input = input

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


class DiskFull(ProcessFailed):
    """No space is left where the job writes."""

    type = PHIDIAS + "disk-full"
    title = "The disk is full"
    status = 507
