"""What can go wrong in a request over HTTP, beside what goes wrong in a job."""

from __future__ import annotations

from collections.abc import Mapping

from phidias_gateway.errors import OGC, PHIDIAS, PhidiasError


class HttpError(PhidiasError):
    """An error that only HTTP knows; `headers` go with the answer."""

    def __init__(self, detail: str, *, remedy: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, remedy=remedy)
        self.headers = dict(headers or {})


class BadRequest(HttpError):
    """The request's body or a header cannot be understood."""

    type = OGC + "invalid-parameter-value"
    title = "The request cannot be understood"
    status = 400


class BadParameter(PhidiasError):
    """A parameter of the address is unknown or out of its range; `input` names it."""

    type = OGC + "invalid-query-parameter-value"
    title = "A parameter cannot be used"
    status = 400


class NotFound(HttpError):
    """Nothing is at this address, or nothing that the caller may see."""

    type = PHIDIAS + "not-found"
    title = "Not found"
    status = 404


class LinkExpired(HttpError):
    """A signed link of ours whose time is over."""

    type = PHIDIAS + "link-expired"
    title = "The link has expired"
    status = 403


class TooLarge(HttpError):
    """A body is larger than the site allows."""

    type = PHIDIAS + "too-large"
    title = "The body is too large"
    status = 413


class TooSlow(HttpError):
    """Nothing of the body came for a while."""

    type = PHIDIAS + "too-slow"
    title = "The body does not come"
    status = 408


class UploadBusy(HttpError):
    """The same user is sending the same content with another request."""

    type = PHIDIAS + "upload-busy"
    title = "The file is being sent"
    status = 409


class WrongOffset(HttpError):
    """The rest of an upload does not begin where the part that has arrived ends."""

    type = PHIDIAS + "wrong-offset"
    title = "The offset is wrong"
    status = 409


class WrongMediaType(HttpError):
    """The body is of another media type than the operation takes."""

    type = PHIDIAS + "wrong-media-type"
    title = "The media type is wrong"
    status = 415


class NotJson(HttpError):
    """The body says that it is something else than JSON."""

    type = PHIDIAS + "not-json"
    title = "The body is not JSON"
    status = 415


class RangeNotSatisfiable(HttpError):
    """No byte of the file is in the range asked for."""

    type = PHIDIAS + "range-not-satisfiable"
    title = "The range is outside the file"
    status = 416


class Stopping(HttpError):
    """The gateway was told to stop while the request was under way."""

    type = PHIDIAS + "stopping"
    title = "The gateway stops"
    status = 503
