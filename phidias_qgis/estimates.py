"""What a job would amount to, told before it is submitted; a limit that it would break is told instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qgis.core import QgsProcessingFeedback
from qgis.PyQt.QtCore import QLocale

from backend_client import Estimate, GatewayError, InputRefused, LimitExceeded, ProcessDescription
from phidias_qgis.i18n import tr

if TYPE_CHECKING:
    from backend_client import Gateway


def offered(description: ProcessDescription) -> bool:
    """Whether the process's own gateway estimates its jobs."""
    links = description.raw.get("links")
    return any(
        isinstance(link, dict) and link.get("rel") == "estimate" for link in (links if isinstance(links, list) else [])
    )


def tell(gateway: Gateway, process_id: str, inputs: Mapping[str, Any], feedback: QgsProcessingFeedback) -> None:
    """Tell the feedback what the job would amount to. Raises InputRefused; LimitExceeded with all limits broken.

    An estimate that cannot be had is no reason against the job.
    """
    try:
        estimate = gateway.estimate(process_id, inputs)
    except InputRefused:
        raise
    except GatewayError as error:
        if not feedback.isCanceled():
            feedback.pushDebugInfo(tr("There is no estimate: {}").format(error))
        return
    if estimate.excesses:
        raise LimitExceeded(
            " ".join(excess.detail for excess in estimate.excesses),
            remedy=" ".join(dict.fromkeys(excess.remedy for excess in estimate.excesses if excess.remedy)),
        )
    parts = list(_parts(estimate))
    if parts:
        feedback.pushInfo(tr("Estimate: {}").format("; ".join(parts)))


def _parts(estimate: Estimate) -> Iterator[str]:
    locale = QLocale()
    if estimate.scenes is not None:
        yield tr("scenes: {}").format(locale.toString(estimate.scenes))
    if estimate.pixels is not None:
        yield tr("pixels: {}").format(locale.toString(estimate.pixels))
    if estimate.tiles is not None:
        yield tr("tiles: {}").format(locale.toString(estimate.tiles))
    if estimate.bytes_read is not None:
        yield tr("reads {}").format(_size(estimate.bytes_read))
    if estimate.bytes_written is not None:
        yield tr("writes {}").format(_size(estimate.bytes_written))
    if estimate.core_hours is not None:
        yield tr("core-hours: {}").format(
            locale.toString(estimate.core_hours, "f", 0 if estimate.core_hours >= 10 else 2)
        )
    if estimate.estimated_start is not None:
        yield tr("expected to start at {}").format(f"{estimate.estimated_start.astimezone():%d.%m. %H:%M}")


def _size(count: int) -> str:
    return str(QLocale().formattedDataSize(count, 2, QLocale.DataSizeFormat.DataSizeSIFormat))
