"""Drive an OGC API - Processes gateway from Python: describe, execute, follow, fetch results. No Qt, no QGIS.

from backend_client import Gateway

gateway = Gateway("https://hpc.example.org", token="...")
job = gateway.execute("spectral-index", {"scenes": {...}, "area": {...}, "index": "NDVI"})
for status in gateway.follow(job.id):
    print(status.status, status.progress, status.message)
gateway.results(job.id)["index"].download("ndvi.tif")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend_client.cache import DescriptionCache
from backend_client.errors import (
    BadConnection,
    Cancelled,
    CatalogueError,
    Forbidden,
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    InputRefused,
    JobDismissed,
    JobFailed,
    KeyReused,
    LimitExceeded,
    NoSuchJob,
    NoSuchProcess,
    NotAuthorized,
    NotFound,
    OutcomeUnknown,
    PackageMissing,
    ResultNotReady,
    TransferDamaged,
    UnexpectedAnswer,
)
from backend_client.models import (
    Definition,
    Estimate,
    Excess,
    GatewayStatus,
    Job,
    JobPage,
    Landing,
    Link,
    LogChunk,
    Preview,
    ProcessDescription,
    ProcessSummary,
    Tasks,
)

if TYPE_CHECKING:
    from backend_client.gateway import Gateway
    from backend_client.results import Result
else:

    def __getattr__(name: str) -> object:
        """What brings `requests` along, when it is first asked for: a program that only shows jobs starts without."""
        if name == "Gateway":
            from backend_client.gateway import Gateway

            return Gateway
        if name == "Result":
            from backend_client.results import Result

            return Result
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BadConnection",
    "Cancelled",
    "CatalogueError",
    "Definition",
    "DescriptionCache",
    "Estimate",
    "Excess",
    "Forbidden",
    "Gateway",
    "GatewayError",
    "GatewayFailed",
    "GatewayStatus",
    "GatewayUnreachable",
    "InputRefused",
    "Job",
    "JobDismissed",
    "JobFailed",
    "JobPage",
    "KeyReused",
    "Landing",
    "LimitExceeded",
    "Link",
    "LogChunk",
    "NoSuchJob",
    "NoSuchProcess",
    "NotAuthorized",
    "NotFound",
    "OutcomeUnknown",
    "PackageMissing",
    "Preview",
    "ProcessDescription",
    "ProcessSummary",
    "Result",
    "ResultNotReady",
    "Tasks",
    "TransferDamaged",
    "UnexpectedAnswer",
]
