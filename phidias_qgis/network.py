"""The way of `requests` through QGIS: its proxy, certificates, authentication configurations and network logger.

A transport adapter on QgsNetworkAccessManager, which works on any thread and is interrupted by a feedback.
QgsBlockingNetworkRequest would be shorter, but in QGIS 3.22 one that is cancelled often never returns.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from qgis.core import QgsApplication, QgsFeedback, QgsNetworkAccessManager
from qgis.PyQt.QtCore import QBuffer, QByteArray, QEventLoop, QIODevice, QTimer, QUrl
from qgis.PyQt.QtNetwork import QNetworkReply, QNetworkRequest
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from backend_client import BadConnection
from backend_client.patience import never
from phidias_qgis.i18n import tr

if TYPE_CHECKING:
    from backend_client.tunnel import SshTunnel

LOOK_FOR_CANCEL = 40
"""Milliseconds between two looks at the feedback"""

_BROKEN = (
    QNetworkReply.NetworkError.RemoteHostClosedError,
    QNetworkReply.NetworkError.TemporaryNetworkFailureError,
    QNetworkReply.NetworkError.NetworkSessionFailedError,
    QNetworkReply.NetworkError.UnknownNetworkError,
)
"""The answer began, but did not come to its end"""


def session(
    url: str, authcfg: str = "", feedback: QgsFeedback | None = None, tunnel: SshTunnel | None = None
) -> requests.Session:
    """A session that goes through QGIS and stops when `feedback` is cancelled.

    The authentication configuration `authcfg` is used for the origin of `url` alone, and so is the tunnel.
    """
    result = requests.Session()
    # No proxy and no password from the environment: QGIS has its own settings for both.
    result.trust_env = False
    for scheme in ("http://", "https://"):
        result.mount(scheme, QgisTransport(feedback))
    if authcfg:
        parts = urlsplit(url)
        result.mount(f"{parts.scheme}://{parts.netloc}/", QgisTransport(feedback, authcfg))
    if tunnel is not None:
        through = tunnel.transport(QgisTransport(feedback, direct=True), feedback.isCanceled if feedback else never)
        result.mount(f"{tunnel.url}/", through)
    return result


class QgisTransport(BaseAdapter):
    """Sends requests with QgsNetworkAccessManager. Raises the exceptions of `requests`, and BadConnection."""

    def __init__(self, feedback: QgsFeedback | None = None, authcfg: str = "", *, direct: bool = False) -> None:
        """direct: to an address of this computer, which no proxy reaches."""
        super().__init__()
        self._feedback = feedback
        self._authcfg = authcfg
        self._direct = direct

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """One request and its whole answer, whatever its status; read long files in several requests."""
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        self._stop_if_cancelled(request)
        # Before anything else: a thread that was not made by Qt has no timers until it has an event loop.
        loop = QEventLoop()
        body = _device(request.body)
        reply = self._started(request, _qt_request(request, seconds), body)
        try:
            self._wait(reply, loop)
            self._stop_if_cancelled(request)
            status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
            cut = reply.error() in (QNetworkReply.NetworkError.OperationCanceledError, *_BROKEN)
            if status is None or cut:
                raise _failure(request, reply)
            return _response(request, int(status), _headers(reply), bytes(reply.readAll()))
        finally:
            _let_go(reply)

    def _wait(self, reply: QNetworkReply, loop: QEventLoop) -> None:
        reply.finished.connect(loop.quit)
        clock = QTimer()
        clock.timeout.connect(lambda: self._cancelled() and reply.abort())
        clock.start(LOOK_FOR_CANCEL)
        if not reply.isFinished():
            loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        clock.stop()

    def close(self) -> None:
        """Nothing is held open."""

    def _cancelled(self) -> bool:
        return self._feedback is not None and self._feedback.isCanceled()

    def _stop_if_cancelled(self, request: requests.PreparedRequest) -> None:
        if self._cancelled():
            raise requests.exceptions.ConnectionError("cancelled", request=request)

    def _started(
        self, request: requests.PreparedRequest, qt_request: QNetworkRequest, body: QIODevice
    ) -> QNetworkReply:
        credentials = QgsApplication.authManager()
        if self._authcfg and not _succeeded(credentials.updateNetworkRequest(qt_request, self._authcfg)):
            raise BadConnection(
                tr("QGIS cannot use the credentials of the connection."),
                remedy=tr("Choose them again in Settings > Options > PHIDIAS, and give QGIS's master password."),
            )
        manager = QgsNetworkAccessManager.instance()
        if self._direct:
            _without_proxy(manager, qt_request.url())
        method = (request.method or "GET").upper()
        if method == "GET":
            reply = manager.get(qt_request)
        elif method == "HEAD":
            reply = manager.head(qt_request)
        elif method == "DELETE":
            reply = manager.deleteResource(qt_request)
        elif method == "POST":
            reply = manager.post(qt_request, body)
        elif method == "PUT":
            reply = manager.put(qt_request, body)
        elif method == "PATCH":
            reply = manager.sendCustomRequest(qt_request, b"PATCH", body)
        else:
            raise requests.exceptions.InvalidSchema(f"QGIS sends no {method} requests.")
        if self._authcfg:
            credentials.updateNetworkReply(reply, self._authcfg)
        return reply


def _without_proxy(manager: QgsNetworkAccessManager, url: QUrl) -> None:
    """Take the origin of `url` out of the proxy of this thread's manager."""
    origin = f"{url.scheme()}://{url.authority()}/"
    if origin not in manager.noProxyList():
        manager.setFallbackProxyAndExcludes(
            manager.fallbackProxy(), manager.excludeList(), [*manager.noProxyList(), origin]
        )


