"""How an estimate is put into words, and when it keeps a job from being submitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from qgis.PyQt.QtCore import QLocale

from backend_client import Gateway, InputRefused, LimitExceeded
from phidias_qgis import estimates
from tests.client.conftest import Answer, Server
from tests.qgis.test_execution import Feedback

WHOLE = {
    "scenes": 12,
    "tiles": 4,
    "tasks": 4,
    "pixels": 45_000_000,
    "bytesRead": 3_200_000_000,
    "bytesWritten": 120_000_000,
    "coreHours": 1.53,
    "estimatedStart": "2030-03-01T10:00:00Z",
    "limits": [],
}
BROKEN = [
    {
        "limit": "limits.pixels",
        "allowed": 1,
        "asked": 2,
        "detail": "Too many pixels.",
        "remedy": "Take a smaller area.",
    },
    {
        "limit": "limits.scenes",
        "allowed": 1,
        "asked": 2,
        "detail": "Too many scenes.",
        "remedy": "Take a smaller area.",
    },
]

Told = Callable[..., "list[str]"]


@pytest.fixture
def told(qgis_app: Any) -> Any:
    """What the feedback hears of an answer of a gateway."""
    server = Server()
    before = QLocale()
    QLocale.setDefault(QLocale("en_GB"))

    def ask(status: int, body: Mapping[str, Any]) -> list[str]:
        server.on("POST", "/processes/ndvi/estimate", Answer(status, body))
        feedback = Feedback()
        estimates.tell(Gateway(server.url), "ndvi", {"a": 1}, feedback)
        return feedback.told

    yield ask
    QLocale.setDefault(before)
    server.close()


def test_everything_known_is_told(told: Told) -> None:
    [line] = told(200, WHOLE)
    assert line.startswith(
        "Estimate: scenes: 12; pixels: 45,000,000; tiles: 4; reads 3.20 GB; writes 120.00 MB; core-hours: 1.53; "
        "expected to start at 01.03. "
    )


def test_what_nobody_knows_is_left_out(told: Told) -> None:
    assert told(200, {**dict.fromkeys(WHOLE), "scenes": 3}) == ["Estimate: scenes: 3"]
    assert told(200, {}) == []


def test_all_broken_limits_are_told_at_once(told: Told) -> None:
    with pytest.raises(LimitExceeded) as caught:
        told(200, {**WHOLE, "limits": BROKEN})
    assert str(caught.value) == "Too many pixels. Too many scenes. Take a smaller area."


def test_an_input_that_would_be_refused_is(told: Told) -> None:
    with pytest.raises(InputRefused, match="No scene"):
        told(400, {"detail": "No scene.", "input": "scenes"})


@pytest.mark.parametrize("status", [404, 500])
def test_no_estimate_is_no_reason_against_the_job(told: Told, status: int) -> None:
    assert not any(line.startswith("Estimate") for line in told(status, {"detail": "It is broken."}))


@pytest.mark.parametrize(
    ("links", "offered"), [([{"rel": "estimate", "href": "x"}], True), ([7], False), (None, False)]
)
def test_whether_it_is_offered(description: Callable[..., Any], links: Any, offered: bool) -> None:
    made = description({})
    made.raw["links"] = links
    assert estimates.offered(made) is offered
