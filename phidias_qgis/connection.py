"""The connection to the gateway: its address in QGIS's settings, its credentials in QGIS's authentication database.

For use without a window, the environment goes before the settings: PHIDIAS_URL, PHIDIAS_USER, PHIDIAS_TOKEN.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from qgis.core import QgsFeedback, QgsSettings

from backend_client import DescriptionCache, Gateway
from phidias_qgis import network
from phidias_qgis.i18n import tr

URL_KEY = "phidias/connection/url"
AUTHCFG_KEY = "phidias/connection/authcfg"
URL_VARIABLE, USER_VARIABLE, TOKEN_VARIABLE = "PHIDIAS_URL", "PHIDIAS_USER", "PHIDIAS_TOKEN"

PIECE = 8 * 1024 * 1024
"""Bytes of a download that are held in memory at once"""


class NotConnected(Exception):
    """No gateway is configured."""

    def __init__(self) -> None:
        super().__init__(
            tr(
                "No PHIDIAS gateway is set up. Give its address and your token in Settings > Options > PHIDIAS, "
                "or set the environment variables PHIDIAS_URL and PHIDIAS_TOKEN."
            )
        )


@dataclass(frozen=True)
class Connection:
    """Where the gateway is and who asks. May be used on any thread."""

    url: str
    user: str = ""
    token: str = field(default="", repr=False)
    authcfg: str = ""
    """Name of an authentication configuration of QGIS, which signs the requests; no token is needed then"""

    def gateway(
        self,
        feedback: QgsFeedback | None = None,
        *,
        seconds: float = 45.0,
        cache: DescriptionCache | None = None,
    ) -> Gateway:
        """A client whose requests stop when `feedback` is cancelled, or after so many seconds without a byte.

        Raises GatewayError for a malformed address.
        """
        return Gateway(
            self.url,
            user=self.user or None,
            token=self.token or None,
            session=network.session(self.url, self.authcfg, feedback),
            timeout=seconds,
            cache=cache,
            piece=PIECE,
        )


def load() -> Connection:
    """The connection in force. Raises NotConnected if there is none."""
    url, authcfg = stored()
    if os.environ.get(URL_VARIABLE):
        # The credentials in the settings belong to the address in the settings.
        url, authcfg = os.environ[URL_VARIABLE], ""
    if not url:
        raise NotConnected
    if os.environ.get(TOKEN_VARIABLE):
        return Connection(url, os.environ.get(USER_VARIABLE, ""), os.environ[TOKEN_VARIABLE])
    return Connection(url, authcfg=authcfg)


def stored() -> tuple[str, str]:
    """Address and authentication configuration in QGIS's settings, empty where not set."""
    settings = QgsSettings()
    return str(settings.value(URL_KEY, "") or ""), str(settings.value(AUTHCFG_KEY, "") or "")


def store(url: str, authcfg: str) -> None:
    """Keep address and authentication configuration; the token itself is never in the settings."""
    settings = QgsSettings()
    settings.setValue(URL_KEY, url.strip())
    settings.setValue(AUTHCFG_KEY, authcfg)