def _let_go(reply: QNetworkReply) -> None:
    """Have a reply deleted on the main thread, when Python forgets it: it owns what has no parent.

    PyQt 5 learns there, and late, that an object of another thread was deleted, and then takes whatever has been made
    at the same address meanwhile for the deleted one: the reply to the next request, most of the time.
    """
    for timer in reply.findChildren(QTimer):
        timer.stop()  # one that still ran would be lost on the way
    reply.setParent(None)
    reply.moveToThread(QgsApplication.instance().thread())


def _succeeded(answer: Any) -> bool:
    return bool(answer[0] if isinstance(answer, tuple) else answer)


def _response(
    request: requests.PreparedRequest, status: int, headers: CaseInsensitiveDict[str], body: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.reason = http.client.responses.get(status, "")
    response.headers = headers
    response.encoding = get_encoding_from_headers(headers)
    response.url = request.url or ""
    response.request = request
    response.raw = io.BytesIO(body)
    return response


def _qt_request(request: requests.PreparedRequest, seconds: float | None) -> QNetworkRequest:
    result = QNetworkRequest(QUrl(request.url))
    # `requests` follows redirects itself, without taking the credentials along.
    result.setAttribute(
        QNetworkRequest.Attribute.RedirectPolicyAttribute, QNetworkRequest.RedirectPolicy.ManualRedirectPolicy
    )
    result.setAttribute(
        QNetworkRequest.Attribute.CacheLoadControlAttribute, QNetworkRequest.CacheLoadControl.AlwaysNetwork
    )
    # Results and job states are the user's own: none of them goes to QGIS's cache on disk.
    result.setAttribute(QNetworkRequest.Attribute.CacheSaveControlAttribute, False)
    result.setAttribute(QNetworkRequest.Attribute.DoNotBufferUploadDataAttribute, hasattr(request.body, "read"))
    if seconds and hasattr(result, "setTransferTimeout"):
        result.setTransferTimeout(int(seconds * 1000))
    for name, value in request.headers.items():
        # Qt keeps the connections itself, and unpacks only what it asked to be packed.
        if name.lower() in ("connection", "transfer-encoding"):
            continue
        if name.lower() == "accept-encoding" and value != "identity":
            continue
        result.setRawHeader(_bytes(name), _bytes(value))
    return result


def _bytes(text: str | bytes) -> QByteArray:
    return QByteArray(text if isinstance(text, bytes) else text.encode("latin-1"))


def _device(body: Any) -> QIODevice:
    """A request's body for Qt."""
    if hasattr(body, "read"):
        device: QIODevice = _Reader(body)
    else:
        device = QBuffer()
        device.setData(QByteArray(body.encode() if isinstance(body, str) else bytes(body or b"")))
    device.open(QIODevice.OpenModeFlag.ReadOnly)
    return device


class _Reader(QIODevice):
    """Lets Qt read a Python file object piece by piece, so that a large upload never lies in memory."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self._source = source
        self._at_end = False

    def isSequential(self) -> bool:
        return True

    def atEnd(self) -> bool:
        return self._at_end

    def readData(self, size: int) -> bytes | None:
        try:
            data = self._source.read(size)
        except Exception:  # anything that escaped into Qt would end QGIS; the request fails instead
            data = None
        self._at_end = not data
        return data or None


def _headers(reply: QNetworkReply) -> CaseInsensitiveDict[str]:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name in reply.rawHeaderList():
        headers[bytes(name).decode("latin-1")] = bytes(reply.rawHeader(name)).decode("latin-1")
    # Qt has unpacked the body.
    headers.pop("Content-Encoding", None)
    return headers


def _failure(request: requests.PreparedRequest, reply: QNetworkReply) -> requests.exceptions.RequestException:
    """The exception of `requests` for a request without an answer; its cause tells whether it ever arrived."""
    codes = QNetworkReply.NetworkError
    code, message = reply.error(), reply.errorString()
    if code == codes.ConnectionRefusedError:
        cause: Exception = ConnectionRefusedError(errno.ECONNREFUSED, message)
        return requests.exceptions.ConnectionError(cause, request=request)
    if code == codes.HostNotFoundError:
        return requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_NONAME, message), request=request)
    if code == codes.SslHandshakeFailedError:
        return requests.exceptions.SSLError(message, request=request)
    if code in (codes.TimeoutError, codes.OperationCanceledError):
        return requests.exceptions.ReadTimeout(message, request=request)
    if code in (codes.ProxyConnectionRefusedError, codes.ProxyNotFoundError, codes.ProxyAuthenticationRequiredError):
        return requests.exceptions.ProxyError(message, request=request)
    if code == codes.ProtocolUnknownError:
        return requests.exceptions.InvalidSchema(message, request=request)
    return requests.exceptions.ConnectionError(message, request=request)
