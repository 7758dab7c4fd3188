"""One gateway's address, credentials and session: requests go out here, and every failure becomes a typed error."""

from __future__ import annotations

import base64
import weakref
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Optional, Union
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from backend_client.errors import (
    BadConnection,
    GatewayError,
    GatewayUnreachable,
    NotFound,
    UnexpectedAnswer,
    error_of_problem,
    public_url,
)

Timeout = Union[float, tuple[float, float]]
"""Seconds to connect and to wait for the next byte, or one number for both"""

Origin = tuple[str, str, Optional[int]]

_LOST = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
_REPEATABLE = ("GET", "HEAD")


def origin_of(url: str) -> Origin:
    """Scheme, host and port: what a browser calls the origin. Raises ValueError for a malformed port."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)


class _Credentials(AuthBase):
    """Signs requests to the gateway's own origin and leaves all others alone.

    As an `auth` object, and not as a header of the session, it also keeps `requests` from putting in a password of
    the user's .netrc, and is not applied again on a redirect.
    """

    def __init__(self, origin: Origin, header: str) -> None:
        self._origin, self._header = origin, header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header and origin_of(request.url or "") == self._origin:
            request.headers["Authorization"] = self._header
        return request


class Connection:
    """The way to one gateway. `url` is its landing page; a session of the caller's own is never closed here."""

    def __init__(
        self,
        url: str,
        user: str | None = None,
        token: str | None = None,
        session: requests.Session | None = None,
        timeout: Timeout = (10.0, 60.0),
    ) -> None:
        self.url = _checked_url(url)
        self.session = session if session is not None else requests.Session()
        if session is None:
            weakref.finalize(self, self.session.close)
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        self._timeout = (float(connect), float(read))
        self.credentials: AuthBase = _Credentials(origin_of(self.url), _authorization(user, token))
        """Signs requests to this gateway's origin, and no others"""

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        stream: bool = False,
        patience: float = 0.0,
        missing: type[GatewayError] = NotFound,
    ) -> requests.Response:
        """Send one request to `path` below the gateway, or to an absolute address, and return its answer below 400.

        `patience`: seconds the server may take beyond the usual time-out (long poll).
        `missing`: the error class for a 404 without a type. Raises GatewayError.
        """
        address = path if "://" in path else self.url + path
        for attempt in (1, 2):
            try:
                response = self.session.request(
                    method,
                    address,
                    headers={"Accept": "application/json", **(headers or {})},
                    params=params,
                    json=json,
                    data=data,
                    stream=stream,
                    auth=self.credentials,
                    timeout=(self._timeout[0], self._timeout[1] + patience),
                    # A redirected POST would silently become a GET.
                    allow_redirects=method in _REPEATABLE,
                )
                if not stream and _cut_short(response):
                    raise requests.exceptions.ChunkedEncodingError("the body is shorter than announced")
                break
            except requests.exceptions.RequestException as error:
                failure = unreachable(error, address)
                # A kept-alive connection may have been closed by the server at this very moment: once is no failure.
                if attempt == 2 or method not in _REPEATABLE or not _dropped(error):
                    raise failure from None
        if response.status_code >= 400:
            raise _refusal(response, missing)
        if response.is_redirect:
            target = public_url(response.headers.get("Location", ""))
            response.close()
            raise UnexpectedAnswer(
                f"{public_url(address)} redirects to {target}.",
                remedy="Use the address that it redirects to as the connection's address.",
                status=response.status_code,
            )
        return response

    def document(self, method: str, path: str, **options: Any) -> tuple[dict[str, Any], requests.Response]:
        """A request whose answer is a JSON object. Raises UnexpectedAnswer if it is something else."""
        response = self.request(method, path, **options)
        return json_object(response), response


