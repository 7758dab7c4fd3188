"""What can go wrong between a person and a gateway, one class per situation.

Errors of the gateway are told apart by the `type` of their problem document (RFC 9457; OGC API - Processes 1.0,
7.11.2.2), or, where a server gives none, by HTTP status. No error ever carries a token, a signature or a query string.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit


def public_url(url: str) -> str:
    """`url` without user, password, query and fragment: what may be shown, logged and kept."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not an address)"
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))


class GatewayError(Exception):
    """Base of everything this library raises: `detail` says what happened, `remedy` what to do next."""

    title: ClassVar[str] = "The gateway refused"
    default_remedy: ClassVar[str] = ""

    def __init__(
        self,
        detail: str,
        *,
        remedy: str = "",
        input: str | None = None,
        status: int | None = None,
        type: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy or self.default_remedy
        self.input = input
        """Name of the process input at fault, where the gateway names one"""
        self.status = status
        """HTTP status, None if there was no answer"""
        self.type = type
        """URI of the problem's type, empty if the server gave none"""
        self.retry_after = retry_after
        """Seconds to wait before trying again, as the server asks"""

    def __str__(self) -> str:
        return f"{self.detail} {self.remedy}".strip()


class GatewayUnreachable(GatewayError):
    """No answer: wrong address, network down, gateway not running, certificate not trusted, or too slow."""

    title = "The gateway cannot be reached"
    default_remedy = "Check the address and your network, and that the gateway is running."
    maybe_received: bool = True
    """False if the request certainly never arrived"""


class UnexpectedAnswer(GatewayError):
    """There is an answer, but not one of an OGC API - Processes server."""

    title = "The answer is not understood"
    default_remedy = "Check that the address is the one of a gateway, without a page's name behind it."


class BadConnection(GatewayError):
    """The address, user or token given by the person cannot be used; nothing was sent."""

    title = "The connection is not usable"


class NotAuthorized(GatewayError):
    """The token is missing, wrong, expired or revoked."""

    title = "Not signed in"
    default_remedy = "Check user and token of the connection; ask for a new token if it has expired."


class Forbidden(GatewayError):
    """Signed in, but not allowed to do this."""

    title = "Not allowed"
    default_remedy = "Ask the gateway's administrator for access."


class NotFound(GatewayError):
    """The gateway does not have what was asked for."""

    title = "Not found"


class NoSuchProcess(NotFound):
    """The gateway does not offer this process."""

    title = "No such process"
    default_remedy = "Refresh the list of tools: the gateway may have changed."


class NoSuchJob(NotFound):
    """The job does not exist, was removed, or is somebody else's."""

    title = "No such job"
    default_remedy = "It may have been removed or have expired; look at the list of your jobs."


class ResultNotReady(NotFound):
    """The job has not ended yet."""

    title = "The result is not ready"
    default_remedy = "Wait until the job has ended."


class InputRefused(GatewayError):
    """An input of the process is missing, malformed or cannot lead to a result; `input` names it where known."""

    title = "An input cannot be used"
    default_remedy = "Change the input and run again."


class KeyReused(GatewayError):
    """The same idempotency key was used before with other inputs."""

    title = "The key was used before"
    default_remedy = "Run again with a new key."


class LimitExceeded(GatewayError):
    """A limit of the site: area, upload size, number of jobs, requests per minute."""

    title = "A limit of the site is reached"
    default_remedy = "Ask for less, or wait until some of your jobs have ended."


class GatewayFailed(GatewayError):
    """The gateway itself failed or is overloaded (5xx)."""

    title = "The gateway failed"
    default_remedy = "Try again in a moment; if it lasts, tell the gateway's administrator."


class OutcomeUnknown(GatewayError):
    """The connection was lost while a job was submitted to a server that cannot recognise a repeated request."""

    title = "It is not known whether the job was started"
    default_remedy = "Look at the list of your jobs before running again."


class JobFailed(GatewayError):
    """The job ended without a result; `detail` and `remedy` are the job's."""

    title = "The job failed"
    default_remedy = "Read the job's log."


class JobDismissed(GatewayError):
    """The job was cancelled, so that it has no result."""

    title = "The job was cancelled"
    default_remedy = "Run it again if you need its result."


class Cancelled(GatewayError):
    """The caller's `cancelled()` became true while waiting or transferring. The job itself goes on."""

    title = "Cancelled"


class TransferDamaged(GatewayError):
    """The bytes of a file did not arrive as they were sent; nothing was left at the destination."""

    title = "The file arrived damaged"
    default_remedy = "Download it again."


class PackageMissing(GatewayError):
    """An optional Python package is needed for this."""

    title = "A Python package is missing"


class CatalogueError(GatewayError):
    """A STAC catalogue cannot be read or searched."""

    title = "The catalogue cannot be searched"
    default_remedy = "Check the catalogue's address, and that it is a STAC API or a STAC catalogue."


_BY_TYPE: Mapping[str, type[GatewayError]] = {
    "no-such-process": NoSuchProcess,
    "nosuchprocess": NoSuchProcess,
    "no-such-job": NoSuchJob,
    "nosuchjob": NoSuchJob,
    "result-not-ready": ResultNotReady,
    "resultnotready": ResultNotReady,
    "invalid-parameter-value": InputRefused,
    "invalidparametervalue": InputRefused,
    "key-reused": KeyReused,
    "limit-exceeded": LimitExceeded,
}

_BY_STATUS: Mapping[int, type[GatewayError]] = {
    400: InputRefused,
    401: NotAuthorized,
    403: Forbidden,
    404: NotFound,
    409: KeyReused,
    410: NotFound,
    413: LimitExceeded,
    422: InputRefused,
    429: LimitExceeded,
    507: LimitExceeded,
}


def error_of_problem(
    status: int,
    problem: Mapping[str, Any],
    *,
    reason: str = "",
    missing: type[GatewayError] = NotFound,
    retry_after: float | None = None,
) -> GatewayError:
    """The error for an answer of `status` with the problem document `problem` (empty if there was none).

    `missing` is the class for a 404 whose type says nothing more.
    """
    uri = str(problem.get("type") or "")
    kind = _BY_TYPE.get(uri.rstrip("/").replace("#", "/").rsplit("/", 1)[-1].lower())
    if kind is None:
        kind = _BY_STATUS.get(status) or (GatewayFailed if status >= 500 else GatewayError)
        if kind is NotFound:
            kind = missing
    detail = _text(problem, "detail", "description", "title") or f"The gateway answered {status} {reason}".strip() + "."
    return kind(
        detail,
        remedy=_text(problem, "remedy"),
        input=_text(problem, "input") or None,
        status=status,
        type=uri,
        retry_after=retry_after,
    )


def _text(problem: Mapping[str, Any], *members: str) -> str:
    for member in members:
        value = problem.get(member)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""
