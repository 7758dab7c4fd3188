"""What QGIS's command line shows: the tools of the gateway, those of a new pack, and all of them without a gateway."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, QgisProcess, RunningGateway, StartGateway

PACK = ROOT / "tests" / "gateway" / "lab_pack"
Point = Callable[[RunningGateway], QgisProcess]


def test_a_process_of_another_pack_is_a_tool(start_gateway: StartGateway, qgis_process: Point, tmp_path: Path) -> None:
    qgis = qgis_process(start_gateway(PYTHONPATH=str(PACK)))
    listed = qgis("list")
    assert "phidias:labfiles" in listed.stdout
    told = qgis("help", "phidias:labfiles")
    assert "Writes a few." in told.stdout
    assert "SIZE: Bytes" in told.stdout
    run = qgis("run", "phidias:labfiles", "--SIZE=12", f"--OUTPUT_NOTES={tmp_path / 'notes.json'}")
    assert run.returncode == 0, run.stdout
    assert "OUTPUT_COUNT:\t12" in run.stdout


@pytest.mark.parametrize("tool", ["echo", "extract", "segmentation", "spectralindex", "zonalstatistics"])
def test_every_tool_is_there_without_a_gateway(qgis_process: Point, tmp_path: Path, tool: str) -> None:
    nobody = RunningGateway("http://127.0.0.1:9", "ada", "no-secret", tmp_path, {})
    qgis = qgis_process(nobody)
    assert f"phidias:{tool}" in qgis("list").stdout
    told = qgis("help", f"phidias:{tool}").stdout
    assert "Arguments" in told
    assert "DO_NOT_WAIT" in told


def test_running_a_tool_without_a_gateway_says_what_to_do(qgis_process: Point, tmp_path: Path) -> None:
    qgis = qgis_process(RunningGateway("http://127.0.0.1:9", "ada", "no-secret", tmp_path, {}))
    run = qgis("run", "phidias:echo", "--STRING=hello")
    assert run.returncode != 0
    assert "http://127.0.0.1:9 cannot be reached" in run.stdout
    assert "that the gateway is running" in run.stdout
    assert "no-secret" not in run.stdout


def test_a_wrong_token_is_told(start_gateway: StartGateway, qgis_process: Point) -> None:
    qgis = qgis_process(dataclasses.replace(start_gateway(), token="phidias-wrong"))
    run = qgis("run", "phidias:echo", "--STRING=hello")
    assert run.returncode != 0
    assert "token" in run.stdout
    assert "phidias-wrong" not in run.stdout
