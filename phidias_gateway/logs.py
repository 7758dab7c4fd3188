"""Logs of the gateway and of its workers: on standard error, and without the queries of addresses."""

from __future__ import annotations

import logging
import re
import sys

_QUERY = re.compile(r"\?[^\s?'\"<>()]*=[^\s'\"<>()]*")


class _Formatter(logging.Formatter):
    """Leaves out queries, where tokens and signatures are: libraries log the addresses that they read."""

    def format(self, record: logging.LogRecord) -> str:
        return _QUERY.sub("?...", super().format(record))


def to_stderr(format: str) -> None:
    """Log what is of interest, and worse, in this format; in place of what was set up before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(format))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