def json_object(response: requests.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises UnexpectedAnswer if there is none."""
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        kind = response.headers.get("Content-Type", "").partition(";")[0] or "something unnamed"
        raise UnexpectedAnswer(
            f"{public_url(response.url)} answered with {kind} that is no JSON object.", status=response.status_code
        )
    return document


def unreachable(error: requests.exceptions.RequestException, address: str) -> GatewayError:
    """The typed error for a request that got no answer. The text of `error` is not used: it holds the whole address."""
    place = "{}://{}".format(*urlsplit(public_url(address))[:2])
    if isinstance(error, requests.exceptions.SSLError):
        result = GatewayUnreachable(
            f"The certificate of {place} is not trusted.",
            remedy="Check the address; if the site has its own certificate authority, install its certificate.",
        )
        result.maybe_received = False
        return result
    if isinstance(error, requests.exceptions.ProxyError):
        return GatewayUnreachable(
            f"The proxy on the way to {place} refuses or does not answer.", remedy="Check the proxy settings."
        )
    if isinstance(error, requests.exceptions.Timeout):
        result = GatewayUnreachable(f"{place} did not answer in time.")
        result.maybe_received = not isinstance(error, requests.exceptions.ConnectTimeout)
        return result
    if isinstance(error, _LOST):
        never_connected = any(type(cause).__name__ in _NOT_CONNECTED for cause in _causes(error))
        reason = next((c.strerror for c in _causes(error) if isinstance(c, OSError) and c.strerror), "")
        if any(type(cause).__name__ in ("NameResolutionError", "gaierror") for cause in _causes(error)):
            reason = "the host name cannot be found"
        told = f" ({reason[:1].lower()}{reason[1:]})" if reason else ""
        what = f"{place} cannot be reached{told}." if never_connected else f"The connection to {place} was lost{told}."
        result = GatewayUnreachable(what)
        result.maybe_received = not never_connected
        return result
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return UnexpectedAnswer(f"{place} redirects in a circle.")
    if isinstance(error, ValueError):
        return BadConnection(f"{place} is no address that can be asked.", remedy="Check it for a typing error.")
    return GatewayUnreachable(f"The exchange with {place} broke off.")


_NOT_CONNECTED = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "gaierror",
    "ConnectionRefusedError",
)


def _cut_short(response: requests.Response) -> bool:
    """Whether the body ended before its time, which urllib3 1.26 does not tell."""
    announced = response.headers.get("Content-Length", "")
    bodiless = response.request.method == "HEAD" or response.status_code in (204, 304)
    return announced.isdigit() and not bodiless and len(response.content) < int(announced)


def _dropped(error: requests.exceptions.RequestException) -> bool:
    """Whether an open connection broke, as opposed to none being made or a time-out."""
    return (
        isinstance(error, _LOST)
        and not isinstance(error, requests.exceptions.Timeout)
        and not any(type(cause).__name__ in _NOT_CONNECTED for cause in _causes(error))
    )


def _causes(error: BaseException) -> Iterator[Any]:
    """The exceptions that led to `error`: urllib3 hides them in `args`, `reason`, cause and context."""
    waiting: list[Any] = [error]
    seen: list[BaseException] = []
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or any(cause is other for other in seen):
            continue
        seen.append(cause)
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]


def _refusal(response: requests.Response, missing: type[GatewayError]) -> GatewayError:
    try:
        document = response.json()
    except (ValueError, RecursionError, requests.exceptions.RequestException):
        document = None
    response.close()
    return error_of_problem(
        response.status_code,
        document if isinstance(document, dict) else {},
        reason=response.reason or "",
        missing=missing,
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


def _checked_url(url: str) -> str:
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        scheme, host, _ = origin_of(text)
    except ValueError:
        raise BadConnection(
            "The gateway's address is malformed.", remedy="Write it as https://hpc.example.org."
        ) from None
    if scheme not in ("http", "https") or not host:
        raise BadConnection(
            f"{public_url(text)!r} is no web address.",
            remedy="Write it with its beginning, as https://hpc.example.org.",
        )
    if parts.username or parts.password:
        raise BadConnection(
            "The gateway's address holds a user name or password.", remedy="Give user and token separately."
        )
    if parts.query or parts.fragment:
        raise BadConnection("The gateway's address has a '?' or '#'.", remedy="Give the address of its landing page.")
    return text


def _authorization(user: str | None, token: str | None) -> str:
    secret = (token or "").strip()
    if not secret:
        return ""
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise BadConnection("The token has characters that no token has.", remedy="Copy it again, in one piece.")
    if not user:
        return f"Bearer {secret}"
    if ":" in user or not user.isprintable():
        raise BadConnection("The user name has a character that is not allowed.", remedy="Check the user name.")
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode("ascii")
