"""The environment a worker starts with: what software needs, and nothing of the gateway's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|PYTHONPATH|LD_LIBRARY_PATH"
    r"|PROJ_\w+|GDAL_DATA|GDAL_DRIVER_PATH|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|(?i:https?_proxy|ftp_proxy|all_proxy|no_proxy)|OPENBLAS_\w+|OMP_\w+|OTB_\w+|SLURM_CONF"
)


def worker_environment(own: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The part of `own` that a worker may see, with the site's `extra` variables.

    Everything else stays out: secrets, and Slurm's own variables, by which a surrounding job would change ours.
    A value with a newline is left out, since such variables (exported functions) have confused schedulers.
    """
    passed = {name: value for name, value in own.items() if _PASSED.fullmatch(name) and "\n" not in value}
    return {**passed, "PYTHONUNBUFFERED": "1", **extra}
